//! `deskwire work dispute`: the principal does not agree to a line of work.

use deskwire_api_types::DisputeWork;

use super::line;
use crate::{context::Context, failure::Done, parse, render, verb::delegation::Target};

/// Do not agree to a line of work. The later of approval and dispute counts, until a signed statement holds the line.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Id of the line, or its beginning.
    line: String,
    /// Why, for the contractor to read; - reads it from standard input.
    reason: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire work dispute 3f9a2c71 9d04b6aa 'It was one hour'";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let reason = parse::text_or_stdin(&self.reason)?;
        let list = context.talk(async |client| {
            let id = self.target.find(&client, None).await?;
            let line = line::find(&client.work(&id).await?, &self.line)?;
            client.dispute_work(&id, &DisputeWork { line, reason }).await
        })?;
        context.out.document(&list, |style| render::work(&list, style))
    }
}
