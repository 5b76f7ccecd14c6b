//! `deskwire rebuild`: folds the view of a desk anew, and lets a desk with a damaged journal go on.

use deskwire_daemon::{Folder, From, Salvage, plan_salvage, rebuild, salvage};
use serde_json::{Value, json};

use crate::{
    context::Context,
    failure::{self, Done},
};

/// Rebuild what a desk that does not run shows from its journal; with --salvage also when the journal is damaged.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Begin with nothing: delete the snapshots too.
    #[arg(long)]
    from_nothing: bool,
    /// Cut a damaged journal off where the damage begins, and keep the rest aside; then rebuild.
    #[arg(long)]
    salvage: bool,
    /// With --salvage: say what would be done, and do nothing.
    #[arg(long, requires = "salvage")]
    dry_run: bool,
    /// Do not ask before the journal is cut off.
    #[arg(long)]
    yes: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire rebuild --data acme
  deskwire rebuild --data acme --from-nothing
  deskwire rebuild --data acme --salvage --dry-run
  deskwire rebuild --data acme --salvage --yes

A salvaged desk goes on with everything before the damage. What partners hold of the rest, its own messages to them
included, they send again when it starts; what never left this desk is lost, unless a backup has it. Nothing is deleted.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let folder = Folder::new(context.data());
        let mut cut = None;
        if self.salvage {
            cut = plan_salvage(&folder).map_err(super::init::not_started)?;
            if self.dry_run {
                let document = json!({ "dry_run": true, "salvage": cut.as_ref().map(of_salvage) });
                return context.out.document(&document, |_| match &cut {
                    Some(cut) => said(cut, "would be"),
                    None => "The journal is not damaged; there is nothing to salvage.\n".to_owned(),
                });
            }
            if let Some(plan) = &cut {
                let question = format!("{}Cut it off?", said(plan, "will be"));
                if !self.yes
                    && !context.out.ask(&question, "say --yes to cut the journal off without a question")?
                {
                    return Err(failure::refused(
                        "not-confirmed",
                        "Nothing was done",
                        "The journal was not cut off.",
                        "Run it again when you are sure, or restore a backup.",
                    ));
                }
                cut = salvage(&folder).map_err(super::init::not_started)?;
            }
        }
        let from = if self.from_nothing { From::Nothing } else { From::Snapshot };
        let mut told = 0;
        let mut progress = |done: u64, of: u64| {
            if done * 10 / of.max(1) > told {
                told = done * 10 / of.max(1);
                context.out.note(&format!("{done} of {of} groups"));
            }
        };
        let rebuilt = rebuild(&folder, from, &mut progress).map_err(super::init::not_started)?;
        let document = json!({
            "groups": rebuilt.groups,
            "folded": rebuilt.folded,
            "salvage": cut.as_ref().map(of_salvage),
        });
        context.out.document(&document, |_| {
            let mut text = cut.as_ref().map(|cut| said(cut, "was")).unwrap_or_default();
            text.push_str(&format!(
                "The view was rebuilt: {} groups, {} of them folded, the others from a snapshot.\n",
                rebuilt.groups, rebuilt.folded
            ));
            text
        })
    }
}

fn of_salvage(cut: &Salvage) -> Value {
    json!({
        "segment": cut.damage.segment,
        "offset": cut.damage.begin,
        "group": cut.damage.group,
        "reason": cut.damage.reason,
        "readable_groups_set_aside": cut.readable,
        "entries_set_aside": cut.entries,
        "aside": cut.aside,
    })
}

fn said(cut: &Salvage, verb: &str) -> String {
    format!(
        "The journal is damaged at segment {}, offset {}: {}.\nIt {verb} cut off before group {}; everything from there on, {} later groups with {} entries that can still be read included, is kept in store/{}.\n",
        cut.damage.segment,
        cut.damage.offset,
        cut.damage.reason,
        cut.damage.group,
        cut.readable,
        cut.entries,
        cut.aside
    )
}
