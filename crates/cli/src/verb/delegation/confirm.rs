//! `deskwire delegation confirm`: agrees that the work is done.

use deskwire_api_types::{Action, Confirm};

use super::target::Target;
use crate::{context::Context, failure::Done};

/// Confirm that what the partner resolved is done.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Own status code to report.
    #[arg(long, value_name = "CODE")]
    status: Option<String>,
    /// Own words for it.
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire delegation confirm 3f9a2c71
  deskwire delegation confirm ACME-12 --status closed";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let body = Confirm { status: self.status, label: self.label };
        self.target.act(context, Action::Confirm, async |client, id| client.confirm(id, &body).await)
    }
}
