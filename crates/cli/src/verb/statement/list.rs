//! `deskwire statement list`: the statements of a link.

use crate::{context::Context, failure::Done, render};

/// List the statements of a link, newest first, with how far each has come.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Name of the link.
    link: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire statement list kassa
  deskwire statement list kassa --json";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let list = context.talk(async |client| Ok(client.statements(&self.link).await?))?;
        context.out.document(&list, |style| render::statement_list(&list, style))
    }
}
