//! Chunk lists of files that are given away: computed once, kept while there is room.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use deskwire_proto::code::Code;
use deskwire_proto::id::Hash;
use deskwire_proto::limits::CHUNK_BYTES;
use deskwire_proto::transfer::ChunkList;
use deskwire_store::BlobFile;
use futures_util::future::{BoxFuture, FutureExt, Shared};

/// Most lists kept, and most bytes of them.
const LISTS: usize = 64;
const BYTES: usize = 8 * 1024 * 1024;

type Pending = Shared<BoxFuture<'static, Result<Arc<[u8]>, Code>>>;

/// The newest lists, finished or in work. One in work goes on when whoever asked for it has gone away, so that a
/// list that takes longer than a request may is there when the partner asks again.
#[derive(Default)]
pub(super) struct ChunkLists(Mutex<VecDeque<(Hash, usize, Pending)>>);

impl ChunkLists {
    /// The chunk list of a file, as it travels.
    pub(super) fn of(&self, blob: Hash, file: &Arc<dyn BlobFile>) -> Pending {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, list)) = lists.iter().find(|(known, _, list)| *known == blob && !failed(list)) {
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

fn failed(list: &Pending) -> bool {
    matches!(list.peek(), Some(Err(_)))
}

fn start(file: Arc<dyn BlobFile>) -> Pending {
    let work = tokio::task::spawn_blocking(move || compute(file.as_ref()));
    async move { work.await.map_err(|_| Code::Internal)? }.boxed().shared()
}

pub(crate) fn compute(file: &dyn BlobFile) -> Result<Arc<[u8]>, Code> {
    let mut hashes = Vec::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut offset = 0;
    while offset < file.size() {
        let length = usize::try_from(file.size() - offset).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        read_exact(file, &mut chunk[..length], offset)?;
        hashes.push(Hash::of(&chunk[..length]));
        offset += length as u64;
    }
    Ok(ChunkList::new(hashes).encode().into())
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

    #[tokio::test]
    async fn a_list_is_computed_once_and_forgotten_when_others_need_the_room() {
        let lists = ChunkLists::default();
        let zeros = Arc::new(Zeros { size: CHUNK_BYTES as u64 + 3, reads: AtomicU64::new(0) });
        let file: Arc<dyn BlobFile> = zeros.clone();
        let blob = Hash::of(b"blob");
        for _ in 0..3 {
            let list = lists.of(blob, &file).await.unwrap();
            let expected = ChunkList::new(vec![Hash::of(&vec![0; CHUNK_BYTES]), Hash::of(&[0; 3])]);
            assert_eq!(*list, *expected.encode());
        }
        assert_eq!(zeros.reads.load(Ordering::Relaxed), 2);
        for n in 0..LISTS {
            lists.of(Hash::of(&n.to_be_bytes()), &file).await.unwrap();
        }
        assert_eq!(lists.0.lock().unwrap().len(), LISTS);
        lists.of(blob, &file).await.unwrap();
        assert_eq!(zeros.reads.load(Ordering::Relaxed), 2 * (LISTS as u64 + 2));
    }
}
