//! What one partner, and all together, may cause here and may be sent from here; and how much of the disk stays free.
//!
//! What passes by itself (messages of an hour, bytes of a day, room on the disk) is refused for now and consumes
//! nothing; what a person has to change (files, open delegations) is the outcome `quota` of that one message.
//! proto-spec, section 12.5. The counts of hours and days live as long as the process; open delegations are rows.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use deskwire_machine::delegation::Event;
use deskwire_proto::time::Timestamp;
use deskwire_store::Keeper;
use deskwire_store::local::LinkNo;
use deskwire_store::row::{ALL_LINKS, LinkRow, OpenRow, StreamRow};
use deskwire_store::table::{OPEN_DELEGATIONS, Rows};

use crate::{Fault, Refusal, Step};

/// What is granted. Rates fill evenly, and hold for each direction by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Messages within an hour.
    pub messages_per_hour: u64,
    /// Bytes of messages, their texts included, within a day.
    pub bytes_per_day: u64,
    /// Files that a partner announces within a day.
    pub files_per_day: u64,
    /// Bytes of those files.
    pub file_bytes_per_day: u64,
    /// Delegations of one direction that have not come to an end.
    pub open_delegations: u64,
    /// Items for a partner that no receipt covers yet; not counted for all links together.
    pub undelivered: u64,
}

/// What is granted to each link, and to all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// To each link.
    pub link: Quota,
    /// To all links together.
    pub all: Quota,
}

const GIB: u64 = 1 << 30;

impl Default for Quotas {
    /// More than a large company's partner needs.
    fn default() -> Self {
        let link = Quota {
            messages_per_hour: 2_000_000,
            bytes_per_day: 64 * GIB,
            files_per_day: 20_000,
            file_bytes_per_day: 256 * GIB,
            open_delegations: 1_000_000,
            undelivered: 2_000_000,
        };
        let all = Quota {
            messages_per_hour: 8_000_000,
            bytes_per_day: 256 * GIB,
            files_per_day: 100_000,
            file_bytes_per_day: 1024 * GIB,
            open_delegations: 4_000_000,
            undelivered: u64::MAX,
        };
        Self { link, all }
    }
}

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// What is left of a rate, or was taken beyond it: what begins while something is left is taken whole.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: u64,
    owed: u64,
    at: Timestamp,
}

impl Bucket {
    const fn full(left: u64, at: Timestamp) -> Self {
        Self { left, owed: 0, at }
    }

    /// Takes `amount`. `per` so many are granted within `window` milliseconds; no more than these are owed.
    fn spend(&mut self, amount: u64, per: u64, window: u64, now: Timestamp) {
        self.fill(per, window, now);
        self.owed = self.owed.saturating_add(amount.saturating_sub(self.left)).min(per);
        self.left = self.left.saturating_sub(amount);
    }

    fn fill(&mut self, per: u64, window: u64, now: Timestamp) {
        // After two of them nothing is owed any more, and all is there.
        let longest = window.saturating_mul(2);
        let waited = u128::from(now.since(self.at).min(longest));
        let earned = u64::try_from(waited * u128::from(per) / u128::from(window)).unwrap_or(per);
        self.left = self.left.min(per);
        if now < self.at {
            // A clock that was set back begins anew.
            self.at = now;
        } else if earned > 0 {
            // What is too short for one more is kept for the next time.
            let used = (u128::from(earned) * u128::from(window)).div_ceil(u128::from(per.max(1)));
            let paid = earned.min(self.owed);
            self.owed -= paid;
            self.left = self.left.saturating_add(earned - paid).min(per);
            self.at = now.min(self.at.plus(u64::try_from(used).unwrap_or(window)));
            if waited == u128::from(longest) {
                self.at = now;
            }
        }
    }
}

/// What a link, or all together, has left in one direction.
#[derive(Debug, Clone, Copy)]
struct Left {
    messages: Bucket,
    bytes: Bucket,
    files: Bucket,
    file_bytes: Bucket,
}

impl Left {
    fn full(quota: &Quota, at: Timestamp) -> Self {
        let full = |left| Bucket::full(left, at);
        Self {
            messages: full(quota.messages_per_hour),
            bytes: full(quota.bytes_per_day),
            files: full(quota.files_per_day),
            file_bytes: full(quota.file_bytes_per_day),
        }
    }

    fn fill(&mut self, quota: &Quota, now: Timestamp) {
        self.messages.fill(quota.messages_per_hour, HOUR, now);
        self.bytes.fill(quota.bytes_per_day, DAY, now);
        self.files.fill(quota.files_per_day, DAY, now);
        self.file_bytes.fill(quota.file_bytes_per_day, DAY, now);
    }

    fn spend(&mut self, quota: &Quota, bytes: usize, now: Timestamp) {
        self.messages.spend(1, quota.messages_per_hour, HOUR, now);
        self.bytes.spend(bytes as u64, quota.bytes_per_day, DAY, now);
    }

    fn spend_file(&mut self, quota: &Quota, size: u64, now: Timestamp) {
        self.files.spend(1, quota.files_per_day, DAY, now);
        self.file_bytes.spend(size, quota.file_bytes_per_day, DAY, now);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    In,
    Out,
}

/// The counts, and the room on the disk.
#[derive(Debug)]
pub(crate) struct Usage {
    pub(crate) quotas: Quotas,
    pub(crate) room: Arc<Room>,
    left: HashMap<(LinkNo, Way), Left>,
}

impl Usage {
    pub(crate) fn new(room: Room) -> Self {
        Self { quotas: Quotas::default(), room: Arc::new(room), left: HashMap::new() }
    }

    fn quota(&self, no: LinkNo) -> Quota {
        if no == ALL_LINKS { self.quotas.all } else { self.quotas.link }
    }

    fn left(&mut self, no: LinkNo, way: Way, now: Timestamp) -> &mut Left {
        let quota = self.quota(no);
        let left = self.left.entry((no, way)).or_insert_with(|| Left::full(&quota, now));
        left.fill(&quota, now);
        left
    }

    fn spend(&mut self, no: LinkNo, way: Way, bytes: usize, now: Timestamp) {
        for no in [no, ALL_LINKS] {
            let quota = self.quota(no);
            self.left(no, way, now).spend(&quota, bytes, now);
        }
    }

    fn is_spent(&mut self, no: LinkNo, way: Way, now: Timestamp) -> bool {
        [no, ALL_LINKS].into_iter().any(|no| {
            let left = self.left(no, way, now);
            left.messages.left == 0 || left.bytes.left == 0
        })
    }
}

/// How much of the disk stays free for what has to be written in any case.
pub struct Room {
    keeper: Option<Arc<dyn Keeper>>,
    floor: AtomicU64,
    /// When it was looked at last, and what was seen.
    looked: AtomicU64,
    short: AtomicBool,
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("floor", &self.floor).field("short", &self.short).finish_non_exhaustive()
    }
}

/// So long one look at the disk holds, milliseconds.
const LOOK: u64 = 250;

impl Room {
    pub(crate) fn new(keeper: Option<Arc<dyn Keeper>>) -> Self {
        Self { keeper, floor: AtomicU64::new(0), looked: AtomicU64::new(0), short: AtomicBool::new(false) }
    }

    pub(crate) fn keep_free(&self, floor: u64) {
        self.floor.store(floor, Ordering::Relaxed);
    }

    /// # Errors
    /// `disk-full`, as long as less than the floor is free.
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), Refusal> {
        let floor = self.floor.load(Ordering::Relaxed);
        let Some(keeper) = self.keeper.as_ref().filter(|_| floor > 0) else { return Ok(()) };
        let looked = Timestamp(self.looked.load(Ordering::Relaxed));
        if now < looked || now.since(looked) >= LOOK {
            // A disk that cannot be asked says so when it is written to.
            let short = keeper.free_bytes().is_ok_and(|free| free < floor);
            if short != self.short.swap(short, Ordering::Relaxed) {
                tracing::warn!(floor, short, "the room on the disk has crossed the floor");
            }
            self.looked.store(now.0, Ordering::Relaxed);
        }
        if self.short.load(Ordering::Relaxed) { Err(Refusal::disk_floor(floor)) } else { Ok(()) }
    }
}

/// Refuses new work while the disk has less room than it should keep.
///
/// # Errors
/// `disk-full`.
pub(crate) fn has_room(step: &Step<'_>) -> Result<(), Refusal> {
    step.memory.usage.room.check(step.now)
}

/// Whether the partner, or all together, have sent as much as is taken within the time: nothing more is consumed now.
pub(crate) fn is_spent(step: &mut Step<'_>, no: LinkNo) -> bool {
    step.memory.usage.is_spent(no, Way::In, step.now)
}

/// A message of the partner is consumed.
pub(crate) fn took(step: &mut Step<'_>, no: LinkNo, bytes: usize) {
    step.memory.usage.spend(no, Way::In, bytes, step.now);
}

/// A file of the partner is announced.
pub(crate) fn took_file(step: &mut Step<'_>, no: LinkNo, size: u64) {
    let (usage, now) = (&mut step.memory.usage, step.now);
    for no in [no, ALL_LINKS] {
        let quota = usage.quota(no);
        usage.left(no, Way::In, now).spend_file(&quota, size, now);
    }
}

/// Whether one more file of the partner is taken; why not, in words for its author.
pub(crate) fn takes_file(step: &Step<'_>, no: LinkNo, size: u64) -> Result<(), String> {
    for no in [no, ALL_LINKS] {
        let quota = step.memory.usage.quota(no);
        let Some(mut left) = step.memory.usage.left.get(&(no, Way::In)).copied() else { continue };
        left.fill(&quota, step.now);
        if left.files.left == 0 || left.file_bytes.left < size.min(quota.file_bytes_per_day) {
            return Err(format!(
                "The partner's desk takes {} files with {} bytes in all within a day{}, and has taken as many. \
                 Send the file again tomorrow.",
                quota.files_per_day,
                quota.file_bytes_per_day,
                of_all(no)
            ));
        }
    }
    Ok(())
}

/// Whether one more delegation of the partner is taken; why not, in words for its author.
///
/// # Errors
/// When the store fails.
pub(crate) fn takes_offer(step: &Step<'_>, no: LinkNo) -> Result<Option<String>, Refusal> {
    for no in [no, ALL_LINKS] {
        let most = step.memory.usage.quota(no).open_delegations;
        if open(step, no)?.theirs >= most {
            return Ok(Some(format!(
                "The partner's desk takes {most} open delegations{}, and has as many. End some of them, or ask its \
                 operator for more.",
                of_all(no)
            )));
        }
    }
    Ok(None)
}

const fn of_all(no: LinkNo) -> &'static str {
    if no.0 == ALL_LINKS.0 { " of all its partners together" } else { "" }
}

fn open(step: &Step<'_>, no: LinkNo) -> Result<OpenRow, Refusal> {
    Ok(step.rows().get(OPEN_DELEGATIONS, &no)?.unwrap_or_default())
}

/// Whether one more item may be said on a link, and counts it. What is owed to the partner is counted alone.
///
/// # Errors
/// `queue-full`, `quota`: what is too much, and what to do.
pub(crate) fn says(
    step: &mut Step<'_>,
    (no, link): (LinkNo, &LinkRow),
    stream: &StreamRow,
    (event, owed): (Option<&Event>, bool),
    bytes: usize,
) -> Result<(), Refusal> {
    let (quotas, now) = (step.memory.usage.quotas, step.now);
    if owed {
        step.memory.usage.spend(no, Way::Out, bytes, now);
        return Ok(());
    }
    let undelivered = stream.waiting + stream.out_length.saturating_sub(stream.acked);
    if undelivered >= quotas.link.undelivered {
        let words = format!("{undelivered} items for {} are not delivered yet.", link.name);
        let next = format!(
            "See with `deskwire link show {}` why; it goes on when some are delivered. The setting is limits.link_undelivered.",
            link.name
        );
        return Err(Refusal::new(Fault::Passing, "queue-full", words, next));
    }
    if matches!(event, Some(Event::Offer { .. })) {
        for (place, most, setting) in [
            (no, quotas.link.open_delegations, "limits.link_open_delegations"),
            (ALL_LINKS, quotas.all.open_delegations, "limits.all_open_delegations"),
        ] {
            if open(step, place)?.ours >= most {
                let words = format!("{most} delegations{} are open.", with(place, link));
                let next = format!("End some of them, or raise {setting} in deskwire.toml.");
                return Err(Refusal::new(Fault::Conflict, "quota", words, next));
            }
        }
    }
    if step.memory.usage.is_spent(no, Way::Out, now) {
        let words = format!(
            "As much was said to {} as one hour or one day allows (or to all partners together).",
            link.name
        );
        let next = "Try again later. If this is no mistake of a program, raise the limits in deskwire.toml.";
        return Err(Refusal::new(Fault::Passing, "quota", words, next));
    }
    step.memory.usage.spend(no, Way::Out, bytes, now);
    Ok(())
}

fn with(no: LinkNo, link: &LinkRow) -> String {
    if no == ALL_LINKS { String::new() } else { format!(" with {}", link.name) }
}

#[cfg(test)]
mod tests {
    //! A quota that never fills again stops a partner for good; one that fills too fast is none.
    use super::*;

    fn usage(messages_per_hour: u64) -> Usage {
        let mut usage = Usage::new(Room::new(None));
        usage.quotas.link.messages_per_hour = messages_per_hour;
        usage
    }

    #[test]
    fn a_rate_is_spent_and_fills_evenly() {
        let (no, other, mut usage) = (LinkNo(1), LinkNo(2), usage(60));
        let at = |minutes: u64| Timestamp(1_000_000 + minutes * 60_000);
        for _ in 0..60 {
            assert!(!usage.is_spent(no, Way::In, at(0)));
            usage.spend(no, Way::In, 10, at(0));
        }
        assert!(usage.is_spent(no, Way::In, at(0)));
        assert!(!usage.is_spent(other, Way::In, at(0)), "another link has its own");
        assert!(!usage.is_spent(no, Way::Out, at(0)), "and so has the other direction");
        for minute in 1..4 {
            assert!(!usage.is_spent(no, Way::In, at(minute)));
            usage.spend(no, Way::In, 10, at(minute));
            assert!(usage.is_spent(no, Way::In, at(minute)));
        }
        assert_eq!(usage.left(no, Way::In, at(600)).messages.left, 60);
        usage.spend(no, Way::In, 10, at(600));
        assert_eq!(usage.left(no, Way::In, at(0)).messages.left, 59, "a clock set back costs nothing");
        assert_eq!(usage.left(no, Way::In, at(1)).messages.left, 60);
    }

    #[test]
    fn slow_rates_lose_no_fraction() {
        let mut bucket = Bucket::full(0, Timestamp(0));
        for now in (0..=HOUR + 1_000).step_by(1_000) {
            bucket.fill(7, HOUR, Timestamp(now));
        }
        assert_eq!(bucket.left, 7);
    }

    #[test]
    fn what_was_taken_beyond_a_rate_is_earned_first() {
        let mut bucket = Bucket::full(10, Timestamp(0));
        bucket.spend(25, 10, HOUR, Timestamp(0));
        bucket.fill(10, HOUR, Timestamp(HOUR / 2));
        assert_eq!((bucket.left, bucket.owed), (0, 5), "no more than an hour's is owed");
        bucket.fill(10, HOUR, Timestamp(HOUR));
        assert_eq!((bucket.left, bucket.owed), (0, 0));
        bucket.spend(10, 10, HOUR, Timestamp(HOUR));
        bucket.fill(10, HOUR, Timestamp(3 * HOUR));
        assert_eq!((bucket.left, bucket.owed), (10, 0));
    }

    #[test]
    fn all_links_together_have_a_bound_too() {
        let mut usage = usage(1_000);
        usage.quotas.all.messages_per_hour = 10;
        (0..10).for_each(|no| usage.spend(LinkNo(no + 1), Way::In, 10, Timestamp(5)));
        assert!(usage.is_spent(LinkNo(99), Way::In, Timestamp(5)));
    }
}
