//! `deskwire ticket list`: a page of tickets.

use deskwire_api_types::{DueFilter, TicketQuery};

use crate::{context::Context, failure::Done, parse::one_of, render};

/// List tickets, newest first.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only those with this status code.
    #[arg(long, value_name = "CODE")]
    status: Option<String>,
    /// Only those with a deadline that is near, or has passed.
    #[arg(long, value_parser = one_of::<DueFilter>(&["near", "overdue"]))]
    due: Option<DueFilter>,
    /// How many at most.
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
    /// Only those with a lower number.
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire ticket list
  deskwire ticket list --due near
  deskwire ticket list --status open --limit 10";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let query =
            TicketQuery { status: self.status, due: self.due, limit: self.limit, before: self.before };
        let tickets = context.talk(async |client| client.tickets(&query).await)?;
        context.out.document(&tickets, |style| render::ticket_list(&tickets, style))
    }
}
