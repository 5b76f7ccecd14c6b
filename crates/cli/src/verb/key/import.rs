//! `deskwire key import`: takes a key log that somebody carried here.

use std::path::PathBuf;

use deskwire_api_types::KeyLogOutcome;
use deskwire_daemon::{Folder, Rotated, Stopped, Theft, load, own_key_log};
use deskwire_proto::keylog::KeyLog;
use serde_json::json;

use super::words;
use crate::{
    context::Context,
    failure::{self, Done, Failure},
    parse,
    verb::init::not_started,
};

/// Take a key log: a partner's newer one, or this desk's own that was continued on another machine.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// File with the key log; - reads it from standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// For this desk's own log: file with the recovery words of its newest key; they are asked for unless given.
    #[arg(long, value_name = "FILE")]
    words: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire key import --data acme /media/stick/kassa.keylog
  deskwire key import --data acme /media/stick/acme.keylog --words /media/stick/acme.recovery

A partner's log goes to the running daemon: from then on nothing signed with the partner's older keys is taken.
This desk's own log is taken while its daemon is stopped. The words are the ones that were used to make it, not the new ones.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let text = self.text()?;
        let log: KeyLog = text.parse().map_err(|code| {
            failure::refused(
                "bad-key-log",
                "Not a key log",
                format!("{} holds no whole key log ({code}).", self.file.display()),
                "Export it again with `deskwire key export` and carry all of it.",
            )
        })?;
        let folder = Folder::new(context.data());
        match own_key_log(&folder) {
            Ok(own) if own.desk() == log.desk() => self.own(context, &folder, log),
            Ok(_) | Err(_) => partners(context, &text),
        }
    }

    fn text(&self) -> Result<String, Failure> {
        if self.file.as_os_str() == "-" {
            return parse::text_or_stdin("-");
        }
        std::fs::read_to_string(&self.file)
            .map_err(|error| failure::local(&self.file.display().to_string(), &error))
    }

    fn own(&self, context: &Context, folder: &Folder, log: KeyLog) -> Done {
        let config = load(folder, Vec::new()).map_err(not_started)?;
        let held = Stopped::hold(folder, &config).map_err(not_started)?;
        let words = words::read(context, self.words.as_deref())?;
        let prepared = held.prepare_import(log, &words).map_err(not_started)?;
        let rotated = held.adopt(prepared, &Theft::default()).map_err(not_started)?;
        done(context, &rotated)
    }
}

/// What a change of key ends with.
pub(super) fn done(context: &Context, rotated: &Rotated) -> Done {
    let key = rotated.log.current().id();
    let file = match &rotated.recovery {
        Some(deskwire_daemon::Recovery::File(path)) => Some(path.clone()),
        Some(deskwire_daemon::Recovery::Words(_)) | None => None,
    };
    let document = json!({
        "desk": rotated.desk.to_string(),
        "key_id": key.to_string(),
        "keys": rotated.log.keys().len(),
        "recovery_file": file,
        "key_log": rotated.log.to_string(),
    });
    let folder = context.data().display();
    context.out.document(&document, |style| {
        format!(
            "{} The desk signs with key {key} from its next start on:\n  deskwire serve --data {folder}\n\
             Partners learn of it by themselves. To shut out a thief at once, give them the key log:\n  deskwire key export --data {folder}\n",
            style.bold("The key is changed.")
        )
    })
}

fn partners(context: &Context, text: &str) -> Done {
    let taken = context.talk(async |client| client.import_key_log(text.trim()).await)?;
    context.out.document(&taken, |_| match taken.outcome {
        KeyLogOutcome::Newer => format!(
            "The key log of {} names {} keys and is used from now on. The link goes on when that desk comes itself.\n",
            taken.desk, taken.keys
        ),
        KeyLogOutcome::Known => format!("The key log of {} is known already.\n", taken.desk),
        KeyLogOutcome::Forked => format!(
            "This key log of {} contradicts the one that is known. Both are kept and the link is paused: ask that desk's operator \
             by telephone which key is right.\n",
            taken.desk
        ),
    })
}
