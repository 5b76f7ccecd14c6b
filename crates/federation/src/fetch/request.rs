//! One signed request for a part of a file, and how many chunks to ask for at once.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use deskwire_machine::retry::Failure;
use deskwire_proto::document::{Signed, V1};
use deskwire_proto::id::Hash;
use deskwire_proto::limits::CHUNKS_PER_REQUEST;
use deskwire_proto::number::ChunkCount;
use deskwire_proto::time::Timestamp;
use deskwire_proto::transfer::{BlobRequest, Part};
use deskwire_store::row::FileRow;

use super::{Ended, Fetcher, announced_wrong, damaged};
use crate::peer::{Answer, Call, Cause, Pieces, Trouble};

/// For one part: eight chunks over a very slow line.
const DEADLINE: Duration = Duration::from_secs(600);
/// A part that took less is followed by a larger one, one that took more by a smaller.
const QUICK: Duration = Duration::from_secs(5);
const LONG: Duration = Duration::from_secs(20);

impl Fetcher {
    /// Asks for a part of a file of this size, and gets exactly its bytes.
    pub(super) async fn part(&self, blob: Hash, size: u64, part: Part) -> Result<Bytes, Ended> {
        let whole = async || self.ask(blob, size, part).await?.whole().await;
        let got = match whole().await {
            Err(Trouble { cause: Cause::OtherSize, .. }) => whole().await,
            other => other,
        };
        got.map_err(refused)
    }

    /// Asks for chunks that follow each other; their bytes as they come.
    pub(super) async fn open(&self, row: &FileRow, run: &Range<u64>) -> Result<Pieces, Ended> {
        let count = ChunkCount::new(run.end.saturating_sub(run.start));
        let count = count.map_err(|_| announced_wrong("its chunks cannot be counted"))?;
        let part = Part::Chunks { first: run.start, count };
        Ok(self.ask(row.blob, row.size, part).await.map_err(refused)?.pieces())
    }

    /// Asks for a part; once more if the clocks differ.
    async fn ask(&self, blob: Hash, size: u64, part: Part) -> Result<Answer, Trouble> {
        let range = part.range(size).map_err(|_| no_such_part())?;
        let bytes = usize::try_from(range.end - range.start).map_err(|_| no_such_part())?;
        let now = self.shared.engine.now();
        match self.ask_at(blob, part, bytes, now).await {
            Err(Trouble { cause: Cause::Stale(time), .. }) => {
                self.ask_at(blob, part, bytes, Timestamp(time).max(now)).await
            }
            outcome => outcome,
        }
    }

    async fn ask_at(&self, blob: Hash, part: Part, bytes: usize, time: Timestamp) -> Result<Answer, Trouble> {
        let partner = self.shared.partner(self.link).ok().flatten().ok_or_else(|| {
            Trouble::new(Failure::Unreachable, "unknown-link", "The link is gone.".to_owned())
        })?;
        let identity = self.shared.engine.identity();
        let request = BlobRequest {
            v: V1,
            to: partner.desk(),
            blob,
            from: identity.desk(),
            link: partner.row.link,
            part,
            time: self.lane.time_for(time),
        };
        let signed = Signed::seal(request, identity.secret()).into_parts().0;
        self.shared.open(self.link, &Call::bytes("blob", signed, bytes, DEADLINE)).await
    }
}

/// Nothing that a list of chunks that fits asks for.
fn no_such_part() -> Trouble {
    let words = "The file that was announced has no such part.".to_owned();
    Trouble::new(Failure::Refused, "file-announced-wrongly", words)
}

/// A refusal ends this file alone; everything else passes.
pub(super) fn refused(trouble: Trouble) -> Ended {
    if trouble.cause == Cause::OtherSize {
        return damaged("it has another size than was announced");
    }
    if trouble.failure != Failure::Refused {
        return Ended::Later(trouble);
    }
    let words = format!("{} The file was not fetched; ask the partner to send it again.", trouble.words);
    Ended::Failed(trouble.code, words)
}

/// How many chunks the next request asks for: as many as come in a few seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stride(u64);

impl Stride {
    pub(crate) const fn first() -> Self {
        Self(1)
    }

    /// The beginning of a run of missing chunks.
    pub(crate) fn part(self, first: u64, run: ChunkCount) -> Part {
        Part::Chunks { first, count: ChunkCount::new(run.get().min(self.0)).unwrap_or(run) }
    }

    /// Whether requests are as large as they may be.
    pub(super) const fn is_full(self) -> bool {
        self.0 == CHUNKS_PER_REQUEST
    }

    pub(crate) fn took(&mut self, time: Duration) {
        self.0 = match time {
            quick if quick < QUICK => (self.0 * 2).min(CHUNKS_PER_REQUEST),
            long if long > LONG => (self.0 / 2).max(1),
            _ => self.0,
        };
    }
}

/// The chunks that nobody has asked for yet.
pub(super) struct Holes(VecDeque<Range<u64>>);

impl Holes {
    /// All of these, rising.
    pub(super) fn new(holes: Vec<Range<u64>>) -> Self {
        Self(holes.into())
    }

    /// The next chunks to ask for, as many as one request may be for.
    pub(super) fn next(&mut self, stride: Stride) -> Option<Range<u64>> {
        let hole = self.0.front_mut()?;
        let run = hole.start..hole.end.min(hole.start.saturating_add(stride.0));
        hole.start = run.end;
        if hole.is_empty() {
            self.0.pop_front();
        }
        Some(run)
    }
}

#[cfg(test)]
mod tests {
    //! A slow line gets small requests that finish, a fast one large requests.
    use super::*;

    #[test]
    fn requests_grow_on_fast_lines_and_shrink_on_slow_ones() {
        let mut stride = Stride::first();
        for expected in [2, 4, 8, 8] {
            stride.took(Duration::from_secs(1));
            assert_eq!(stride.0, expected);
        }
        for expected in [4, 2, 1, 1] {
            stride.took(Duration::from_secs(60));
            assert_eq!(stride.0, expected);
        }
        stride.took(Duration::from_secs(10));
        assert_eq!(stride.0, 1);
        assert!(Stride(8).is_full() && !stride.is_full());
        let count = |count| ChunkCount::new(count).unwrap();
        assert_eq!(Stride(8).part(3, count(2)), Part::Chunks { first: 3, count: count(2) });
        assert_eq!(Stride(1).part(3, count(2)), Part::Chunks { first: 3, count: count(1) });
    }

    #[test]
    fn what_is_missing_is_asked_for_once() {
        let mut holes = Holes::new(vec![2..3, 5..25]);
        let asked: Vec<_> = std::iter::from_fn(|| holes.next(Stride(8))).collect();
        assert_eq!(asked, [2..3, 5..13, 13..21, 21..25]);
    }
}
