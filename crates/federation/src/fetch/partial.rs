//! A file being collected on this desk's disk: which chunks it has, and the check of the whole at the end.
//! All of this happens on threads that may block.

use std::sync::Arc;

use bytes::Bytes;
use deskwire_engine::{Fault, Refusal};
use deskwire_machine::chunks::{Plan, Verdict};
use deskwire_proto::id::Hash;
use deskwire_proto::transfer::{ChunkList, Part};
use deskwire_store::row::FileRow;
use deskwire_store::{BlobId, Blobs, Error, PartialBlob};

use super::{Ended, announced_wrong, damaged};

pub(super) struct Partial {
    blobs: Arc<dyn Blobs>,
    id: BlobId,
    file: Arc<dyn PartialBlob>,
    plan: Plan,
}

/// The size of the blob if it is here already, announced by somebody else or left by a crash at the very end.
pub(super) async fn whole(blobs: &Arc<dyn Blobs>, blob: Hash) -> Result<Option<u64>, Ended> {
    let blobs = Arc::clone(blobs);
    on_disk(move || blobs.size(&BlobId(*blob.as_bytes()))).await
}

impl Partial {
    /// Reserves the room, or goes on with the chunks that an earlier try has left, found by hashing them.
    pub(super) async fn begin(blobs: &Arc<dyn Blobs>, row: &FileRow, list: ChunkList) -> Result<Self, Ended> {
        let mut plan = Plan::new(row.size, list).map_err(|code| announced_wrong(code.as_str()))?;
        let (blobs, id, size) = (Arc::clone(blobs), BlobId(*row.blob.as_bytes()), row.size);
        on_disk(move || {
            let resumed = blobs.partial(&id)?.is_some_and(|partial| partial.size() == size);
            let file = blobs.begin(&id, size)?;
            if resumed {
                for index in 0..plan.chunks() {
                    if plan.verify(index, &read_chunk(file.as_ref(), &plan, index)?).is_ok() {
                        plan.hold(index);
                    }
                }
            }
            Ok(Self { blobs, id, file, plan })
        })
        .await
    }

    /// The next run of missing chunks.
    pub(super) fn next(&self) -> Option<Part> {
        self.plan.next(0)
    }

    /// How many chunks are missing.
    pub(super) fn missing(&self) -> usize {
        self.plan.missing().count()
    }

    /// Writes those of the chunks from `first` on that are the ones announced. One that is not is missing still, and
    /// so is asked for once more; the second time the file is given up.
    pub(super) async fn store(self, first: u64, bytes: Bytes) -> Result<Self, Ended> {
        let Self { blobs, id, file, mut plan } = self;
        let (partial, wrong) = on_disk(move || {
            let mut wrong = None;
            let chunks: Vec<_> = plan.cut(first, &bytes).collect();
            for chunk in chunks {
                match chunk {
                    Ok(chunk) => {
                        file.write_at(chunk.bytes, chunk.offset)?;
                        plan.hold(chunk.index);
                    }
                    Err(mismatch) if plan.came_wrong(mismatch.index()) == Verdict::Damaged => {
                        wrong = Some(mismatch);
                    }
                    Err(_) => {}
                }
            }
            Ok((Self { blobs, id, file, plan }, wrong))
        })
        .await?;
        wrong.map_or(Ok(partial), |mismatch| Err(damaged(&mismatch.to_string())))
    }

    /// Checks the whole and makes it a file of this desk.
    pub(super) async fn finish(self) -> Result<(), Ended> {
        let Self { blobs, id, .. } = self;
        let finished = on_disk(move || match blobs.finish(&id) {
            Ok(_) => Ok(true),
            Err(Error::BlobMismatch { .. }) => blobs.discard(&id).map(|()| false),
            Err(error) => Err(error),
        });
        if finished.await? {
            Ok(())
        } else {
            Err(damaged("its chunks do not make the file that was announced"))
        }
    }
}

fn read_chunk(file: &dyn PartialBlob, plan: &Plan, index: u64) -> deskwire_store::Result<Vec<u8>> {
    let range = plan.range(index).unwrap_or_default();
    let mut chunk = vec![0; usize::try_from(range.end - range.start).unwrap_or_default()];
    let mut done = 0;
    while done < chunk.len() {
        match file.read_at(&mut chunk[done..], range.start + done as u64)? {
            0 => break,
            count => done += count,
        }
    }
    chunk.truncate(done);
    Ok(chunk)
}

/// Runs work on the disk where it may block. A full disk passes by itself.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> deskwire_store::Result<T> + Send + 'static,
) -> Result<T, Ended> {
    let Ok(done) = tokio::task::spawn_blocking(work).await else {
        let next = "The log of the daemon has more.";
        return Err(Refusal::new(Fault::Ours, "internal", "Work on the disk was given up.", next).into());
    };
    done.map_err(
        |error| if error.is_full() { Refusal::disk_full().into() } else { Refusal::from(error).into() },
    )
}
