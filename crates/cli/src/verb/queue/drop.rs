//! `deskwire queue drop`: throws items away that have no number yet.

use super::target::Target;
use crate::{context::Context, failure::Done, render};

/// Drop an item that has not left, or all of a link; the tickets show that it was dropped.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Show what would be dropped, and change nothing.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Drop it without asking.
    #[arg(long, short = 'y')]
    yes: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire queue drop 3f9a2c71 --dry-run
  deskwire queue drop 3f9a2c71 --yes
  deskwire queue drop --link kassa --dry-run

A message that has its number cannot be dropped: the partner may have it already.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        if self.dry_run {
            let preview = context.talk(async |client| {
                let target = self.target.resolve(&client).await?;
                client.preview_drop(&target).await
            })?;
            return context.out.document(&preview, |style| render::queue_preview(&preview, style));
        }
        if !self.yes {
            let preview = context.talk(async |client| {
                let target = self.target.resolve(&client).await?;
                client.preview_drop(&target).await
            })?;
            context.out.aside(|style| render::queue_preview(&preview, style));
            if !context
                .out
                .ask("Drop this for good?", "nobody can be asked here: give --yes, or --dry-run")?
            {
                context.out.note("Nothing has changed.");
                return Ok(());
            }
        }
        let done = context.talk(async |client| {
            let target = self.target.resolve(&client).await?;
            client.drop_queue(&target).await
        })?;
        context.out.document(&done, |style| render::queue_changed(&done, "dropped", style))
    }
}
