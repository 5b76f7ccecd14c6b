//! `deskwire link repair`: both branches of a fork, and the choice of one.

use deskwire_api_types::Branch;

use crate::{context::Context, failure::Done, render};

/// Look at a fork: what this desk holds and what the partner holds. Then choose the branch to go on with.
///
/// A fork is two different signed histories of one stream: a desk that was copied, or restored in a way that lost part of
/// it. Without a choice both branches are shown and nothing is changed. The operators of both desks have to choose the same
/// branch; what is left is kept, without effect.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Local name or id of the link.
    link: String,
    /// Go on with what this desk holds.
    #[arg(long, conflicts_with = "theirs")]
    ours: bool,
    /// Go on with what the partner holds.
    #[arg(long)]
    theirs: bool,
    /// Show both branches and change nothing, whatever is chosen.
    #[arg(long)]
    dry_run: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link repair kassa
  deskwire link repair kassa --theirs";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let choice = match (self.ours, self.theirs) {
            (true, _) => Some(Branch::Ours),
            (false, true) => Some(Branch::Theirs),
            (false, false) => None,
        };
        match choice.filter(|_| !self.dry_run) {
            Some(branch) => {
                let link = context.talk(async |client| client.repair_link(&self.link, branch).await)?;
                context.out.document(&link, |style| render::link(&link, style))
            }
            None => {
                let branches = context.talk(async |client| client.branches(&self.link).await)?;
                context.out.document(&branches, |style| render::branches(&branches, style))
            }
        }
    }
}
