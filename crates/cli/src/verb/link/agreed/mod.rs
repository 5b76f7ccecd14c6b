//! `deskwire link terms`: the terms of a link, and changing them by two signatures.

mod accept;
mod calendars;
mod propose;
mod show;
mod value;

use crate::{context::Context, failure::Done, verb::verbs};

verbs! {
    Show => show,
    Propose => propose,
    Accept => accept,
    Calendars => calendars,
}

/// Look at the terms of a link, propose others, and accept what the partner proposes.
///
/// A proposal changes nothing until the other side accepts it; one that is not wanted is let lie, and a newer one of the same
/// side replaces it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link terms show kassa
  deskwire link terms propose kassa --set auto-confirm=72h";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        self.verb.run(context)
    }
}
