//! Which time of an event counts: claimed, or that of the first commit (proto-spec, section 8.6, rules 1 to 3).

use deskwire_proto::time::Timestamp;

use super::calendar::Calendar;
use crate::delegation::{Event, Place, Role};

/// An event of a delegation with what is known of its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed<'a> {
    /// Who said it.
    pub author: Role,
    /// Its place in the author's stream.
    pub place: Place,
    /// Length of the other stream that its author had applied.
    pub seen: u64,
    /// What was said.
    pub event: Event,
    /// The receiver refused it: it has no time that counts.
    pub refused: bool,
    /// The time that its author claims.
    pub time: Timestamp,
    /// The time of first commit that the receiver's receipt tells, once there is one.
    pub committed: Option<Timestamp>,
    /// How far before the commit a claimed time is believed by the terms for this message, ms.
    pub tolerance: u64,
    /// The calendar of the terms for this message: the clock runs by it until the next event.
    pub calendar: Calendar<'a>,
    /// When to answer the offer, if this offer or update says so.
    pub respond: Option<Timestamp>,
    /// When to resolve, if this offer or update says so.
    pub resolve: Option<Timestamp>,
}

impl Timed<'_> {
    /// Author, place and `seen`, as [`order`] wants them.
    pub const fn key(&self) -> (Role, Place, Option<u64>) {
        (self.author, self.place, if self.refused { None } else { Some(self.seen) })
    }
}

/// Why a time counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// As claimed.
    Claimed,
    /// The commit, for the claimed time lies before something that the contractor had seen.
    BeforeSeen,
    /// The commit, for the claimed time lies behind it.
    AfterCommit,
    /// The commit, for the claimed time lies further before it than the terms believe.
    BeyondTolerance,
    /// The event before counts later.
    Raised,
    /// It has no time that counts: it was refused.
    Refused,
}

impl Basis {
    /// The name for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::BeforeSeen => "before-seen",
            Self::AfterCommit => "after-commit",
            Self::BeyondTolerance => "beyond-tolerance",
            Self::Raised => "raised",
            Self::Refused => "refused",
        }
    }
}

/// The times of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// What its author claims.
    pub claimed: Timestamp,
    /// When its receiver committed it first.
    pub committed: Option<Timestamp>,
    /// What counts.
    pub at: Timestamp,
    /// Why that counts.
    pub basis: Basis,
    /// A receipt can still change what counts.
    pub provisional: bool,
}

impl Counted {
    /// By how much the author's clock goes at least before the receiver's, ms.
    pub fn ahead(&self) -> u64 {
        self.committed.map_or(0, |committed| self.claimed.since(committed))
    }
}

/// Puts events of both streams, each once, in the order of chapter 7, and what waits for its number behind them. `key`
/// tells author, place and `seen` of each; no `seen` of what was refused, which draws nothing before it.
pub fn order<T>(
    events: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> (Role, Place, Option<u64>),
) -> Vec<T> {
    let mut events: Vec<_> = events.into_iter().collect();
    events.sort_by_key(|event| key(event).1);
    let first_waiting = events.partition_point(|event| matches!(key(event).1, Place::Numbered(_)));
    let waiting = events.split_off(first_waiting);
    let (contractor, principal): (Vec<_>, Vec<_>) =
        events.into_iter().partition(|event| key(event).0 == Role::Contractor);
    let mut principal = principal.into_iter().peekable();
    let mut ordered = Vec::with_capacity(contractor.len() + principal.len() + waiting.len());
    for event in contractor {
        let seen = key(&event).2;
        while let Some(earlier) =
            principal.next_if(|earlier| seen.is_some_and(|seen| key(earlier).1.seen_by(seen)))
        {
            ordered.push(earlier);
        }
        ordered.push(event);
    }
    ordered.extend(principal);
    ordered.extend(waiting);
    ordered
}

/// The times of events in the order of chapter 7.
pub fn count(events: &[Timed<'_>]) -> Vec<Counted> {
    let mut before = Timestamp(0);
    let mut asked = Timestamp(0);
    let mut counted = Vec::with_capacity(events.len());
    for event in events {
        let one = judge(event, asked, before);
        if !event.refused {
            before = one.at;
            match event.author {
                Role::Principal => asked = one.at,
                Role::Contractor => {}
            }
        }
        counted.push(one);
    }
    counted
}

/// When an event counts that was not refused, and why (section 8.6): by the time that its author claims, and that of its
/// first commit. `asked` is the counted time of the principal's newest event before, which is the newest that a contractor's
/// event has seen (section 7.4); `before` that of the event before.
pub fn counts(
    author: Role,
    (claimed, committed): (Timestamp, Option<Timestamp>),
    tolerance: u64,
    (asked, before): (Timestamp, Timestamp),
) -> (Timestamp, Basis) {
    let (at, basis) = match (author, committed) {
        (Role::Principal, _) | (Role::Contractor, None) => (claimed, Basis::Claimed),
        (Role::Contractor, Some(commit)) if claimed < asked => (commit, Basis::BeforeSeen),
        (Role::Contractor, Some(commit)) if claimed > commit => (commit, Basis::AfterCommit),
        (Role::Contractor, Some(commit)) if commit.since(claimed) > tolerance => {
            (commit, Basis::BeyondTolerance)
        }
        (Role::Contractor, Some(_)) => (claimed, Basis::Claimed),
    };
    if at < before { (before, Basis::Raised) } else { (at, basis) }
}

fn judge(event: &Timed<'_>, asked: Timestamp, before: Timestamp) -> Counted {
    let (claimed, committed) = (event.time, event.committed);
    let waiting = match event.place {
        Place::Waiting(_) => true,
        Place::Numbered(_) => false,
    };
    if event.refused {
        return Counted { claimed, committed, at: claimed, basis: Basis::Refused, provisional: false };
    }
    let (at, basis) = counts(event.author, (claimed, committed), event.tolerance, (asked, before));
    let provisional = waiting || (event.author == Role::Contractor && committed.is_none());
    Counted { claimed, committed, at, basis, provisional }
}
