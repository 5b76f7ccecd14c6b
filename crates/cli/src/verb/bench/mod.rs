//! `deskwire bench`: how fast this machine is at it.

mod disk;
mod federation;
mod links;
mod machine;
mod process;
mod spread;

use crate::{context::Context, failure::Done, verb::verbs};

verbs! {
    Federation => federation,
    Links => links,
}

/// Measure how fast real daemons are on this machine.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  deskwire bench federation
  deskwire bench federation --messages 5000 --size 2048 --json
  deskwire bench links --links 200";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        self.verb.run(context)
    }
}
