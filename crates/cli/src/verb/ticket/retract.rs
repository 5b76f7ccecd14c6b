//! `deskwire ticket retract`: takes a comment or a file back from partners.

use deskwire_api_types::TakeBack;

use crate::{context::Context, failure::Done, render};

/// Take a comment or a file of yours back from every partner; what was read cannot be taken back, and you are told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Number of the ticket.
    number: String,
    /// Id of the comment or the file, or the beginning of it.
    item: String,
    /// Keep it here, as an internal one.
    #[arg(long)]
    keep: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire ticket retract ACME-12 3f9a2c71
  deskwire ticket retract ACME-12 3f9a2c71 --keep";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let how = TakeBack { keep: self.keep };
        let revised = context.talk(async |client| client.retract(&self.number, &self.item, &how).await)?;
        context.out.document(&revised, |style| render::taken_back(&revised, self.keep, style))
    }
}
