//! `deskwire link invitations`: the invitations that this desk has made.

use crate::{context::Context, failure::Done, render};

/// List the invitations that this desk has made.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

const EXAMPLES: &str = "\
Examples:
  deskwire link invitations";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let list = context.talk(async |client| client.invitations().await)?;
        context.out.document(&list, |style| render::invitation_list(&list, style))
    }
}
