//! `deskwire ticket show`: one ticket.

use crate::{context::Context, failure::Done, render};

/// Show a ticket with its delegations, comments and files.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Number of the ticket, with or without the prefix.
    number: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire ticket show ACME-12
  deskwire ticket show 12 --json";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let detail = context.talk(async |client| client.ticket(&self.number).await)?;
        context.out.document(&detail, |style| render::ticket(&detail, style))
    }
}
