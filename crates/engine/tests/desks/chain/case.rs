//! Handing on: budgets, circles, who may, what is told of whom, and a desk of the chain that is gone.

use deskwire_engine::command::act::Action;
use deskwire_engine::command::delegate::{self, Delegate};
use deskwire_engine::command::tick::Tick;
use deskwire_engine::command::ticket::NewTicket;
use deskwire_engine::query;
use deskwire_machine::aggregate::Whole;
use deskwire_machine::delegation::State;
use deskwire_machine::disclosure::{Choice, Reason};
use deskwire_proto::message::common::{Contact, Priority};
use deskwire_proto::terms::{FieldName, Redelegate, Terms};
use deskwire_proto::text::{Label, Line};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, TicketNumber};
use deskwire_store::row::Audience;
use deskwire_store::table::{DELEGATIONS, Rows};

use super::{Chain, THREAD};
use crate::harness::{Desk, because, person, prose};

fn state(chain: &Chain, desk: usize, delegation: u64) -> State {
    let row = chain.desks[desk].rows().get(DELEGATIONS, &DelegationNo(delegation)).unwrap().unwrap();
    row.case.view(chain.stream(desk, row.link).in_length).state
}

fn whole(chain: &Chain, desk: usize) -> Whole {
    query::ticket(&chain.reader(desk), TicketNumber(1)).unwrap().handed.0
}

/// Three desks in a circle: each hands every case to the next.
fn circle(terms: &Terms) -> Chain {
    let mut chain = Chain::of(3, terms);
    chain.link(2, 0, terms.clone());
    chain.desks[0].ticket("Dead cash register");
    chain
}

/// Fault case 102.
#[test]
fn a_case_that_runs_in_a_circle_ends_by_its_budget() {
    let mut chain = circle(&Terms::default());
    let mut hops = 0;
    let refusal = loop {
        let (desk, to) = (hops % 3, (hops + 1) % 3);
        let ticket = chain.tickets(desk) as u64;
        match chain.hand_over(desk, ticket, to) {
            Ok(_) => hops += 1,
            Err(refusal) => break refusal,
        }
        chain.settle();
        assert!(hops <= 9, "it never ends");
    };
    assert_eq!(refusal.code, "hop-budget-used");
    assert!((6..=9).contains(&hops), "{hops} offers: the budget is 5 to 8 for the first");
}

/// Fault case 102.
#[test]
fn where_loop_tags_are_on_a_circle_is_found_at_once_and_declined() {
    let mut chain = circle(&Terms { loop_tags: Some(true), ..Terms::default() });
    for (desk, to) in [(0, 1), (1, 2), (2, 0)] {
        chain.hand_over(desk, 1, to).unwrap();
        chain.settle();
    }
    assert_eq!(state(&chain, 2, 2), State::Declined, "Shop knows its own mark again");
    assert_eq!(state(&chain, 0, 2), State::Declined);
    assert_eq!(state(&chain, 1, 1), State::Offered, "nobody else was declined");
    let tags: Vec<_> = (0..3)
        .flat_map(|desk| {
            let link = chain.link_of(desk, (desk + 1) % 3);
            let by = person("Anna");
            delegate::preview(&chain.reader(desk), TicketNumber(1), link, &Choice::default(), by)
        })
        .map(|preview| preview.sent.iter().filter(|sent| sent.field == "loop-tag").count())
        .collect();
    assert_eq!(tags, [1, 2, 3], "each adds a mark of its own, and the preview lists them");
}

#[test]
fn loop_tags_stay_here_where_the_terms_do_not_have_them() {
    let mut chain = Chain::of(2, &Terms { loop_tags: Some(true), ..Terms::default() });
    chain.desks.push(Desk::new("Kassa", 3));
    chain.link(1, 2, Terms::default());
    chain.desks[0].ticket("Dead cash register");
    chain.hand_over(0, 1, 1).unwrap();
    chain.settle();
    chain.hand_over(1, 1, 2).unwrap();
    chain.settle();
    assert!(chain.crossed(0, 1, "loop-tags") > 0 && chain.crossed(1, 2, "loop-tags") == 0);
    assert_eq!(state(&chain, 2, 1), State::Offered);
}

#[test]
fn work_goes_onward_only_where_its_principal_allows_and_never_straight_back() {
    let mut chain = Chain::of(2, &Terms { redelegate: Redelegate::Forbidden, ..Terms::default() });
    chain.desks.push(Desk::new("Kassa", 3));
    chain.link(1, 2, Terms::default());
    chain.desks[0].ticket("Dead cash register");
    chain.hand_over(0, 1, 1).unwrap();
    chain.settle();
    let refusal = chain.hand_over(1, 1, 2).unwrap_err();
    assert_eq!(refusal.code, "not-allowed-by-terms");
    assert!(refusal.words.contains("Shop"), "{refusal}");
    assert_eq!(chain.hand_over(1, 1, 0).unwrap_err().code, "goes-back");
    // Its own tickets it hands to whom it likes.
    chain.desks[1].ticket("Something of its own");
    assert!(chain.hand_over(1, 2, 2).is_ok());
}

fn with_contact(chain: &mut Chain, onward: bool) {
    let contact = Contact {
        name: Label::new("CONTACT-MARKER").unwrap(),
        email: None,
        phone: Label::new("+7 900 PHONE-MARKER").ok(),
        onward,
    };
    chain.desks[0]
        .run(NewTicket {
            title: Line::new("Dead cash register").unwrap(),
            description: None,
            priority: Priority::Normal,
            category: None,
            requester: Some(contact),
            company: None,
            object: None,
            equipment: None,
            agreement: None,
            custom: Vec::new(),
            by: person("Anna"),
        })
        .unwrap();
}

/// Fault case 96.
#[test]
fn a_contact_that_may_not_go_onward_stops_at_the_desk_that_got_it() {
    for onward in [false, true] {
        let terms = Terms { fields: vec![FieldName::Contact], ..Terms::default() };
        let mut chain = Chain::of(4, &terms);
        with_contact(&mut chain, onward);
        chain.hand_over(0, 1, 1).unwrap();
        chain.settle();
        let link = chain.link_of(1, 2);
        let by = person("Boris");
        let shown =
            delegate::preview(&chain.reader(1), TicketNumber(1), link, &Choice::default(), by).unwrap();
        let kept = shown.kept.iter().any(|kept| kept.reason == Reason::NotOnward);
        let sent = shown.sent.iter().any(|sent| sent.value.contains("MARKER"));
        assert_eq!((kept, sent), (!onward, onward), "the preview says so before");
        for desk in 1..3 {
            chain.hand_over(desk, 1, desk + 1).unwrap();
            chain.settle();
        }
        assert!(chain.reached(1, "CONTACT-MARKER"));
        for desk in 2..4 {
            assert_eq!(chain.reached(desk, "MARKER"), onward, "hop {desk}");
        }
    }
}

/// Fault cases 97 and 100.
#[test]
fn no_desk_learns_who_is_above_or_below_its_partners() {
    let mut chain = Chain::case(4, &Terms::default());
    chain.relay_all(false);
    chain.say(3, "the part is in", THREAD);
    chain.say(0, "please hurry", THREAD);
    chain.say(1, "between us", Audience::Delegations(vec![DelegationNo(2)]));
    // Petrov is refused something: what it reads was written by Kassa's desk.
    chain.act(1, 2, Action::Recall(because("Found it."))).unwrap();
    chain.act(2, 2, Action::Recall(because("Not needed."))).unwrap();
    chain.act(3, 1, Action::Resolve { solution: None, code: None }).unwrap();
    chain.settle();
    for (desk, names) in [
        (0, vec!["Kassa", "KASSA-1", "Petrov", "PETROV-1"]),
        (1, vec!["Petrov", "PETROV-1"]),
        (2, vec!["SHOP-1", "Shop"]),
        (3, vec!["SHOP-1", "Shop", "ACME-1", "Acme"]),
    ] {
        for name in names {
            assert!(!chain.reached(desk, name), "{name} reached desk {desk}");
        }
    }
    // No id of one hop is known on another.
    for desk in 0..4 {
        for (no, row) in chain.desks[desk].rows().list(DELEGATIONS, &(), 10).unwrap() {
            let id = row.id;
            let knows = |other: usize| {
                let rows = chain.desks[other].rows().list(DELEGATIONS, &(), 10).unwrap();
                rows.iter().any(|(_, row)| row.id == id)
            };
            assert_eq!((0..4).filter(|other| knows(*other)).count(), 2, "delegation {no} of desk {desk}");
        }
    }
}

#[test]
fn a_refusal_at_the_fourth_desk_names_nobody_above() {
    let mut chain = Chain::case(4, &Terms::default());
    let refusals = [
        chain.act(3, 1, Action::Confirm).unwrap_err(),
        chain.hand_over(3, 1, 2).unwrap_err(),
        chain.act(3, 9, Action::Accept).unwrap_err(),
    ];
    for refusal in refusals {
        let words = format!("{} {}", refusal.words, refusal.next);
        assert!(!words.contains("Shop") && !words.contains("Acme"), "{words}");
    }
}

#[test]
fn several_contractors_of_one_ticket_stand_as_one_and_a_declined_one_is_replaced() {
    let mut chain = Chain::of(2, &Terms::default());
    chain.desks.push(Desk::new("Kassa", 3));
    chain.link(0, 2, Terms::default());
    chain.desks[0].ticket("Dead cash register");
    assert_eq!(whole(&chain, 0), Whole::Nothing);
    chain.hand_over(0, 1, 1).unwrap();
    chain.settle();
    assert_eq!(whole(&chain, 0), Whole::Offered);
    chain.act(1, 1, Action::Decline(because("No time."))).unwrap();
    chain.settle();
    assert_eq!(whole(&chain, 0), Whole::Back);
    chain.hand_over(0, 1, 2).unwrap();
    chain.hand_over(0, 1, 1).unwrap();
    chain.settle();
    chain.act(1, 2, Action::Accept).unwrap();
    chain.act(2, 1, Action::Accept).unwrap();
    chain.act(2, 1, Action::Resolve { solution: None, code: None }).unwrap();
    chain.settle();
    assert_eq!(whole(&chain, 0), Whole::Accepted, "one is done, one has not begun");
    chain.act(1, 2, Action::Ask { question: prose("Which one?") }).unwrap();
    chain.settle();
    assert_eq!(whole(&chain, 0), Whole::WaitingPrincipal);
    chain.act(0, 3, Action::Answer { answer: prose("The left."), needed: true }).unwrap();
    chain.settle();
    chain.act(1, 2, Action::Resolve { solution: None, code: None }).unwrap();
    chain.settle();
    assert_eq!(whole(&chain, 0), Whole::Resolved);
    for delegation in [2, 3] {
        chain.act(0, delegation, Action::Confirm).unwrap();
    }
    chain.settle();
    assert_eq!(whole(&chain, 0), Whole::Confirmed);
}

#[test]
fn before_a_recall_is_settled_handing_the_work_to_another_asks_first() {
    let mut chain = Chain::of(2, &Terms::default());
    chain.desks.push(Desk::new("Kassa", 3));
    chain.link(0, 2, Terms::default());
    chain.desks[0].ticket("Dead cash register");
    chain.hand_over(0, 1, 1).unwrap();
    chain.settle();
    chain.act(1, 1, Action::Accept).unwrap();
    chain.settle();
    chain.act(0, 1, Action::Recall(because("Too slow."))).unwrap();
    let refusal = chain.hand_over(0, 1, 2).unwrap_err();
    assert_eq!(refusal.code, "recall-not-settled");
    assert!(refusal.words.contains("Acme") && refusal.next.contains("--anyway"), "{refusal}");
    let (ticket, link) = (TicketNumber(1), chain.link_of(0, 2));
    let (choice, files, by) = (Choice::default(), Vec::new(), person("Anna"));
    let anyway = Delegate { ticket, link, choice, files, anyway: true, by };
    assert!(chain.desks[0].run(anyway).is_ok());
    chain.settle();
    chain.act(0, 2, Action::Recall(because("One is enough."))).unwrap();
    chain.settle();
    assert!(chain.hand_over(0, 1, 2).is_ok(), "once it is settled nobody is asked");
}

/// Fault case 103.
#[test]
fn a_desk_of_the_chain_that_is_gone_for_good_is_told_upward_and_replaced() {
    let mut chain = Chain::case(3, &Terms::default());
    chain.desks.push(Desk::new("Petrov", 4));
    chain.link(0, 3, Terms::default());
    // Acme's server burns down: nothing crosses its links any more.
    chain.cut = vec![0, 1];
    let said = chain.say(0, "Where do we stand?", Audience::Delegations(vec![DelegationNo(1)]));
    chain.act(0, 1, Action::Recall(because("No answer."))).unwrap();
    let day = 86_400_000;
    for hour in 0..=(31 * 24) {
        chain.desks[0].now = Timestamp(chain.desks[0].now.0.max(1_790_000_000_000) + 3_600_000);
        chain.desks[0].run(Tick).unwrap();
        if hour == 2 {
            let late = query::ticket_detail(&chain.reader(0), TicketNumber(1)).unwrap();
            let undelivered = late.delegations[0].undelivered.unwrap();
            assert!(undelivered.items == 2, "the ticket says what did not get there");
        }
    }
    let detail = query::ticket_detail(&chain.reader(0), TicketNumber(1)).unwrap();
    let undelivered = detail.delegations[0].undelivered.unwrap();
    assert_eq!(undelivered.parked, 2, "after 30 days they are dead letters on the ticket");
    assert!(day > 0 && said.told.len() == 1);
    // The work goes to another, and nobody asks the dead.
    let by = person("Anna");
    let (ticket, link) = (TicketNumber(1), chain.link_of(0, 3));
    let again = Delegate { ticket, link, choice: Choice::default(), files: Vec::new(), anyway: true, by };
    chain.desks[0].run(again).unwrap();
    chain.settle();
    chain.act(3, 1, Action::Accept).unwrap();
    chain.settle();
    assert_eq!(state(&chain, 0, 2), State::Accepted);
}
