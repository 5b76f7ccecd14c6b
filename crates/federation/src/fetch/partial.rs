//! A file being collected on this desk's disk: which chunks it has, and the check of the whole at the end.
//! All of this happens on threads that may block.

use std::collections::BTreeSet;
use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use deskwire_engine::query::partial_key;
use deskwire_engine::{Fault, Reader, Refusal};
use deskwire_machine::chunks::{Mismatch, Plan, Prefix, Verdict};
use deskwire_proto::id::Hash;
use deskwire_proto::limits::CHUNK_BYTES;
use deskwire_proto::transfer::{ChunkList, Part};
use deskwire_store::local::FileNo;
use deskwire_store::row::{FileRow, FileState};
use deskwire_store::table::{FILES, Rows};
use deskwire_store::{BlobId, Blobs, Error, PartialBlob};
use tokio::sync::mpsc;

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
    /// The hash of the beginning, as far as it is here.
    prefix: Prefix,
    /// Each chunk is compared with the list when it comes. Until then, one that comes behind those that are here is known by
    /// the hash of the whole.
    by_list: bool,
}

/// A chunk that came, in the pieces in which it came.
pub(super) struct Landed {
    pub(super) index: u64,
    pub(super) pieces: Vec<Bytes>,
}

/// After so many bytes the disk begins to take what was written; what it has taken, of so much that came before, leaves
/// the memory.
const STRETCH: u64 = 4 << 20;
const TAKEN: u64 = 32 << 20;

/// The size of the blob if it is here already, announced by somebody else or left by a crash at the very end; it is
/// durable then.
pub(crate) async fn whole(blobs: &Arc<dyn Blobs>, blob: Hash) -> Result<Option<u64>, Ended> {
    let blobs = Arc::clone(blobs);
    on_disk(move || blobs.settle(&BlobId(*blob.as_bytes()))).await
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
        let (key, id, size) = (partial_key(no, row), BlobId(*row.blob.as_bytes()), row.size);
        let begun = on_disk(move || {
            let blobs = Arc::clone(reader.blobs());
            let resumed = blobs.partial(&key)?.is_some_and(|partial| partial.size() == size);
            if !resumed && reader.keeper().free_bytes()? < floor.saturating_add(size) {
                return Ok(None);
            }
            let (file, mut prefix) = (blobs.begin(&key, size)?, Prefix::default());
            if resumed {
                let wrong = look_over(file.as_ref(), &plan, &mut prefix)?;
                (0..plan.chunks()).filter(|index| !wrong.contains(index)).for_each(|index| plan.hold(index));
            }
            Ok(Some(Self { reader, no, size, key, id, file, plan, prefix, by_list: false }))
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

    /// Under which name it is collected, and what it will hash to.
    pub(crate) const fn names(&self) -> (BlobId, Hash) {
        (self.key, self.blob())
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

    /// The missing chunks, rising.
    pub(super) fn holes(&self) -> Vec<Range<u64>> {
        self.plan.holes()
    }

    /// Shows how far it is.
    fn tell(&self) {
        self.reader.note_arrived(self.no, Some(self.plan.held_bytes()));
    }

    /// Writes those of the chunks from `first` on that are the ones announced. One that is not is missing still, and
    /// so is asked for once more; the second time the file is given up.
    pub(crate) async fn store(mut self, first: u64, bytes: Bytes) -> Result<Self, Ended> {
        let stored = on_disk(move || {
            self.by_list = true;
            let mut disk = Written { file: Arc::clone(&self.file), begun_sync: u64::MAX };
            let mut wrong = None;
            for (index, chunk) in (first..).zip(bytes.chunks(CHUNK_BYTES)) {
                match self.check(index, std::iter::once(chunk)) {
                    Ok(Some(range)) => disk.write(std::iter::once(chunk), range)?,
                    Ok(None) => {}
                    Err(mismatch) => wrong = wrong.or(Some(mismatch)),
                }
            }
            Ok((self, wrong))
        });
        let (partial, wrong) = stored.await?;
        wrong.map_or(Ok(partial), |mismatch| Err(damaged(&mismatch.to_string())))
    }

    /// Takes chunks as they land, until no more do: one thread checks and writes them, what it has just hashed is near when it
    /// is written. When the last one is there, those that are not what was announced are missing again.
    pub(super) async fn store_landing(mut self, mut landing: mpsc::Receiver<Landed>) -> Result<Self, Ended> {
        let stored = on_disk(move || {
            let mut disk = Written { file: Arc::clone(&self.file), begun_sync: 0 };
            while let Some(chunk) = landing.blocking_recv() {
                let pieces = chunk.pieces.iter().map(|piece| &**piece);
                match self.check(chunk.index, pieces.clone()) {
                    Ok(Some(range)) => disk.write(pieces, range)?,
                    Ok(None) => {}
                    Err(mismatch) => return Ok((self, Some(mismatch))),
                }
            }
            if self.is_complete() {
                self.prove()?;
            }
            Ok((self, None))
        });
        let (partial, wrong) = stored.await?;
        wrong.map_or(Ok(partial), |mismatch| Err(damaged(&mismatch.to_string())))
    }

    /// Whether a chunk is the one announced: where it belongs, from then on taken for held. Nothing, where it has to be
    /// asked for once more; how it differs, where it does for the second time.
    fn check<'a>(
        &mut self,
        index: u64,
        pieces: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Result<Option<Range<u64>>, Mismatch> {
        let checked = if self.by_list {
            self.plan.verify_pieces(index, pieces, &mut self.prefix)
        } else {
            self.plan.follow_pieces(index, pieces, &mut self.prefix)
        };
        if let Err(mismatch) = checked {
            return match self.plan.came_wrong(mismatch.index()) {
                Verdict::AskAgain => Ok(None),
                Verdict::Damaged => Err(mismatch),
            };
        }
        self.plan.hold(index);
        self.tell();
        Ok(self.plan.range(index))
    }

    /// Checks the whole and makes it a file of this desk, durably.
    pub(crate) async fn finish(mut self) -> Result<(), Ended> {
        let finished = on_disk(move || {
            let found = self.hash();
            let blobs = self.reader.blobs();
            match found.and_then(|found| blobs.finish_hashed(&self.key, &self.id, &found)) {
                Ok(_) => {
                    self.reader.trust(&self.id);
                    Ok(true)
                }
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

impl Partial {
    /// Where the whole is not what was announced, the chunks that do not fit the list are missing again, and what is fetched in
    /// their place is compared with it.
    fn prove(&mut self) -> deskwire_store::Result<()> {
        if self.by_list {
            return Ok(());
        }
        match self.hash() {
            Ok(found) if found == self.id => return Ok(()),
            Ok(_) | Err(Error::BlobMismatch { .. }) => self.by_list = true,
            Err(error) => return Err(error),
        }
        self.prefix = Prefix::default();
        for index in look_over(self.file.as_ref(), &self.plan, &mut self.prefix)? {
            self.plan.came_wrong(index);
        }
        self.tell();
        Ok(())
    }

    /// The hash of the whole: what did not come in order is read once more.
    fn hash(&mut self) -> deskwire_store::Result<BlobId> {
        for index in self.prefix.chunks()..self.plan.chunks() {
            let chunk = read_chunk(self.file.as_ref(), &self.plan, index)?;
            if let Err(mismatch) = self.plan.verify_pieces(index, std::iter::once(&*chunk), &mut self.prefix)
            {
                return Err(Error::BlobMismatch { id: self.id, reason: mismatch.to_string() });
            }
        }
        Ok(BlobId(*self.prefix.clone().finish().as_bytes()))
    }
}

/// Where checked chunks are written.
struct Written {
    file: Arc<dyn PartialBlob>,
    /// Up to where the disk was told to take what is there.
    begun_sync: u64,
}

impl Written {
    fn write<'a>(
        &mut self,
        pieces: impl Iterator<Item = &'a [u8]>,
        range: Range<u64>,
    ) -> deskwire_store::Result<()> {
        let mut pieces: Vec<_> = pieces.map(IoSlice::new).collect();
        self.file.write_pieces_at(&mut pieces, range.start)?;
        self.hurry(&range);
        Ok(())
    }

    /// Has the disk begin with what is written, so that there is little left to wait for at the end. The pages of what it
    /// has taken are used again: a large file takes none from the store, and needs no fresh ones, which cost more than
    /// hashing it.
    fn hurry(&mut self, written: &Range<u64>) {
        self.begun_sync = self.begun_sync.min(written.start);
        if written.end - self.begun_sync >= STRETCH {
            let from = self.begun_sync.saturating_sub(TAKEN);
            self.file.begin_sync(from, written.end - from);
            self.begun_sync = written.end;
        }
    }
}

/// Takes away what is here of a file that will not come.
pub(super) async fn give_up(shared: &Shared, no: FileNo, row: &FileRow) -> Result<(), Ended> {
    let (blobs, key) = (Arc::clone(shared.engine.reader().blobs()), partial_key(no, row));
    on_disk(move || blobs.discard(&key)).await
}

/// Takes away what has come of a file that was erased or taken back meanwhile, unless another file has the same bytes.
pub(crate) async fn unless_wanted(
    shared: &Shared,
    no: FileNo,
    (key, blob): (BlobId, Hash),
) -> Result<(), Ended> {
    let reader = shared.engine.reader().clone();
    on_disk(move || {
        let Some(now) = reader.rows().get(FILES, &no)?.filter(|now| now.state != FileState::Fetching) else {
            return Ok(());
        };
        if now.state != FileState::Here {
            reader.blobs().discard(&key)?;
        }
        if !reader.is_wanted(&blob)? {
            reader.blobs().remove(&BlobId(*blob.as_bytes()))?;
        }
        Ok(())
    })
    .await
}

/// The chunks that are not what the list says, rising. The hash of those before the first of them is added to the prefix.
fn look_over(
    file: &dyn PartialBlob,
    plan: &Plan,
    prefix: &mut Prefix,
) -> deskwire_store::Result<BTreeSet<u64>> {
    let mut wrong = BTreeSet::new();
    for index in 0..plan.chunks() {
        let chunk = read_chunk(file, plan, index)?;
        if plan.verify_pieces(index, std::iter::once(&*chunk), prefix).is_err() {
            wrong.insert(index);
        }
    }
    Ok(wrong)
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
