//! `deskwire relay skip`: says that something does not go onward.

use super::choice::Choice;
use crate::{context::Context, failure::Done, render};

/// Say that a partner's comment or file does not go onward; it may still be approved later.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    choice: Choice,
}

const EXAMPLES: &str = "\
Examples:
  deskwire relay skip ACME-12 3f9a2c71";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let choice = self.choice.request();
        let list = context.talk(async |client| client.skip_relay(&choice).await)?;
        context.out.document(&list, |style| render::relays(&list, "Not sent", style))
    }
}
