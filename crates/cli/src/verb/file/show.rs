//! `deskwire file show`: what is known of a file.

use crate::{context::Context, failure::Done, render};

/// Show what is known of a file, and whether its bytes are here.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Id of the file, as `deskwire ticket show` prints it.
    id: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire file show 0123456789abcdef0123456789abcdef";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let file = context.talk(async |client| client.file(&self.id).await)?;
        context.out.document(&file, |style| render::file(&file, style))
    }
}
