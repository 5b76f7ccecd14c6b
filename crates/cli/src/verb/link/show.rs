//! `deskwire link show`: one link.

use crate::{context::Context, failure::Done, render};

/// Show a link: its words, terms, streams, and what went wrong.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link show kassa";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let link = context.talk(async |client| client.link(&self.link).await)?;
        context.out.document(&link, |style| render::link(&link, style))
    }
}
