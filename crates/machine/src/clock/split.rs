//! Who had the work in hand from event to event, and how long (proto-spec, sections 7.2 and 8.6).

use std::collections::HashSet;

use deskwire_proto::time::Timestamp;

use super::calendar::Calendar;
use super::count::{Counted, Timed, count};
use super::due::{Breach, Due, DueKind, dues};
use crate::delegation::{Event, Fate, Memory, Place, Role, State, WaitingOn};

/// What a stretch of time counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hand {
    /// Offered: the contractor has to answer.
    Offered,
    /// The contractor works.
    Working,
    /// The contractor waits for a third party; its clock runs.
    Third,
    /// The contractor waits for the principal; its clock stands.
    Waiting,
    /// It waited for the principal, which says that it need not have asked: counts for the contractor.
    Disputed,
    /// Resolved: the principal has to look.
    Resolved,
    /// Over.
    Closed,
}

impl Hand {
    /// Whose time it is; nobody's when it is over.
    pub const fn of(self) -> Option<Role> {
        match self {
            Self::Offered | Self::Working | Self::Third | Self::Disputed => Some(Role::Contractor),
            Self::Waiting | Self::Resolved => Some(Role::Principal),
            Self::Closed => None,
        }
    }

    /// Part of the wall time since the acceptance.
    pub const fn is_accepted(self) -> bool {
        match self {
            Self::Working | Self::Third | Self::Disputed | Self::Waiting | Self::Resolved => true,
            Self::Offered | Self::Closed => false,
        }
    }
}

/// The time between an event that was not refused and the next one, or now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch<'a> {
    /// Counted time of the event that begins it.
    pub from: Timestamp,
    /// Counted time of the next event; now for the last one.
    pub to: Timestamp,
    /// What it counts as.
    pub hand: Hand,
    /// The hours in which the clock runs in it.
    pub calendar: Calendar<'a>,
    /// Author of the event that ends it.
    pub(super) ended_by: Option<Role>,
}

/// Durations by what they count as, ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Split {
    /// Offered and not answered.
    pub offered: u64,
    /// The contractor worked.
    pub working: u64,
    /// The contractor waited for a third party.
    pub third: u64,
    /// Disputed waiting.
    pub disputed: u64,
    /// Undisputed waiting for the principal.
    pub waiting: u64,
    /// Resolved, and neither confirmed nor reopened.
    pub resolved: u64,
}

impl Split {
    /// The contractor's time in hand since the acceptance.
    pub const fn held(&self) -> u64 {
        self.working + self.third + self.disputed
    }

    /// All that counts for the contractor.
    pub const fn contractor(&self) -> u64 {
        self.offered + self.held()
    }

    /// All that counts for the principal.
    pub const fn principal(&self) -> u64 {
        self.waiting + self.resolved
    }

    /// All of it.
    pub const fn whole(&self) -> u64 {
        self.contractor() + self.principal()
    }

    fn add(&mut self, hand: Hand, milliseconds: u64) {
        let sum = match hand {
            Hand::Offered => &mut self.offered,
            Hand::Working => &mut self.working,
            Hand::Third => &mut self.third,
            Hand::Disputed => &mut self.disputed,
            Hand::Waiting => &mut self.waiting,
            Hand::Resolved => &mut self.resolved,
            Hand::Closed => return,
        };
        *sum = sum.saturating_add(milliseconds);
    }
}

/// The clock of a delegation as some events make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock<'a> {
    /// The state behind the last event.
    pub state: State,
    /// The times of each event given, in their order.
    pub counted: Vec<Counted>,
    /// The time between them, of the ones not refused.
    pub stretches: Vec<Stretch<'a>>,
    /// Durations inside the business hours.
    pub time: Split,
    /// Durations of the wall clock: what adds up along a chain.
    pub wall: Split,
    /// The deadline to answer the offer.
    pub respond: Option<Due>,
    /// The deadline to resolve.
    pub resolve: Option<Due>,
    /// Deadlines that passed, oldest first.
    pub breaches: Vec<Breach>,
}

impl<'a> Clock<'a> {
    /// Reads the clock at `now` off events in the order of chapter 7. `warn` is the share of the time, in percent, that is
    /// left when a warning is due.
    pub fn read(events: &[Timed<'a>], now: Timestamp, warn: u8) -> Self {
        let counted = count(events);
        let steps = fold(events, &counted);
        let stretches = stretches(&steps, now);
        let (mut time, mut wall) = (Split::default(), Split::default());
        for stretch in &stretches {
            time.add(stretch.hand, stretch.calendar.open(stretch.from, stretch.to));
            wall.add(stretch.hand, stretch.to.since(stretch.from));
        }
        let state = steps.last().map_or(State::Unoffered, |step| step.state);
        let (respond, resolve, breaches) = dues(&steps, &stretches, warn);
        Self { state, counted, stretches, time, wall, respond, resolve, breaches }
    }

    /// The two deadlines that there are.
    pub fn dues(&self) -> impl Iterator<Item = (DueKind, &Due)> {
        let respond = self.respond.iter().map(|due| (DueKind::Respond, due));
        respond.chain(self.resolve.iter().map(|due| (DueKind::Resolve, due)))
    }

    /// The next moment after `now` at which a warning is due or a deadline has passed, if nothing is said until then.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.dues().filter_map(|(_, due)| due.next(now)).min()
    }
}

/// An event that was not refused, and what it made of the delegation.
pub(super) struct Step<'a> {
    pub(super) timed: Timed<'a>,
    pub(super) at: Timestamp,
    pub(super) state: State,
    pub(super) fate: Fate,
    /// The version that the deadline has its value from now.
    pub(super) version: u64,
    /// The waiting that this event goes on in, by the ask that began it.
    question: Option<Place>,
    /// The waiting that this event disputes.
    disputes: Option<Place>,
}

fn fold<'a>(events: &[Timed<'a>], counted: &[Counted]) -> Vec<Step<'a>> {
    let mut memory = Memory::default();
    let mut steps = Vec::with_capacity(events.len());
    for (timed, counted) in events.iter().zip(counted).filter(|(timed, _)| !timed.refused) {
        let question = memory.question.map(|question| question.first);
        let fate = memory.apply(timed.author, timed.place, timed.seen, &timed.event);
        let not_needed = timed.event == Event::Answer { needed: false } && fate.is_effective();
        steps.push(Step {
            timed: *timed,
            at: counted.at,
            state: memory.state,
            fate,
            version: memory.versions.deadline,
            question: memory.question.map(|question| question.first),
            disputes: question.filter(|_| not_needed),
        });
    }
    steps
}

fn stretches<'a>(steps: &[Step<'a>], now: Timestamp) -> Vec<Stretch<'a>> {
    let disputed: HashSet<Place> = steps.iter().filter_map(|step| step.disputes).collect();
    let mut stretches = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter().enumerate() {
        let next = steps.get(index + 1);
        let to = next.map_or(now.max(step.at), |next| next.at);
        let question = step.question.filter(|first| disputed.contains(first));
        let hand = hand(step.state, question.is_some());
        let ended_by = next.map(|next| next.timed.author);
        stretches.push(Stretch { from: step.at, to, hand, calendar: step.timed.calendar, ended_by });
    }
    stretches
}

const fn hand(state: State, disputed: bool) -> Hand {
    match state {
        State::Offered => Hand::Offered,
        State::Accepted | State::InProgress => Hand::Working,
        State::Waiting { on: WaitingOn::ThirdParty } => Hand::Third,
        State::Waiting { on: WaitingOn::Principal } if disputed => Hand::Disputed,
        State::Waiting { on: WaitingOn::Principal } => Hand::Waiting,
        State::Resolved => Hand::Resolved,
        State::Unoffered | State::Confirmed | State::Declined | State::Returned | State::Recalled => {
            Hand::Closed
        }
    }
}
