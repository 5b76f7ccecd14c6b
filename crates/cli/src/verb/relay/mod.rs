//! `deskwire relay`: what partners say and goes onward to others of the case.

mod approve;
mod choice;
mod list;
mod set;
mod show;
mod skip;

use crate::{context::Context, failure::Done, verb::verbs};

verbs! {
    List => list,
    Approve => approve,
    Skip => skip,
    Set => set,
    Show => show,
}

/// Decide what of partners' comments and files goes onward to the other partners of a case.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  deskwire relay set kassa click
  deskwire relay list
  deskwire relay approve ACME-12 3f9a2c71";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        self.verb.run(context)
    }
}
