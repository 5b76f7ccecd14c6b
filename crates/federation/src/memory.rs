//! Memory for bodies that are still coming: one pool for strangers, one for partners, and nobody takes all of either.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that are lent. An eighth of them is kept for who holds little. Of the others, whoever asks may hold a quarter of
/// what is free then, so that with each one who holds much there is less for all who do.
#[derive(Debug)]
pub(crate) struct Pool<K> {
    size: usize,
    lent: Mutex<Lent<K>>,
}

#[derive(Debug)]
struct Lent<K> {
    total: usize,
    by: HashMap<K, usize>,
}

const PART: usize = 4;
const KEPT: usize = 8;
/// Who holds no more than this holds little: a batch of usual size.
const LITTLE: usize = 128 * 1024;

impl<K: Copy + Eq + Hash> Pool<K> {
    pub(crate) fn new(size: usize) -> Arc<Self> {
        Arc::new(Self { size, lent: Mutex::new(Lent { total: 0, by: HashMap::new() }) })
    }

    /// Lends bytes until the share is dropped; `None` when there are not enough for this borrower.
    pub(crate) fn lend(self: &Arc<Self>, who: K, bytes: usize) -> Option<Share<K>> {
        let mut lent = self.lent();
        let held = lent.by.get(&who).copied().unwrap_or(0).saturating_add(bytes);
        let free = self.size - lent.total;
        let most = if held <= LITTLE { free } else { free.saturating_sub(self.size / KEPT) / PART };
        if bytes > free || held > most {
            return None;
        }
        lent.total += bytes;
        lent.by.insert(who, held);
        Some(Share { pool: Arc::clone(self), who, bytes })
    }

    fn give_back(&self, who: K, bytes: usize) {
        let mut lent = self.lent();
        lent.total -= bytes;
        if let Some(held) = lent.by.get_mut(&who) {
            *held -= bytes;
            if *held == 0 {
                lent.by.remove(&who);
            }
        }
    }

    fn lent(&self) -> MutexGuard<'_, Lent<K>> {
        self.lent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes lent.
#[derive(Debug)]
pub(crate) struct Share<K: Copy + Eq + Hash> {
    pool: Arc<Pool<K>>,
    who: K,
    bytes: usize,
}

impl<K: Copy + Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        self.pool.give_back(self.who, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    //! Hostile partners together must leave something for an honest one, and give back what they held.
    use super::*;

    #[test]
    fn many_who_take_all_they_get_leave_some_for_the_next() {
        let pool = Pool::new(72 << 20);
        let mut held = Vec::new();
        for hostile in 0..60 {
            while let Some(share) = pool.lend(hostile, 64 << 10) {
                held.push(share);
            }
        }
        for honest in 1_000..1_010 {
            let share = pool.lend(honest, 128 << 10);
            held.push(share.expect("an honest batch of usual size has room"));
        }
        assert!(pool.lend(1_000, 64 << 10).is_none(), "but not much");
        assert!(pool.lend(2_000, 64 << 20).is_none());
        held.clear();
        assert!(pool.lend(0, 12 << 20).is_some());
        assert!(pool.lent().by.is_empty());
    }
}
