//! `deskwire delegation return`: gives the work back.

use deskwire_api_types::{Action, Reason};

use super::target::Target;
use crate::{context::Context, failure::Done, parse};

/// Give accepted work back; the partner reads the reason.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Why, for the partner to read; - reads it from standard input.
    #[arg(short, long, value_name = "TEXT")]
    reason: String,
    /// Why, as a code.
    #[arg(long)]
    code: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire delegation return 3f9a2c71 --reason 'No access to the site until Monday'";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let body = Reason { reason: parse::text_or_stdin(&self.reason)?, code: self.code };
        self.target.act(context, Action::Return, async |client, id| client.return_back(id, &body).await)
    }
}
