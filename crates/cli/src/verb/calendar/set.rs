//! `deskwire calendar set`: reads the hours from a file.

use std::path::PathBuf;

use deskwire_api_types::{Hours, SetCalendar};

use crate::{
    context::Context,
    failure::{self, Done},
    render,
};

/// Set the business hours of this desk from a TOML file, or - for standard input.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The file.
    file: PathBuf,
}

const EXAMPLES: &str = "\
The file:
  zone = \"Europe/Berlin\"
  [week]
  monday = [\"08:00-12:00\", \"13:00-17:00\"]
  friday = [\"08:00-14:00\"]
  [days]
  \"2027-12-24\" = []

Examples:
  deskwire calendar set hours.toml";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let text = match self.file.to_str() {
            Some("-") => crate::parse::text_or_stdin("-")?,
            _ => std::fs::read_to_string(&self.file)
                .map_err(|error| failure::local(&self.file.display().to_string(), &error))?,
        };
        let hours: Hours = toml::from_str(&text)
            .map_err(|error| failure::usage(format!("these are no hours: {}", error.message())))?;
        let body = SetCalendar { hours: Some(hours) };
        let calendar = context.talk(async |client| client.set_calendar(&body).await)?;
        context.out.document(&calendar, |style| render::calendar(&calendar, style))
    }
}
