//! `deskwire delegation change-take`: takes a change of what binds.

use deskwire_api_types::{Action, ChangeTake};

use super::target::Target;
use crate::{context::Context, failure::Done};

/// Take a change of deadline, priority or price that the principal proposed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Version of the offer that the change makes, as `deskwire delegation show` says.
    version: u64,
}

const EXAMPLES: &str = "\
Examples:
  deskwire delegation change-take 3f9a2c71 2";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let body = ChangeTake { version: self.version };
        self.target.act(context, Action::ChangeTake, async |client, id| client.take_change(id, &body).await)
    }
}
