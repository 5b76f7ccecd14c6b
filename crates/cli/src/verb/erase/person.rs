//! `deskwire erase person`: every text in which a person stands.

use deskwire_api_types::EraseRequest;

use super::order::How;
use crate::{context::Context, failure::Done};

/// Erase every text in which a person stands: shows what goes and who is asked, and asks.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// How the person is written: name, e-mail address, telephone number. Each is looked for as whole words, in any case.
    #[arg(required = true, value_name = "NAME|EMAIL|NUMBER")]
    person: Vec<String>,
    /// Only on this ticket; may be given again.
    #[arg(long, value_name = "NUMBER")]
    ticket: Vec<String>,
    #[command(flatten)]
    how: How,
}

const EXAMPLES: &str = "\
Examples:
  deskwire erase person \"Anna Berg\" anna@shop.example \"+49 30 1234567\" --basis gdpr-17 --dry-run
  deskwire erase person \"Anna Berg\" --ticket ACME-12 --basis gdpr-17 --yes

Texts of the content of files are not searched: a file goes with its name, or with its case.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let request = EraseRequest { person: self.person, tickets: self.ticket, ..EraseRequest::default() };
        self.how.order(request, context)
    }
}
