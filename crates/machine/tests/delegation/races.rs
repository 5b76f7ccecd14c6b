//! The races that the design names, played over a wire, and what each side sees while they last.

use deskwire_machine::delegation::{
    Answer, Certainty, Event, EventKind, Fate, Field, Fields, Place, Progress, Role, State, Turn, Versions,
};

use crate::support::World;

use Role::{Contractor, Principal};

const OFFER: Event = Event::Offer { rules: 1 };
const ACCEPT: Event = Event::Accept { version: 1 };
const BEGIN: Event = Event::Status { to: Some(Progress::InProgress) };
const ANSWER: Event = Event::Answer { needed: true };
const NOT_NEEDED: Event = Event::Answer { needed: false };

fn price(version: u64) -> Event {
    Event::Update { version, binding: Fields::of([Field::Price]) }
}

/// Both say theirs without knowing of the other's; then everything arrives.
fn crossed(history: &[(Role, Event)], contractor: &[Event], principal: &[Event]) -> World {
    let mut world = World::after(history);
    for event in principal {
        world.say(Principal, *event).unwrap();
    }
    for event in contractor {
        world.say(Contractor, *event).unwrap();
    }
    world.quiet();
    world
}

fn ends_in(world: &World, state: State) {
    for role in Role::ALL {
        let view = world.side(role).view();
        assert_eq!((view.state, view.settled_state, view.provisional), (state, state, false), "{role}");
    }
}

/// Work that was done is done, whatever was written meanwhile.
#[test]
fn recall_and_resolve_cross() {
    ends_in(
        &crossed(&[(Principal, OFFER), (Contractor, ACCEPT)], &[Event::Resolve], &[Event::Recall]),
        State::Resolved,
    );
}

/// A recall that crosses the acceptance takes the work back: nobody drives out for it.
#[test]
fn recall_and_accept_cross() {
    ends_in(&crossed(&[(Principal, OFFER)], &[ACCEPT], &[Event::Recall]), State::Recalled);
}

/// What the contractor found not done is not confirmed behind its back.
#[test]
fn confirm_and_work_resumed_cross() {
    let history = [(Principal, OFFER), (Contractor, ACCEPT), (Contractor, Event::Resolve)];
    ends_in(&crossed(&history, &[BEGIN], &[Event::Confirm]), State::InProgress);
}

/// A confirm speaks of the resolution its author had read, never of a later one.
#[test]
fn a_confirm_does_not_confirm_what_nobody_read() {
    let history = [(Principal, OFFER), (Contractor, ACCEPT), (Contractor, Event::Resolve)];
    let mut world = crossed(&history, &[BEGIN, Event::Resolve], &[Event::Confirm]);
    ends_in(&world, State::Resolved);
    world.say(Principal, Event::Confirm).unwrap();
    world.quiet();
    ends_in(&world, State::Confirmed);
}

/// An answer that crosses a second question leaves the second question open.
#[test]
fn an_answer_does_not_answer_what_nobody_read() {
    let history = [(Principal, OFFER), (Contractor, ACCEPT), (Contractor, Event::Ask)];
    let world = crossed(&history, &[Event::Ask], &[ANSWER]);
    ends_in(&world, State::WAITING_PRINCIPAL);
    assert_eq!(world.contractor.view().turn, Turn::Principal);
}

/// The contractor is bound to the price it read; a new one needs its word.
#[test]
fn an_update_that_crosses_the_acceptance_is_a_proposal() {
    let mut world = crossed(&[(Principal, OFFER)], &[ACCEPT], &[price(0)]);
    for role in Role::ALL {
        let view = world.side(role).view();
        assert!(view.bound);
        assert_eq!(view.versions, Versions { deadline: 1, priority: 1, price: 1, scope: 1 });
        assert_eq!(view.proposals.len(), 1);
        assert_eq!(world.side(role).case.settled().binding_version(), 1);
    }
    world.say(Contractor, Event::ChangeTake { version: 2 }).unwrap();
    world.quiet();
    for role in Role::ALL {
        let view = world.side(role).view();
        assert_eq!(view.versions, Versions { deadline: 1, priority: 1, price: 2, scope: 1 });
        assert!(view.proposals.is_empty());
        assert_eq!(world.side(role).case.settled().binding_version(), 2);
    }
}

/// Before the acceptance the principal changes its offer freely; the acceptance binds what it then is.
#[test]
fn an_update_before_the_acceptance_binds() {
    let history = [(Principal, OFFER), (Principal, price(0)), (Contractor, Event::Accept { version: 2 })];
    let view = World::after(&history).principal.view();
    assert_eq!((view.versions.price, view.versions.scope, view.proposals.len()), (2, 1, 0));
}

/// Two proposals for one field are never open at once, so a taken price is the one last asked for.
#[test]
fn a_newer_proposal_replaces_an_older_field_by_field() {
    let both = Event::Update { version: 0, binding: Fields::of([Field::Price, Field::Deadline]) };
    let history = [(Principal, OFFER), (Contractor, ACCEPT), (Principal, both), (Principal, price(0))];
    let mut world = World::after(&history);
    world.say(Contractor, Event::ChangeTake { version: 2 }).unwrap();
    world.say(Contractor, Event::ChangeDecline { version: 3 }).unwrap();
    world.quiet();
    let view = world.principal.view();
    assert_eq!(view.versions, Versions { deadline: 2, priority: 1, price: 1, scope: 1 });
    assert!(view.proposals.is_empty());
}

/// A contractor cannot stop its clock with needless questions: the principal disputes the waiting, also after the
/// contractor went on by itself.
#[test]
fn a_needless_question_is_disputed() {
    let asked = [(Principal, OFFER), (Contractor, ACCEPT), (Contractor, Event::Ask)];
    let world = crossed(&asked, &[BEGIN], &[NOT_NEEDED]);
    ends_in(&world, State::InProgress);
    for role in Role::ALL {
        let view = world.side(role).view();
        assert_eq!((view.disputed, view.question), (vec![Place::Numbered(2)], None));
    }
    let view = World::after(&[asked.as_slice(), &[(Principal, NOT_NEEDED)]].concat()).contractor.view();
    assert_eq!((view.state, view.turn, view.disputed.len()), (State::InProgress, Turn::Contractor, 1));
}

/// Nothing is orphaned when a link ends: what is open falls back, what is done stays done.
#[test]
fn the_end_of_a_link_ends_what_is_open() {
    let close = Event::LinkClose;
    ends_in(&crossed(&[(Principal, OFFER)], &[close], &[close]), State::Declined);
    let accepted = [(Principal, OFFER), (Contractor, ACCEPT)];
    ends_in(&crossed(&accepted, &[], &[close]), State::Recalled);
    ends_in(&crossed(&accepted, &[close], &[Event::Recall]), State::Returned);
    ends_in(&crossed(&accepted, &[Event::Resolve, close], &[close]), State::Resolved);
}

/// "Recall sent, the partner has not answered": the screen shows it, automation waits, and learns the end of it.
#[test]
fn a_recall_is_provisional_until_the_contractor_is_heard() {
    let mut world = World::after(&[(Principal, OFFER), (Contractor, ACCEPT)]);
    world.say(Contractor, Event::Resolve).unwrap();
    world.say(Principal, Event::Recall).unwrap();
    let view = world.principal.view();
    assert_eq!((view.state, view.settled_state), (State::Recalled, State::Accepted));
    assert!(view.provisional && view.is_unsure(EventKind::Recall));

    // The contractor has it and says so; its resolve, said before, has not arrived.
    world.deliver(Contractor, false);
    world.deliver_receipt(Principal);
    let view = world.principal.view();
    assert!(view.provisional && view.is_unsure(EventKind::Recall));
    assert_eq!(view.events[0].certainty, Certainty::Provisional);
    assert_eq!(world.principal.case.settles_at(), Some(2));

    world.deliver(Principal, false);
    let view = world.principal.view();
    assert_eq!((view.state, view.settled_state, view.provisional), (State::Resolved, State::Resolved, false));
    world.quiet();
    assert_eq!(world.principal.case.open(), []);
}

/// The same recall, nothing crossing it: settled by the receipt alone, without a word of the contractor's.
#[test]
fn a_recall_settles_with_its_receipt() {
    let mut world = World::after(&[(Principal, OFFER), (Contractor, ACCEPT)]);
    world.say(Principal, Event::Recall).unwrap();
    world.deliver(Contractor, false);
    world.deliver_receipt(Principal);
    ends_in(&world, State::Recalled);
}

/// Messages of other delegations of the link count in the streams' lengths, and settle this one all the same.
#[test]
fn other_traffic_settles_a_recall() {
    let mut world = World::after(&[(Principal, OFFER), (Contractor, ACCEPT)]);
    world.send_other(Contractor);
    world.say(Principal, Event::Recall).unwrap();
    world.deliver(Contractor, false);
    world.deliver_receipt(Principal);
    assert!(world.principal.view().provisional);
    world.deliver(Principal, false);
    ends_in(&world, State::Recalled);
}

/// A word of the contractor that has seen the recall settles it too, when the receipt came late and names more.
#[test]
fn a_later_word_settles_a_recall() {
    let mut world = World::after(&[(Principal, OFFER), (Contractor, ACCEPT)]);
    world.say(Principal, Event::Recall).unwrap();
    world.deliver(Contractor, false);
    world.say(Contractor, Event::Status { to: None }).unwrap();
    world.deliver(Principal, false);
    let desk = &mut world.principal;
    assert!(desk.view().provisional, "it may have been refused");
    desk.case.answer(2, Answer::Applied, 9, desk.cursor);
    assert_eq!(desk.view().settled_state, State::Recalled);
}

/// What was proposed before the end is not open again after a reopen: nobody takes a price of long ago by accident.
#[test]
fn proposals_end_with_the_delegation() {
    let end = [(Principal, price(0)), (Contractor, Event::Resolve), (Principal, Event::Confirm)];
    let mut world = World::after(&[&[(Principal, OFFER), (Contractor, ACCEPT)], end.as_slice()].concat());
    world.say(Principal, Event::Reopen).unwrap();
    world.quiet();
    let view = world.contractor.view();
    assert_eq!((view.state, view.proposals.len(), view.versions.price), (State::InProgress, 0, 1));
}

/// A refused recall has no effect on either side, and later events are judged without it.
#[test]
fn a_refused_event_has_no_effect_on_either_side() {
    let mut world = World::after(&[(Principal, OFFER), (Contractor, ACCEPT)]);
    world.say(Principal, Event::Recall).unwrap();
    world.deliver(Contractor, true);
    world.say(Contractor, Event::Resolve).unwrap();
    world.deliver(Principal, false);
    // The receipt with the refusal is late: meanwhile it looks as if the resolve had come too late.
    let view = world.principal.view();
    assert_eq!((view.state, view.superseded().count(), view.provisional), (State::Recalled, 1, true));
    world.deliver_receipt(Principal);
    let view = world.principal.view();
    assert_eq!((view.state, view.superseded().count()), (State::Resolved, 0));
    world.quiet();
    ends_in(&world, State::Resolved);
}

/// An offer that the contractor's desk refuses leaves nothing behind that somebody could act on.
#[test]
fn a_refused_offer_never_was() {
    let mut world = World::new();
    world.say(Principal, OFFER).unwrap();
    world.deliver(Contractor, true);
    world.deliver_receipt(Principal);
    let view = world.principal.view();
    assert_eq!((view.state, view.settled_state), (State::Unoffered, State::Unoffered));
    assert_eq!(world.principal.case.allowed(Principal), [EventKind::Offer]);
}

/// The timeline of each side says once, and the same, what became of every event.
#[test]
fn each_event_is_told_settled_once_with_one_fate() {
    let mut world = World::after(&[(Principal, OFFER), (Contractor, ACCEPT)]);
    world.say(Principal, Event::Recall).unwrap();
    world.say(Contractor, Event::Resolve).unwrap();
    world.deliver(Principal, false);
    let told: Vec<_> = world.principal.view().events.iter().map(|shown| shown.fate).collect();
    assert_eq!(told, [Fate::Superseded]);
    while world.deliver(Contractor, false) || world.deliver_receipt(Contractor) {}
    let ahead: Vec<_> = world.contractor.ahead.iter().map(|(_, _, event, fate)| (*event, *fate)).collect();
    assert_eq!(ahead, [(Event::Recall, Fate::Superseded)]);
    world.quiet();
}
