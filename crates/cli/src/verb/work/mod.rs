//! `deskwire work`: lines of work to be paid for.

mod add;
mod approve;
mod dispute;
mod line;
mod list;

use crate::{context::Context, failure::Done, verb::verbs};

verbs! {
    Add => add,
    Approve => approve,
    Dispute => dispute,
    List => list,
}

/// Book work on a delegation; approve or dispute what the contractor booked.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  deskwire work add 3f9a2c71 time 1.25 hour 95.00 --tax 20 'Replaced the power supply'
  deskwire work approve 3f9a2c71 --all";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        self.verb.run(context)
    }
}
