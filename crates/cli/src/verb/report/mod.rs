//! `deskwire report`: figures over a period.

mod partners;

use crate::{context::Context, failure::Done, verb::verbs};

verbs! {
    Partners => partners,
}

/// Figures over a period.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  deskwire report partners --from 2026-10-01T00:00:00Z --to 2026-11-01T00:00:00Z";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        self.verb.run(context)
    }
}
