//! `deskwire relay approve`: lets something go onward.

use super::choice::Choice;
use crate::{context::Context, failure::Done, render};

/// Let a partner's comment or file go onward: shows what will be sent, and asks.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    choice: Choice,
    /// Only show what would be sent.
    #[arg(long)]
    preview: bool,
    /// Send it without asking.
    #[arg(short, long, conflicts_with = "preview")]
    yes: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire relay approve ACME-12 3f9a2c71
  deskwire relay approve ACME-12 3f9a2c71 --preview
  deskwire relay approve ACME-12 3f9a2c71 --yes";

const OTHERWISE: &str = "nobody can be asked here: --preview shows what would be sent, --yes sends it";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let choice = self.choice.request();
        if !(self.yes && context.out.is_json()) {
            let previews = context.talk(async |client| client.preview_relay(&choice).await)?;
            if self.preview {
                return context.out.document(&previews, |style| render::previews(&previews, style));
            }
            context.out.aside(|style| render::previews(&previews, style));
            if !self.yes && !context.out.ask("\nSend this?", OTHERWISE)? {
                context.out.note("Nothing was sent.");
                return Ok(());
            }
        }
        let list = context.talk(async |client| client.approve_relay(&choice).await)?;
        context.out.document(&list, |style| render::relays(&list, "Sent", style))
    }
}
