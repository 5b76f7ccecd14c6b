//! Checks a stream of signed messages with nothing but its author's descriptor: no daemon, no store, no trust.
//!
//! ```text
//! curl -sk https://127.0.0.1:8441/.well-known/deskwire > acme.descriptor
//! deskwire log acme-service --data kassa --direction in --signed --json > log.json
//! cargo run -p deskwire-examples --bin check-log -- acme.descriptor log.json
//! ```
//!
//! One changed bit, a removed, added or swapped message is named. proto-spec, sections 2.4, 4.3 and 5.2.

use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use deskwire_api_types::{LogEntry, LogPage};
use deskwire_proto::cose::{Purpose, Sign1};
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::envelope::read_head;
use deskwire_proto::id::Hash;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]
fn main() -> ExitCode {
    match run() {
        Ok(words) => {
            println!("{words}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String> {
    let mut arguments = std::env::args().skip(1);
    let (Some(descriptor), Some(log)) = (arguments.next(), arguments.next()) else {
        bail!("usage: check-log DESCRIPTOR LOG.json");
    };
    let bytes = std::fs::read(&descriptor).with_context(|| format!("cannot read {descriptor}"))?;
    let author = match Descriptor::open(&bytes) {
        Ok(author) => author,
        Err(code) => bail!("{descriptor} is not a descriptor that holds: {code}"),
    };
    let text = std::fs::read_to_string(&log).with_context(|| format!("cannot read {log}"))?;
    let page: LogPage =
        serde_json::from_str(&text).context("the log is not what `deskwire log --json` prints")?;
    let mut before = None;
    for entry in &page.entries {
        let hash = check(entry, &author, before).with_context(|| format!("message {}", entry.seq))?;
        before = Some((entry.seq, hash));
    }
    Ok(format!("{} messages of {} hold: {}", page.entries.len(), author.body().name, author.desk()))
}

/// Checks one message: its signature, that it is what the log says, and that it follows the one before.
fn check(entry: &LogEntry, author: &Descriptor, before: Option<(u64, Hash)>) -> Result<Hash> {
    let hex = entry.signed_hex.as_deref().context("without its signed bytes: run `deskwire log --signed`")?;
    let signed =
        data_encoding::HEXLOWER.decode(hex.as_bytes()).context("its signed bytes are not hexadecimal")?;
    let parsed = match Sign1::parse(&signed) {
        Ok(parsed) => parsed,
        Err(code) => bail!("not a COSE_Sign1 of this protocol: {code}"),
    };
    let key =
        author.keys().key(parsed.key_id()).context("signed with a key that the author does not have")?;
    if let Err(code) = parsed.verify(Purpose::Message, key) {
        bail!("the signature does not fit: {code}");
    }
    let head = match read_head(&signed) {
        Ok(head) => head,
        Err(code) => bail!("the head cannot be read: {code}"),
    };
    ensure!(head.from == author.desk(), "written by another desk");
    ensure!(head.seq == entry.seq, "its signed number is {}", head.seq);
    let expected = match before {
        Some((seq, _)) if seq + 1 != head.seq => bail!("message {} is missing", seq + 1),
        Some((_, hash)) => Some(hash),
        None if head.seq == 1 => Some(head.link.into()),
        // The log begins in the middle: nothing is known of what came before.
        None => None,
    };
    ensure!(expected.is_none_or(|hash| hash == head.prev), "it does not follow the message before it");
    Ok(Hash::of(&signed))
}
