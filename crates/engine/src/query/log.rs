//! The signed streams of a link, readable.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use deskwire_proto::cbor;
use deskwire_proto::cose::Sign1;
use deskwire_proto::envelope::{Head, read_head, text_body};
use deskwire_proto::id::{Hash, KeyId};
use deskwire_proto::time::Timestamp;
use deskwire_store::Direction;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::row::{Refused, SentRow, StreamRow};
use deskwire_store::table::{RECEIPTS, RECEIVED, Rows, SENT, THREADS};
use deskwire_store::{EntryRef, Text};

use super::delivery::is_unsupported;
use super::lookup::broken;
use crate::project::stream::read_receipt;
use crate::{Reader, Refusal};

/// One of a link's two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// This desk's own.
    Out,
    /// The partner's.
    In,
}

/// A part of a stream.
#[derive(Debug, Clone)]
pub struct LogPage {
    /// Length of the whole stream.
    pub length: u64,
    /// The messages, in the order of their numbers.
    pub entries: Vec<LogEntry>,
    /// First number of the next page; nothing on the last.
    pub next: Option<u64>,
}

/// One signed message.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// Its signed head.
    pub head: Head,
    /// SHA-256 of the signed bytes.
    pub hash: Hash,
    /// The key that signed.
    pub key: KeyId,
    /// What came of it.
    pub outcome: Outcome,
    /// When the receiver committed it first, as far as that is known here.
    pub committed: Option<Timestamp>,
    /// The facts as JSON.
    pub facts: String,
    /// The text part without its random bytes, as JSON.
    pub text: Option<String>,
    /// Whether the text part was erased.
    pub erased: bool,
    /// The signed bytes.
    pub signed: Vec<u8>,
}

/// What came of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Taken in.
    Applied,
    /// Refused.
    Refused(Refused),
    /// Not understood.
    Unsupported(Refused),
    /// No receipt covers it.
    Unacknowledged,
}

/// A part of one of a link's streams, from the message with the number `from` on.
///
/// # Errors
/// When the store fails.
pub fn log(reader: &Reader, link: LinkNo, way: Way, from: u64, limit: usize) -> Result<LogPage, Refusal> {
    let stream = reader.stream(link)?;
    let length = match way {
        Way::Out => stream.out_length,
        Way::In => stream.in_length,
    };
    let first = from.max(1);
    let last = length.min(first.saturating_add(limit as u64).saturating_sub(1));
    let times = match way {
        Way::Out => receipt_times(reader, link, first, last)?,
        Way::In => BTreeMap::new(),
    };
    let entries = (first..=last).map(|seq| match way {
        Way::Out => sent(reader, link, seq, &stream, &times),
        Way::In => received(reader, link, seq),
    });
    let next = (last < length).then_some(last + 1);
    Ok(LogPage { length, entries: entries.collect::<Result<_, _>>()?, next })
}

/// When the partner first committed the messages `first ..= last`, as far as its receipts tell.
fn receipt_times(
    reader: &Reader,
    link: LinkNo,
    first: u64,
    last: u64,
) -> Result<BTreeMap<u64, Timestamp>, Refusal> {
    let mut receipts = Vec::new();
    reader.rows().scan(RECEIPTS, &link, Some(&(link, first)), Direction::Forward, &mut |(_, upto), at| {
        receipts.push(at);
        Ok(if upto < last { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    let mut times = BTreeMap::new();
    for at in receipts {
        let Record::ReceiptTaken { receipt, .. } = reader.record(at)? else {
            return Err(broken("a receipt that is another record"));
        };
        let receipt = read_receipt(&receipt).ok_or_else(|| broken("a receipt that was taken"))?;
        // Of receipts that contradict each other the first stands.
        for (seq, time) in receipt.commit_times().filter(|(seq, _)| (first..=last).contains(seq)) {
            times.entry(seq).or_insert(time);
        }
    }
    Ok(times)
}

fn sent(
    reader: &Reader,
    link: LinkNo,
    seq: u64,
    stream: &StreamRow,
    times: &BTreeMap<u64, Timestamp>,
) -> Result<LogEntry, Refusal> {
    let row = reader.rows().get(SENT, &(link, seq))?.ok_or_else(|| broken("a message has no row"))?;
    let Record::Numbered { signed, hash, .. } = reader.record(row.signed)? else {
        return Err(broken("a numbered message is another record"));
    };
    let outcome = match row.aside.clone().map_or_else(|| refusal(reader, link, &row), |why| Ok(Some(why)))? {
        Some(why) => not_applied(why),
        None if seq <= stream.acked => Outcome::Applied,
        None => Outcome::Unacknowledged,
    };
    entry(reader, row.item, (signed.into_vec(), hash), (outcome, times.get(&seq).copied()))
}

/// Why an own message has no effect at the partner, as it is marked where the message is shown.
fn refusal(reader: &Reader, link: LinkNo, row: &SentRow) -> Result<Option<Refused>, Refusal> {
    let Some(key) = &row.thread else { return Ok(None) };
    let thread = reader.rows().get(THREADS, key)?;
    let shared = thread.into_iter().flat_map(|thread| thread.shared);
    Ok(shared
        .filter(|shared| shared.link == link && shared.order == row.order)
        .find_map(|shared| shared.refused))
}

fn received(reader: &Reader, link: LinkNo, seq: u64) -> Result<LogEntry, Refusal> {
    let row = reader.rows().get(RECEIVED, &(link, seq))?.ok_or_else(|| broken("a message has no row"))?;
    let Record::Received(message) = reader.record(row.entry)? else {
        return Err(broken("a received message is another record"));
    };
    let outcome = match (row.refused, row.aside) {
        (Some((true, why)), _) => Outcome::Unsupported(why),
        (Some((false, why)), _) | (None, Some(why)) => Outcome::Refused(why),
        (None, None) => Outcome::Applied,
    };
    entry(reader, row.entry, (message.signed.into_vec(), row.hash), (outcome, Some(row.at)))
}

fn not_applied(why: Refused) -> Outcome {
    if is_unsupported(&why) { Outcome::Unsupported(why) } else { Outcome::Refused(why) }
}

/// `text_at` is the entry beside which the text part is stored.
fn entry(
    reader: &Reader,
    text_at: EntryRef,
    (signed, hash): (Vec<u8>, Hash),
    (outcome, committed): (Outcome, Option<Timestamp>),
) -> Result<LogEntry, Refusal> {
    let head = read_head(&signed).map_err(|_| broken("a stored message has no head"))?;
    let key = Sign1::parse(&signed).map_err(|_| broken("a stored message is not signed"))?.key_id();
    let facts = cbor::to_json_text(&head.facts).unwrap_or_else(|_| hexadecimal(&head.facts));
    let (text, erased) = match reader.entry(text_at)?.text {
        Text::None => (None, false),
        Text::Erased(_) => (None, true),
        Text::Kept(part) => (Some(readable(&part)), false),
    };
    Ok(LogEntry { head, hash, key, outcome, committed, facts, text, erased, signed })
}

/// A text part as JSON; one that is not well formed, for which its message was refused, as hexadecimal digits.
fn readable(part: &[u8]) -> String {
    let body = text_body(part).and_then(|body| cbor::to_json_text(body).ok());
    body.unwrap_or_else(|| hexadecimal(part))
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2 + 2);
    text.push('"');
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a String takes any write");
    }
    text.push('"');
    text
}
