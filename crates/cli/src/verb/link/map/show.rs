//! `deskwire link map show`: this desk's own words for those of a link.

use crate::{context::Context, failure::Done, render};

/// Show the mapping of a link.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link map show kassa";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let mapping = context.talk(async |client| client.link_mapping(&self.link).await)?;
        context.out.document(&mapping, |style| render::link_mapping(&mapping, style))
    }
}
