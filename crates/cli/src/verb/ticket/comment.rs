//! `deskwire ticket comment`: says something on a ticket.

use deskwire_api_types::CommentRequest;

use super::audience::To;
use crate::{context::Context, failure::Done, parse, render};

/// Say something on a ticket; it stays on this desk unless --to names somebody.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Number of the ticket.
    number: String,
    /// What to say, or - to read it from standard input.
    text: String,
    #[command(flatten)]
    to: To,
    /// Only show what would leave, to each partner.
    #[arg(long)]
    preview: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire ticket comment ACME-12 'The client is angry, be careful'
  deskwire ticket comment ACME-12 'The register beeps three times' --to kassa
  deskwire ticket comment ACME-12 'We are waiting for a part' --to thread
  deskwire ticket comment ACME-12 'We are waiting for a part' --to thread --preview";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let body = parse::text_or_stdin(&self.text)?;
        if self.preview {
            let previews = context.talk(async |client| {
                let audience = self.to.audience(&client, &self.number).await?;
                client.preview_comment(&self.number, &CommentRequest { body: body.clone(), audience }).await
            })?;
            return context.out.document(&previews, |style| render::previews(&previews, style));
        }
        let comment = context.talk(async |client| {
            let (audience, readers) = self.to.announced(&client, &self.number).await?;
            let done = client.comment(&self.number, &CommentRequest { body: body.clone(), audience }).await?;
            readers.iter().for_each(|words| context.out.note(words));
            Ok(done)
        })?;
        context.out.document(&comment, |_| {
            format!("Comment {} on {}: {}\n", comment.id, comment.ticket, comment.audience)
        })
    }
}
