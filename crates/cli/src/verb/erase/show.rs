//! `deskwire erase show`: one erasure, partner by partner.

use crate::{context::Context, failure::Done, render};

/// Show an erasure: who is asked, who has acknowledged, and since when the others are waited for.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Its id, as in the list.
    id: String,
}

const EXAMPLES: &str = "\
Examples:
  deskwire erase show 3-81920";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let erasure = context.talk(async |client| client.erasure(&self.id).await)?;
        context.out.document(&erasure, |style| render::erasure(&erasure, style))
    }
}
