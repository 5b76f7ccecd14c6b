//! `deskwire delegation show`: one delegation.

use super::target::Target;
use crate::{context::Context, failure::Done, render};

/// Show a delegation: both sides, the offer, and all events.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
}

const EXAMPLES: &str = "\
Examples:
  deskwire delegation show 3f9a2c71
  deskwire delegation show ACME-12 --json";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let delegation = context.talk(async |client| {
            let id = self.target.find(&client, None).await?;
            client.delegation(&id).await
        })?;
        context.out.document(&delegation, |style| render::delegation(&delegation, style))
    }
}
