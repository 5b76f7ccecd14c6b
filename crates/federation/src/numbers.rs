//! What the federation counts, for health checks.

use std::sync::atomic::{AtomicU64, Ordering};

/// A snapshot, counted since the daemon started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers {
    /// Hellos of partners that were welcomed.
    pub hellos_answered: u64,
    /// Batches of partners that got a receipt.
    pub batches_taken: u64,
    /// Requests of others that were refused.
    pub requests_refused: u64,
    /// Batches of ours that were sent, repeats included.
    pub batches_sent: u64,
    /// Receipts of partners that were taken.
    pub receipts_taken: u64,
    /// Attempts to reach a partner that failed.
    pub attempts_failed: u64,
    /// Bytes of files fetched and found right.
    pub bytes_fetched: u64,
    /// Bytes of files given to partners.
    pub bytes_served: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hellos_answered: Counter,
    pub(crate) batches_taken: Counter,
    pub(crate) requests_refused: Counter,
    pub(crate) batches_sent: Counter,
    pub(crate) receipts_taken: Counter,
    pub(crate) attempts_failed: Counter,
    pub(crate) bytes_fetched: Counter,
    pub(crate) bytes_served: Counter,
}

impl Counters {
    pub(crate) fn snapshot(&self) -> Numbers {
        Numbers {
            hellos_answered: self.hellos_answered.get(),
            batches_taken: self.batches_taken.get(),
            requests_refused: self.requests_refused.get(),
            batches_sent: self.batches_sent.get(),
            receipts_taken: self.receipts_taken.get(),
            attempts_failed: self.attempts_failed.get(),
            bytes_fetched: self.bytes_fetched.get(),
            bytes_served: self.bytes_served.get(),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn one(&self) {
        self.more(1);
    }

    pub(crate) fn more(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
