//! What the messages of a stream say to have seen, judged when both streams were read. proto-spec, sections 5.2 and 8.4.

use super::report::{Finding, Weight};
use super::stream::Walk;

/// Of findings of one kind in a stream the first are named: what follows from one cut helps nobody.
const NAMED: usize = 100;

/// Messages with numbers in a row that say the same. Only a receipt behind them tells which of them count.
#[derive(Debug, Clone, Copy)]
struct Run {
    first: u64,
    last: u64,
    seen: u64,
}

/// What one stream says to have seen of the other. What was left out or disowned says nothing.
#[derive(Debug, Default)]
pub(super) struct Seen(Vec<Run>);

impl Seen {
    /// Takes the next message into account.
    pub(super) fn add(&mut self, seq: u64, seen: u64) {
        match self.0.last_mut() {
            Some(run) if run.last + 1 == seq && run.seen == seen => run.last = seq,
            Some(_) | None => self.0.push(Run { first: seq, last: seq, seen }),
        }
    }

    fn messages(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().flat_map(|run| (run.first..=run.last).map(|seq| (seq, run.seen)))
    }
}

/// Judges the stream `by` against the `other` one, whose receipts its author signed.
pub(super) fn compare(by: &Walk, other: &Walk, findings: &mut Vec<Finding>) {
    let mut found = Found { author: by.author(), findings, named: [0; 3] };
    let mut promises = other.promises().to_vec();
    promises.sort_unstable();
    let mut promises = promises.into_iter().peekable();
    let (mut promised, mut highest) = (0, 0);
    for (seq, seen) in by.seen().messages() {
        while let Some((_, upto)) = promises.next_if(|(length, _)| *length < seq) {
            promised = promised.max(upto);
        }
        // Section 4.6: it is used for nothing.
        if by.is_refused_for_seen(seq) {
            continue;
        }
        if seen > other.length() {
            let there = other.length();
            let words =
                format!("It says to have seen {seen} messages of the other stream; {there} are there.");
            found.add(0, "seen-ahead", seq, Weight::Broken, words);
            continue;
        }
        if seen < highest {
            let words = "The message denies having seen what an earlier one had seen.".to_owned();
            found.add(1, "seen-falls", seq, Weight::Remark, words);
        }
        highest = highest.max(seen);
        if seen < promised {
            let words = format!(
                "Its author had signed a receipt for {promised} messages before, and denies it; a desk that was restored from a backup may."
            );
            found.add(2, "seen-behind-receipt", seq, Weight::Remark, words);
        }
    }
}

/// Where findings go, so many of each kind.
struct Found<'a> {
    author: deskwire_proto::id::DeskId,
    findings: &'a mut Vec<Finding>,
    named: [usize; 3],
}

impl Found<'_> {
    fn add(&mut self, kind: usize, code: &'static str, seq: u64, weight: Weight, words: String) {
        self.named[kind] += 1;
        if self.named[kind] <= NAMED {
            self.findings.push(Finding { code, words, weight, author: Some(self.author), seq: Some(seq) });
        }
    }
}
