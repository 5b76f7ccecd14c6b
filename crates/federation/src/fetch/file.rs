//! One file from its chunk list to its last chunk, each verified before it is written. Resumes with what is there.

use deskwire_engine::Refusal;
use deskwire_proto::transfer::{ChunkList, Part};
use deskwire_store::row::FileRow;
use tokio::time::Instant;

use deskwire_store::local::FileNo;

use super::partial::{Partial, whole};
use super::request::Stride;
use super::{Ended, Fetcher, announced_wrong, damaged};

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
        tracing::debug!(link = %self.link, bytes = row.size, missing = partial.missing(), "fetching a file");
        let (mut stride, mut after, mut landed) = (Stride::first(), 0, None);
        loop {
            if self.stop.is_requested() {
                return Err(Refusal::stopping().into());
            }
            let wanted = partial.next(after).and_then(|part| stride.within(part));
            let begun = Instant::now();
            // What has landed is checked and written while the next part is on its way.
            let got = match (landed.take(), wanted.clone()) {
                (None, None) if after == 0 => break,
                (None, None) => None,
                (None, Some((_, part))) => Some(self.part(row.blob, row.size, part).await?),
                (Some((first, bytes)), None) => {
                    partial = partial.store(first, bytes).await?;
                    None
                }
                (Some((first, bytes)), Some((_, part))) => {
                    let (stored, got) =
                        tokio::join!(partial.store(first, bytes), self.part(row.blob, row.size, part));
                    partial = stored?;
                    Some(got?)
                }
            };
            // At the end once more from the beginning: for what came wrong.
            after = 0;
            if let (Some(bytes), Some((run, _))) = (got, wanted) {
                stride.took(begun.elapsed());
                self.shared.counters.bytes_fetched.more(bytes.len() as u64);
                after = run.end;
                landed = Some((run.start, bytes));
            }
        }
        partial.finish().await
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
