//! `deskwire file`: files on tickets.

mod get;
mod show;

use crate::{context::Context, failure::Done, verb::verbs};

verbs! {
    Get => get,
    Show => show,
}

/// Look at a file of a ticket, or fetch it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  deskwire file show 0123456789abcdef0123456789abcdef
  deskwire file get 0123456789abcdef0123456789abcdef -o log.txt";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        self.verb.run(context)
    }
}
