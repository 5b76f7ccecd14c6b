//! Chunk lists of blobs that are here, kept in memory while there is room.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::BlobId;

/// Most lists kept, and most bytes of them.
const LISTS: usize = 256;
const BYTES: usize = 4 << 20;

/// The newest lists.
#[derive(Default)]
pub(super) struct Lists(Mutex<VecDeque<(BlobId, Arc<[u8]>)>>);

impl Lists {
    /// Keeps a list, and forgets the oldest ones where there are too many.
    pub(super) fn note(&self, id: BlobId, list: Arc<[u8]>) {
        let mut lists = self.lock();
        lists.retain(|(known, _)| *known != id);
        lists.push_back((id, list));
        while lists.len() > LISTS || lists.iter().map(|(_, list)| list.len()).sum::<usize>() > BYTES {
            lists.pop_front();
        }
    }

    pub(super) fn get(&self, id: &BlobId) -> Option<Arc<[u8]>> {
        self.lock().iter().find(|(known, _)| known == id).map(|(_, list)| Arc::clone(list))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(BlobId, Arc<[u8]>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    //! Lists of many files must not fill the memory.
    use super::*;

    #[test]
    fn the_oldest_lists_give_way() {
        let lists = Lists::default();
        let id = |n: u16| BlobId([n.to_be_bytes()[0], n.to_be_bytes()[1]].repeat(16).try_into().unwrap());
        for n in 0..300 {
            lists.note(id(n), Arc::from([1; 32]));
        }
        assert!(lists.get(&id(0)).is_none() && lists.get(&id(43)).is_none());
        assert_eq!(lists.get(&id(44)).unwrap()[..], [1; 32]);
        lists.note(id(1000), Arc::from(vec![2; BYTES]));
        assert!(lists.get(&id(299)).is_none() && lists.get(&id(1000)).is_some());
        lists.note(id(1001), Arc::from(vec![2; BYTES + 1]));
        assert!(lists.lock().is_empty(), "one that is too large for the room is not kept");
    }
}
