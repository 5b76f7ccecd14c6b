//! `deskwire relay list`: what waits before it goes onward.

use deskwire_api_types::RelayQuery;

use crate::{context::Context, failure::Done, render};

/// List what partners said and waits before it goes onward.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only what stands on this ticket.
    #[arg(long, value_name = "NUMBER")]
    ticket: Option<String>,
    /// How many at most.
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire relay list
  deskwire relay list --ticket ACME-12";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let query = RelayQuery { ticket: self.ticket, limit: self.limit };
        let list = context.talk(async |client| client.relays(&query).await)?;
        context.out.document(&list, |style| render::relays(&list, "", style))
    }
}
