//! `deskwire calendar show`: the hours.

use deskwire_api_types::CalendarQuery;

use crate::{context::Context, failure::Done, render};

/// Show the business hours of this desk.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

const EXAMPLES: &str = "\
Examples:
  deskwire calendar show";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let calendar = context.talk(async |client| client.calendar(&CalendarQuery::default()).await)?;
        context.out.document(&calendar, |style| render::calendar(&calendar, style))
    }
}
