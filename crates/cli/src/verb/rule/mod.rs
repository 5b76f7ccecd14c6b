//! `deskwire rule`: what happens by itself on a link.

mod add;
mod list;
mod remove;

use crate::{context::Context, failure::Done, verb::verbs};

verbs! {
    Add => add,
    List => list,
    Remove => remove,
}

/// Let things happen by themselves when a delegation has changed for good.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  deskwire rule add kassa --when resolved --status solved --label 'Solved by partner'
  deskwire rule list kassa";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        self.verb.run(context)
    }
}
