//! A file being collected on this desk's disk: which chunks it has, and the check of the whole at the end.
//! All of this happens on threads that may block.

use std::sync::Arc;

use bytes::Bytes;
use deskwire_engine::{Fault, Reader, Refusal};
use deskwire_machine::chunks::{Plan, Verdict};
use deskwire_proto::id::Hash;
use deskwire_proto::transfer::{ChunkList, Part};
use deskwire_store::local::FileNo;
use deskwire_store::row::FileRow;
use deskwire_store::{BlobId, Blobs, Error, PartialBlob};

use super::{Ended, announced_wrong, damaged};
use crate::shared::Shared;

/// A file of which some chunks are here.
pub(crate) struct Partial {
    reader: Reader,
    no: FileNo,
    size: u64,
    /// Of the file on the disk: each announcement has its own.
    key: BlobId,
    id: BlobId,
    file: Arc<dyn PartialBlob>,
    plan: Plan,
}

/// The size of the blob if it is here already, announced by somebody else or left by a crash at the very end; it is
/// durable then.
pub(crate) async fn whole(blobs: &Arc<dyn Blobs>, blob: Hash) -> Result<Option<u64>, Ended> {
    let blobs = Arc::clone(blobs);
    on_disk(move || blobs.settle(&BlobId(*blob.as_bytes()))).await
}

/// Under which name an announced file is collected: a partner that announces a hash with another size or other chunks
/// than another one harms its own transfer alone.
fn key(no: FileNo, row: &FileRow) -> BlobId {
    let parts = [
        b"deskwire partial file".as_slice(),
        &no.0.to_be_bytes(),
        row.blob.as_bytes(),
        &row.size.to_be_bytes(),
        row.chunks.as_bytes(),
    ];
    BlobId(*Hash::of_parts(&parts).as_bytes())
}

impl Partial {
    /// Reserves the room, or goes on with the chunks that an earlier try has left, found by hashing them.
    pub(crate) async fn begin(
        shared: &Shared,
        no: FileNo,
        row: &FileRow,
        list: ChunkList,
    ) -> Result<Self, Ended> {
        let mut plan = Plan::new(row.size, list).map_err(|code| announced_wrong(code.as_str()))?;
        let (reader, floor) = (shared.engine.reader().clone(), shared.disk_floor);
        let (key, id, size) = (key(no, row), BlobId(*row.blob.as_bytes()), row.size);
        let begun = on_disk(move || {
            let blobs = Arc::clone(reader.blobs());
            let resumed = blobs.partial(&key)?.is_some_and(|partial| partial.size() == size);
            if !resumed && reader.keeper().free_bytes()? < floor.saturating_add(size) {
                return Ok(None);
            }
            let file = blobs.begin(&key, size)?;
            if resumed {
                for index in 0..plan.chunks() {
                    if plan.verify(index, &read_chunk(file.as_ref(), &plan, index)?).is_ok() {
                        plan.hold(index);
                    }
                }
            }
            Ok(Some(Self { reader, no, size, key, id, file, plan }))
        });
        let begun = begun.await?.ok_or_else(Refusal::disk_full)?;
        begun.tell();
        Ok(begun)
    }

    /// The file's number at this desk.
    pub(crate) const fn no(&self) -> FileNo {
        self.no
    }

    /// What it will hash to.
    pub(crate) const fn blob(&self) -> Hash {
        Hash::new(self.id.0)
    }

    /// The size it will have, bytes.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Chunks here from the first on.
    pub(crate) fn have(&self) -> u64 {
        self.plan.have()
    }

    /// Whether every chunk is here.
    pub(crate) fn is_complete(&self) -> bool {
        self.plan.is_complete()
    }

    /// Whether a part of the file has so many bytes.
    pub(crate) fn fits(&self, part: Part, bytes: usize) -> bool {
        part.range(self.size).is_ok_and(|range| range.end - range.start == bytes as u64)
    }

    /// The next run of missing chunks at or behind one.
    pub(super) fn next(&self, from: u64) -> Option<Part> {
        self.plan.next(from)
    }

    /// How many chunks are missing.
    pub(super) fn missing(&self) -> usize {
        self.plan.missing().count()
    }

    /// Shows how far it is.
    fn tell(&self) {
        let missing = self.plan.missing().map(|index| self.plan.range(index).unwrap_or_default());
        let missing: u64 = missing.map(|range| range.end - range.start).sum();
        self.reader.note_arrived(self.no, Some(self.size - missing));
    }

    /// Writes those of the chunks from `first` on that are the ones announced. One that is not is missing still, and
    /// so is asked for once more; the second time the file is given up.
    pub(crate) async fn store(mut self, first: u64, bytes: Bytes) -> Result<Self, Ended> {
        let (partial, wrong) = on_disk(move || {
            let mut wrong = None;
            let chunks: Vec<_> = self.plan.cut(first, &bytes).collect();
            for chunk in chunks {
                match chunk {
                    Ok(chunk) => {
                        self.file.write_at(chunk.bytes, chunk.offset)?;
                        self.plan.hold(chunk.index);
                    }
                    Err(mismatch) if self.plan.came_wrong(mismatch.index()) == Verdict::Damaged => {
                        wrong = Some(mismatch);
                    }
                    Err(_) => {}
                }
            }
            Ok((self, wrong))
        })
        .await?;
        partial.tell();
        wrong.map_or(Ok(partial), |mismatch| Err(damaged(&mismatch.to_string())))
    }

    /// Checks the whole and makes it a file of this desk, durably.
    pub(crate) async fn finish(self) -> Result<(), Ended> {
        let finished = on_disk(move || {
            let blobs = self.reader.blobs();
            match blobs.finish_as(&self.key, &self.id) {
                Ok(_) => Ok(true),
                Err(Error::BlobMismatch { .. }) => blobs.discard(&self.key).map(|()| false),
                Err(error) => Err(error),
            }
        });
        if finished.await? {
            Ok(())
        } else {
            Err(damaged("its chunks do not make the file that was announced"))
        }
    }
}

/// Takes away what is here of a file that will not come.
pub(super) async fn give_up(shared: &Shared, no: FileNo, row: &FileRow) -> Result<(), Ended> {
    let (blobs, key) = (Arc::clone(shared.engine.reader().blobs()), key(no, row));
    on_disk(move || blobs.discard(&key)).await
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
