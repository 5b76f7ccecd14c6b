//! `deskwire link`: making, checking and looking at links.

mod accept;
mod add;
mod agreed;
mod approve;
mod check;
mod close;
mod end;
mod find;
mod invitations;
mod invite;
mod list;
mod map;
mod repair;
mod reserve;
mod resume;
mod show;
mod suspend;
mod terms;
mod verify;
mod withdraw;

use crate::{context::Context, failure::Done, verb::verbs};

verbs! {
    Invite => invite,
    Accept => accept,
    Add => add,
    Approve => approve,
    Verify => verify,
    List => list,
    Show => show,
    Check => check,
    Terms => agreed,
    Map => map,
    Suspend => suspend,
    Resume => resume,
    Find => find,
    Repair => repair,
    Reserve => reserve,
    Close => close,
    End => end,
    Invitations => invitations,
    Withdraw => withdraw,
}

/// Link with partners, and look at links.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link invite
  deskwire link list";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        self.verb.run(context)
    }
}
