//! `deskwire work list`: the lines of work of a delegation.

use crate::{context::Context, failure::Done, render, verb::delegation::Target};

/// List the lines of work of a delegation, with what is settled of them and their sums.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
}

const EXAMPLES: &str = "\
Examples:
  deskwire work list 3f9a2c71
  deskwire work list ACME-12 --json";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let list = context.talk(async |client| {
            let id = self.target.find(&client, None).await?;
            client.work(&id).await
        })?;
        context.out.document(&list, |style| render::work(&list, style))
    }
}
