//! `deskwire link list`: all links.

use crate::{context::Context, failure::Done, render};

/// List the links.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

const EXAMPLES: &str = "\
Examples:
  deskwire link list
  deskwire link list --json";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let links = context.talk(async |client| client.links().await)?;
        context.out.document(&links, |style| render::link_list(&links, style))
    }
}
