//! `deskwire link map`: this desk's own words for those of a link.

mod export;
mod import;
mod set;
mod show;

use crate::{context::Context, failure::Done, verb::verbs};

verbs! {
    Show => show,
    Set => set,
    Import => import,
    Export => export,
}

/// Set which statuses, priorities, categories and custom fields of this desk are which on a link.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link map set kassa status in-workshop=in-progress
  deskwire link map export kassa";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        self.verb.run(context)
    }
}
