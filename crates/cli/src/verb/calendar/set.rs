//! `deskwire calendar set`: reads the hours from a file.

use std::path::PathBuf;

use deskwire_api_types::{Hours, SetCalendar};

use crate::{
    context::Context,
    failure::{self, Done, Failure},
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
Examples:
  deskwire calendar set hours.toml

The file:
  zone = \"Europe/Berlin\"
  [week]
  monday = [\"08:00-12:00\", \"13:00-17:00\"]
  friday = [\"08:00-14:00\"]
  [days]
  2027-12-24 = []";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let text = match self.file.to_str() {
            Some("-") => crate::parse::text_or_stdin("-")?,
            _ => std::fs::read_to_string(&self.file)
                .map_err(|error| failure::local(&self.file.display().to_string(), &error))?,
        };
        let hours: Hours = toml::from_str(&text).map_err(|error| no_hours(&text, &error))?;
        let body = SetCalendar { hours: Some(hours) };
        let calendar = context.talk(async |client| client.set_calendar(&body).await)?;
        context.out.document(&calendar, |style| render::calendar(&calendar, style))
    }
}

/// What is wrong with the file, and in which line.
fn no_hours(text: &str, error: &toml::de::Error) -> Failure {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line =
        before.map(|before| format!("line {}: ", 1 + before.matches('\n').count())).unwrap_or_default();
    failure::usage(format!("these are no hours: {line}{}", error.message()))
}
