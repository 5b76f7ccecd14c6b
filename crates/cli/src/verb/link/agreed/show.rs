//! `deskwire link terms show`: what holds and what was proposed.

use crate::{context::Context, failure::Done, render};

/// Show the terms of a link: what holds, what either side has proposed, and what would be different.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link terms show kassa
  deskwire link terms show kassa --json";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let terms = context.talk(async |client| client.link_terms(&self.link).await)?;
        context.out.document(&terms, |style| render::link_terms(&terms, style))
    }
}
