//! `deskwire calendar clear`: always open.

use deskwire_api_types::SetCalendar;

use crate::{context::Context, failure::Done, render};

/// Say that this desk is always open.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

const EXAMPLES: &str = "\
Examples:
  deskwire calendar clear";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let calendar = context.talk(async |client| client.set_calendar(&SetCalendar::default()).await)?;
        context.out.document(&calendar, |style| render::calendar(&calendar, style))
    }
}
