//! `deskwire delegation change-decline`: does not take a change of what binds.

use deskwire_api_types::{Action, ChangeDecline};

use super::target::Target;
use crate::{context::Context, failure::Done, parse};

/// Decline a change of deadline, priority or price; the terms accepted before stay.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Version of the offer that the change would make.
    version: u64,
    /// Why, for the partner to read; - reads it from standard input.
    #[arg(short, long, value_name = "TEXT")]
    reason: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire delegation change-decline 3f9a2c71 2 --reason 'Not before Monday'";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let body = ChangeDecline { version: self.version, reason: parse::text_or_stdin(&self.reason)? };
        self.target
            .act(context, Action::ChangeDecline, async |client, id| client.decline_change(id, &body).await)
    }
}
