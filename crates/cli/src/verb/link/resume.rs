//! `deskwire link resume`: tries a link again at once.

use crate::{context::Context, failure::Done, render};

/// Let a link go on: end this desk's suspension, or try again what the partner has refused or what waits.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link resume kassa";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let link = context.talk(async |client| client.resume_link(&self.link).await)?;
        context.out.document(&link, |style| render::link(&link, style))
    }
}
