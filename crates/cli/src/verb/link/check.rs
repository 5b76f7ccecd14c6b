//! `deskwire link check`: what would be lost on a link.

use crate::{context::Context, failure::Done, render};

/// Show what would be lost on a link or stands in its way, before work goes over it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link check kassa";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let check = context.talk(async |client| client.check_link(&self.link).await)?;
        context.out.document(&check, |style| render::link_check(&check, style))
    }
}
