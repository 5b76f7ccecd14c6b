//! `deskwire restore`: a desk from a backup, on this machine or a new one.

use std::path::PathBuf;

use deskwire_daemon::{NewRestore, Restored, check_backup, restore};
use serde::Serialize;

use super::init::not_started;
use crate::{
    context::Context,
    failure::Done,
    render::{Fields, Style},
};

/// Restore a desk from a backup into an empty folder, or check a backup.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The backup.
    #[arg(value_name = "FILE")]
    from: PathBuf,
    /// Read and verify all of it, and make nothing.
    #[arg(long)]
    dry_run: bool,
    /// The passphrase of a sealed backup, in the first line of this file.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// The list of what the desk has erased (the file `erased` of its folder, unless its settings name another): what an older
    /// backup still has of it goes again before the desk speaks.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    erased: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire restore --dry-run /backup/acme-monday.tar
  deskwire restore --data acme /backup/acme-monday.tar --erased /backup/acme.erased
  deskwire restore --data acme --passphrase-file /media/stick/acme.pass /media/stick/move.sealed

To move a desk: stop its daemon, back it up --with-keys, restore it on the new machine, start it there. Never start both: two
copies of one desk are found out, and its links pause. A desk from an older backup fetches from its partners what they hold.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let restored = if self.dry_run {
            check_backup(&self.from, self.passphrase_file.as_deref())
        } else {
            restore(&NewRestore {
                from: self.from.clone(),
                folder: context.data().to_owned(),
                passphrase: self.passphrase_file.clone(),
                erased: self.erased.clone(),
            })
        }
        .map_err(not_started)?;
        let document = Document {
            folder: (!self.dry_run).then(|| context.data().to_owned()),
            id: restored.desk.to_string(),
            group: restored.group,
            files: restored.files,
            damaged_files: restored.damaged.clone(),
            keys: restored.keys,
            erased_list: (!self.dry_run).then_some(restored.erased),
        };
        context.out.document(&document, |style| self.show(&restored, context, style))
    }

    fn show(&self, restored: &Restored, context: &Context, style: Style) -> String {
        let fields = Fields::default()
            .put("desk id", restored.desk.to_string())
            .put("journal", format!("up to group {}", restored.group))
            .put("files", restored.files.to_string());
        let mut text = match self.dry_run {
            true => format!("{} is whole and verifies.\n\n", self.from.display()),
            false => format!("The desk is in {}.\n\n", context.data().display()),
        };
        text.push_str(&fields.render(style));
        text.push('\n');
        if !restored.damaged.is_empty() {
            let count = restored.damaged.len();
            text.push_str(&format!(
                "{count} files of tickets were damaged when it was made and are not in it.\n"
            ));
        }
        if !self.dry_run {
            text.push_str(match restored.erased {
                true => "What was erased since the backup is erased again when the desk starts.\n",
                false => {
                    "Nothing here says what was erased since the backup: texts that were erased may be in it. If the list of \
                     the desk is anywhere (its file \"erased\"), restore with --erased instead.\n"
                }
            });
        }
        let folder = context.data().display();
        match (self.dry_run, restored.keys) {
            (true, true) => {}
            (true, false) => text.push_str("It holds no keys: restoring it takes the recovery words.\n"),
            (false, true) => {
                text.push_str(
                    "If the desk runs anywhere else, stop it there first. Then start it here with:\n",
                );
                text.push_str(&format!("  deskwire serve --data {folder}\n"));
            }
            (false, false) => {
                text.push_str(
                    "The backup held no keys. Take the desk over with its recovery words, then start it:\n",
                );
                text.push_str(&format!(
                    "  deskwire key rotate --data {folder}\n  deskwire serve --data {folder}\n"
                ));
            }
        }
        text
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Document {
    /// Absent when nothing was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<PathBuf>,
    id: String,
    group: u64,
    files: u64,
    damaged_files: Vec<String>,
    keys: bool,
    /// Whether a list of what was erased is applied at the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    erased_list: Option<bool>,
}
