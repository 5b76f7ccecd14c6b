//! Time in hand, deadlines that move, and who lets them pass.

use deskwire_machine::clock::{Calendar, DueKind, Timed, Verdict};
use deskwire_machine::delegation::{Event, Field, Fields, Progress, Role, State};
use deskwire_proto::terms::Interval;
use deskwire_proto::time::Timestamp;

use crate::support::{ACCEPT, ANSWER, DAY, HOUR, MINUTE, NOT_NEEDED, OFFER, contractor, principal, read};

const BEGIN: Event = Event::Status { to: Some(Progress::InProgress) };
const THIRD: Event = Event::Status { to: Some(Progress::WaitingThird) };

fn offer(resolve: u64) -> Timed<'static> {
    Timed { resolve: Some(Timestamp(resolve)), ..principal(0, OFFER) }
}

/// Every minute belongs to one of the two.
#[test]
fn time_belongs_to_whoever_has_the_turn() {
    let clock = read(
        [
            principal(0, OFFER),
            contractor(10, ACCEPT),
            contractor(30, Event::Ask),
            principal(70, ANSWER),
            contractor(75, THIRD),
            contractor(100, Event::Resolve),
            principal(160, Event::Confirm),
        ],
        1_000,
    );
    let split = clock.time;
    assert_eq!((split.offered, split.working, split.waiting), (10, 25, 40));
    assert_eq!((split.third, split.resolved, split.disputed), (25, 60, 0));
    assert_eq!((split.contractor(), split.principal(), split.whole()), (60, 100, 160));
    assert_eq!(clock.wall, split);
}

/// Who asks loses nothing by the time in which nobody answers; also while it still waits.
#[test]
fn waiting_for_the_principal_moves_the_deadline() {
    let begin = [offer(10 * HOUR), contractor(0, ACCEPT), contractor(HOUR, Event::Ask)];
    let waiting = read(begin, 30 * HOUR);
    let due = waiting.resolve.unwrap();
    assert_eq!((due.at.0, due.moved, due.stands), (39 * HOUR, 29 * HOUR, true));
    assert_eq!((due.verdict, due.next(Timestamp(30 * HOUR))), (Verdict::Open, None));

    let answered = begin.into_iter().chain([principal(30 * HOUR, ANSWER)]);
    let met = read(answered.clone().chain([contractor(39 * HOUR, Event::Resolve)]), 50 * HOUR);
    assert_eq!(met.resolve.unwrap().verdict, Verdict::Met(Timestamp(39 * HOUR)));
    let late = read(answered.chain([contractor(39 * HOUR + 1, Event::Resolve)]), 50 * HOUR);
    let due = late.resolve.unwrap();
    assert_eq!(
        (due.verdict, due.done),
        (Verdict::Breached(Role::Contractor), Some(Timestamp(39 * HOUR + 1)))
    );
}

/// A question that was not needed buys no time, also when that is said after the contractor went on by itself.
#[test]
fn a_disputed_waiting_counts_for_the_contractor() {
    let begin = [offer(10 * HOUR), contractor(0, ACCEPT), contractor(HOUR, Event::Ask)];
    let directly = begin.into_iter().chain([principal(5 * HOUR, NOT_NEEDED)]);
    let later = begin.into_iter().chain([contractor(5 * HOUR, BEGIN), principal(6 * HOUR, NOT_NEEDED)]);
    for events in [directly.collect::<Vec<_>>(), later.collect()] {
        let clock = read(events, 10 * HOUR + 1);
        assert_eq!((clock.time.disputed, clock.time.waiting), (4 * HOUR, 0));
        let due = clock.resolve.unwrap();
        assert_eq!((due.at.0, due.verdict), (10 * HOUR, Verdict::Breached(Role::Contractor)));
    }
}

/// Two questions of one waiting are disputed together; an earlier, answered one is not.
#[test]
fn a_dispute_reaches_the_waiting_that_it_answers() {
    let clock = read(
        [
            offer(100),
            contractor(0, ACCEPT),
            contractor(10, Event::Ask),
            principal(20, ANSWER),
            contractor(30, Event::Ask),
            contractor(35, Event::Ask),
            principal(50, NOT_NEEDED),
        ],
        60,
    );
    assert_eq!((clock.time.waiting, clock.time.disputed), (10, 20));
    assert_eq!(clock.resolve.unwrap().at.0, 110);
}

/// Waiting for somebody else is the contractor's own time.
#[test]
fn waiting_for_a_third_party_does_not_move_it() {
    let clock = read([offer(100), contractor(0, ACCEPT), contractor(10, THIRD)], 101);
    let due = clock.resolve.unwrap();
    assert_eq!((due.at.0, due.verdict, due.moved), (100, Verdict::Breached(Role::Contractor), 0));
    assert_eq!(clock.breaches[0].kind, DueKind::Resolve);
}

/// A resolution that was none does not stop the clock: neither one that its author takes back after the deadline, nor a
/// reopened one, which gives back exactly the time in which the principal looked.
#[test]
fn a_sham_resolution_gains_nothing() {
    let begin = [offer(100), contractor(0, ACCEPT), contractor(99, Event::Resolve)];
    assert_eq!(read(begin, 500).resolve.unwrap().verdict, Verdict::Met(Timestamp(99)));
    let back = read(begin.into_iter().chain([contractor(120, BEGIN)]), 121);
    assert_eq!(back.resolve.unwrap().verdict, Verdict::Breached(Role::Contractor));
    let reopened = begin.into_iter().chain([principal(150, Event::Reopen)]);
    let due = read(reopened.clone(), 151).resolve.unwrap();
    assert_eq!((due.at.0, due.verdict), (151, Verdict::Open));
    assert_eq!(read(reopened, 152).resolve.unwrap().verdict, Verdict::Breached(Role::Contractor));
}

/// Confirmed work that fails weeks later is not late by those weeks.
#[test]
fn a_reopened_confirmation_leaves_the_time_that_was_left() {
    let events = [
        offer(100),
        contractor(0, ACCEPT),
        contractor(60, Event::Resolve),
        principal(70, Event::Confirm),
        principal(1_000, Event::Reopen),
    ];
    let due = read(events, 1_001).resolve.unwrap();
    assert_eq!((due.at.0, due.verdict), (1_040, Verdict::Open));
}

/// A breach stays, whatever is asked afterwards.
#[test]
fn a_question_after_the_deadline_heals_nothing() {
    let events = [offer(100), contractor(0, ACCEPT), contractor(101, Event::Ask), principal(200, ANSWER)];
    let due = read(events, 300).resolve.unwrap();
    assert_eq!((due.at.0, due.verdict), (100, Verdict::Breached(Role::Contractor)));
}

/// A deadline that had passed when it was said is the principal's own.
#[test]
fn a_deadline_in_the_past_is_the_principals_breach() {
    let offer = Timed { respond: Some(Timestamp(40)), resolve: Some(Timestamp(50)), ..principal(60, OFFER) };
    let clock = read([offer, contractor(70, ACCEPT)], 80);
    let by: Vec<_> = clock.breaches.iter().map(|breach| (breach.kind, breach.by)).collect();
    assert_eq!(by, [(DueKind::Respond, Role::Principal), (DueKind::Resolve, Role::Principal)]);
}

/// What was declined, returned or recalled in time is owed no more.
#[test]
fn an_end_before_the_deadline_voids_it() {
    let open = [offer(100), contractor(0, ACCEPT)];
    for end in [contractor(50, Event::Return), principal(50, Event::Recall)] {
        assert_eq!(read(open.into_iter().chain([end]), 500).resolve.unwrap().verdict, Verdict::Void);
    }
    let late = read(open.into_iter().chain([contractor(101, Event::Return)]), 500);
    assert_eq!(late.resolve.unwrap().verdict, Verdict::Breached(Role::Contractor));
    let respond = Timed { respond: Some(Timestamp(100)), ..principal(0, OFFER) };
    let recalled = read([respond, principal(20, Event::Recall)], 500);
    assert_eq!(recalled.respond.unwrap().verdict, Verdict::Void);
    let declined = read([respond, contractor(100, Event::Decline)], 500);
    assert_eq!(declined.respond.unwrap().verdict, Verdict::Met(Timestamp(100)));
}

/// A new deadline binds from where the contractor takes it; until then the old one runs.
#[test]
fn a_proposed_deadline_holds_once_it_is_taken() {
    let proposal = Event::Update { version: 2, binding: Fields::of([Field::Deadline]) };
    let begin = [
        offer(100),
        contractor(0, ACCEPT),
        contractor(10, Event::Ask),
        principal(20, ANSWER),
        Timed { resolve: Some(Timestamp(200)), ..principal(30, proposal) },
    ];
    assert_eq!(read(begin, 40).resolve.unwrap().at.0, 110);
    let taken = begin.into_iter().chain([contractor(50, Event::ChangeTake { version: 2 })]);
    let due = read(taken, 150).resolve.unwrap();
    assert_eq!((due.said.0, due.at.0, due.verdict), (200, 200, Verdict::Open));
}

/// Nights and weekends count for nobody, and a wait over the weekend moves the deadline by its working hours.
#[test]
fn clocks_run_inside_the_calendar() {
    let hours: Vec<_> = (0..5)
        .map(|day| Interval(Timestamp(day * DAY + 8 * HOUR), Timestamp(day * DAY + 17 * HOUR)))
        .collect();
    let calendar = Calendar::new(&hours);
    let at = |event: Timed<'static>| Timed { calendar, ..event };
    let clock = read(
        [
            at(offer(DAY + 10 * HOUR)),
            at(contractor(9 * HOUR, ACCEPT)),
            at(contractor(16 * HOUR, Event::Ask)),
            at(principal(DAY + 9 * HOUR, ANSWER)),
        ],
        DAY + 11 * HOUR,
    );
    assert_eq!((clock.time.waiting, clock.wall.waiting), (2 * HOUR, 17 * HOUR));
    assert_eq!((clock.time.offered, clock.time.working), (HOUR, 9 * HOUR));
    let due = clock.resolve.unwrap();
    assert_eq!((due.at.0, due.moved, due.verdict), (DAY + 12 * HOUR, 2 * HOUR, Verdict::Open));
}

/// A person is warned while something can still be done, and the engine is told when to look next.
#[test]
fn a_warning_comes_before_the_deadline() {
    let events = [offer(100), contractor(0, ACCEPT)];
    let clock = read(events, 10);
    let due = clock.resolve.unwrap();
    assert_eq!((due.warn.0, due.is_near(Timestamp(74)), due.is_near(Timestamp(75))), (75, false, true));
    assert_eq!(clock.next(Timestamp(10)), Some(Timestamp(75)));
    assert_eq!(clock.next(Timestamp(75)), Some(Timestamp(101)));
    assert_eq!(read(events, 101).next(Timestamp(101)), None);
}

/// An event without effect changes no time, though it has one of its own.
#[test]
fn a_superseded_event_moves_nothing() {
    let with =
        read([offer(100), contractor(0, ACCEPT), contractor(60, Event::Resolve), principal(70, ANSWER)], 90);
    assert_eq!((with.state, with.time.resolved, with.time.working), (State::Resolved, 30, 60));
    assert_eq!(with.resolve.unwrap().verdict, Verdict::Met(Timestamp(60)));
}

/// Ten thousand events are read at once; bounded here by work, measured by the bench.
#[test]
fn a_very_long_delegation_is_read() {
    let mut events = vec![offer(1_000_000), contractor(0, ACCEPT)];
    for round in 0..5_000 {
        events.push(contractor(round * MINUTE, Event::Ask));
        events.push(principal(round * MINUTE + 1_000, ANSWER));
    }
    let clock = read(events, 5_000 * MINUTE);
    assert_eq!((clock.time.waiting, clock.counted.len()), (5_000 * 1_000, 10_002));
}
