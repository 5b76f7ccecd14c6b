//! `deskwire key rotate`: brings the next key into use, here or on another machine.

use std::path::PathBuf;

use deskwire_api_types::Time;
use deskwire_daemon::{Doubtful, Folder, Stopped, Theft, load, rotate_offline};
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::time::Timestamp;
use serde_json::json;

use super::{import::done, words};
use crate::{
    context::Context,
    failure::{self, Done, Failure},
    parse,
    render::Style,
    verb::init::not_started,
};

/// Change the signing key with the recovery words: after a loss, after a theft, or from time to time.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// File with the recovery words; they are asked for unless given.
    #[arg(long, value_name = "FILE")]
    words: Option<PathBuf>,
    /// Write the new recovery words to this new file instead of showing them.
    #[arg(long, value_name = "FILE")]
    recovery_file: Option<PathBuf>,
    /// After a theft: nothing that was said since then is vouched for, such as 2026-05-04T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse::moment)]
    compromised_since: Option<Time>,
    /// After a theft: the last message of one link that is this desk's own, as LINK:NUMBER; may be repeated.
    #[arg(long, value_name = "LINK:NUMBER", value_parser = after)]
    after: Vec<(String, u64)>,
    /// The desk was restored from a backup and has not run since: what partners hold beyond it is its own.
    #[arg(long, conflicts_with_all = ["compromised_since", "after"])]
    restored: bool,
    /// Show which messages a theft puts in doubt, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// On another machine: only the exported key log and the words are needed, and no desk is changed.
    #[arg(long, requires = "key_log", requires = "out", conflicts_with_all = ["compromised_since", "after", "restored", "dry_run"])]
    offline: bool,
    /// With --offline: the key log that `deskwire key export` wrote.
    #[arg(long, value_name = "FILE", requires = "offline")]
    key_log: Option<PathBuf>,
    /// With --offline: where the longer key log is written, for `deskwire key import` at the desk.
    #[arg(long, value_name = "FILE", requires = "offline")]
    out: Option<PathBuf>,
    /// Change it without asking.
    #[arg(long, short = 'y')]
    yes: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire key rotate --data acme --words /media/stick/acme.recovery --recovery-file /media/stick/acme.next
  deskwire key rotate --data acme --compromised-since 2026-05-04T12:00:00Z --dry-run
  deskwire key rotate --data acme --after kassa:214
  deskwire key rotate --offline --key-log acme.keylog --out acme.new --recovery-file acme.next

The daemon has to be stopped; open work goes on when it starts again. Words never stand on a command line. Messages that are
not vouched for are kept and shown at both desks, and have no effect.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        if self.offline {
            return self.offline(context);
        }
        let folder = Folder::new(context.data());
        let config = load(&folder, Vec::new()).map_err(not_started)?;
        let held = Stopped::hold(&folder, &config).map_err(not_started)?;
        let theft = Theft {
            since: self.compromised_since.as_ref().map(time).transpose()?,
            after: self.after.clone(),
            restored: self.restored,
        };
        let (_, doubtful) = held.doubtful(&theft).map_err(not_started)?;
        if self.dry_run {
            return context.out.document(&listed(&doubtful), |style| list(&doubtful, style));
        }
        words::somewhere(context, self.recovery_file.as_deref())?;
        if !theft.is_none() && !self.agreed(context, &doubtful)? {
            context.out.note("Nothing has changed.");
            return Ok(());
        }
        let words = words::read(context, self.words.as_deref())?;
        let prepared = held.prepare(&words, self.recovery_file.as_deref()).map_err(not_started)?;
        if let Some(recovery) = prepared.recovery() {
            context.out.aside(|style| words::show(recovery, style));
        }
        let rotated = held.adopt(prepared, &theft).map_err(not_started)?;
        done(context, &rotated)
    }

    fn agreed(&self, context: &Context, doubtful: &[Doubtful]) -> Result<bool, Failure> {
        context.out.aside(|style| list(doubtful, style));
        let question = format!("Disown these {} messages and change the key?", doubtful.len());
        Ok(self.yes
            || context
                .out
                .ask(&question, "nobody can be asked here: look with --dry-run, then give --yes")?)
    }

    fn offline(self, context: &Context) -> Done {
        let (Some(from), Some(out)) = (&self.key_log, &self.out) else {
            return Err(failure::usage("--offline takes --key-log FILE and --out FILE"));
        };
        words::somewhere(context, self.recovery_file.as_deref())?;
        let text = std::fs::read_to_string(from)
            .map_err(|error| failure::local(&from.display().to_string(), &error))?;
        let log: KeyLog = text.parse().map_err(|code| {
            failure::refused(
                "bad-key-log",
                "Not a key log",
                format!("{} holds no whole key log ({code}).", from.display()),
                "Export it again with `deskwire key export` and carry all of it.",
            )
        })?;
        let words = words::read(context, self.words.as_deref())?;
        let rotated = rotate_offline(&log, &words, self.recovery_file.as_deref()).map_err(not_started)?;
        if let Some(recovery) = &rotated.recovery {
            context.out.aside(|style| words::show(recovery, style));
        }
        std::fs::write(out, format!("{}\n", rotated.log))
            .map_err(|error| failure::local(&out.display().to_string(), &error))?;
        let document = json!({
            "desk": rotated.desk.to_string(),
            "key_id": rotated.log.current().id().to_string(),
            "keys": rotated.log.keys().len(),
            "file": out,
        });
        context.out.document(&document, |_| {
            format!(
                "The key log with one key more is in {0}. Nothing secret is in it. At the desk, with its daemon stopped:\n  \
                 deskwire key import {0} --words FILE\nwhere FILE has the words that you used here, not the new ones.\n",
                out.display()
            )
        })
    }
}

fn listed(doubtful: &[Doubtful]) -> serde_json::Value {
    let one = |doubt: &Doubtful| {
        json!({
            "link": doubt.name,
            "seq": doubt.seq,
            "kind": doubt.kind.as_str(),
            "time": shown(doubt.time).to_string(),
            "delivered": doubt.delivered,
        })
    };
    json!({ "doubtful": doubtful.iter().map(one).collect::<Vec<_>>() })
}

fn list(doubtful: &[Doubtful], style: Style) -> String {
    if doubtful.is_empty() {
        return "No message of this desk is in doubt.\n".to_owned();
    }
    let mut text = style.bold("In doubt, and disowned if the key is changed so:");
    text.push('\n');
    for doubt in doubtful {
        let how = if doubt.delivered { "delivered" } else { "not delivered" };
        let time = shown(doubt.time);
        text.push_str(&format!(
            "  {} {:>6}  {time}  {:<24} {how}\n",
            doubt.name,
            doubt.seq,
            doubt.kind.as_str()
        ));
    }
    text
}

fn time(time: &Time) -> Result<Timestamp, Failure> {
    let millis = u64::try_from(time.millis()).map_err(|_| failure::usage("that is no time after 1970"))?;
    Ok(Timestamp(millis))
}

fn shown(time: Timestamp) -> Time {
    Time::from_millis(i64::try_from(time.0).unwrap_or(i64::MAX))
}

fn after(text: &str) -> Result<(String, u64), String> {
    let takes = || "it takes a link and a number, such as kassa:214".to_owned();
    let (link, number) = text.rsplit_once(':').ok_or_else(takes)?;
    let number = number.parse().map_err(|_| takes())?;
    if link.is_empty() { Err(takes()) } else { Ok((link.to_owned(), number)) }
}
