//! `deskwire delegation answer`: answers the question of the contractor.

use deskwire_api_types::{Action, Answer};

use super::target::Target;
use crate::{context::Context, failure::Done, parse};

/// Answer the contractor's question.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// The answer; - reads it from standard input.
    answer: String,
    /// The question was not needed: the waiting counts for the contractor.
    #[arg(long)]
    not_needed: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire delegation answer 3f9a2c71 'Version 4.2'
  deskwire delegation answer 3f9a2c71 'It stands in the description' --not-needed";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let body = Answer { answer: parse::text_or_stdin(&self.answer)?, needed: !self.not_needed };
        self.target.act(context, Action::Answer, async |client, id| client.answer(id, &body).await)
    }
}
