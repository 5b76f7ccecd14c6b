//! `deskwire ticket status`: sets this desk's own status.

use deskwire_api_types::TicketStatus;

use crate::{context::Context, failure::Done, render};

/// Set this desk's own status of a ticket.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Number of the ticket.
    number: String,
    /// Status code, such as open, waiting, solved, closed, or one of your own.
    status: String,
    /// Your own words for it.
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire ticket status ACME-12 open
  deskwire ticket status ACME-12 waiting --label 'part ordered'";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let request = TicketStatus { status: self.status, label: self.label };
        let ticket = context.talk(async |client| client.set_status(&self.number, &request).await)?;
        context.out.document(&ticket, |style| render::ticket_brief(&ticket, style))
    }
}
