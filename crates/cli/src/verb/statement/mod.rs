//! `deskwire statement`: statements of account that both sides of a link sign.

mod compare;
mod export;
mod list;
pub(crate) mod period;
mod propose;
mod show;
mod sign;
mod target;

use crate::{context::Context, failure::Done, verb::verbs};

verbs! {
    Propose => propose,
    List => list,
    Show => show,
    Sign => sign,
    Export => export,
    Compare => compare,
}

/// Settle accounts with a partner: both desks compute the same statement, and both sign it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  deskwire statement propose kassa --period 2026-10 --zone Europe/Berlin
  deskwire statement list kassa
  deskwire statement sign 51d0a3f2";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        self.verb.run(context)
    }
}
