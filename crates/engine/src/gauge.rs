//! What the running engine measures of itself, for metrics and nothing else: no decision rests on it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Upper bounds of spans of time, microseconds.
pub const TIMES: &[u64] = &[
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 10_000_000,
];
/// Upper bounds of counts.
pub const COUNTS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];

/// How often values of each size came.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A histogram at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// Each bound, with how many values were at most as large.
    pub buckets: Vec<(u64, u64)>,
    /// How many values there were.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
}

impl Histogram {
    /// Nothing yet.
    #[must_use]
    pub fn new(bounds: &'static [u64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0) }
    }

    /// Counts a value.
    pub fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Counts a span of time, in microseconds.
    pub fn took(&self, span: Duration) {
        self.observe(u64::try_from(span.as_micros()).unwrap_or(u64::MAX));
    }

    /// What was counted so far.
    #[must_use]
    pub fn read(&self) -> Distribution {
        let counts: Vec<u64> = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let mut sum = 0;
        let buckets = self.bounds.iter().zip(&counts).map(|(bound, count)| {
            sum += count;
            (*bound, sum)
        });
        let buckets = buckets.collect();
        Distribution { buckets, count: counts.iter().sum(), sum: self.sum.load(Ordering::Relaxed) }
    }
}

/// What the engine measures.
#[derive(Debug)]
pub struct Gauges {
    /// From a caller's wish to the beginning of its work, microseconds.
    pub queued: Histogram,
    /// Commands of a group.
    pub group: Histogram,
    /// From the sealing of a group to its being on stable storage, microseconds.
    pub sync: Histogram,
    /// Messages of partners that this desk refused, by code.
    pub refused_in: Tally,
    /// Messages of this desk that partners refused, by code.
    pub refused_out: Tally,
}

impl Default for Gauges {
    fn default() -> Self {
        Self {
            queued: Histogram::new(TIMES),
            group: Histogram::new(COUNTS),
            sync: Histogram::new(TIMES),
            refused_in: Tally::default(),
            refused_out: Tally::default(),
        }
    }
}

/// Counts by a word of this program's own: never by a text that came from outside.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<String, u64>>);

impl Tally {
    /// One more.
    pub fn one(&self, word: &str) {
        /// Far more than there are; whatever goes wrong, this does not grow.
        const WORDS: usize = 512;
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(word) {
            *count += 1;
        } else {
            let word = if counts.len() < WORDS { word } else { "other" };
            *counts.entry(word.to_owned()).or_default() += 1;
        }
    }

    /// All counts.
    #[must_use]
    pub fn read(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What is measured, shared with whoever shows it.
pub type SharedGauges = Arc<Gauges>;

/// A moment on this machine's steady clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(Instant);

impl Moment {
    #[expect(clippy::disallowed_methods, reason = "measured for people; no decision rests on it")]
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    //! An operator who looks for a slow disk must find it in the right bucket.
    use super::*;

    #[test]
    fn values_are_counted_up_to_each_bound_and_beyond() {
        let histogram = Histogram::new(&[1, 10]);
        for value in [0, 1, 2, 10, 11, 500] {
            histogram.observe(value);
        }
        let expected = Distribution { buckets: vec![(1, 2), (10, 4)], count: 6, sum: 524 };
        assert_eq!(histogram.read(), expected);
    }
}
