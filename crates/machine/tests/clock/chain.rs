//! Chains: the times of all desks add up to the wall time of the case, wherever their clocks stand still in between.

use deskwire_machine::chain_report::{Below, compose};
use deskwire_machine::clock::{Clock, Timed, share};
use deskwire_machine::delegation::{Event, Progress};
use deskwire_proto::message::chain_report::Facts;
use deskwire_proto::number::Stars;
use deskwire_proto::text::Label;
use deskwire_proto::time::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use crate::support::{ACCEPT, ANSWER, HOUR, OFFER, WARN, contractor, principal, read, talk};

const BEGIN: Event = Event::Status { to: Some(Progress::InProgress) };
const THIRD: Event = Event::Status { to: Some(Progress::WaitingThird) };

fn name(name: &str) -> Label {
    Label::new(name).unwrap()
}

/// The middle desk's time is its own less what its contractor had in hand.
#[test]
fn what_was_handed_on_is_not_the_middle_desks() {
    let above = read([principal(0, OFFER), contractor(10, ACCEPT), contractor(100, Event::Resolve)], 130);
    let below = read(
        [
            principal(20, OFFER),
            contractor(30, ACCEPT),
            contractor(80, Event::Resolve),
            principal(90, Event::Confirm),
        ],
        130,
    );
    let share = share(&above, [&below]);
    assert_eq!((share.held, share.below, share.waited), (20 + 20, 50, 30));
    assert_eq!(share.held + share.below + share.waited, 130 - 10);
}

/// While the client is asked and the engineer works on, the time is the engineer's.
#[test]
fn work_below_counts_although_the_case_waits_above() {
    let above = read([principal(0, OFFER), contractor(0, ACCEPT), contractor(10, Event::Ask)], 100);
    let below = read([principal(0, OFFER), contractor(5, ACCEPT), contractor(60, Event::Resolve)], 100);
    let share = share(&above, [&below]);
    assert_eq!((share.held, share.below, share.waited), (5, 55, 40));
}

/// Names travel only where the terms say so; a letter that came from below is given anew.
#[test]
fn desks_below_are_letters_unless_the_terms_name_them() {
    let clock = read([principal(0, OFFER), contractor(0, ACCEPT)], 10);
    let lowest = compose(&clock, name("Petrov"), &[], true);
    let middle = |named| {
        let below = Below {
            clock: &clock,
            name: name("Petrov"),
            report: Some(&lowest),
            stars: Some(Stars::new(4).unwrap()),
        };
        let twice = [below, Below { clock: &clock, name: name("Ltd"), report: None, stars: None }];
        compose(&clock, name("Kassa"), &twice, named)
    };
    let aliases =
        |facts: &Facts| facts.hops.iter().map(|hop| hop.alias.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(aliases(&middle(true)), ["Kassa", "Petrov", "Ltd"]);
    assert_eq!(aliases(&middle(false)), ["Kassa", "A", "B"]);
    assert_eq!(middle(false).hops[1].stars.map(Stars::get), Some(4));
    let (unnamed, other) = (middle(false), middle(false));
    let both = [
        Below { clock: &clock, name: name("Acme"), report: Some(&unnamed), stars: None },
        Below { clock: &clock, name: name("Emca"), report: Some(&other), stars: None },
    ];
    let top = compose(&clock, name("Shop"), &both, true);
    assert_eq!(aliases(&top), ["Shop", "Acme", "A", "B", "Emca", "C", "D"]);
}

/// A desk below that claims more time than there was does not make the account wrong.
#[test]
fn a_report_of_more_time_than_there_was_is_not_believed() {
    let clock = read([principal(0, OFFER), contractor(0, ACCEPT)], 100);
    let mut lie = compose(&clock, name("Petrov"), &[], true);
    let mut hops = lie.hops.clone().into_vec();
    hops[0].held = u64::MAX >> 12;
    lie.hops = deskwire_proto::list::List::new(hops).unwrap();
    let below = [Below { clock: &clock, name: name("Petrov"), report: Some(&lie), stars: None }];
    let facts = compose(&clock, name("Kassa"), &below, true);
    assert_eq!(facts.hops.iter().map(|hop| hop.held).sum::<u64>() + facts.hops[0].waited, 100);
}

/// What becomes of one delegation of a chain, as shares of the time that is left.
#[derive(Clone, Debug)]
struct Link {
    offered: u64,
    accepted: u64,
    steps: Vec<(u8, u64)>,
    confirmed: u64,
}

fn link() -> impl Strategy<Value = Link> {
    let steps = prop::collection::vec((0..4u8, 1..60u64), 0..12);
    (1..60u64, 1..60u64, steps, 1..60u64).prop_map(|(offered, accepted, steps, confirmed)| Link {
        offered,
        accepted,
        steps,
        confirmed,
    })
}

/// The events of one delegation, offered a little after `from` and confirmed before `to`; between them the contractor
/// has had it from the second value to the third.
fn history(link: &Link, from: u64, to: u64) -> (Vec<Timed<'static>>, u64, u64) {
    let whole = link.offered
        + link.accepted
        + link.steps.iter().map(|(_, share)| *share).sum::<u64>()
        + link.confirmed
        + 60;
    let unit = (to - from) / whole;
    let mut at = from + unit * link.offered;
    let mut events = vec![principal(at, OFFER)];
    at += unit * link.accepted;
    let accepted = at;
    events.push(contractor(at, ACCEPT));
    for (what, share) in &link.steps {
        at += unit * share;
        let waits = matches!(events.last().unwrap().event, Event::Ask);
        events.push(match (what, waits) {
            (_, true) => principal(at, ANSWER),
            (0 | 1, false) => contractor(at, Event::Ask),
            (2, false) => contractor(at, THIRD),
            (_, false) => contractor(at, BEGIN),
        });
    }
    let resolved = at + unit * 30;
    events.push(contractor(resolved, Event::Resolve));
    events.push(principal(resolved + unit * link.confirmed, Event::Confirm));
    (talk(events), accepted, resolved)
}

/// A moment of a person's clock on the wall.
fn local(zone: &str, (month, day): (i8, i8), hour: i8) -> u64 {
    let zoned = date(2027, month, day).at(hour, 0, 0, 0).to_zoned(TimeZone::get(zone).unwrap()).unwrap();
    u64::try_from(zoned.timestamp().as_millisecond()).unwrap()
}

/// What of it has been said by then; no desk below has heard of the case before it was handed on.
fn so_far(histories: &[Vec<Timed<'static>>], now: u64) -> Vec<Vec<Timed<'static>>> {
    let said = |events: &Vec<Timed<'static>>| {
        events.iter().filter(|event| event.time.0 <= now).copied().collect::<Vec<_>>()
    };
    histories.iter().map(said).take_while(|events| !events.is_empty()).collect()
}

/// What all hops together say of the time.
fn told(facts: &Facts) -> u64 {
    facts.hops.iter().map(|hop| hop.held).sum::<u64>() + facts.hops[0].waited
}

/// Composes from the lowest desk upward, as reports travel, and gives back the report that the origin gets.
fn report(histories: &[Vec<Timed<'static>>], now: u64) -> (Facts, u64) {
    let clocks: Vec<_> = histories.iter().map(|events| Clock::read(events, Timestamp(now), WARN)).collect();
    let mut facts: Option<Facts> = None;
    for (index, clock) in clocks.iter().enumerate().rev() {
        let below = clocks.get(index + 1).map(|below| Below {
            clock: below,
            name: name("Below"),
            report: facts.as_ref(),
            stars: None,
        });
        let below: Vec<_> = below.into_iter().collect();
        let own = format!("Desk {index}");
        let next = compose(clock, name(&own), &below, index % 2 == 0);
        facts = Some(next);
    }
    let wall = &clocks[0].wall;
    (facts.unwrap(), wall.held() + wall.principal())
}

proptest! {
    /// Chains of two to eight desks, over the nights in which clocks are put forward and back, in Berlin and in New York:
    /// the hops add up to the wall time of the case, to the millisecond, whenever somebody looks.
    #[test]
    fn hops_add_up_to_the_wall_time(
        links in prop::collection::vec(link(), 1..8),
        zone in prop::sample::select(vec![
            ("Europe/Berlin", (3, 27), (3, 29)), ("Europe/Berlin", (10, 30), (11, 1)),
            ("America/New_York", (3, 13), (3, 15)), ("America/New_York", (11, 6), (11, 8)),
        ]),
        between in 0..47 * HOUR,
        behind in 0..3 * HOUR,
    ) {
        let (zone, first, last) = zone;
        let (from, to) = (local(zone, first, 12), local(zone, last, 12));
        let days = to - from;
        prop_assert!(days == 47 * HOUR || days == 49 * HOUR, "a night with a change: {days}");
        let (mut low, mut high) = (from, to);
        let mut histories = Vec::new();
        for link in &links {
            let (events, accepted, resolved) = history(link, low, high);
            (low, high) = (accepted, resolved);
            histories.push(events);
            if high - low < 200 * 1_000 {
                break;
            }
        }
        let (accepted, confirmed) = (histories[0][1].time.0, histories[0].last().unwrap().time.0);
        let turns = histories.iter().flatten().map(|event| event.time.0);
        for now in turns.chain([from + between, to + behind]) {
            let said = so_far(&histories, now);
            if said.is_empty() {
                continue;
            }
            let (facts, wall) = report(&said, now);
            prop_assert_eq!(facts.hops.len(), said.len());
            prop_assert_eq!(told(&facts), wall, "at {}", now);
            prop_assert_eq!(wall, now.min(confirmed).saturating_sub(accepted));
        }
    }
}
