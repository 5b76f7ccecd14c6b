//! `deskwire statement show`: one statement.

use super::target::Target;
use crate::{context::Context, failure::Done, render};

/// Show a statement with its lines and sums, as this desk computes it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
}

const EXAMPLES: &str = "\
Examples:
  deskwire statement show 51d0a3f2";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let detail = context.talk(async |client| {
            let id = self.target.find(&client).await?;
            client.statement(&id).await
        })?;
        context.out.document(&detail, |style| render::statement(&detail, style))
    }
}
