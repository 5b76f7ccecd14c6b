//! `deskwire link terms calendars`: whether renewed business hours need a person.

use crate::{context::Context, failure::Done, render};

/// Say whether a proposal that renews the calendar and changes nothing else is accepted without a person.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
    /// Accept them, or leave them to a person, as at the beginning.
    #[arg(value_parser = ["accept", "ask"])]
    how: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link terms calendars kassa accept
  deskwire link terms calendars kassa ask";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let on = self.how == "accept";
        let terms = context.talk(async |client| client.take_calendars(&self.link, on).await)?;
        context.out.document(&terms, |style| render::link_terms(&terms, style))
    }
}
