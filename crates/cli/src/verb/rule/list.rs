//! `deskwire rule list`: the rules of a link.

use crate::{context::Context, failure::Done, render};

/// List the rules of a link, in the order in which they run.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire rule list kassa";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let rules = context.talk(async |client| client.rules(&self.link).await)?;
        context.out.document(&rules, |style| render::rules(&rules, style))
    }
}
