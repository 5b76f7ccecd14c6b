//! `deskwire erase`: the right to be forgotten, along the whole chain.

mod case;
mod list;
mod order;
mod person;
mod show;

use crate::{context::Context, failure::Done, verb::verbs};

verbs! {
    Case => case,
    Person => person,
    List => list,
    Show => show,
}

/// Erase the texts of a case or of a person, here and at every partner who has them; signatures and facts stay.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  deskwire erase case ACME-12 --basis gdpr-17 --dry-run
  deskwire erase person \"Anna Berg\" anna@shop.example --basis gdpr-17
  deskwire erase list";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        self.verb.run(context)
    }
}
