//! `deskwire erase case`: everything that was written on a case.

use deskwire_api_types::EraseRequest;

use super::order::How;
use crate::{context::Context, failure::Done};

/// Erase everything that was written on a case: shows what goes and who is asked, and asks.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Number of the ticket.
    ticket: String,
    #[command(flatten)]
    how: How,
}

const EXAMPLES: &str = "\
Examples:
  deskwire erase case ACME-12 --basis gdpr-17 --dry-run
  deskwire erase case ACME-12 --basis gdpr-17
  deskwire erase case ACME-12 --basis court-order --open --yes";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let request = EraseRequest { ticket: Some(self.ticket), ..EraseRequest::default() };
        self.how.order(request, context)
    }
}
