//! `deskwire key`: who the desk is, and how its signing key is changed.

mod export;
mod import;
mod rotate;
mod show;
mod words;

use crate::{context::Context, failure::Done, verb::verbs};

verbs! {
    Show => show,
    Rotate => rotate,
    Export => export,
    Import => import,
}

/// Show, change and carry the keys of this desk.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  deskwire key show --data acme
  deskwire key rotate --data acme --words /media/stick/acme.recovery";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        self.verb.run(context)
    }
}
