//! `deskwire ticket`: this desk's tickets.

mod attach;
mod audience;
mod comment;
mod delegate;
mod edit;
mod list;
mod new;
mod retract;
mod share;
mod show;
mod status;

use crate::{context::Context, failure::Done, verb::verbs};

verbs! {
    New => new,
    List => list,
    Show => show,
    Comment => comment,
    Attach => attach,
    Edit => edit,
    Retract => retract,
    Share => share,
    Status => status,
    Delegate => delegate,
}

/// Open tickets, work on them, hand them over.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  deskwire ticket new 'Cash register 3 is dead'
  deskwire ticket show ACME-1";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        self.verb.run(context)
    }
}
