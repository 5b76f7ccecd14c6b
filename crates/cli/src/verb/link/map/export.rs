//! `deskwire link map export`: a whole mapping as a file.

use crate::{context::Context, failure::Done};

/// Print the mapping of a link as TOML, for `link map import`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link map export kassa";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let mapping = context.talk(async |client| client.link_mapping(&self.link).await)?;
        let text = toml::to_string(&mapping).expect("texts and lists have a TOML form");
        context.out.document(&mapping, |_| text)
    }
}
