//! Comments at a steady pace, and how long each is on its way.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use deskwire_api_types::{Direction, LogEntry, LogQuery};
use deskwire_client::Client;
use serde::Serialize;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use super::{pair::Pair, spread::Spread};
use crate::{
    failure::{self, Failure},
    render::{Fields, Style},
};

/// Most entries that a page of a stream may have.
const PAGE: u32 = 500;
/// How often the sender is asked which receipts it has.
const LOOK: Duration = Duration::from_millis(2);
/// Where the numbers of these texts begin, away from those of other runs.
const FIRST: u64 = 1 << 40;

/// How fast comments go in.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Pace {
    /// Comments per second.
    pub(super) per_second: u64,
    /// For so many seconds.
    pub(super) seconds: u64,
    /// Size of each, bytes.
    pub(super) size: u64,
}

/// How long comments took.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Paced {
    /// Comments that were written.
    pub(super) messages: u64,
    /// From the call until it was answered: the comment durable at the sender.
    pub(super) api_ms: Spread,
    /// From the call to the commit at the receiver, by the time that it stored with the message, to the millisecond.
    pub(super) commit_ms: Spread,
    /// From the call until the receipt was durable at the sender, as seen by asking every two milliseconds.
    pub(super) receipt_ms: Spread,
}

/// One comment that was written.
struct Written {
    body: String,
    /// When the call began, by the clock that daemons tell times by, milliseconds since 1970.
    clock: f64,
    begun: Instant,
    answered: Instant,
}

/// A number of receipts that the sender was seen to have, and when.
type Seen = (Instant, u64);

pub(super) async fn run(pair: &Pair, pace: Pace) -> Result<Paced, Failure> {
    let length = pair.drained().await?.out.length;
    let count = pace.per_second * pace.seconds;
    let watch = tokio::spawn(watch(pair.sender().clone(), pair.names().link.clone(), length + count));
    let written = write(pair, pace, (length, count)).await?;
    pair.drained().await?;
    let seen = watch.await.map_err(|error| failure::usage(error.to_string()))??;
    let entries = entries(pair, length + 1).await?;
    figures(&written, &entries, &seen)
}

/// Writes so many comments, each at its time whatever became of those before.
async fn write(pair: &Pair, pace: Pace, (length, count): (u64, u64)) -> Result<Vec<Written>, Failure> {
    let mut calls = JoinSet::new();
    let start = Instant::now();
    for number in 0..count {
        let writer = pair.writer(pace.size);
        let at = start + Duration::from_secs_f64(number as f64 / pace.per_second as f64);
        let body = writer.body(FIRST + length + number);
        calls.spawn(async move {
            sleep_until(at).await;
            let (clock, begun) = (clock(), Instant::now());
            writer.write(body.clone()).await?;
            Ok::<_, Failure>(Written { body, clock, begun, answered: Instant::now() })
        });
    }
    let mut written = Vec::new();
    while let Some(done) = calls.join_next().await {
        written.push(done.map_err(|error| failure::usage(error.to_string()))??);
    }
    Ok(written)
}

/// Notes when the sender has how many receipts, until it has as many as this.
async fn watch(sender: Client, link: String, last: u64) -> Result<Vec<Seen>, Failure> {
    let mut seen: Vec<Seen> = Vec::new();
    loop {
        let acknowledged = sender.link(&link).await?.out.acknowledged;
        if seen.last().is_none_or(|(_, before)| acknowledged > *before) {
            seen.push((Instant::now(), acknowledged));
        }
        if acknowledged >= last {
            return Ok(seen);
        }
        sleep(LOOK).await;
    }
}

/// The sender's stream from this number on, as the receiver has it, by the text: ids differ on every link.
async fn entries(pair: &Pair, from: u64) -> Result<HashMap<String, LogEntry>, Failure> {
    let mut entries = HashMap::new();
    let mut next = Some(from);
    while let Some(from) = next {
        let direction = Some(Direction::In);
        let query = LogQuery { direction, from: Some(from), limit: Some(PAGE), signed: None };
        let page = pair.receiver().log(&pair.names().their_link, &query).await?;
        let body = |entry: &LogEntry| entry.text.as_ref()?.get("body")?.as_str().map(str::to_owned);
        entries.extend(page.entries.into_iter().filter_map(|entry| Some((body(&entry)?, entry))));
        next = page.next;
    }
    Ok(entries)
}

fn figures(
    written: &[Written],
    entries: &HashMap<String, LogEntry>,
    seen: &[Seen],
) -> Result<Paced, Failure> {
    let (mut api, mut commit, mut receipt) = (Vec::new(), Vec::new(), Vec::new());
    for comment in written {
        let entry = entries.get(&comment.body).ok_or_else(missing)?;
        let committed = entry.committed.ok_or_else(missing)?;
        let back = arrival(seen, entry.seq).ok_or_else(missing)?;
        api.push(millis(comment.answered - comment.begun));
        // The receiver's milliseconds are cut off, so a commit within the same one may seem to lie before the call.
        commit.push((committed.millis() as f64 - comment.clock).max(0.0));
        receipt.push(millis(back.saturating_duration_since(comment.begun)));
    }
    Ok(Paced {
        messages: written.len() as u64,
        api_ms: Spread::of(api),
        commit_ms: Spread::of(commit),
        receipt_ms: Spread::of(receipt),
    })
}

impl Paced {
    /// For people.
    pub(super) fn render(&self, per_second: u64, style: Style) -> String {
        let title = format!("{} comments, {per_second} a second", self.messages);
        let fields = Fields::default()
            .put("durable here", self.api_ms.to_string())
            .put("committed there", format!("{} (by its stored time)", self.commit_ms))
            .put("receipt here", format!("{} (asked every 2 ms)", self.receipt_ms));
        format!("\n{}\n{}", style.bold(&title), fields.render(style))
    }
}

/// When the receipt for this number was first seen.
fn arrival(seen: &[Seen], seq: u64) -> Option<Instant> {
    let place = seen.partition_point(|(_, acknowledged)| *acknowledged < seq);
    seen.get(place).map(|(at, _)| *at)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn clock() -> f64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn missing() -> Failure {
    let detail = "A comment is not in the receiver's log, although its receipt is back.";
    failure::refused(
        "bench-differs",
        "The desks do not agree",
        detail,
        "This is a fault of Deskwire: please report it.",
    )
}

#[cfg(test)]
mod tests {
    //! A latency that is taken from the wrong message is no latency.
    use super::*;

    #[test]
    fn a_receipt_for_several_messages_counts_for_each_of_them_from_when_it_came() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let seen = [(at(0), 4), (at(10), 5), (at(30), 8)];
        assert_eq!(arrival(&seen, 4), Some(at(0)));
        assert_eq!(arrival(&seen, 5), Some(at(10)));
        assert_eq!(arrival(&seen, 6), Some(at(30)));
        assert_eq!(arrival(&seen, 8), Some(at(30)));
        assert_eq!(arrival(&seen, 9), None);
    }
}
