//! `deskwire relay show`: what is set for a link.

use crate::{context::Context, failure::Done, render};

/// Show what of other partners' comments and files goes onward over a link.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire relay show kassa";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let setting = context.talk(async |client| client.relay_setting(&self.link).await)?;
        context.out.document(&setting, |_| render::relay_setting(&self.link, &setting))
    }
}
