//! The signed streams.

use deskwire_api_types as api;
use deskwire_engine::query::{LogEntry, LogPage, Outcome, Way};
use serde_json::Value;

use super::time;

/// A part of one stream; the signed bytes are added on request.
pub(crate) fn page(link: String, way: Way, page: &LogPage, signed: bool) -> api::LogPage {
    api::LogPage {
        link,
        direction: direction(way),
        length: page.length,
        entries: page.entries.iter().map(|message| entry(message, signed)).collect(),
        next: page.next,
    }
}

pub(super) const fn direction(way: Way) -> api::Direction {
    match way {
        Way::Out => api::Direction::Out,
        Way::In => api::Direction::In,
    }
}

pub(super) fn entry(entry: &LogEntry, signed: bool) -> api::LogEntry {
    let head = &entry.head;
    let (outcome, why) = match &entry.outcome {
        Outcome::Applied => (api::LogOutcome::Applied, None),
        Outcome::Refused(why) => (api::LogOutcome::Refused, Some(why)),
        Outcome::Unsupported(why) => (api::LogOutcome::Unsupported, Some(why)),
        Outcome::Unacknowledged => (api::LogOutcome::Unacknowledged, None),
    };
    api::LogEntry {
        seq: head.seq,
        time: time(head.time),
        kind: head.kind.to_string(),
        item: head.item.to_string(),
        delegation: head.delegation.map(|id| id.to_string()),
        hash: entry.hash.to_string(),
        prev: head.prev.to_string(),
        seen: head.seen,
        key_id: entry.key.to_string(),
        outcome,
        code: why.map(|why| why.code.to_string()),
        words: why.map(|why| why.words.to_string()),
        committed: entry.committed.map(time),
        facts: json(&entry.facts),
        text: entry.text.as_deref().map(json),
        erased: entry.erased,
        signed_hex: signed.then(|| hexadecimal(&entry.signed)),
    }
}

/// JSON text of the engine; numbers beyond what JSON readers agree on stay text.
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a String takes any write");
    }
    text
}
