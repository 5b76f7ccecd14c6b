//! Field by role by state: who may change what, and when. The table in `matrix.md` is what the code does.

use deskwire_machine::delegation::{
    Event, EventKind, Field, Fields, Outcome, Progress, Role, State, may_say, transition,
};
use deskwire_machine::saying::said;
use deskwire_proto::message::common::{Contact, CustomValue, Equipment, Money, Object, Priority};
use deskwire_proto::message::{Body, update};
use deskwire_proto::number::Revision;
use deskwire_proto::text::{Code, Currency, Decimal, Label, Line, Prose};
use deskwire_proto::time::Timestamp;

use crate::explore::event;
use crate::support::World;

const OFFER: (Role, Event) = (Role::Principal, Event::Offer { rules: 1 });
const ACCEPT: (Role, Event) = (Role::Contractor, Event::Accept { version: 1 });
const BEGIN: (Role, Event) = (Role::Contractor, Event::Status { to: Some(Progress::InProgress) });
const THIRD: (Role, Event) = (Role::Contractor, Event::Status { to: Some(Progress::WaitingThird) });
const ASK: (Role, Event) = (Role::Contractor, Event::Ask);
const RESOLVE: (Role, Event) = (Role::Contractor, Event::Resolve);
const CONFIRM: (Role, Event) = (Role::Principal, Event::Confirm);

/// A history that ends in each state in which there is a delegation.
fn histories() -> Vec<(State, Vec<(Role, Event)>)> {
    let principal = |event| (Role::Principal, event);
    let contractor = |event| (Role::Contractor, event);
    vec![
        (State::Offered, vec![OFFER]),
        (State::Accepted, vec![OFFER, ACCEPT]),
        (State::InProgress, vec![OFFER, ACCEPT, BEGIN]),
        (State::WAITING_PRINCIPAL, vec![OFFER, ACCEPT, ASK]),
        (State::WAITING_THIRD, vec![OFFER, ACCEPT, THIRD]),
        (State::Resolved, vec![OFFER, ACCEPT, RESOLVE]),
        (State::Confirmed, vec![OFFER, ACCEPT, RESOLVE, CONFIRM]),
        (State::Declined, vec![OFFER, contractor(Event::Decline)]),
        (State::Returned, vec![OFFER, ACCEPT, contractor(Event::Return)]),
        (State::Recalled, vec![OFFER, principal(Event::Recall)]),
    ]
}

/// An update that sets one member and no other.
fn updated(change: impl FnOnce(&mut update::Facts, &mut update::Text)) -> Event {
    let mut facts = update::Facts {
        price: None,
        scope: None,
        resolve: None,
        respond: None,
        version: Revision::new(2).unwrap(),
        category: None,
        priority: None,
    };
    let mut text = update::Text::default();
    change(&mut facts, &mut text);
    said(&Body::Update { facts, text }).unwrap().event
}

/// An update that sets one member of the text that its facts name too.
fn scope(change: impl FnOnce(&mut update::Text)) -> Event {
    updated(|facts, text| {
        facts.scope = Some(true);
        change(text);
    })
}

/// Every field that a person can change, with the event that changes it.
fn fields() -> Vec<(&'static str, Event)> {
    let label = || Label::new("x").unwrap();
    let money = || Money(Decimal::new("1.00").unwrap(), Currency::new("EUR").unwrap());
    let contact = || Contact { name: label(), email: None, phone: None, onward: false };
    let custom = || {
        let value = CustomValue(Code::new("x").unwrap(), Line::new("x").unwrap());
        deskwire_proto::list::List::new(vec![value]).unwrap()
    };
    vec![
        ("title", scope(|text| text.title = Line::new("x").ok())),
        ("description", scope(|text| text.description = Prose::new("x").ok())),
        ("priority", updated(|facts, _| facts.priority = Some(Priority::High))),
        ("price limit", updated(|facts, _| facts.price = Some(money()))),
        ("resolve by", updated(|facts, _| facts.resolve = Some(Timestamp(1)))),
        ("respond by", updated(|facts, _| facts.respond = Some(Timestamp(1)))),
        ("category", updated(|facts, _| facts.category = Code::new("x").ok())),
        ("contact", updated(|_, text| text.contact = Some(contact()))),
        ("company", updated(|_, text| text.company = Some(label()))),
        (
            "object",
            updated(|_, text| text.object = Some(Object { name: label(), address: None, coordinates: None })),
        ),
        ("equipment", updated(|_, text| text.equipment = Some(Equipment::default()))),
        ("agreement", updated(|_, text| text.agreement = Some(label()))),
        ("custom fields", updated(|_, text| text.custom = Some(custom()))),
        ("own ticket and status", event(EventKind::Status, 0)),
        ("progress", event(EventKind::StatusInProgress, 0)),
        ("waiting for a third party", event(EventKind::StatusWaitingThird, 0)),
        ("question", Event::Ask),
        ("answer", Event::Answer { needed: true }),
        ("dispute of a question", Event::Answer { needed: false }),
        ("acceptance", Event::Accept { version: 1 }),
        ("solution", Event::Resolve),
        ("confirmation", Event::Confirm),
        ("rating", Event::Rate),
        ("end: decline", Event::Decline),
        ("end: return", Event::Return),
        ("end: recall", Event::Recall),
        ("reopening", Event::Reopen),
    ]
}

/// What saying it does, said by `role` to a delegation with this history, once it has arrived.
fn cell(history: &[(Role, Event)], role: Role, event: &Event) -> &'static str {
    let mut world = World::after(history);
    let before = world.side(role).view();
    if world.side(role).case.check(event, world.side(role).cursor).is_err() {
        return "–";
    }
    world.say(role, *event).unwrap();
    world.quiet();
    let after = world.side(role).view();
    match event {
        Event::Update { .. } if after.proposals.len() > before.proposals.len() => "proposes",
        Event::Update { .. } => "changes",
        _ if after.state != before.state => "moves",
        _ => "says",
    }
}

fn table() -> String {
    let histories = histories();
    let head = histories.iter().map(|(state, _)| format!("`{state}`")).collect::<Vec<_>>().join(" | ");
    let mut text = format!("| field | by | {head} |\n|{}\n", "---|".repeat(histories.len() + 2));
    for (name, event) in fields() {
        for role in Role::ALL.into_iter().filter(|role| may_say(*role, event.kind())) {
            let cells: Vec<_> = histories.iter().map(|(_, history)| cell(history, role, &event)).collect();
            text += &format!("| {name} | {role} | {} |\n", cells.join(" | "));
        }
    }
    text
}

/// Who may change what, and when, is a table that people can read; a change of it is a change of that file.
#[test]
fn the_matrix_of_field_role_and_state_is_the_code() {
    let table = table();
    let file = include_str!("matrix.md");
    let written =
        file.split_once("\n\n| field").map(|(_, rest)| format!("| field{rest}")).unwrap_or_default();
    assert!(written == table, "matrix.md has another table than the code, which has:\n{table}");
}

/// What has no row for a role is refused from it in every state, whatever its desk sends.
#[test]
fn nobody_changes_what_is_the_other_sides() {
    for (state, history) in histories() {
        let world = World::after(&history);
        for (name, event) in fields() {
            for role in Role::ALL.into_iter().filter(|role| !may_say(*role, event.kind())) {
                let refusal = world.side(role).case.check(&event, world.side(role).cursor);
                assert!(refusal.is_err(), "{name} by the {role} in {state}");
                let refusal = world.side(role.other()).case.check_peer(&event).unwrap_err();
                assert!(refusal.outcome().is_some(), "{name} by the {role} in {state}");
            }
        }
    }
}

/// What an own desk refuses to say is without effect when the other desk says it all the same.
#[test]
fn what_may_not_be_said_has_no_effect_when_it_is_said() {
    for (state, history) in histories() {
        for (name, event) in fields() {
            for role in Role::ALL.into_iter().filter(|role| may_say(*role, event.kind())) {
                let allowed = cell(&history, role, &event) != "–";
                let outcome = transition(state, event.kind(), role);
                if allowed {
                    assert_ne!(outcome, Outcome::Superseded, "{name} by the {role} in {state}");
                    continue;
                }
                let mut world = World::after(&history);
                let other = world.side_mut(role.other());
                let before = other.view();
                // Behind everything, as somebody would say it who has seen all.
                let (seq, seen) = (other.cursor + 1, other.length);
                if other.case.receive(seq, seen, event.into()).is_ok() {
                    other.cursor = seq;
                    let after = other.view();
                    assert_eq!(after.state, before.state, "{name} by the {role} in {state}");
                    assert_eq!(after.versions, before.versions, "{name} by the {role} in {state}");
                }
            }
        }
    }
}

/// Of an offer four things bind once it is accepted, and nothing else ever waits for the contractor's word.
#[test]
fn only_what_binds_is_proposed() {
    let binding = ["title", "description", "priority", "price limit", "resolve by"];
    for (name, event) in fields() {
        let Event::Update { binding: fields, .. } = event else { continue };
        assert_eq!(!fields.is_empty(), binding.contains(&name), "{name}");
    }
    let every = binding.len() - 1;
    assert_eq!(Fields::of(Field::ALL).iter().count(), every, "title and description are one scope");
}
