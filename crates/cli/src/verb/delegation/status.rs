//! `deskwire delegation status`: tells the partner where the work stands.

use deskwire_api_types::{Action, StatusChange, WorkState};

use super::target::Target;
use crate::{
    context::Context,
    failure::{self, Done},
    parse::one_of,
};

/// Tell the partner your status, and as the contractor where the work stands.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Where the work stands; the contractor's alone.
    #[arg(long, value_parser = one_of::<WorkState>(&["in-progress", "waiting-third"]))]
    state: Option<WorkState>,
    /// Own status code to report.
    #[arg(long, value_name = "CODE")]
    status: Option<String>,
    /// Own words for it. Partners keep them for good, so name nobody.
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire delegation status 3f9a2c71 --state in-progress --label 'technician on the way'
  deskwire delegation status 3f9a2c71 --state waiting-third --status waiting";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        if self.state.is_none() && self.status.is_none() && self.label.is_none() {
            return Err(failure::usage("there is nothing to tell: give --state, --status or --label"));
        }
        let body = StatusChange { state: self.state, status: self.status, label: self.label };
        self.target.act(context, Action::Status, async |client, id| client.status(id, &body).await)
    }
}
