//! Bad input: whatever cannot be is refused with a sentence and a stable code, and nothing is changed.

use deskwire_engine::command::act::{Act, Action, OwnStatus};
use deskwire_engine::command::closing::{Close, Suspend};
use deskwire_engine::command::delegate::Delegate;
use deskwire_engine::command::link::{End, Resume};
use deskwire_engine::command::rule::{AddRule, RemoveRule};
use deskwire_engine::command::terms::AcceptTerms;
use deskwire_engine::{Fault, Refusal};
use deskwire_machine::delegation::State;
use deskwire_machine::disclosure::{Changes, Choice};
use deskwire_machine::rules::{Rule, Then};
use deskwire_proto::list::List;
use deskwire_proto::message::common::{Money, Priority};
use deskwire_proto::terms::{FieldName, Side, Terms};
use deskwire_proto::text::{Currency, Decimal, Line};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, LinkNo, TicketNumber};
use deskwire_store::row::Audience;

use super::harness::*;

type Attempt = fn(&mut Desk) -> Result<(), Refusal>;

/// One thing that cannot be: who tries it, what, and the code.
type Row = (&'static str, Attempt, &'static str);

/// Every byte of the journal that a refused command would have left.
fn journal(desk: &Desk) -> Vec<(String, Vec<u8>)> {
    desk.copy()
}

fn refuses(desk: &mut Desk, rows: &[Row]) {
    for (what, attempt, code) in rows {
        let (before, stream) = (journal(desk), desk.stream());
        let refusal = attempt(desk).expect_err(what);
        assert_eq!(refusal.code, *code, "{what}: {refusal}");
        assert!(refusal.words.ends_with('.') && refusal.words.len() > 10, "{what}: {}", refusal.words);
        assert_ne!(refusal.fault, Fault::Ours, "{what}");
        assert_eq!(journal(desk), before, "{what} left something behind");
        assert_eq!(desk.stream(), stream, "{what} said something");
    }
}

fn drop_reply<T>(result: Result<T, Refusal>) -> Result<(), Refusal> {
    result.map(drop)
}

fn offered(terms: Terms) -> (Desk, Desk) {
    let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new("Acme", 2));
    link(&mut shop, &mut acme, terms);
    let till = shop.ticket("Till");
    shop.delegate(till).unwrap();
    settle(&mut shop, &mut acme);
    (shop, acme)
}

#[test]
fn what_the_state_or_the_role_does_not_allow_is_refused() {
    let (mut shop, mut acme) = offered(Terms::default());
    let principal: [Row; 7] = [
        ("accepts its own offer", |desk| desk.act(1, Action::Accept), "action-not-allowed"),
        ("declines its own offer", |desk| desk.act(1, Action::Decline(because("No."))), "action-not-allowed"),
        (
            "resolves for the partner",
            |desk| desk.act(1, Action::Resolve { solution: None, code: None }),
            "action-not-allowed",
        ),
        ("confirms what is not resolved", |desk| desk.act(1, Action::Confirm), "not-possible-now"),
        (
            "reopens what is not resolved",
            |desk| desk.act(1, Action::Reopen(because("x"))),
            "not-possible-now",
        ),
        (
            "answers what nobody asked",
            |desk| desk.act(1, Action::Answer { answer: prose("x"), needed: true }),
            "not-possible-now",
        ),
        ("acts on what is not there", |desk| desk.act(9, Action::Confirm), "unknown-delegation"),
    ];
    check_codes(&mut shop, &principal);
    let contractor: [Row; 6] = [
        ("confirms its own work", |desk| desk.act(1, Action::Confirm), "action-not-allowed"),
        ("recalls", |desk| desk.act(1, Action::Recall(because("x"))), "action-not-allowed"),
        (
            "returns what it has not taken",
            |desk| desk.act(1, Action::Return(because("x"))),
            "not-possible-now",
        ),
        (
            "resolves what it has not taken",
            |desk| desk.act(1, Action::Resolve { solution: None, code: None }),
            "not-possible-now",
        ),
        (
            "takes a change that was not proposed",
            |desk| desk.act(1, Action::ChangeTake(7)),
            "not-possible-now",
        ),
        (
            "has read another version",
            |desk| {
                let own = OwnStatus::default();
                let (delegation, action, by) = (DelegationNo(1), Action::Accept, person("Boris"));
                desk.run(Act { delegation, action, read: Some(5), own, by })
            },
            "offer-changed",
        ),
    ];
    check_codes(&mut acme, &contractor);
}

/// As [`refuses`], where the fold has codes of its own: they are stable, and not internal.
fn check_codes(desk: &mut Desk, rows: &[Row]) {
    for (what, attempt, _) in rows {
        let (before, stream) = (journal(desk), desk.stream());
        let refusal = attempt(desk).expect_err(what);
        assert!(refusal.code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{what}");
        assert!(refusal.words.len() > 10, "{what}: {}", refusal.words);
        assert_ne!(refusal.fault, Fault::Ours, "{what}");
        assert_eq!(journal(desk), before, "{what} left something behind");
        assert_eq!(desk.stream(), stream, "{what} said something");
    }
}

#[test]
fn what_the_terms_do_not_allow_is_refused() {
    let only_shop = List::new(vec![Side::Inviter]).unwrap();
    let fields = FieldName::ALL.into_iter().filter(|field| *field != FieldName::Priority).collect();
    let (mut shop, mut acme) = offered(Terms { principals: only_shop, fields, ..Terms::default() });
    acme.ticket("Own");
    let contractor: [Row; 1] = [(
        "hands work to its principal",
        |desk| drop_reply(desk.delegate(TicketNumber(2))),
        "not-allowed-by-terms",
    )];
    refuses(&mut acme, &contractor);
    let principal: [Row; 1] = [(
        "changes a field that does not travel",
        |desk| {
            let changes = Changes { priority: Some(Priority::Urgent), ..Changes::default() };
            desk.act(1, Action::Update(Box::new(changes)))
        },
        "not-allowed-by-terms",
    )];
    refuses(&mut shop, &principal);
}

fn money(amount: &str, currency: &str) -> Option<Money> {
    Some(Money(Decimal::new(amount).unwrap(), Currency::new(currency).unwrap()))
}

/// Hands another ticket over than the one that the partner has.
fn hands_over(desk: &mut Desk, choice: Choice) -> Result<(), Refusal> {
    let (ticket, by) = (TicketNumber(2), person("Anna"));
    drop_reply(desk.run(Delegate { ticket, link: LINK, choice, files: Vec::new(), anyway: false, by }))
}

fn updates(desk: &mut Desk, changes: Changes) -> Result<(), Refusal> {
    desk.act(1, Action::Update(Box::new(changes)))
}

const DAY: u64 = 86_400_000;

/// A typo in a deadline or a price would stand in the signed record for ever.
#[test]
fn what_cannot_be_meant_does_not_leave_the_desk() {
    let (mut shop, _) = offered(Terms { currency: Currency::new("EUR").ok(), ..Terms::default() });
    shop.ticket("Printer");
    let offers: [Row; 8] = [
        (
            "a currency that nobody has",
            |desk| hands_over(desk, Choice { price: money("200", "XXQ"), ..Choice::default() }),
            "unknown-currency",
        ),
        (
            "a price in another currency than the terms'",
            |desk| hands_over(desk, Choice { price: money("200", "USD"), ..Choice::default() }),
            "not-allowed-by-terms",
        ),
        (
            "a price below nothing",
            |desk| hands_over(desk, Choice { price: money("-5", "EUR"), ..Choice::default() }),
            "impossible-amount",
        ),
        (
            "work that was due in 1990",
            |desk| {
                hands_over(desk, Choice { resolve: Some(Timestamp(631_152_000_000)), ..Choice::default() })
            },
            "impossible-date",
        ),
        (
            "an answer that was due a moment ago",
            |desk| hands_over(desk, Choice { respond: Some(desk.now), ..Choice::default() }),
            "impossible-date",
        ),
        (
            "work that is due in another century",
            |desk| {
                hands_over(desk, Choice { resolve: Some(desk.now.plus(40_000 * DAY)), ..Choice::default() })
            },
            "impossible-date",
        ),
        (
            "an answer after the work",
            |desk| {
                let (respond, resolve) = (Some(desk.now.plus(5 * DAY)), Some(desk.now.plus(DAY)));
                hands_over(desk, Choice { respond, resolve, ..Choice::default() })
            },
            "impossible-date",
        ),
        (
            "a ticket that the partner has",
            |desk| drop_reply(desk.delegate(TicketNumber(1))),
            "already-delegated",
        ),
    ];
    refuses(&mut shop, &offers);
    let changes: [Row; 5] = [
        (
            "a currency that nobody has",
            |desk| updates(desk, Changes { price: money("20", "QQQ"), ..Changes::default() }),
            "unknown-currency",
        ),
        (
            "a price in another currency than the terms'",
            |desk| updates(desk, Changes { price: money("20", "USD"), ..Changes::default() }),
            "not-allowed-by-terms",
        ),
        (
            "a price below nothing",
            |desk| updates(desk, Changes { price: money("-0.01", "EUR"), ..Changes::default() }),
            "impossible-amount",
        ),
        (
            "work that was due in 2020",
            |desk| {
                updates(desk, Changes { resolve: Some(Timestamp(1_577_836_800_000)), ..Changes::default() })
            },
            "impossible-date",
        ),
        (
            "an answer after the work",
            |desk| {
                let (respond, resolve) = (Some(desk.now.plus(5 * DAY)), Some(desk.now.plus(DAY)));
                updates(desk, Changes { respond, resolve, ..Changes::default() })
            },
            "impossible-date",
        ),
    ];
    refuses(&mut shop, &changes);
    let refusal =
        updates(&mut shop, Changes { price: money("20", "USD"), ..Changes::default() }).unwrap_err();
    assert!(refusal.words.contains("EUR") && refusal.words.contains("USD"), "{refusal}");

    // What can be meant is taken, and measured against what stands already.
    let week = Some(shop.now.plus(7 * DAY));
    updates(&mut shop, Changes { price: money("20", "EUR"), resolve: week, ..Changes::default() }).unwrap();
    let late: [Row; 1] = [(
        "an answer after the work that was asked for before",
        |desk| updates(desk, Changes { respond: Some(desk.now.plus(8 * DAY)), ..Changes::default() }),
        "impossible-date",
    )];
    refuses(&mut shop, &late);
    let again = Delegate {
        ticket: TicketNumber(1),
        link: LINK,
        choice: Choice::default(),
        files: Vec::new(),
        anyway: true,
        by: person("Anna"),
    };
    shop.run(again).unwrap();
}

/// Whoever tries what is for the other side alone is told so first, and whom to ask.
#[test]
fn the_wrong_role_is_said_before_anything_else() {
    let (mut shop, mut acme) = offered(Terms::default());
    let rows: [Row; 3] = [
        (
            "changes what it was offered",
            |desk| updates(desk, Changes { priority: Some(Priority::Low), ..Changes::default() }),
            "action-not-allowed",
        ),
        ("recalls", |desk| desk.act(1, Action::Recall(because("x"))), "action-not-allowed"),
        ("confirms", |desk| desk.act(1, Action::Confirm), "action-not-allowed"),
    ];
    refuses(&mut acme, &rows);
    let refusal =
        updates(&mut acme, Changes { title: Line::new("x").ok(), ..Changes::default() }).unwrap_err();
    assert!(refusal.words.contains("principal alone") && !refusal.next.is_empty(), "{refusal:?}");
    let rows: [Row; 2] = [
        ("takes its own change", |desk| desk.act(1, Action::ChangeTake(1)), "action-not-allowed"),
        (
            "accepts a version that there is not",
            |desk| {
                let (delegation, action, by) = (DelegationNo(1), Action::Accept, person("Boris"));
                desk.run(Act { delegation, action, read: Some(5), own: OwnStatus::default(), by })
            },
            "action-not-allowed",
        ),
    ];
    refuses(&mut shop, &rows);
    assert!(!shop.act(1, Action::Accept).unwrap_err().next.is_empty());
}

fn close(desk: &mut Desk, reason: &str) -> Result<(), Refusal> {
    desk.run(Close { link: LINK, reason: prose(reason), by: person("Anna") })
}

fn suspend(desk: &mut Desk, reason: &str) -> Result<(), Refusal> {
    desk.run(Suspend { link: LINK, until: None, reason: prose(reason), by: person("Anna") })
}

#[test]
fn what_a_link_does_not_allow_as_it_stands_is_refused() {
    let (mut shop, mut acme) = offered(Terms::default());
    shop.ticket("Other");
    let rows: [Row; 8] = [
        ("closes without a reason", |desk| close(desk, " \n "), "reason-missing"),
        ("suspends without a reason", |desk| suspend(desk, "  "), "reason-missing"),
        (
            "accepts terms that nobody proposed",
            |desk| drop_reply(desk.run(AcceptTerms { link: LINK, version: None, hash: None })),
            "no-proposal",
        ),
        (
            "removes a rule that is not there",
            |desk| desk.run(RemoveRule { link: LINK, rule: 3 }),
            "unknown-rule",
        ),
        (
            "adds a rule that does nothing",
            |desk| {
                let rule = Rule { no: 0, role: None, when: State::Resolved, then: Then::default() };
                drop_reply(desk.run(AddRule { link: LINK, rule }))
            },
            "invalid-value",
        ),
        ("names a link that is not there", |desk| desk.run(Resume { link: LinkNo(7) }), "unknown-link"),
        (
            "comments on a ticket that is not there",
            |desk| drop_reply(desk.comment(77, "x", Audience::Internal)),
            "unknown-ticket",
        ),
        ("recalls without a reason", |desk| desk.act(1, Action::Recall(because("  "))), "reason-missing"),
    ];
    refuses(&mut shop, &rows);

    suspend(&mut shop, "Holidays.").unwrap();
    let suspended: [Row; 2] = [
        ("offers over a suspended link", |desk| drop_reply(desk.delegate(TicketNumber(2))), "link-suspended"),
        ("suspends twice", |desk| suspend(desk, "Again."), "already-suspended"),
    ];
    refuses(&mut shop, &suspended);
    settle(&mut shop, &mut acme);

    close(&mut shop, "We part.").unwrap();
    let closing: [Row; 5] = [
        ("closes twice", |desk| close(desk, "Again."), "link-closing"),
        ("suspends a closing link", |desk| suspend(desk, "x"), "link-closing"),
        ("offers over a closing link", |desk| drop_reply(desk.delegate(TicketNumber(2))), "link-closing"),
        ("acts over a closing link", |desk| desk.act(1, Action::Recall(because("x"))), "link-closing"),
        (
            "accepts terms of a closing link",
            |desk| drop_reply(desk.run(AcceptTerms { link: LINK, version: None, hash: None })),
            "link-closing",
        ),
    ];
    refuses(&mut shop, &closing);

    shop.run(End { link: LINK }).unwrap();
    let closed: [Row; 4] = [
        ("ends twice", |desk| desk.run(End { link: LINK }), "link-closed"),
        ("closes a closed link", |desk| close(desk, "x"), "link-closed"),
        ("offers over a closed link", |desk| drop_reply(desk.delegate(TicketNumber(2))), "link-closed"),
        ("resumes a closed link", |desk| desk.run(Resume { link: LINK }), "cannot-resume"),
    ];
    refuses(&mut shop, &closed);
}
