//! `deskwire delegation resolve`: says that the work is done.

use deskwire_api_types::{Action, Resolve};

use super::target::Target;
use crate::{context::Context, failure::Done, parse};

/// Say that the work is done; the principal confirms or reopens.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// What was done, for the partner to read; - reads it from standard input.
    #[arg(short, long, value_name = "TEXT")]
    solution: Option<String>,
    /// How it was solved, as a code.
    #[arg(long)]
    code: Option<String>,
    /// Own status code to report.
    #[arg(long, value_name = "CODE")]
    status: Option<String>,
    /// Own words for it.
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire delegation resolve 3f9a2c71 --solution 'Replaced the power supply'";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let body = Resolve {
            solution: self.solution.as_deref().map(parse::text_or_stdin).transpose()?,
            code: self.code,
            status: self.status,
            label: self.label,
        };
        self.target.act(context, Action::Resolve, async |client, id| client.resolve(id, &body).await)
    }
}
