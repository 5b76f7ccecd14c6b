//! Deadlines and clocks between real desks: from the terms to the ticket on which people are warned.

use std::sync::Arc;

use deskwire_engine::Reader;
use deskwire_engine::calendar::{Hours, Span};
use deskwire_engine::command::act::Action;
use deskwire_engine::command::closing::Close;
use deskwire_engine::command::delegate::Delegate;
use deskwire_engine::command::due::Clocks;
use deskwire_engine::command::hours::{SetHours, SetReserve};
use deskwire_engine::command::rule::SetMapping;
use deskwire_engine::command::tick::Tick;
use deskwire_engine::identity::{Face, Identity};
use deskwire_engine::port::Clock;
use deskwire_engine::query::{self, DelegationFilter, DueFilter, DueState, ThreadEntry, TicketFilter, What};
use deskwire_machine::clock::{Basis, DueKind, Split, Verdict};
use deskwire_machine::delegation::Role;
use deskwire_machine::disclosure::{Changes, Choice};
use deskwire_machine::mapping::{Mapping, PriorityPair};
use deskwire_proto::key::SecretKey;
use deskwire_proto::list::List;

use deskwire_proto::message::common::Priority;
use deskwire_proto::message::status::Progress;
use deskwire_proto::number::Stars;
use deskwire_proto::terms::{Deadline, FieldName, Redelegate, Terms};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, TicketNumber};

use crate::chain::Chain;
use crate::harness::{Desk, LINK, because, link, person, prose, settle};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn reader(desk: &Desk) -> Reader {
    Reader::new(&desk.core, Arc::new(At(desk.now)))
}

fn clock(desk: &Desk, no: u64) -> query::DelegationClock {
    query::delegation_clock(&reader(desk), DelegationNo(no), &desk.delegation(no)).unwrap()
}

/// What people read on the ticket about deadlines.
fn told(desk: &Desk, ticket: u64) -> Vec<(DueKind, Option<Role>)> {
    let detail = query::ticket_detail(&reader(desk), TicketNumber(ticket)).unwrap();
    let due = |entry: ThreadEntry| match entry {
        ThreadEntry::Happened(happened) => match happened.what {
            What::Due { kind, by, .. } => Some((kind, by)),
            _ => None,
        },
        _ => None,
    };
    detail.thread.into_iter().filter_map(due).collect()
}

fn terms() -> Terms {
    let high = Deadline { respond: HOUR, resolve: 8 * HOUR, priority: Priority::High };
    Terms { deadlines: Some(List::new(vec![high]).unwrap()), ..Terms::default() }
}

/// Two desks with these terms, and a ticket that was handed over.
fn offered() -> (Desk, Desk) {
    let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new("Acme", 2));
    link(&mut shop, &mut acme, terms());
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    (shop, acme)
}

/// Nobody types a deadline that the partners have agreed on.
#[test]
fn terms_give_an_offer_its_deadlines() {
    let (shop, acme) = offered();
    for desk in [&shop, &acme] {
        let clock = clock(desk, 1);
        let offered = clock.counted[0].1.at;
        assert_eq!(clock.respond.unwrap().at, offered.plus(HOUR));
        assert_eq!(clock.resolve.unwrap().at, offered.plus(8 * HOUR));
    }
}

/// Both desks come to the same figures from the same messages, and each says what is not sure yet.
#[test]
fn both_desks_show_the_same_clock() {
    let (mut shop, mut acme) = offered();
    acme.now = shop.now.plus(10 * MINUTE);
    acme.act(1, Action::Accept).unwrap();
    acme.act(1, Action::Ask { question: prose("Which one?") }).unwrap();
    assert!(clock(&acme, 1).provisional, "no receipt has come");
    shop.now = shop.now.plus(15 * MINUTE);
    settle(&mut shop, &mut acme);
    shop.now = shop.now.plus(2 * HOUR);
    shop.act(1, Action::Answer { answer: prose("The left one."), needed: true }).unwrap();
    acme.now = shop.now.plus(MINUTE);
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    shop.now = acme.now.plus(MINUTE);
    settle(&mut shop, &mut acme);
    (shop.now, acme.now) = (shop.now.plus(HOUR), shop.now.plus(HOUR));
    let (ours, theirs) = (clock(&shop, 1), clock(&acme, 1));
    assert_eq!((ours.time, &ours.breaches), (theirs.time, &theirs.breaches));
    assert_eq!((ours.respond, ours.resolve), (theirs.respond, theirs.resolve));
    let times = |clock: &query::DelegationClock| {
        clock.counted.iter().map(|(item, one)| (*item, one.at)).collect::<Vec<_>>()
    };
    assert_eq!(times(&ours), times(&theirs));
    assert!(!ours.provisional && !theirs.provisional);
    assert!(ours.time.waiting >= 2 * HOUR && ours.resolve.unwrap().moved == ours.time.waiting);
}

/// Case 112 over real desks: the contractor sets its clock back and accepts too late.
#[test]
fn a_contractor_with_its_clock_set_back_gains_nothing() {
    let (mut shop, mut acme) = offered();
    let offered = clock(&shop, 1).counted[0].1.at;
    acme.now = offered.plus(30 * MINUTE);
    acme.act(1, Action::Accept).unwrap();
    let claimed = acme.now;
    shop.now = offered.plus(3 * HOUR);
    settle(&mut shop, &mut acme);
    for desk in [&shop, &acme] {
        let clock = clock(desk, 1);
        let (_, accept) = clock.counted[1];
        assert_eq!((accept.claimed, accept.basis), (claimed, Basis::BeyondTolerance));
        assert!(accept.at >= offered.plus(3 * HOUR));
        assert_eq!(clock.respond.unwrap().verdict, Verdict::Breached(Role::Contractor));
        assert_eq!(clock.breaches.len(), 1);
    }
}

/// People are warned while something can be done, told once when it was not, and find both in their lists.
#[test]
fn people_are_warned_before_a_deadline_and_told_of_a_breach() {
    let (mut shop, mut acme) = offered();
    let next = acme.run(Tick).unwrap().unwrap();
    let offered = clock(&acme, 1).counted[0].1.at;
    assert_eq!(next, offered.plus(45 * MINUTE), "a quarter of the hour is left");
    assert!(told(&acme, 1).is_empty());
    let lists = |desk: &Desk, due: DueFilter| {
        let delegations = DelegationFilter { due: Some(due), limit: 10, ..DelegationFilter::default() };
        let tickets = TicketFilter { due: Some(due), limit: 10, ..TicketFilter::default() };
        let reader = reader(desk);
        (
            query::delegations(&reader, &delegations).unwrap().items.len(),
            query::tickets(&reader, &tickets).unwrap().items.len(),
        )
    };
    assert_eq!(lists(&acme, DueFilter::Near), (0, 0));

    acme.now = next;
    acme.run(Tick).unwrap();
    acme.run(Tick).unwrap();
    assert_eq!(told(&acme, 1), [(DueKind::Respond, None)]);
    assert_eq!((lists(&acme, DueFilter::Near), lists(&acme, DueFilter::Overdue)), ((1, 1), (0, 0)));

    // A message that claims to be in time can still come for the length of the tolerance.
    for desk in [&mut acme, &mut shop] {
        desk.now = offered.plus(HOUR + 5 * MINUTE);
        desk.run(Tick).unwrap();
    }
    assert_eq!(lists(&acme, DueFilter::Overdue), (1, 1));
    assert_eq!(told(&acme, 1).len(), 1);
    for desk in [&mut acme, &mut shop] {
        desk.now = offered.plus(HOUR + 16 * MINUTE);
        desk.run(Tick).unwrap();
        desk.run(Tick).unwrap();
        assert!(told(desk, 1).contains(&(DueKind::Respond, Some(Role::Contractor))));
        assert_eq!(told(desk, 1).iter().filter(|(_, by)| by.is_some()).count(), 1);
    }
    let reader = reader(&shop);
    let shown = query::ticket_due(&reader, TicketNumber(1)).unwrap().unwrap();
    assert_eq!((shown.kind, shown.state), (DueKind::Respond, DueState::Overdue));
}

/// What was looked at comes out the same when all rows are made anew from the journal.
#[test]
fn clocks_survive_a_restart_with_other_rows() {
    let (_, mut acme) = offered();
    acme.now = acme.now.plus(50 * MINUTE);
    acme.run(Tick).unwrap();
    let before = (clock(&acme, 1), told(&acme, 1));
    let mut acme = acme.restart_with_other_rows();
    assert_eq!((clock(&acme, 1), told(&acme, 1)), before);
    acme.run(Tick).unwrap();
    assert_eq!(told(&acme, 1).len(), 1);
}

/// The desk in the middle promises below what it has from above, less its reserve, and never more.
#[test]
fn a_deadline_is_inherited_less_the_reserve() {
    let mut chain = Chain::of(3, &terms());
    chain.desks[0].ticket("Dead cash register");
    chain.hand_over(0, 1, 1).unwrap();
    chain.settle();
    chain.act(1, 1, Action::Accept).unwrap();
    chain.settle();
    chain.desks[1].now = chain.desks[1].now.plus(4 * HOUR);
    chain.hand_over(1, 1, 2).unwrap();
    let above = clock(&chain.desks[1], 1).resolve.unwrap().at;
    let below = clock(&chain.desks[1], 2).resolve.unwrap().at;
    assert_eq!(above, below, "the terms would give four hours more");
}

/// What is set for a link stays with the desk in the middle at each handover, until one of them says otherwise.
#[test]
fn the_reserve_of_a_link_stays_with_the_desk_in_the_middle() {
    let mut chain = Chain::of(3, &terms());
    let down = chain.link_of(1, 2);
    let set = |chain: &mut Chain, reserve| chain.desks[1].run(SetReserve { link: down, reserve });
    assert_eq!(set(&mut chain, Some(367 * 24 * HOUR)).unwrap_err().code, "invalid-value");
    set(&mut chain, Some(3 * HOUR)).unwrap();
    assert_eq!(query::reserve(&chain.reader(1), down).unwrap(), Some(3 * HOUR));
    chain.desks[0].ticket("Dead cash register");
    chain.hand_over(0, 1, 1).unwrap();
    chain.settle();
    chain.act(1, 1, Action::Accept).unwrap();
    chain.settle();
    let due = |chain: &Chain, no: u64| clock(&chain.desks[1], no).resolve.unwrap().at;
    chain.hand_over(1, 1, 2).unwrap();
    assert_eq!(due(&chain, 2), Timestamp(due(&chain, 1).0 - 3 * HOUR));
    chain.settle();
    assert_eq!(clock(&chain.desks[2], 1).resolve.unwrap().at, due(&chain, 2), "the desk below sees no more");
    chain.act(2, 1, Action::Decline(because("No people."))).unwrap();
    chain.settle();
    // One handover says how much it is for itself.
    let choice = Choice { reserve: Some(HOUR), ..Choice::default() };
    let (ticket, by) = (TicketNumber(1), person("Anna"));
    let again = Delegate { ticket, link: down, choice, files: Vec::new(), anyway: false, by };
    chain.desks[1].run(again).unwrap();
    assert_eq!(due(&chain, 3), Timestamp(due(&chain, 1).0 - HOUR));
    set(&mut chain, None).unwrap();
    assert_eq!(query::reserve(&chain.reader(1), down).unwrap(), None);
}

/// The terms speak of priorities in the words of the link, and so does the offer.
#[test]
fn deadlines_are_those_of_the_priority_that_the_offer_names() {
    let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new("Acme", 2));
    let urgent = Deadline { respond: MINUTE, resolve: HOUR, priority: Priority::Urgent };
    let normal = Deadline { respond: 2 * HOUR, resolve: 48 * HOUR, priority: Priority::Normal };
    let high = Deadline { respond: HOUR, resolve: 8 * HOUR, priority: Priority::High };
    let deadlines = List::new(vec![normal, high, urgent]).ok();
    link(&mut shop, &mut acme, Terms { deadlines, ..Terms::default() });
    let pair = |own, link| PriorityPair { own, link };
    let priorities = vec![pair(Priority::High, Priority::Urgent)];
    shop.run(SetMapping { link: LINK, mapping: Mapping { priorities, ..Mapping::default() } }).unwrap();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    for desk in [&shop, &acme] {
        let clock = clock(desk, 1);
        assert_eq!(clock.resolve.unwrap().at, clock.counted[0].1.at.plus(HOUR), "high here is urgent there");
    }
    // Without a priority an offer counts as normal.
    let fields = Some([FieldName::Deadline].into());
    let ticket = shop.ticket("Dead printer");
    let (choice, by) = (Choice { fields, ..Choice::default() }, person("Anna"));
    shop.run(Delegate { ticket, link: LINK, choice, files: Vec::new(), anyway: false, by }).unwrap();
    let clock = clock(&shop, 2);
    assert_eq!(clock.resolve.unwrap().at, clock.counted[0].1.at.plus(48 * HOUR));
}

/// Nobody keeps more for itself than it has, without being told that this is not possible.
#[test]
fn a_reserve_that_leaves_nothing_is_refused() {
    let mut chain = Chain::of(3, &terms());
    let down = chain.link_of(1, 2);
    chain.desks[0].ticket("Dead cash register");
    chain.hand_over(0, 1, 1).unwrap();
    chain.settle();
    let kept = |chain: &mut Chain, choice: Choice| {
        let (ticket, by) = (TicketNumber(1), person("Anna"));
        chain.desks[1].run(Delegate { ticket, link: down, choice, files: Vec::new(), anyway: false, by })
    };
    let reserve = |reserve| Choice { reserve: Some(reserve), ..Choice::default() };
    for too_long in [8 * HOUR, 100 * 24 * HOUR, u64::MAX] {
        let refusal = kept(&mut chain, reserve(too_long)).unwrap_err();
        assert_eq!(refusal.code, "reserve-too-long", "{refusal}");
    }
    // Of what is typed the answer has to come before what this desk has promised itself.
    let respond = Some(chain.desks[1].now.plus(9 * HOUR));
    let refusal = kept(&mut chain, Choice { respond, ..Choice::default() }).unwrap_err();
    assert_eq!(refusal.code, "impossible-date", "{refusal}");
    kept(&mut chain, reserve(7 * HOUR)).unwrap();
}

/// The same desk, whose people are warned when so much of the time is left.
fn warned(acme: Desk, percent: u8) -> Desk {
    let body = acme.identity.descriptor().body();
    let face = Face {
        name: body.name.clone(),
        prefix: acme.identity.prefix().to_owned(),
        endpoints: body.endpoints.clone(),
        tls: body.tls.clone(),
        file_bytes: body.limits.file,
    };
    let (keys, version) = (acme.identity.keys().clone(), body.version.plus(1));
    let identity = Identity::new(keys, SecretKey::from_seed(&[2; 32]), face, version).unwrap();
    acme.restart_as(identity.warning(percent))
}

/// A desk that wants to be warned earlier is, and one that wants no warning has none.
#[test]
fn people_are_warned_as_early_as_the_desk_has_set() {
    for (percent, at) in [(50, 30 * MINUTE), (10, 54 * MINUTE), (0, HOUR)] {
        let (_, acme) = offered();
        let mut acme = warned(acme, percent);
        let next = acme.run(Tick).unwrap().unwrap();
        let offered = clock(&acme, 1).counted[0].1.at;
        assert!(next.since(offered.plus(at)) <= 1, "{percent} %: {} instead of {at}", next.since(offered));
    }
}

/// A principal that needs it earlier is obeyed by every clock as soon as that binds, and not before.
#[test]
fn a_deadline_that_is_lowered_is_lowered_on_both_desks_once_it_binds() {
    let (mut shop, mut acme) = offered();
    let begun = clock(&shop, 1).counted[0].1.at;
    let lower = |desk: &mut Desk, resolve: Timestamp| {
        desk.act(1, Action::Update(Box::new(Changes { resolve: Some(resolve), ..Changes::default() })))
            .unwrap();
    };
    lower(&mut shop, begun.plus(4 * HOUR));
    settle(&mut shop, &mut acme);
    for desk in [&shop, &acme] {
        assert_eq!(clock(desk, 1).resolve.unwrap().at, begun.plus(4 * HOUR), "before it is accepted");
    }
    acme.act(1, Action::Accept).unwrap();
    settle(&mut shop, &mut acme);
    lower(&mut shop, begun.plus(2 * HOUR));
    settle(&mut shop, &mut acme);
    for desk in [&shop, &acme] {
        assert_eq!(clock(desk, 1).resolve.unwrap().at, begun.plus(4 * HOUR), "it is proposed alone");
    }
    let version = acme.delegation(1).version;
    acme.act(1, Action::ChangeTake(version)).unwrap();
    settle(&mut shop, &mut acme);
    for desk in [&mut shop, &mut acme] {
        assert_eq!(clock(desk, 1).resolve.unwrap().at, begun.plus(2 * HOUR), "taken");
        let next = desk.run(Tick).unwrap().unwrap();
        assert!(next <= begun.plus(2 * HOUR), "people are warned of the new one");
    }
    acme.now = begun.plus(2 * HOUR + MINUTE);
    acme.run(Tick).unwrap();
    let shown = query::ticket_due(&reader(&acme), TicketNumber(1)).unwrap().unwrap();
    assert_eq!((shown.kind, shown.state), (DueKind::Resolve, DueState::Overdue));
}

/// Every desk learns how the case stands further down: in time that adds up, and by name only where the terms say so.
#[test]
fn reports_go_up_a_chain_of_four() {
    for (redelegate, names) in
        [(Redelegate::Named, ["Acme", "Kassa", "Petrov"]), (Redelegate::Allowed, ["Acme", "A", "B"])]
    {
        let mut chain = Chain::case(4, &Terms { redelegate, ..Terms::default() });
        for round in 1..=4 {
            for desk in &mut chain.desks {
                desk.now = Timestamp(1_790_000_000_000).plus(round * HOUR);
                desk.run(Tick).unwrap();
            }
            chain.settle();
        }
        let hops = clock(&chain.desks[0], 1).hops;
        let aliases: Vec<_> = hops.iter().map(|hop| hop.alias.as_str()).collect();
        assert_eq!(aliases, names);
        assert!(hops.iter().all(|hop| hop.state.as_str() == "accepted" && hop.breaches == 0));
        // The desk below hears nothing of those above.
        assert!(clock(&chain.desks[3], 1).hops.is_empty());
        let sum: u64 = hops.iter().map(|hop| hop.held).sum::<u64>() + hops[0].waited;
        assert!(sum > 0 && sum <= 4 * HOUR, "{sum}");
    }
}

/// Looks at all clocks after so much time, and carries what comes of it, until all is quiet.
fn after(chain: &mut Chain, passes: u64) {
    for desk in &mut chain.desks {
        desk.now = desk.now.plus(passes);
    }
    for _ in 0..4 {
        chain.settle();
        for desk in &mut chain.desks {
            desk.run(Clocks).unwrap();
        }
    }
    chain.settle();
}

fn standing(chain: &Chain) -> Vec<(String, Option<i64>)> {
    let hops = clock(&chain.desks[0], 1).hops;
    hops.iter().map(|hop| (hop.state.to_string(), hop.stars.map(|stars| stars.get() as i64))).collect()
}

/// Whoever confirms or settles a case reads how it went down to the last desk, and not how it stood a quarter of an hour ago.
#[test]
fn the_end_of_a_case_is_reported_at_once_and_adds_up_to_its_wall_time() {
    let named = |state: &str| vec![(state.to_owned(), None); 3];
    let mut chain = Chain::case(4, &Terms { redelegate: Redelegate::Named, ..Terms::default() });
    for _ in 0..2 {
        after(&mut chain, 20 * MINUTE);
    }
    assert_eq!(standing(&chain), named("accepted"));
    for desk in [3, 2, 1] {
        after(&mut chain, MINUTE);
        chain.act(desk, 1, Action::Resolve { solution: None, code: None }).unwrap();
    }
    after(&mut chain, MINUTE);
    assert_eq!(standing(&chain), named("resolved"));
    let said = clock(&chain.desks[0], 1).reported.unwrap();
    assert!(chain.desks[0].now.since(said) <= 2 * MINUTE, "it is shown of when that is");

    for (desk, no) in [(0, 1), (1, 2), (2, 2)] {
        after(&mut chain, MINUTE);
        chain.act(desk, no, Action::Confirm).unwrap();
    }
    after(&mut chain, MINUTE);
    assert_eq!(standing(&chain), named("confirmed"));
    let stars = Stars::new(4).unwrap();
    chain.act(2, 2, Action::Rate { stars, words: None }).unwrap();
    after(&mut chain, MINUTE);
    assert_eq!(standing(&chain)[2], ("confirmed".to_owned(), Some(4)));

    // Each hop to the millisecond: what a desk had in hand less what the next one had.
    let walls: Vec<_> = [(0, 1), (1, 2), (2, 2)].map(|(desk, no)| clock(&chain.desks[desk], no).wall).into();
    let held = |wall: &Split| wall.held();
    let hops = clock(&chain.desks[0], 1).hops;
    let told: Vec<_> = hops.iter().map(|hop| hop.held).collect();
    assert_eq!(told[2], held(&walls[2]));
    assert_eq!(told[1], held(&walls[1]) - held(&walls[2]));
    assert_eq!(told[0], held(&walls[0]) - held(&walls[1]));
    assert_eq!(told.iter().sum::<u64>() + hops[0].waited, held(&walls[0]) + walls[0].principal());
}

/// What waits for its quarter of an hour is not lost when one of the two ends the link.
#[test]
fn the_last_report_goes_before_the_end_of_a_link() {
    for closing in [0, 1] {
        let mut chain = Chain::case(3, &Terms::default());
        after(&mut chain, 20 * MINUTE);
        after(&mut chain, MINUTE);
        chain.act(2, 1, Action::Status(Some(Progress::InProgress))).unwrap();
        after(&mut chain, MINUTE);
        assert_eq!(standing(&chain)[1].0, "accepted", "it is not time yet");
        let link = chain.link_of(closing, 1 - closing);
        let by = person("Anna");
        chain.desks[closing].run(Close { link, reason: prose("We part."), by }).unwrap();
        chain.carry(closing, 1 - closing);
        chain.carry(1 - closing, closing);
        assert_eq!(standing(&chain)[1].0, "in-progress", "closed by {closing}");
    }
}

/// A desk that is told nothing new says nothing: a chain does not talk to itself.
#[test]
fn a_report_is_said_once() {
    let mut chain = Chain::case(3, &Terms::default());
    let mut lengths = Vec::new();
    for round in 1..=6 {
        for desk in &mut chain.desks {
            desk.now = Timestamp(1_790_000_000_000).plus(round * HOUR);
            desk.run(Tick).unwrap();
        }
        chain.settle();
        lengths.push(chain.stream(1, chain.link_of(1, 0)).out_length);
    }
    assert_eq!(lengths[2], lengths[5]);
}

/// Hours that cannot be are refused, and the ones before stand.
#[test]
fn wrong_hours_change_nothing() {
    let mut acme = Desk::new("Acme", 2);
    let hours = Hours {
        zone: "Europe/Berlin".to_owned(),
        week: (0..7).map(|day| if day < 5 { vec![Span(480, 1_020)] } else { Vec::new() }).collect(),
        days: [].into(),
    };
    acme.run(SetHours { hours: Some(hours.clone()) }).unwrap();
    let wrong = Hours { zone: "Berlin".to_owned(), ..hours.clone() };
    assert_eq!(acme.run(SetHours { hours: Some(wrong) }).unwrap_err().code, "bad-hours");
    assert_eq!(query::hours(&reader(&acme)).unwrap(), Some(hours));
    acme.run(SetHours { hours: None }).unwrap();
    assert_eq!(query::hours(&reader(&acme)).unwrap(), None);
}
