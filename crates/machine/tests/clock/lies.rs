//! Desks whose clocks lie, by mistake or on purpose.

use deskwire_machine::clock::{Basis, Clock, Counted, Timed, Verdict, count, order};
use deskwire_machine::delegation::{Event, Place, Progress, Role};
use deskwire_proto::time::Timestamp;
use proptest::prelude::*;

use crate::support::{
    ACCEPT, ANSWER, DAY, HOUR, MINUTE, NOT_NEEDED, OFFER, TOLERANCE, WARN, claimed, contractor, principal,
    read, talk,
};

/// Far from the epoch, so that clocks may be years behind.
const T: u64 = 50 * 365 * DAY;

fn last<'a>(events: impl IntoIterator<Item = Timed<'a>>) -> Counted {
    *count(&talk(events)).last().unwrap()
}

/// Case 112: the contractor accepts too late and says that it was in time. It counts when the principal got it.
#[test]
fn a_backdated_accept_counts_when_it_was_committed_and_both_times_are_shown() {
    let offer = Timed { respond: Some(Timestamp(T + HOUR)), ..principal(T, OFFER) };
    let clock = read([offer, claimed(T + HOUR - 1, T + 3 * HOUR, ACCEPT)], T + 4 * HOUR);
    let accept = clock.counted[1];
    assert_eq!((accept.at.0, accept.basis), (T + 3 * HOUR, Basis::BeyondTolerance));
    assert_eq!((accept.claimed.0, accept.committed), (T + HOUR - 1, Some(Timestamp(T + 3 * HOUR))));
    let due = clock.respond.unwrap();
    assert_eq!((due.verdict, due.done), (Verdict::Breached(Role::Contractor), Some(Timestamp(T + 3 * HOUR))));
    assert_eq!(clock.breaches.len(), 1);
}

/// Within what the partners agreed to believe, slow wires cost the contractor nothing.
#[test]
fn a_claim_within_the_tolerance_is_believed() {
    let offer = Timed { respond: Some(Timestamp(T + HOUR)), ..principal(T, OFFER) };
    let clock = read([offer, claimed(T + HOUR, T + HOUR + TOLERANCE, ACCEPT)], T + 4 * HOUR);
    assert_eq!(clock.respond.unwrap().verdict, Verdict::Met(Timestamp(T + HOUR)));
}

/// Case 21: clocks that are years off harm nobody: the commit counts, and the skew is told.
#[test]
fn clocks_that_are_years_off_are_not_believed() {
    let year = 365 * DAY;
    let ahead = last([principal(T, OFFER), claimed(T + 10 * year, T + MINUTE, ACCEPT)]);
    assert_eq!((ahead.at.0, ahead.basis), (T + MINUTE, Basis::AfterCommit));
    assert_eq!(ahead.ahead(), 10 * year - MINUTE);
    let behind = last([principal(T, OFFER), claimed(T - 10 * year, T + MINUTE, ACCEPT)]);
    assert_eq!((behind.at.0, behind.basis, behind.ahead()), (T + MINUTE, Basis::BeforeSeen, 0));
}

/// Nobody answers before it was asked, be it by a minute.
#[test]
fn nothing_counts_before_what_its_author_had_seen() {
    let counted = last([principal(T, OFFER), claimed(T - 1, T + MINUTE, ACCEPT)]);
    assert_eq!((counted.at.0, counted.basis), (T + MINUTE, Basis::BeforeSeen));
}

/// A principal whose clock was set right between two events: time does not run backwards.
#[test]
fn no_event_counts_earlier_than_the_one_before() {
    let counted =
        count(&talk([principal(T + DAY, OFFER), contractor(T, ACCEPT), principal(T + 1, Event::Recall)]));
    let at: Vec<_> = counted.iter().map(|one| (one.at.0, one.basis)).collect();
    assert_eq!(at, [(T + DAY, Basis::Claimed), (T + DAY, Basis::Raised), (T + DAY, Basis::Raised)]);
}

/// A refused message has no time: its reader did not even keep it.
#[test]
fn what_was_refused_does_not_move_the_clock() {
    let refused = Timed { refused: true, ..principal(T + DAY, Event::Recall) };
    let with = talk([principal(T, OFFER), refused, contractor(T + 1, ACCEPT)]);
    let counted = count(&with);
    assert_eq!((counted[1].basis, counted[2].at.0), (Basis::Refused, T + 1));
    let clock = Clock::read(&with, Timestamp(T + 2), WARN);
    assert_eq!((clock.stretches.len(), clock.time.offered), (2, 1));
}

/// Before the receipt is there the contractor sees its own time, marked as not sure.
#[test]
fn without_a_receipt_the_claimed_time_is_provisional() {
    let unanswered = Timed { committed: None, ..contractor(T + 5, ACCEPT) };
    let counted = last([principal(T, OFFER), unanswered]);
    assert_eq!((counted.at.0, counted.provisional), (T + 5, true));
    assert!(!last([principal(T, OFFER), contractor(T + 5, ACCEPT)]).provisional);
}

/// One thing that happens between two desks.
#[derive(Clone, Debug)]
enum Act {
    Say { kind: usize, skew: i64 },
    Deliver,
    Receipt,
}

/// What one desk holds of a message.
#[derive(Clone, Copy, Debug)]
struct Held {
    event: Event,
    seen: u64,
    time: Timestamp,
    committed: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
struct Desk {
    own: Vec<Held>,
    theirs: Vec<Held>,
    receipts: usize,
}

impl Desk {
    fn timed(&self, role: Role) -> Vec<Timed<'static>> {
        let side = |author: Role, held: &[Held]| {
            let number = |(index, held): (usize, &Held)| Timed {
                author,
                place: Place::Numbered(index as u64 + 1),
                seen: held.seen,
                time: held.time,
                committed: held.committed,
                ..principal(0, held.event)
            };
            held.iter().enumerate().map(number).collect::<Vec<_>>()
        };
        order(side(role, &self.own).into_iter().chain(side(role.other(), &self.theirs)), Timed::key)
    }
}

const KINDS: [[Event; 5]; 2] = [
    [OFFER, ANSWER, Event::Reopen, NOT_NEEDED, Event::Confirm],
    [ACCEPT, Event::Ask, Event::Resolve, Event::Status { to: Some(Progress::InProgress) }, Event::Return],
];

/// Plays the acts, a minute each; then lets everything arrive. The desks before that and after it.
fn play(acts: &[(usize, Act)]) -> ([Desk; 2], [Desk; 2]) {
    let mut desks = [Desk::default(), Desk::default()];
    let mut now = T;
    for (side, act) in acts {
        now += MINUTE;
        one(&mut desks, *side, act, now);
    }
    let before = desks.clone();
    for _ in 0..=acts.len() {
        for side in [0, 1] {
            now += MINUTE;
            one(&mut desks, side, &Act::Deliver, now);
            one(&mut desks, side, &Act::Receipt, now);
        }
    }
    (before, desks)
}

fn one(desks: &mut [Desk; 2], side: usize, act: &Act, now: u64) {
    let [principal, contractor] = desks;
    let (me, peer) = if side == 0 { (principal, contractor) } else { (contractor, principal) };
    match act {
        Act::Say { kind, skew } => me.own.push(Held {
            event: KINDS[side][*kind % 5],
            seen: me.theirs.len() as u64,
            time: Timestamp(now.saturating_add_signed(*skew)),
            committed: None,
        }),
        Act::Deliver => {
            if let Some(next) = peer.own.get(me.theirs.len()) {
                me.theirs.push(Held { committed: Some(Timestamp(now)), ..*next });
            }
        }
        Act::Receipt => {
            if let Some(told) = peer.theirs.get(me.receipts) {
                me.own[me.receipts].committed = told.committed;
                me.receipts += 1;
            }
        }
    }
}

fn acts() -> impl Strategy<Value = Vec<(usize, Act)>> {
    let year = 365 * DAY as i64;
    let skew = prop_oneof![Just(0), -2 * HOUR as i64..2 * HOUR as i64, -year..year];
    let say = (0..5_usize, skew).prop_map(|(kind, skew)| Act::Say { kind, skew });
    let act = prop_oneof![3 => say, 3 => Just(Act::Deliver), 2 => Just(Act::Receipt)];
    prop::collection::vec((0..2_usize, act), 1..80)
}

proptest! {
    /// Whatever the clocks say and however slowly the wires are: after all receipts both desks compute the same.
    #[test]
    fn both_desks_compute_the_same(acts in acts()) {
        let (before, [principal, contractor]) = play(&acts);
        let ours = principal.timed(Role::Principal);
        let theirs = contractor.timed(Role::Contractor);
        let now = Timestamp(T + 300 * MINUTE);
        prop_assert_eq!(Clock::read(&ours, now, WARN), Clock::read(&theirs, now, WARN));

        // What was shown before and came out otherwise was shown as provisional, or stood behind something still to come.
        let settled = count(&ours);
        for (role, desk) in [(Role::Principal, &before[0]), (Role::Contractor, &before[1])] {
            let held = desk.timed(role);
            for (index, (event, shown)) in held.iter().zip(count(&held)).enumerate() {
                let moved = ours[..=index].iter().zip(&held[..=index]).any(|(one, other)| {
                    (one.author, one.place) != (other.author, other.place)
                });
                let unsure = held[..=index].iter().any(|one| one.author == Role::Contractor && one.committed.is_none());
                if !moved && !unsure {
                    prop_assert_eq!(shown.at, settled[index].at, "{:?}", event);
                    prop_assert!(!shown.provisional);
                }
            }
        }
    }

    /// No clock of the contractor gets it more than the tolerance, and none costs it more than the commit.
    #[test]
    fn nobody_gains_by_lying(acts in acts()) {
        let (_, [principal, _]) = play(&acts);
        let events = principal.timed(Role::Principal);
        let counted = count(&events);
        let mut before = Timestamp(0);
        for (event, one) in events.iter().zip(&counted) {
            prop_assert!(one.at >= before);
            if event.author == Role::Contractor {
                let commit = event.committed.unwrap();
                prop_assert!(one.at.plus(TOLERANCE) >= commit);
                prop_assert!(one.at <= commit.max(before));
            }
            before = one.at;
        }
        let honest: Vec<_> = events.iter().map(|event| match event.author {
            Role::Principal => *event,
            Role::Contractor => Timed { time: event.committed.unwrap(), ..*event },
        }).collect();
        let slower = Clock::read(&honest, Timestamp(T + 300 * MINUTE), WARN);
        let lied = Clock::read(&events, Timestamp(T + 300 * MINUTE), WARN);
        prop_assert_eq!(lied.state, slower.state);
    }
}
