//! One signed request for a part of a file, and how many chunks to ask for at once.

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

use super::{Ended, Fetcher, announced_wrong, damaged};
use crate::peer::{Call, Cause, Trouble};

/// For one part: eight chunks over a very slow line.
const DEADLINE: Duration = Duration::from_secs(600);
/// A part that took less is followed by a larger one, one that took more by a smaller.
const QUICK: Duration = Duration::from_secs(5);
const LONG: Duration = Duration::from_secs(20);

impl Fetcher {
    /// Asks for a part of a file of this size, and gets exactly its bytes.
    pub(super) async fn part(&self, blob: Hash, size: u64, part: Part) -> Result<Bytes, Ended> {
        let range = part.range(size).map_err(|code| announced_wrong(code.as_str()))?;
        let bytes = usize::try_from(range.end - range.start)
            .map_err(|_| announced_wrong("larger than this machine can take"))?;
        let now = self.shared.engine.now();
        match self.ask(blob, part, bytes, now).await {
            Err(Trouble { cause: Cause::Stale(time), .. }) => {
                let answer = self.ask(blob, part, bytes, Timestamp(time).max(now)).await;
                answer.map_err(refused)
            }
            Err(Trouble { cause: Cause::OtherSize, .. }) => {
                let answer = self.ask(blob, part, bytes, now).await;
                answer.map_err(refused)
            }
            outcome => outcome.map_err(refused),
        }
    }

    async fn ask(&self, blob: Hash, part: Part, bytes: usize, time: Timestamp) -> Result<Bytes, Trouble> {
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
        self.shared.call(self.link, &Call::bytes("blob", signed, bytes, DEADLINE)).await
    }
}

/// A refusal ends this file alone; everything else passes.
fn refused(trouble: Trouble) -> Ended {
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

    /// The beginning of a run of missing chunks, and which chunks that are; nothing for a part that is no run.
    pub(crate) fn within(self, part: Part) -> Option<(Range<u64>, Part)> {
        let Part::Chunks { first, count } = part else { return None };
        let part = self.part(first, count);
        let Part::Chunks { count, .. } = part else { return None };
        Some((first..first + count.get(), part))
    }

    pub(crate) fn took(&mut self, time: Duration) {
        self.0 = match time {
            quick if quick < QUICK => (self.0 * 2).min(CHUNKS_PER_REQUEST),
            long if long > LONG => (self.0 / 2).max(1),
            _ => self.0,
        };
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
        let count = |count| ChunkCount::new(count).unwrap();
        assert_eq!(Stride(8).part(3, count(2)), Part::Chunks { first: 3, count: count(2) });
        assert_eq!(Stride(1).part(3, count(2)), Part::Chunks { first: 3, count: count(1) });
    }
}
