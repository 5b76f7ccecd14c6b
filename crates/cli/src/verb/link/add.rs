//! `deskwire link add`: links by hand, when both desks know each other's id.

use deskwire_api_types::AddLink;

use super::terms::TermsArgs;
use crate::{context::Context, failure::Done, render};

/// Link by hand, with a desk id that the partner gave you.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The partner's desk id.
    desk: String,
    /// Where the partner is reached; leave it out when the partner comes to this desk.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Local short name for the link.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    terms: TermsArgs,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link add 'the desk id' --endpoint https://desk.kassa.example:8441
  deskwire link add 'the desk id' --name kassa

The partner does the same with this desk's id, which `deskwire id` shows.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let request =
            AddLink { desk: self.desk, endpoint: self.endpoint, name: self.name, terms: self.terms.offer() };
        let link = context.talk(async |client| client.add_link(&request).await)?;
        context.out.document(&link, |style| render::link(&link, style))
    }
}
