//! `deskwire bench`: how fast this machine is at it.

mod account;
mod bare;
mod burst;
mod disk;
mod drain;
mod federation;
mod file;
mod links;
mod machine;
mod pace;
mod paced;
mod pair;
mod process;
mod size;
mod spread;

use std::ops::RangeInclusive;

use crate::{context::Context, failure::Done, verb::verbs};

verbs! {
    Federation => federation,
    Paced => paced,
    Drain => drain,
    Links => links,
    File => file,
    Size => size,
    Account => account,
}

/// Sizes of comments: from enough to tell two apart to what one may hold at most (chapter 12 of the protocol).
const SIZES: RangeInclusive<u64> = 16..=48_000;

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
  deskwire bench paced --per-second 20
  deskwire bench drain --messages 5000
  deskwire bench links --links 200
  deskwire bench file --size 256MiB
  deskwire bench size --tickets 10000,100000
  deskwire bench account --lines 50000";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        self.verb.run(context)
    }
}
