//! `deskwire delegation`: the cases shared with partners.

mod accept;
mod agreement;
mod answer;
mod ask;
mod change_decline;
mod change_take;
mod confirm;
mod decline;
mod give_back;
mod list;
mod rate;
mod recall;
mod reopen;
mod resolve;
mod show;
mod status;
mod target;
mod update;

pub(crate) use target::Target;

use crate::{context::Context, failure::Done, verb::verbs};

verbs! {
    List => list,
    Show => show,
    Accept => accept,
    Decline => decline,
    Status => status,
    Resolve => resolve,
    Confirm => confirm,
    Reopen => reopen,
    Return => give_back,
    Recall => recall,
    Update => update,
    ChangeTake => change_take,
    ChangeDecline => change_decline,
    Ask => ask,
    Answer => answer,
    Rate => rate,
    Agreement => agreement,
}

/// Work on what was handed over: to partners, and by partners.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  deskwire delegation list --state offered
  deskwire delegation accept 3f9a2c71

A delegation is named by its id, the beginning of it, or the number of a ticket on either side.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        self.verb.run(context)
    }
}
