//! `deskwire backup`: everything that makes a desk, in one file.

use std::path::PathBuf;

use deskwire_daemon::{Backup, NewBackup, backup};
use serde::Serialize;

use super::init::not_started;
use crate::{
    context::Context,
    failure::Done,
    render::{Fields, Style},
};

/// Back a desk up into one file, while its daemon runs or not.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The file to be made; none of that name may be there.
    #[arg(value_name = "FILE")]
    to: PathBuf,
    /// Put the signing key and the TLS key in as well. Whoever gets hold of such a backup can speak for the desk.
    #[arg(long)]
    with_keys: bool,
    /// Leave the files of tickets out.
    #[arg(long)]
    without_files: bool,
    /// Seal the backup under the passphrase in the first line of this file.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire backup --data acme /backup/acme-monday.tar
  deskwire backup --data acme --passphrase-file /media/stick/acme.pass /backup/acme-monday.sealed
  deskwire backup --data acme --with-keys --passphrase-file /media/stick/acme.pass /media/stick/move.sealed

Check a backup with `deskwire restore --dry-run`. Without --with-keys a backup cannot speak for the desk; restoring it takes
the recovery words (`deskwire key rotate`). What was said after the backup comes back from the partners.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let new = NewBackup {
            folder: context.data().to_owned(),
            to: self.to,
            keys: self.with_keys,
            files: !self.without_files,
            passphrase: self.passphrase_file,
        };
        let made = backup(&new).map_err(not_started)?;
        context.out.document(&Document::of(&made, &new), |style| show(&made, &new, style))
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Document {
    file: PathBuf,
    id: String,
    group: u64,
    files: u64,
    damaged_files: Vec<String>,
    bytes: u64,
    keys: bool,
    sealed: bool,
}

impl Document {
    fn of(made: &Backup, new: &NewBackup) -> Self {
        Self {
            file: new.to.clone(),
            id: made.desk.to_string(),
            group: made.group,
            files: made.files,
            damaged_files: made.damaged.clone(),
            bytes: made.bytes,
            keys: new.keys,
            sealed: new.passphrase.is_some(),
        }
    }
}

fn show(made: &Backup, new: &NewBackup, style: Style) -> String {
    let fields = Fields::default()
        .put("desk id", made.desk.to_string())
        .put("journal", format!("up to group {}", made.group))
        .put("files", made.files.to_string())
        .put("size", format!("{} bytes", made.bytes))
        .put("sealed", if new.passphrase.is_some() { "under the passphrase" } else { "no" });
    let mut text = format!("{} is whole.\n\n{}\n", new.to.display(), fields.render(style));
    if !made.damaged.is_empty() {
        let warning = format!(
            "{} files of tickets are damaged on this disk and are not in it: {}\n",
            made.damaged.len(),
            made.damaged.join(", ")
        );
        text.push_str(&style.yellow(&warning));
    }
    text.push_str(match (new.keys, new.passphrase.is_some()) {
        (true, false) => "It holds the signing key in the clear: whoever has it can speak for this desk.\n",
        (true, true) => {
            "It holds the signing key: whoever has it and the passphrase can speak for this desk.\n"
        }
        (false, _) => "It holds no keys: to restore it you need the recovery words of the desk.\n",
    });
    text
}
