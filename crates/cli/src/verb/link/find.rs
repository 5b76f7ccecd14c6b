//! `deskwire link find`: where two desks have lost each other.

use deskwire_api_types::FindPartner;

use crate::{context::Context, failure::Done, render};

/// Look for a partner at an address that its operator gave you: when both desks have moved, and neither finds the other.
/// Only the partner itself is found there, by its keys.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
    /// Where the partner is reached now.
    #[arg(value_name = "URL")]
    endpoint: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link find kassa https://desk.kassa.example:8441

One of the two operators does this; the other desk learns of this one's address by it.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let request = FindPartner { endpoint: self.endpoint };
        let link = context.talk(async |client| client.find_partner(&self.link, &request).await)?;
        context.out.document(&link, |style| render::link(&link, style))
    }
}
