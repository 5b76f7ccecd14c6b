//! `deskwire ticket edit`: gives a comment new words.

use deskwire_api_types::CommentEdit;

use crate::{context::Context, failure::Done, parse, render};

/// Give a comment of yours new words, here and at every partner that has it; earlier versions stay with you.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Number of the ticket.
    number: String,
    /// Id of the comment, or the beginning of it.
    comment: String,
    /// All of it anew, or - to read it from standard input.
    text: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire ticket edit ACME-12 3f9a2c71 'The register beeps twice'";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let body = parse::text_or_stdin(&self.text)?;
        let comment = context.talk(async |client| {
            client.edit_comment(&self.number, &self.comment, &CommentEdit { body: body.clone() }).await
        })?;
        context.out.document(&comment, |style| render::comment(&comment, style))
    }
}
