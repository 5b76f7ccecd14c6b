//! What both kinds of erasures have in common.

use deskwire_api_types::EraseRequest;

use crate::{context::Context, failure::Done, render};

/// How it is done.
#[derive(Debug, clap::Args)]
pub(crate) struct How {
    /// Code of the ground, which partners are told.
    #[arg(long, value_name = "CODE")]
    basis: String,
    /// Also where partners still work on the case.
    #[arg(long)]
    open: bool,
    /// Only show what would go and who would be asked.
    #[arg(long)]
    dry_run: bool,
    /// Erase without asking.
    #[arg(short, long, conflicts_with = "dry_run")]
    yes: bool,
}

const OTHERWISE: &str = "nobody can be asked here: --dry-run shows what would go, --yes erases it";

impl How {
    /// Shows what would go, asks, and erases it.
    pub(super) fn order(self, request: EraseRequest, context: &Context) -> Done {
        let request = EraseRequest { basis: self.basis, open: self.open, ..request };
        if !(self.yes && context.out.is_json()) {
            let plan = context.talk(async |client| client.preview_erasure(&request).await)?;
            if self.dry_run {
                return context.out.document(&plan, |style| render::erasure_plan(&plan, style));
            }
            context.out.aside(|style| render::erasure_plan(&plan, style));
            if !self.yes && !context.out.ask("\nErase this for ever?", OTHERWISE)? {
                context.out.note("Nothing was erased.");
                return Ok(());
            }
        }
        let erasure = context.talk(async |client| client.erase(&request).await)?;
        context.out.document(&erasure, |style| render::erasure(&erasure, style))
    }
}
