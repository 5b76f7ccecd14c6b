//! `deskwire delegation ask`: asks the principal.

use deskwire_api_types::{Action, Ask};

use super::target::Target;
use crate::{context::Context, failure::Done, parse};

/// Ask the principal something; the work waits for the answer.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// The question; - reads it from standard input.
    question: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire delegation ask 3f9a2c71 'Which software version does it show?'";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let body = Ask { question: parse::text_or_stdin(&self.question)? };
        self.target.act(context, Action::Ask, async |client, id| client.ask(id, &body).await)
    }
}
