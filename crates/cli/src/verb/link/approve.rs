//! `deskwire link approve`: lets a partner in.

use crate::{context::Context, failure::Done, render};

/// Approve a link that a partner asked for.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link approve kassa";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let link = context.talk(async |client| client.approve_link(&self.link).await)?;
        context.out.document(&link, |style| render::link(&link, style))
    }
}
