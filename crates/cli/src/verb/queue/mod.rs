//! `deskwire queue`: what is on its way to partners, and what to do with what does not get there.

mod drop;
mod list;
mod park;
mod retry;
mod target;
mod withdraw;

use crate::{context::Context, failure::Done, verb::verbs};

verbs! {
    List => list,
    Retry => retry,
    Park => park,
    Drop => drop,
    Withdraw => withdraw,
}

/// See what is on its way to partners; send again, park or drop what does not get there.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  deskwire queue list
  deskwire queue retry --link kassa --parked";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        self.verb.run(context)
    }
}
