//! `deskwire calendar intervals`: the hours as terms take them.

use deskwire_api_types::CalendarQuery;

use crate::{context::Context, failure::Done, render};

/// Show the open intervals in UTC, as the terms of a link take them.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// How many months ahead, 1 to 24.
    #[arg(long, value_name = "COUNT")]
    months: Option<u32>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire calendar intervals
  deskwire calendar intervals --months 1 --json";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let query = CalendarQuery { months: self.months };
        let calendar = context.talk(async |client| client.calendar(&query).await)?;
        context.out.document(&calendar, |style| render::intervals(&calendar, style))
    }
}
