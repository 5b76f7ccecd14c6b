//! When to try again to reach a peer, and when to stop trying (proto-spec, chapter 5).

use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Pauses before the attempts after a failure, in milliseconds; after the last one it goes on hourly.
const PAUSES: [u64; 5] = [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE];

/// An item older than this is shown as not delivered, in milliseconds.
pub const LATE_AFTER: u64 = HOUR;
/// An item older than this is dead-lettered on its ticket and parked, in milliseconds.
pub const DEAD_AFTER: u64 = 30 * DAY;

/// The retry schedule of one link. Stored, so that a restart neither hurries nor forgets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Retry {
    /// Failed attempts since the last contact.
    pub attempt: u32,
    /// Not before this moment.
    pub next_at: Timestamp,
}

impl Retry {
    /// Try at once: a new link, an authenticated contact, a new address, or the operator's wish. It stays due when the
    /// clock is set back.
    pub const fn reset() -> Self {
        Self { attempt: 0, next_at: Timestamp(0) }
    }

    /// Not before when it is tried; `None` if at once.
    pub fn waits_until(&self) -> Option<Timestamp> {
        Some(self.next_at).filter(|next| next.0 > 0)
    }

    /// True when the time to try has come.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.next_at <= now
    }

    /// After one more failure to reach the peer. `jitter` is a random number; it shortens the pause by up to a
    /// quarter, so that many desks do not come back at the same instant and none comes later than promised.
    #[must_use]
    pub fn failed(self, now: Timestamp, jitter: u16) -> Self {
        let pause = usize::try_from(self.attempt).ok().and_then(|attempt| PAUSES.get(attempt)).copied();
        Self {
            attempt: self.attempt.saturating_add(1),
            next_at: now.plus(jittered(pause.unwrap_or(HOUR), jitter)),
        }
    }

    /// After the peer answered that it is busy. It is reachable, so no attempt is counted; its `Retry-After`
    /// (milliseconds) is followed between five seconds and one hour.
    #[must_use]
    pub fn busy(self, now: Timestamp, retry_after: Option<u64>, jitter: u16) -> Self {
        match retry_after {
            Some(asked) => Self { attempt: self.attempt, next_at: now.plus(asked.clamp(PAUSES[0], HOUR)) },
            None => self.failed(now, jitter),
        }
    }
}

fn jittered(pause: u64, jitter: u16) -> u64 {
    let quarter = pause / 4;
    pause - quarter * u64::from(jitter) / u64::from(u16::MAX)
}

/// How an attempt to deliver failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// No connection, no answer, a broken answer or a failure of the peer's server: it is waited for.
    Unreachable,
    /// The peer is there and asks for patience (429, 503).
    Busy {
        /// Its `Retry-After`, in milliseconds.
        retry_after: Option<u64>,
    },
    /// The peer knows us and will not have it: unknown link, bad key, revoked.
    Refused,
}

/// Whether a link is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Tried on schedule.
    Trying(Retry),
    /// The peer refused: not tried until an authenticated contact, a new address or the operator resets it.
    Quarantined {
        /// Since when.
        since: Timestamp,
    },
}

impl Delivery {
    /// Try at once, also out of quarantine.
    pub const fn reset() -> Self {
        Self::Trying(Retry::reset())
    }

    /// After one failed attempt.
    #[must_use]
    pub fn failed(self, failure: Failure, now: Timestamp, jitter: u16) -> Self {
        match (self, failure) {
            (Self::Quarantined { since }, Failure::Unreachable | Failure::Busy { .. } | Failure::Refused) => {
                Self::Quarantined { since }
            }
            (Self::Trying(_), Failure::Refused) => Self::Quarantined { since: now },
            (Self::Trying(retry), Failure::Unreachable) => Self::Trying(retry.failed(now, jitter)),
            (Self::Trying(retry), Failure::Busy { retry_after }) => {
                Self::Trying(retry.busy(now, retry_after, jitter))
            }
        }
    }

    /// When to try next; `None` in quarantine.
    pub const fn next_at(&self) -> Option<Timestamp> {
        match self {
            Self::Trying(retry) => Some(retry.next_at),
            Self::Quarantined { since: _ } => None,
        }
    }
}

/// How long an item has been waiting for its delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Age {
    /// Nothing to say about it.
    Fresh,
    /// The ticket says "not delivered since …".
    Late,
    /// Dead-lettered on the ticket and parked until somebody sends it again.
    Dead,
}

/// The age of an item that was accepted (or sent again) at `since`, and the moment at which that changes next.
pub fn age(since: Timestamp, now: Timestamp) -> (Age, Option<Timestamp>) {
    let waited = now.since(since);
    if waited >= DEAD_AFTER {
        (Age::Dead, None)
    } else if waited >= LATE_AFTER {
        (Age::Late, Some(since.plus(DEAD_AFTER)))
    } else {
        (Age::Fresh, Some(since.plus(LATE_AFTER)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    /// A partner that comes back is served on the promised schedule, not later and not in a storm.
    #[test]
    fn a_partner_that_is_well_is_tried_at_once_though_the_clock_was_set_back() {
        assert!(Retry::reset().is_due(Timestamp(0)));
        assert_eq!(Retry::reset().waits_until(), None);
        assert_eq!(Retry::reset().failed(NOW, 0).waits_until(), Some(NOW.plus(5_000)));
    }

    #[test]
    fn pauses_follow_the_schedule_and_stay_hourly() {
        let minutes = [5_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000, 3_600_000, 3_600_000];
        let mut retry = Retry::reset();
        assert!(retry.is_due(NOW));
        for pause in minutes {
            let longest = retry.failed(NOW, 0);
            assert_eq!(longest.next_at, NOW.plus(pause));
            assert_eq!(retry.failed(NOW, u16::MAX).next_at, NOW.plus(pause - pause / 4));
            assert!(!longest.is_due(NOW.plus(pause - 1)));
            retry = longest;
        }
        assert_eq!(retry.attempt, 8);
    }

    /// A link that was never reached for years does not overflow into a panic or a short pause.
    #[test]
    fn countless_failures_stay_hourly() {
        let retry = Retry { attempt: u32::MAX, next_at: NOW }.failed(NOW, 0);
        assert_eq!(retry, Retry { attempt: u32::MAX, next_at: NOW.plus(HOUR) });
    }

    /// A peer cannot park our link for a year with a huge Retry-After, nor make us hammer it with zero.
    #[test]
    fn retry_after_is_followed_within_bounds() {
        let retry = Retry::reset();
        assert_eq!(retry.busy(NOW, Some(u64::MAX), 0).next_at, NOW.plus(HOUR));
        assert_eq!(retry.busy(NOW, Some(0), 0).next_at, NOW.plus(5_000));
        assert_eq!(retry.busy(NOW, Some(60_000), 0), Retry { attempt: 0, next_at: NOW.plus(60_000) });
        assert_eq!(retry.busy(NOW, None, 0), retry.failed(NOW, 0));
    }

    /// A refusal stops the link at once; only a reset lets it try again.
    #[test]
    fn refused_is_quarantined_and_unreachable_is_not() {
        let waiting = Delivery::reset().failed(Failure::Unreachable, NOW, 0);
        assert_eq!(waiting.next_at(), Some(NOW.plus(5_000)));
        let refused = waiting.failed(Failure::Refused, NOW, 0);
        assert_eq!(refused, Delivery::Quarantined { since: NOW });
        assert_eq!(refused.failed(Failure::Unreachable, NOW.plus(9), 0), refused);
        assert_eq!(refused.next_at(), None);
        assert_eq!(Delivery::reset().next_at(), Some(Timestamp(0)));
    }

    /// The ticket says in time that its item is not delivered, and gives up after thirty days.
    #[test]
    fn items_grow_late_and_dead() {
        assert_eq!(age(NOW, NOW), (Age::Fresh, Some(NOW.plus(LATE_AFTER))));
        assert_eq!(age(NOW, NOW.plus(LATE_AFTER)), (Age::Late, Some(NOW.plus(DEAD_AFTER))));
        assert_eq!(age(NOW, NOW.plus(DEAD_AFTER)), (Age::Dead, None));
        assert_eq!(age(NOW, Timestamp(0)).0, Age::Fresh);
    }
}
