//! `deskwire ticket share`: sends a comment or a file to whom it did not go before.

use deskwire_api_types::AudienceChange;

use super::audience::To;
use crate::{context::Context, failure::Done, render};

/// Send a comment or a file of yours to whom it did not go before; who has it keeps it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Number of the ticket.
    number: String,
    /// Id of the comment or the file, or the beginning of it.
    item: String,
    #[command(flatten)]
    to: To,
}

const EXAMPLES: &str = "\
Examples:
  deskwire ticket share ACME-12 3f9a2c71 --to kassa
  deskwire ticket share ACME-12 3f9a2c71 --to thread";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let revised = context.talk(async |client| {
            let (audience, readers) = self.to.announced(&client, &self.number).await?;
            let done = client.share(&self.number, &self.item, &AudienceChange { audience }).await?;
            readers.iter().for_each(|words| context.out.note(words));
            Ok(done)
        })?;
        context.out.document(&revised, |style| render::shared(&revised, style))
    }
}
