//! What the tasks and requests of one link share for as long as the process lives.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use deskwire_proto::limits::AHEAD_BYTES;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::LinkNo;
use tokio::sync::{Notify, Semaphore, watch};

use crate::endpoint::pull::Polls;
use crate::fetch::Incoming;
use crate::rate::{Budget, Meter, Rate};

/// Requests of one partner that are worked on at once; above, it is told to come back.
const REQUESTS: usize = 16;
/// Requests of one partner in a minute; batches with something new in them are free.
const REQUESTS_PER_MINUTE: u32 = 600;
/// Tries in a minute that signs of life of one partner may cause.
const CONTACTS_PER_MINUTE: u32 = 120;
/// Bytes that one partner may have this desk store within an hour without saying anything new: hellos, and receipts for
/// what it has receipts for.
const IDLE_BYTES_PER_HOUR: u64 = 16 * 1024 * 1024;
/// Files that one partner may read at once.
const DOWNLOADS: usize = 4;
/// How far below the highest one the time of a signed request may lie, milliseconds. proto-spec, section 5.6.
const FRESHNESS: u64 = 600_000;

/// One link's share. What one partner causes is charged to it alone.
pub(crate) struct Lane {
    /// Something to send, or the link changed.
    pub(crate) wake: Notify,
    /// Files to fetch, or the partner has shown itself.
    pub(crate) fetch: Notify,
    /// Grows with each commit that moved the cursor in the partner's stream.
    pub(crate) advanced: watch::Sender<u64>,
    /// Grows with each answer to our reveal.
    pub(crate) told: watch::Sender<u64>,
    /// Requests that the partner may have in work.
    pub(crate) requests: Arc<Semaphore>,
    /// One batch at a time is verified.
    pub(crate) verifying: Semaphore,
    /// Requests of the partner, but for those that brought its stream forward.
    pub(crate) meter: Meter,
    /// Signs of life after which a failed delivery is tried again at once. Each try is stored, so a partner that comes all
    /// the time and refuses everything waits for the schedule.
    pub(crate) contacts: Meter,
    /// What the partner has this desk store without saying anything new.
    pub(crate) idle: Budget,
    /// Files that the partner may be reading.
    pub(crate) downloads: Arc<Semaphore>,
    /// Grows with each [`wake`](Self::wake), for those who hold a request of the partner or ask it themselves.
    pub(crate) bell: watch::Sender<u64>,
    /// The partner's requests for our stream.
    pub(crate) polls: Polls,
    /// The file that is being taken in, one at a time.
    pub(crate) incoming: Arc<tokio::sync::Mutex<Incoming>>,
    held: AtomicUsize,
    newest_theirs: AtomicU64,
    newest_ours: AtomicU64,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            wake: Notify::new(),
            fetch: Notify::new(),
            advanced: watch::Sender::new(0),
            told: watch::Sender::new(0),
            requests: Arc::new(Semaphore::new(REQUESTS)),
            verifying: Semaphore::new(1),
            meter: Meter::new(Rate::per_minute(REQUESTS_PER_MINUTE)),
            contacts: Meter::new(Rate::per_minute(CONTACTS_PER_MINUTE)),
            idle: Budget::per_hour(IDLE_BYTES_PER_HOUR),
            downloads: Arc::new(Semaphore::new(DOWNLOADS)),
            bell: watch::Sender::new(0),
            polls: Polls::default(),
            incoming: Arc::default(),
            held: AtomicUsize::new(0),
            newest_theirs: AtomicU64::new(0),
            newest_ours: AtomicU64::new(0),
        }
    }
}

impl Lane {
    /// The partner has shown itself: whoever waits for it tries at once.
    pub(crate) fn contact(&self) {
        self.wake.notify_one();
        self.fetch.notify_one();
    }

    /// Room for bytes that wait ahead of the cursor; given back on drop. `None` when the link has too many already.
    pub(crate) fn hold(self: &Arc<Self>, bytes: usize) -> Option<Held> {
        let room = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= AHEAD_BYTES);
        self.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).ok()?;
        Some(Held { lane: Arc::clone(self), bytes })
    }

    /// Takes the time of a signed request of the partner.
    ///
    /// # Errors
    /// The highest time taken before, if this one lies too far below it.
    pub(crate) fn fresh(&self, time: Timestamp) -> Result<(), Timestamp> {
        let highest = self.newest_theirs.fetch_max(time.0, Ordering::AcqRel);
        if time.0.saturating_add(FRESHNESS) < highest { Err(Timestamp(highest)) } else { Ok(()) }
    }

    /// A time for a signed request of ours: now, but never lower than one used before.
    pub(crate) fn time_for(&self, now: Timestamp) -> Timestamp {
        Timestamp(self.newest_ours.fetch_max(now.0, Ordering::AcqRel).max(now.0))
    }
}

/// Bytes that count against [`AHEAD_BYTES`] until dropped.
pub(crate) struct Held {
    lane: Arc<Lane>,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.lane.held.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// The lanes of all links; links are made by operators, so there are few.
#[derive(Default)]
pub(crate) struct Lanes(Mutex<HashMap<LinkNo, Arc<Lane>>>);

impl Lanes {
    pub(crate) fn of(&self, link: LinkNo) -> Arc<Lane> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(link).or_default())
    }
}

#[cfg(test)]
mod tests {
    //! One partner can neither fill this desk's memory nor bring back an old request.
    use super::*;

    #[test]
    fn bytes_held_ahead_are_bounded_and_given_back() {
        let lane = Arc::new(Lane::default());
        let first = lane.hold(AHEAD_BYTES).unwrap();
        assert!(lane.hold(1).is_none());
        drop(first);
        assert!(lane.hold(1).is_some());
        assert!(lane.hold(usize::MAX).is_none());
    }

    #[test]
    fn an_old_request_is_stale_and_a_slow_clock_is_not_locked_out() {
        let lane = Lane::default();
        assert_eq!(lane.fresh(Timestamp(10_000_000)), Ok(()));
        assert_eq!(lane.fresh(Timestamp(10_000_000 - FRESHNESS)), Ok(()));
        assert_eq!(lane.fresh(Timestamp(10_000_000 - FRESHNESS - 1)), Err(Timestamp(10_000_000)));
        assert_eq!(lane.fresh(Timestamp(10_000_000)), Ok(()), "the sender repeats with the time it was told");
        assert_eq!(lane.fresh(Timestamp(u64::MAX)), Ok(()), "no overflow");
    }

    #[test]
    fn our_own_times_never_fall() {
        let lane = Lane::default();
        assert_eq!(lane.time_for(Timestamp(5)), Timestamp(5));
        assert_eq!(lane.time_for(Timestamp(3)), Timestamp(5));
        assert_eq!(lane.time_for(Timestamp(8)), Timestamp(8));
    }
}
