//! The story of a delegation, seen from both sides.

use deskwire_engine::command::act::Action;
use deskwire_machine::delegation::{Role, State};
use deskwire_proto::id::Hash;
use deskwire_proto::terms::{FieldName, Terms};
use deskwire_store::local::DelegationNo;
use deskwire_store::row::{Audience, Effect, ThreadKind};
use deskwire_store::table::{DELEGATION_EVENTS, Rows, THREADS, TICKETS};

use crate::harness::{Desk, batch, because, link, linked, prose, pump, session, settle};

fn states(one: &Desk, other: &Desk) -> (State, State) {
    let view = |desk: &Desk| desk.delegation(1).case.view(desk.stream().in_length);
    (view(one).state, view(other).state)
}

#[test]
fn both_desks_see_the_same_case_with_both_ticket_numbers() {
    let (mut shop, mut acme) = linked();
    acme.ticket("Something of its own");
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    settle(&mut shop, &mut acme);
    let steps = [
        Action::Status(Some(deskwire_proto::message::status::Progress::InProgress)),
        Action::Ask { question: prose("Which register?") },
    ];
    for step in steps {
        acme.act(1, step).unwrap();
    }
    settle(&mut shop, &mut acme);
    shop.act(1, Action::Answer { answer: prose("The left one."), needed: true }).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Resolve { solution: Some(prose("New power supply.")), code: None }).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(states(&shop, &acme), (State::Resolved, State::Resolved));
    shop.act(1, Action::Confirm).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(states(&shop, &acme), (State::Confirmed, State::Confirmed));
    for desk in [&shop, &acme] {
        let row = desk.delegation(1);
        assert_eq!(row.case.words(Role::Principal).ticket, "SHOP-1");
        assert_eq!(row.case.words(Role::Contractor).ticket, "ACME-2");
    }
    let theirs = acme.rows().get(TICKETS, &deskwire_store::local::TicketNumber(2)).unwrap().unwrap();
    assert_eq!(theirs.title.as_str(), "Dead cash register");
    assert_eq!(theirs.origin, Some(DelegationNo(1)));
}

#[test]
fn comments_arrive_once_in_order_and_internal_ones_never_leave() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    shop.comment(1, "INTERNAL-MARKER the client owes us money", Audience::Internal).unwrap();
    shop.comment(1, "REQUESTER-MARKER dear client", Audience::Requester).unwrap();
    for number in 0..300 {
        shop.comment(1, &format!("public {number}"), Audience::Thread).unwrap();
    }
    let open = session(&mut shop, &mut acme);
    let mut bytes = Vec::new();
    let mut after = None;
    while let Some(next) = batch(&mut shop, open, after) {
        after = Some(after.unwrap_or(shop.stream().acked) + next.deliveries.len() as u64);
        bytes.extend(next.encode());
    }
    let has = |marker: &[u8]| bytes.windows(marker.len()).any(|window| window == marker);
    assert!(has(b"public 299") && !has(b"INTERNAL-MARKER") && !has(b"REQUESTER-MARKER"));
    pump(&mut shop, &mut acme);
    pump(&mut shop, &mut acme);
    let threads = acme.rows().list(THREADS, &deskwire_store::local::TicketNumber(1), 1_000).unwrap();
    let comments = threads.iter().filter(|(_, row)| row.kind == ThreadKind::Comment).count();
    assert_eq!(comments, 300);
    assert_eq!(acme.stream().in_length, shop.stream().acked);
}

#[test]
fn a_refusal_reaches_the_person_on_the_ticket_and_both_folds_agree() {
    let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new("Acme", 2));
    link(&mut shop, &mut acme, Terms::default());
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    // The principal recalls before it knows of the acceptance.
    shop.act(1, Action::Recall(because("Found the fault."))).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(states(&shop, &acme), (State::Recalled, State::Recalled));
    let late = acme.act(1, Action::Resolve { solution: None, code: None }).unwrap_err();
    assert_eq!(late.code, "action-not-allowed");
    assert!(!shop.delegation(1).case.view(shop.stream().in_length).provisional);
}

#[test]
fn a_recall_that_comes_too_late_is_superseded_on_both_sides() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    shop.act(1, Action::Recall(because("Too slow."))).unwrap();
    let view = shop.delegation(1).case.view(shop.stream().in_length);
    assert!(view.provisional, "nobody knows yet what the partner did");
    // Both are numbered before either has seen the other's.
    let (from_shop, from_acme) = (session(&mut shop, &mut acme), session(&mut acme, &mut shop));
    assert!(batch(&mut shop, from_shop, None).is_some() && batch(&mut acme, from_acme, None).is_some());
    settle(&mut shop, &mut acme);
    assert_eq!(states(&shop, &acme), (State::Resolved, State::Resolved));
    let events = shop.rows().list(DELEGATION_EVENTS, &DelegationNo(1), 100).unwrap();
    let superseded = events.iter().any(|(_, row)| {
        matches!(
            row.effect,
            Effect::Fate { fate: deskwire_machine::delegation::Fate::Superseded, settled: true }
        )
    });
    assert!(superseded, "the recall stays in sight, without effect");
}

#[test]
fn what_became_impossible_before_it_was_numbered_is_dropped_and_said() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    shop.act(1, Action::Recall(because("Found the fault."))).unwrap();
    pump(&mut shop, &mut acme);
    // The acceptance was waiting; the recall has come meanwhile.
    pump(&mut acme, &mut shop);
    settle(&mut shop, &mut acme);
    assert_eq!(states(&shop, &acme), (State::Recalled, State::Recalled));
    let events = acme.rows().list(DELEGATION_EVENTS, &DelegationNo(1), 100).unwrap();
    let dropped = events.iter().filter(|(_, row)| matches!(row.effect, Effect::Dropped(_))).count();
    assert_eq!(dropped, 1);
}

#[test]
fn fields_outside_the_terms_never_leave() {
    let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new("Acme", 2));
    let terms = Terms { fields: vec![FieldName::Equipment], ..Terms::default() };
    link(&mut shop, &mut acme, terms);
    let made = deskwire_engine::command::ticket::NewTicket {
        title: deskwire_proto::text::Line::new("Dead cash register").unwrap(),
        description: None,
        priority: deskwire_proto::message::common::Priority::Urgent,
        category: None,
        requester: Some(deskwire_proto::message::common::Contact {
            name: deskwire_proto::text::Label::new("CONTACT-MARKER").unwrap(),
            email: None,
            phone: None,
            onward: true,
        }),
        company: Some(deskwire_proto::text::Label::new("COMPANY-MARKER").unwrap()),
        object: None,
        equipment: None,
        agreement: None,
        custom: Vec::new(),
        by: crate::harness::person("Anna"),
    };
    let ticket = shop.run(made).unwrap();
    shop.delegate(ticket).unwrap();
    let open = session(&mut shop, &mut acme);
    let bytes = batch(&mut shop, open, None).unwrap().encode();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("Dead cash register"));
    assert!(!text.contains("MARKER") && !text.contains("urgent"));
    pump(&mut shop, &mut acme);
    assert_eq!(acme.stream().in_length, 1);
}

#[test]
fn one_key_has_one_effect() {
    let (mut shop, _) = linked();
    let ticket = shop.ticket("Dead cash register");
    let keyed = |body: &str, request: &[u8]| deskwire_engine::Keyed {
        key: Hash::of(b"key"),
        request: Hash::of(request),
        command: deskwire_engine::command::comment::AddComment {
            ticket,
            body: prose(body),
            audience: Audience::Internal,
            by: crate::harness::person("Anna"),
        },
    };
    let first = shop.run(keyed("once", b"once")).unwrap();
    assert_eq!(shop.run(keyed("once", b"once")).unwrap(), first);
    assert_eq!(shop.run(keyed("other", b"other")).unwrap_err().code, "idempotency-key-reused");
    let mut shop = shop.restart();
    assert_eq!(shop.run(keyed("once", b"once")).unwrap(), first);
    let threads = shop.rows().list(THREADS, &ticket, 100).unwrap();
    assert_eq!(threads.len(), 1);
}
