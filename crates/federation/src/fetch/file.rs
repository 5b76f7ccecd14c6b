//! One file from its chunk list to its last chunk. Resumes with what is there.

use std::ops::Range;

use bytes::Bytes;
use deskwire_engine::Refusal;
use deskwire_proto::limits::CHUNK_BYTES;
use deskwire_proto::transfer::{ChunkList, Part};
use deskwire_store::local::FileNo;
use deskwire_store::row::FileRow;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::partial::{Landed, Partial, whole};
use super::request::{Holes, Stride, refused};
use super::{Ended, Fetcher, announced_wrong, damaged};
use crate::peer::{Cause, Pieces, Trouble};

/// Chunks that have come and wait to be checked and written.
const LANDING: usize = 4;

/// A request that is answered: for which chunks, and their bytes as they come.
type Opened = (Range<u64>, Pieces);

impl Fetcher {
    /// Fetches one file.
    pub(super) async fn fetch(&self, no: FileNo, row: &FileRow) -> Ended {
        // What a partner brings at the same time waits.
        let mut incoming = self.lane.incoming.lock().await;
        incoming.clear();
        match self.try_fetch(no, row).await {
            Ok(()) => Ended::Here,
            Err(ended) => ended,
        }
    }

    async fn try_fetch(&self, no: FileNo, row: &FileRow) -> Result<(), Ended> {
        let blobs = self.shared.engine.reader().blobs();
        match whole(blobs, row.blob).await? {
            Some(size) if size == row.size => return Ok(()),
            Some(_) => return Err(announced_wrong("its size is another one")),
            None => {}
        }
        let list = self.chunk_list(row).await?;
        let mut partial = Partial::begin(&self.shared, no, row, list).await?;
        tracing::debug!(link = %self.link, bytes = row.size, here = partial.have(), "fetching a file");
        // More than once only for what came wrong.
        while !partial.is_complete() {
            partial = self.pass(row, partial).await?;
        }
        partial.finish().await
    }

    /// Asks once for everything that is missing. What comes is checked and written while more is on its way.
    async fn pass(&self, row: &FileRow, partial: Partial) -> Result<Partial, Ended> {
        let mut holes = Holes::new(partial.holes());
        let (landing, landed) = mpsc::channel(LANDING);
        let (asked, stored) =
            tokio::join!(self.ask_for_all(row, &mut holes, landing), partial.store_landing(landed));
        // If nothing more could be stored, that is why nothing more was asked for.
        let partial = stored?;
        asked.map(|()| partial)
    }

    /// Asks for the chunks in holes and hands them over. On a fast line the next request is made while the answer to the
    /// one before it still comes.
    async fn ask_for_all(
        &self,
        row: &FileRow,
        holes: &mut Holes,
        landing: mpsc::Sender<Landed>,
    ) -> Result<(), Ended> {
        let mut stride = Stride::first();
        let mut ahead = None;
        while !landing.is_closed() {
            if self.stop.is_requested() {
                return Err(Refusal::stopping().into());
            }
            let (run, answer) = match ahead.take() {
                Some(opened) => opened,
                None => match holes.next(stride) {
                    Some(run) => (run.clone(), self.open(row, &run).await?),
                    None => return Ok(()),
                },
            };
            let next = if stride.is_full() { holes.next(stride) } else { None };
            let begun = Instant::now();
            let (landed, opened) =
                tokio::join!(self.land(row, &run, answer, &landing), self.open_ahead(row, next));
            landed?;
            stride.took(begun.elapsed());
            ahead = opened?;
        }
        Ok(())
    }

    async fn open_ahead(&self, row: &FileRow, run: Option<Range<u64>>) -> Result<Option<Opened>, Ended> {
        let Some(run) = run else { return Ok(None) };
        let answer = self.open(row, &run).await?;
        Ok(Some((run, answer)))
    }

    /// Hands the chunks of an answer over, one by one. An answer of another size is asked for once more.
    async fn land(
        &self,
        row: &FileRow,
        run: &Range<u64>,
        answer: Pieces,
        landing: &mpsc::Sender<Landed>,
    ) -> Result<(), Ended> {
        let landed = match self.cut(row, run, answer, landing).await {
            Err(Trouble { cause: Cause::OtherSize, .. }) => {
                let again = self.open(row, run).await?;
                self.cut(row, run, again, landing).await
            }
            other => other,
        };
        landed.map_err(refused)
    }

    async fn cut(
        &self,
        row: &FileRow,
        run: &Range<u64>,
        mut answer: Pieces,
        landing: &mpsc::Sender<Landed>,
    ) -> Result<(), Trouble> {
        let mut rest = Bytes::new();
        for index in run.clone() {
            let (mut pieces, mut missing) = (Vec::new(), chunk_size(row.size, index));
            while missing > 0 {
                if rest.is_empty() {
                    rest = answer.next().await?.ok_or_else(|| answer.other_size())?;
                }
                let piece = rest.split_to(rest.len().min(missing));
                missing -= piece.len();
                self.shared.counters.bytes_fetched.more(piece.len() as u64);
                pieces.push(piece);
            }
            if landing.send(Landed { index, pieces }).await.is_err() {
                return Ok(());
            }
        }
        match rest.is_empty() && answer.next().await?.is_none() {
            true => Ok(()),
            false => Err(answer.other_size()),
        }
    }

    /// The chunk list; a wrong one is asked for once more.
    async fn chunk_list(&self, row: &FileRow) -> Result<ChunkList, Ended> {
        for _ in 0..2 {
            let bytes = self.part(row.blob, row.size, Part::ChunkList).await?;
            if let Ok(list) = ChunkList::decode(&bytes, row.size, row.chunks) {
                return Ok(list);
            }
        }
        Err(damaged("its list of chunks does not fit"))
    }
}

/// How many bytes a chunk of a file of this size has.
fn chunk_size(size: u64, index: u64) -> usize {
    let rest = size.saturating_sub(index.saturating_mul(CHUNK_BYTES as u64));
    usize::try_from(rest).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES)
}
