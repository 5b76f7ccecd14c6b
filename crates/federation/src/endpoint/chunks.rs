//! Files that are given away: which are here, and their chunk lists, computed once and kept while there is room.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use deskwire_engine::{Fault, Reader, Refusal};
use deskwire_machine::chunks::{ChunkHasher, Hashed};
use deskwire_proto::code::Code;
use deskwire_proto::id::Hash;
use deskwire_proto::limits::CHUNK_BYTES;
use deskwire_store::row::{FileRow, FileState};
use deskwire_store::{BlobFile, BlobId};
use futures_util::future::{BoxFuture, FutureExt, Shared};

/// Most lists kept, and most bytes of them.
const LISTS: usize = 64;
const BYTES: usize = 8 * 1024 * 1024;

/// What a file was read to be.
pub(crate) type Read = Result<Arc<Hashed>, Code>;
type Pending = Shared<BoxFuture<'static, Read>>;

/// The newest lists, finished or in work. One in work goes on when whoever asked for it has gone away, so that a
/// list that takes longer than a request may is there when the partner asks again.
#[derive(Default)]
pub(super) struct ChunkLists(Mutex<VecDeque<(Hash, usize, Pending)>>);

impl ChunkLists {
    /// The hashes of a file; of one that is not as it was, those of this moment.
    pub(super) fn of(&self, blob: Hash, file: &Arc<dyn BlobFile>) -> Pending {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, list)) =
            lists.iter().find(|(known, _, list)| *known == blob && !failed(&blob, list))
        {
            return list.clone();
        }
        let size = usize::try_from(file.size().div_ceil(CHUNK_BYTES as u64)).unwrap_or(BYTES) * Hash::SIZE;
        let list = start(Arc::clone(file));
        lists.push_back((blob, size, list.clone()));
        while lists.len() > LISTS
            || (lists.len() > 1 && lists.iter().map(|list| list.1).sum::<usize>() > BYTES)
        {
            lists.pop_front();
        }
        list
    }
}

fn failed(blob: &Hash, list: &Pending) -> bool {
    list.peek().is_some_and(|read| read.as_ref().map_or(true, |hashed| hashed.blob != *blob))
}

fn start(file: Arc<dyn BlobFile>) -> Pending {
    let work = tokio::task::spawn_blocking(move || hash(file.as_ref()));
    async move { work.await.map_err(|_| Code::Internal)? }.boxed().shared()
}

/// The bytes of a file, if they are here.
///
/// # Errors
/// While the disk has lost them, or damaged them, and they are fetched again: whoever asks is to ask later.
pub(crate) fn open(reader: &Reader, blob: &Hash) -> Result<Option<Arc<dyn BlobFile>>, Refusal> {
    let found = reader.blobs().open(&BlobId(*blob.as_bytes()))?;
    let comes = |files: Vec<(_, FileRow)>| files.iter().any(|(_, row)| row.state == FileState::Fetching);
    if found.is_none() && comes(reader.files_of_blob(blob)?) {
        let words = "A file that the disk of this desk has damaged is being fetched again.";
        return Err(Refusal::new(Fault::Ours, "internal", words, "Nothing has to be done."));
    }
    Ok(found)
}

/// The chunk list of a file that was read. Where it is not the file any more the care of the store gets the time to fetch it
/// again: a partner that got this list would give the file up. If it comes from nowhere, the partner is to see that.
pub(crate) fn list(reader: &Reader, blob: &Hash, read: Read) -> Result<Arc<Hashed>, Code> {
    let id = BlobId(*blob.as_bytes());
    match read {
        Ok(hashed) if hashed.blob == *blob => {
            reader.trust(&id);
            Ok(hashed)
        }
        Ok(hashed) if reader.is_doubted(&id) => Ok(hashed),
        other => {
            reader.doubt(id);
            Err(other.err().unwrap_or(Code::Internal))
        }
    }
}

pub(crate) fn hash(file: &dyn BlobFile) -> Read {
    let mut hasher = ChunkHasher::new();
    let mut piece = vec![0; CHUNK_BYTES];
    while hasher.size() < file.size() {
        let length = usize::try_from(file.size() - hasher.size()).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        read_exact(file, &mut piece[..length], hasher.size())?;
        hasher.update(&piece[..length]);
    }
    Ok(Arc::new(hasher.finish()))
}

/// Fills the buffer from a file that is known to be long enough.
pub(crate) fn read_exact(file: &dyn BlobFile, buffer: &mut [u8], offset: u64) -> Result<(), Code> {
    let mut done = 0;
    while done < buffer.len() {
        let count = file.read_at(&mut buffer[done..], offset + done as u64).map_err(|error| {
            tracing::error!(%error, "a file of this desk cannot be read");
            Code::Internal
        })?;
        if count == 0 {
            return Err(Code::Internal);
        }
        done += count;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    //! A partner that asks again and again for the list of a large file must not keep a core busy.
    use std::sync::atomic::{AtomicU64, Ordering};

    use deskwire_proto::transfer::ChunkList;

    use super::*;

    struct Zeros {
        size: u64,
        reads: AtomicU64,
    }

    impl BlobFile for Zeros {
        fn size(&self) -> u64 {
            self.size
        }

        fn read_at(&self, buffer: &mut [u8], _offset: u64) -> deskwire_store::Result<usize> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            buffer.fill(0);
            Ok(buffer.len())
        }
    }

    /// A file of zeros, and its hash.
    fn zeros(size: u64) -> (Arc<Zeros>, Hash) {
        let zeros = Zeros { size, reads: AtomicU64::new(0) };
        let blob = hash(&zeros).unwrap().blob;
        zeros.reads.store(0, Ordering::Relaxed);
        (Arc::new(zeros), blob)
    }

    #[tokio::test]
    async fn a_list_is_computed_once_and_forgotten_when_others_need_the_room() {
        let lists = ChunkLists::default();
        let (zeros, blob) = zeros(CHUNK_BYTES as u64 + 3);
        let file: Arc<dyn BlobFile> = zeros.clone();
        for _ in 0..3 {
            let list = lists.of(blob, &file).await.unwrap();
            let expected = ChunkList::new(vec![Hash::of(&vec![0; CHUNK_BYTES]), Hash::of(&[0; 3])]);
            assert_eq!(list.list, *expected.encode());
        }
        assert_eq!(zeros.reads.load(Ordering::Relaxed), 2);
        for size in 0..LISTS as u64 {
            let (other, blob) = self::zeros(size);
            lists.of(blob, &(other as Arc<dyn BlobFile>)).await.unwrap();
        }
        assert_eq!(lists.0.lock().unwrap().len(), LISTS);
        lists.of(blob, &file).await.unwrap();
        assert_eq!(zeros.reads.load(Ordering::Relaxed), 4);
    }

    /// A list of damaged bytes must not outlive the damage.
    #[tokio::test]
    async fn what_is_not_the_file_any_more_is_read_each_time() {
        let lists = ChunkLists::default();
        let (short, _) = zeros(7);
        let (whole, blob) = zeros(8);
        for reads in 1..3 {
            let found = lists.of(blob, &(short.clone() as Arc<dyn BlobFile>)).await.unwrap();
            assert_ne!(found.blob, blob);
            assert_eq!(short.reads.load(Ordering::Relaxed), reads);
        }
        assert_eq!(lists.of(blob, &(whole as Arc<dyn BlobFile>)).await.unwrap().blob, blob);
    }
}
