//! `deskwire calendar`: when this desk is open.

mod clear;
mod intervals;
mod set;
mod show;

use crate::{context::Context, failure::Done, verb::verbs};

verbs! {
    Show => show,
    Set => set,
    Clear => clear,
    Intervals => intervals,
}

/// Business hours and holidays of this desk; the clocks of a link run inside the calendar of its terms.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  deskwire calendar show
  deskwire calendar set hours.toml
  deskwire calendar intervals --months 13 --json";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        self.verb.run(context)
    }
}
