//! Terms that change while work goes on, suspensions, and what happens by itself.

use std::sync::Arc;

use deskwire_engine::calendar::{Hours, Span, intervals};
use deskwire_engine::command::act::Action;
use deskwire_engine::command::closing::Suspend;
use deskwire_engine::command::hours::SetHours;
use deskwire_engine::command::link::Resume;
use deskwire_engine::command::rule::{AddRule, RemoveRule, SetMapping};
use deskwire_engine::command::terms::{AcceptTerms, ProposeTerms, TakeCalendars};
use deskwire_engine::command::tick::Tick;
use deskwire_engine::command::ticket::SetStatus;
use deskwire_engine::port::SystemClock;
use deskwire_engine::{Reader, Refusal, query};
use deskwire_machine::delegation::{Role, State};
use deskwire_machine::disclosure::Changes;
use deskwire_machine::mapping::{CodePair, Mapping, StatusPair};
use deskwire_machine::rules::{Rule, Then};
use deskwire_proto::list::List;
use deskwire_proto::message::common::Priority;
use deskwire_proto::terms::{CustomField, Deadline, FieldName, FieldType, Interval, Late, Side, Terms};
use deskwire_proto::text::{Code, Currency, Label, Line};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, TicketNumber};
use deskwire_store::row::{Audience, LinkRow, TicketRow};
use deskwire_store::table::{LINKS, RECEIVED, Rows, THREADS, TICKETS, VERSIONS};

use super::harness::*;

fn row(desk: &Desk) -> LinkRow {
    desk.rows().get(LINKS, &LINK).unwrap().unwrap()
}

fn terms(desk: &Desk) -> Terms {
    Terms::clone(&desk.partner().terms)
}

fn propose(desk: &mut Desk, change: impl FnOnce(&mut Terms)) -> Result<u64, Refusal> {
    let mut terms = terms(desk);
    let base = terms.v.get();
    change(&mut terms);
    desk.run(ProposeTerms { link: LINK, base, terms })
}

fn accept(desk: &mut Desk) -> Result<u64, Refusal> {
    desk.run(AcceptTerms { link: LINK, version: None, hash: None })
}

/// Both agree that these terms hold.
pub(crate) fn agree(one: &mut Desk, other: &mut Desk, change: impl FnOnce(&mut Terms)) {
    propose(one, change).unwrap();
    settle(one, other);
    accept(other).unwrap();
    settle(one, other);
    assert_eq!(terms(one), terms(other));
}

fn state(desk: &Desk, delegation: u64) -> State {
    desk.delegation(delegation).case.view(desk.stream().in_length).state
}

fn refused(desk: &Desk) -> Vec<String> {
    let rows = desk.rows().list(RECEIVED, &LINK, usize::MAX).unwrap();
    rows.into_iter().filter_map(|(_, row)| row.refused.map(|(_, why)| why.code.to_string())).collect()
}

fn ticket(desk: &Desk, no: u64) -> TicketRow {
    desk.rows().get(TICKETS, &TicketNumber(no)).unwrap().unwrap()
}

#[test]
fn terms_hold_once_both_have_signed_them_and_old_versions_stay() {
    let (mut shop, mut acme) = linked();
    assert_eq!(propose(&mut shop, |terms| terms.file = 1_000).unwrap(), 2);
    settle(&mut shop, &mut acme);
    assert_eq!((terms(&shop).v.get(), terms(&acme).v.get()), (1, 1), "nothing changes by a proposal");
    assert_eq!(accept(&mut acme).unwrap(), 2);
    settle(&mut shop, &mut acme);
    for desk in [&shop, &acme] {
        assert_eq!((terms(desk).v.get(), terms(desk).file), (2, 1_000));
        assert_eq!(desk.rows().list(VERSIONS, &LINK, usize::MAX).unwrap().len(), 1);
        assert!(row(desk).accord.ours.is_none() && row(desk).accord.theirs.is_none());
    }
    assert_eq!(accept(&mut acme).unwrap_err().code, "no-proposal");
    agree(&mut acme, &mut shop, |terms| terms.late = Some(Late::Reopen));
    assert_eq!(terms(&shop).v.get(), 3);
    let rebuilt = shop.restart_with_other_rows();
    assert_eq!((terms(&rebuilt).v.get(), terms(&rebuilt).late), (3, Some(Late::Reopen)));
    assert_eq!(rebuilt.rows().list(VERSIONS, &LINK, usize::MAX).unwrap().len(), 2);
}

#[test]
fn a_newer_proposal_replaces_the_older_and_a_person_accepts_what_it_has_read() {
    let (mut shop, mut acme) = linked();
    propose(&mut shop, |terms| terms.file = 1).unwrap();
    settle(&mut shop, &mut acme);
    let read = row(&acme).accord.theirs.unwrap();
    propose(&mut shop, |terms| terms.file = 2).unwrap();
    settle(&mut shop, &mut acme);
    let old = AcceptTerms { link: LINK, version: Some(2), hash: Some(read.hash) };
    assert_eq!(acme.run(old).unwrap_err().code, "proposal-changed");
    accept(&mut acme).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!((terms(&shop).file, terms(&acme).file), (2, 2));
}

#[test]
fn two_accepts_that_cross_leave_both_desks_with_the_same_terms() {
    let (mut shop, mut acme) = linked();
    propose(&mut shop, |terms| terms.file = 1).unwrap();
    propose(&mut acme, |terms| terms.file = 2).unwrap();
    settle(&mut shop, &mut acme);
    accept(&mut shop).unwrap();
    accept(&mut acme).unwrap();
    // Both are numbered before either has seen the other's.
    let (to_acme, to_shop) = (session(&mut shop, &mut acme), session(&mut acme, &mut shop));
    let (one, other) = (batch(&mut shop, to_acme, None).unwrap(), batch(&mut acme, to_shop, None).unwrap());
    deliver(&shop, &mut acme, &one);
    deliver(&acme, &mut shop, &other);
    settle(&mut shop, &mut acme);
    // The inviter's accept stands first: it accepted what the other side proposed.
    assert_eq!((terms(&shop).v.get(), terms(&shop).file), (2, 2));
    assert_eq!(terms(&acme), terms(&shop));
}

#[test]
fn a_message_is_checked_by_the_terms_that_its_author_knew() {
    let (mut shop, mut acme) = linked();
    propose(&mut acme, |terms| terms.fields.retain(|field| *field != FieldName::Priority)).unwrap();
    settle(&mut shop, &mut acme);
    // The shop offers under the old terms, and accepts the new ones behind that: the offer keeps to the old.
    let first = shop.ticket("Till");
    shop.delegate(first).unwrap();
    accept(&mut shop).unwrap();
    let second = shop.ticket("Printer");
    shop.delegate(second).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(terms(&acme).v.get(), 2);
    let (one, other) = (state(&acme, 1), state(&shop, 2));
    assert_eq!(one, State::Offered, "the offer that was said before holds");
    assert_eq!(other, State::Unoffered, "the other one was looked at again before it left");
    assert_eq!(refused(&acme), Vec::<String>::new());
    let third = shop.ticket("Scanner");
    shop.delegate(third).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(
        state(&acme, 2),
        State::Offered,
        "what the terms do not let travel is left out from the beginning"
    );
}

#[test]
fn terms_must_keep_those_who_have_work_under_way() {
    let (mut shop, mut acme) = linked();
    let till = shop.ticket("Till");
    shop.delegate(till).unwrap();
    settle(&mut shop, &mut acme);
    let only_acme = |terms: &mut Terms| terms.principals = List::new(vec![Side::Accepter]).unwrap();
    assert_eq!(propose(&mut acme, only_acme).unwrap_err().code, "not-allowed-by-terms");
    acme.act(1, Action::Decline(because("No time."))).unwrap();
    settle(&mut shop, &mut acme);
    agree(&mut acme, &mut shop, only_acme);
    let printer = shop.ticket("Printer");
    assert_eq!(shop.delegate(printer).unwrap_err().code, "not-allowed-by-terms");
}

#[test]
fn impossible_terms_are_refused_in_a_sentence() {
    let (mut shop, _) = linked();
    type Spoil = fn(&mut Terms);
    const DAY: u64 = 86_400_000;
    let wrong: [(&str, Spoil); 13] = [
        ("terms-same", |_| ()),
        ("invalid-value", |terms| terms.file = u64::MAX),
        ("invalid-value", |terms| terms.auto_confirm = Some(0)),
        ("invalid-value", |terms| terms.tolerance = Some(u64::MAX)),
        ("invalid-value", |terms| terms.tolerance = Some(8 * DAY)),
        ("unknown-currency", |terms| terms.currency = Currency::new("XXQ").ok()),
        ("invalid-value", |terms| terms.deadlines = List::new(vec![deadline(Priority::High, 2, 1)]).ok()),
        ("invalid-value", |terms| {
            terms.deadlines = List::new(vec![deadline(Priority::Low, 1, u64::MAX)]).ok()
        }),
        ("invalid-value", |terms| {
            let twice = vec![deadline(Priority::High, 1, 2), deadline(Priority::High, 1, 3)];
            terms.deadlines = List::new(twice).ok();
        }),
        ("invalid-value", |terms| terms.custom = List::new(vec![field(FieldType::Choice)]).ok()),
        ("invalid-value", |terms| {
            terms.custom = List::new(vec![field(FieldType::Text), field(FieldType::Date)]).ok();
        }),
        ("invalid-value", |terms| terms.retention = Some(u64::MAX)),
        ("invalid-value", |terms| {
            terms.calendar = List::new(vec![Interval(Timestamp(1), Timestamp(2))]).ok();
        }),
    ];
    for (code, spoil) in wrong {
        let length = shop.stream().waiting;
        let refusal = propose(&mut shop, spoil).unwrap_err();
        assert_eq!(refusal.code, code, "{refusal}");
        assert_eq!(shop.stream().waiting, length);
    }
    let base = ProposeTerms { link: LINK, base: 7, terms: Terms { file: 1, ..Terms::default() } };
    assert_eq!(shop.run(base).unwrap_err().code, "terms-changed");
    propose(&mut shop, |terms| terms.tolerance = Some(7 * DAY)).unwrap();
}

fn deadline(priority: Priority, respond: u64, resolve: u64) -> Deadline {
    Deadline { priority, respond, resolve }
}

/// A custom field without choices.
fn field(r#type: FieldType) -> CustomField {
    CustomField { key: Code::new("urn").unwrap(), name: Label::new("Urn").unwrap(), r#type, choices: None }
}

#[test]
fn a_calendar_is_renewed_without_a_person_only_where_a_person_wanted_it() {
    let (mut shop, mut acme) = linked();
    let hours = |from: u64| {
        move |terms: &mut Terms| {
            let end = Timestamp(2_000_000_000_000 + from);
            terms.calendar = List::new(vec![Interval(Timestamp(from), end)]).ok();
        }
    };
    agree(&mut acme, &mut shop, hours(0));
    shop.run(TakeCalendars { link: LINK, on: true }).unwrap();
    propose(&mut acme, hours(5)).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(terms(&acme).v.get(), 3, "renewed by itself");
    propose(&mut acme, |terms| {
        hours(9)(terms);
        terms.file = 1;
    })
    .unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(terms(&acme).v.get(), 3, "anything beside the calendar is for a person");
}

fn berlin(from: u16) -> Hours {
    let open = |day: usize| if day < 5 { vec![Span(from, 1_020)] } else { Vec::new() };
    Hours { zone: "Europe/Berlin".to_owned(), week: (0..7).map(open).collect(), days: [].into() }
}

/// Behind the last interval the clocks run at night too: a calendar that this desk's hours made is renewed before that, and no
/// other one is.
#[test]
fn a_calendar_from_the_desks_own_hours_is_renewed_in_time() {
    const DAY: u64 = 86_400_000;
    let (mut shop, mut acme) = linked();
    acme.run(SetHours { hours: Some(berlin(480)) }).unwrap();
    shop.run(SetHours { hours: Some(berlin(540)) }).unwrap();
    shop.run(TakeCalendars { link: LINK, on: true }).unwrap();
    let made = intervals(&berlin(480), acme.now, 13).unwrap().open;
    agree(&mut acme, &mut shop, |terms| terms.calendar = List::new(made.clone()).ok());
    let end = |desk: &Desk| terms(desk).calendar.unwrap().last().unwrap().1;
    let before = end(&acme);
    let tick = |shop: &mut Desk, acme: &mut Desk| {
        shop.run(Tick).unwrap();
        acme.run(Tick).unwrap();
        settle(shop, acme);
    };
    tick(&mut shop, &mut acme);
    assert_eq!(terms(&acme).v.get(), 2, "there is time");

    let late = Timestamp(before.0 - 50 * DAY);
    (shop.now, acme.now) = (late, late);
    tick(&mut shop, &mut acme);
    assert_eq!((terms(&acme).v.get(), terms(&shop).v.get()), (3, 3), "proposed by Acme, taken by Shop");
    assert!(end(&shop) > before.plus(300 * DAY));
    tick(&mut shop, &mut acme);
    assert_eq!(shop.partner().row.accord.ours, None, "Shop's hours are others: it proposes nothing");

    // Another calendar than that of its hours is nobody's to renew.
    let other = vec![Interval(late, late.plus(40 * DAY))];
    propose(&mut acme, |terms| terms.calendar = List::new(other).ok()).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(terms(&acme).v.get(), 4);
    tick(&mut shop, &mut acme);
    assert_eq!(terms(&acme).v.get(), 4);
    assert_eq!((acme.partner().row.accord.ours, shop.partner().row.accord.ours), (None, None));
}

/// Whoever waits for a partner to come back from its holidays is told that nothing can be done here.
#[test]
fn only_the_side_that_suspended_a_link_lets_it_go_on() {
    let (mut shop, mut acme) = linked();
    let until = acme.now.plus(86_400_000);
    acme.run(Suspend { link: LINK, until: Some(until), reason: prose("Holidays."), by: person("Boris") })
        .unwrap();
    settle(&mut shop, &mut acme);
    let refusal = shop.run(Resume { link: LINK }).unwrap_err();
    assert_eq!(refusal.code, "suspended-by-partner");
    let words = |desk: &Desk| {
        let reader = desk.reader();
        let found = query::check(&reader, &query::link(&reader, row(desk).name.as_str()).unwrap()).unwrap();
        found.into_iter().find(|finding| finding.code == "suspended").unwrap().words
    };
    assert!(words(&shop).contains("by Acme until 2026-09-"), "{}", words(&shop));
    assert!(words(&acme).contains("by this desk until 2026-09-"), "{}", words(&acme));
    acme.run(Resume { link: LINK }).unwrap();
    settle(&mut shop, &mut acme);
    shop.run(Resume { link: LINK }).unwrap();
}

#[test]
fn a_suspended_link_takes_no_new_work_on_either_side_and_goes_on_by_itself() {
    let (mut shop, mut acme) = linked();
    let till = shop.ticket("Till");
    shop.delegate(till).unwrap();
    settle(&mut shop, &mut acme);
    let until = acme.now.plus(86_400_000);
    let stop = Suspend { link: LINK, until: Some(until), reason: prose("Holidays."), by: person("Boris") };
    // An offer that was said without knowing is taken.
    let unaware = shop.ticket("Unaware");
    shop.delegate(unaware).unwrap();
    acme.run(stop.clone()).unwrap();
    assert_eq!(acme.run(stop).unwrap_err().code, "already-suspended");
    pump(&mut shop, &mut acme);
    assert_eq!(state(&acme, 2), State::Offered);
    // One that waits when the suspension is seen is not sent, and its ticket says so.
    let waits = shop.ticket("Waits");
    let late = shop.delegate(waits).unwrap();
    pump(&mut acme, &mut shop);
    settle(&mut shop, &mut acme);
    assert_eq!(state(&shop, late.0), State::Unoffered);
    for desk in [&mut shop, &mut acme] {
        let other = desk.ticket("Other");
        assert_eq!(desk.delegate(other).unwrap_err().code, "link-suspended");
    }
    acme.act(1, Action::Accept).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(state(&shop, 1), State::Accepted, "what is open goes on");
    // At the time that was said the link goes on by itself.
    acme.now = until;
    acme.run(Tick).unwrap();
    settle(&mut shop, &mut acme);
    let again = shop.ticket("Again");
    shop.delegate(again).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(refused(&acme), Vec::<String>::new());
    let stop = Suspend { link: LINK, until: None, reason: prose("Ill."), by: person("Boris") };
    acme.run(stop).unwrap();
    settle(&mut shop, &mut acme);
    acme.run(Resume { link: LINK }).unwrap();
    settle(&mut shop, &mut acme);
    assert!(row(&shop).accord.their_stop.is_none());
}

fn resolved() -> (Desk, Desk) {
    let (mut shop, mut acme) = linked();
    let till = shop.ticket("Till");
    shop.delegate(till).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    (shop, acme)
}

#[test]
fn a_resolution_confirms_itself_when_the_agreed_time_has_passed() {
    let (mut shop, mut acme) = resolved();
    agree(&mut shop, &mut acme, |terms| terms.auto_confirm = Some(3_600_000));
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    settle(&mut shop, &mut acme);
    let since = shop.delegation(1).resolved.expect("it waits for the principal");
    shop.run(Tick).unwrap();
    assert_eq!(state(&shop, 1), State::Resolved);
    shop.now = since.plus(3_600_000);
    shop.run(Tick).unwrap();
    assert_eq!(state(&shop, 1), State::Confirmed);
    settle(&mut shop, &mut acme);
    assert_eq!(state(&acme, 1), State::Confirmed);
    assert_eq!(shop.delegation(1).resolved, None);
    let length = shop.stream().out_length;
    shop.run(Tick).unwrap();
    assert_eq!((shop.stream().out_length, shop.stream().waiting), (length, 0), "and only once");
}

#[test]
fn work_taken_up_again_does_not_confirm_itself() {
    let (mut shop, mut acme) = resolved();
    agree(&mut shop, &mut acme, |terms| terms.auto_confirm = Some(3_600_000));
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    settle(&mut shop, &mut acme);
    shop.act(1, Action::Reopen(because("Still dead."))).unwrap();
    settle(&mut shop, &mut acme);
    shop.now = shop.now.plus(7_200_000);
    shop.run(Tick).unwrap();
    assert_eq!(state(&shop, 1), State::InProgress);
}

fn confirmed(late: Option<Late>) -> (Desk, Desk) {
    let (mut shop, mut acme) = resolved();
    if late.is_some() {
        agree(&mut shop, &mut acme, |terms| terms.late = late);
    }
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    settle(&mut shop, &mut acme);
    shop.act(1, Action::Confirm).unwrap();
    settle(&mut shop, &mut acme);
    (shop, acme)
}

fn to_partner() -> Audience {
    Audience::Delegations(vec![DelegationNo(1)])
}

#[test]
fn a_late_comment_is_refused_where_the_terms_say_nothing_and_the_contractors_is_taken() {
    let (mut shop, mut acme) = confirmed(None);
    let before = shop.rows().list(THREADS, &TicketNumber(1), usize::MAX).unwrap().len();
    assert_eq!(shop.comment(1, "One more thing", to_partner()).unwrap_err().code, "not-allowed-by-terms");
    assert_eq!(shop.comment(1, "One more thing", Audience::Thread).unwrap_err().code, "not-allowed-by-terms");
    assert_eq!(shop.rows().list(THREADS, &TicketNumber(1), usize::MAX).unwrap().len(), before);
    acme.comment(1, "A hint", to_partner()).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(refused(&shop), Vec::<String>::new());
}

#[test]
fn a_late_comment_reopens_the_case_where_the_terms_say_so() {
    let (mut shop, mut acme) = confirmed(Some(Late::Reopen));
    shop.comment(1, "It is dead again", to_partner()).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::InProgress, State::InProgress));
    assert_eq!(refused(&acme), Vec::<String>::new());
}

#[test]
fn a_late_comment_begins_a_new_case_where_the_terms_say_so() {
    let (mut shop, mut acme) = confirmed(Some(Late::FollowUp));
    shop.comment(1, "It is dead again", to_partner()).unwrap();
    shop.comment(1, "Smoke comes out", to_partner()).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!((state(&acme, 1), state(&acme, 2)), (State::Confirmed, State::Offered));
    assert_eq!(ticket(&acme, 2).title.as_str(), "Till");
    assert_eq!(acme.rows().list(THREADS, &TicketNumber(2), usize::MAX).unwrap().len(), 3);
    assert!(acme.rows().get(TICKETS, &TicketNumber(3)).unwrap().is_none(), "the second one goes to the same");
}

#[test]
fn a_late_comment_of_a_peer_that_ignores_the_terms_is_refused() {
    let (mut shop, mut acme) = resolved();
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    settle(&mut shop, &mut acme);
    // It is said while the case is open at the author's, behind a confirm that stands before it.
    shop.act(1, Action::Confirm).unwrap();
    let refusal = shop.comment(1, "Late", to_partner()).unwrap_err();
    assert_eq!(refusal.code, "not-allowed-by-terms");
    let waits = shop.stream().waiting;
    assert_eq!(waits, 1, "nothing was changed by the refusal");
}

fn rule(role: Option<Role>, when: State, then: Then) -> AddRule {
    AddRule { link: LINK, rule: Rule { no: 0, role, when, then } }
}

fn solved() -> Then {
    let label = Label::new("Solved by partner").ok();
    Then { status: Some((Code::new("solved").unwrap(), label)), ..Then::default() }
}

#[test]
fn a_rule_moves_the_ticket_by_itself_exactly_once_and_not_again_on_a_rebuild() {
    let (mut shop, mut acme) = resolved();
    let notify = Line::new("The partner is done.").ok();
    let then = Then { notify, confirm: true, ..solved() };
    assert_eq!(shop.run(rule(Some(Role::Principal), State::Resolved, then)).unwrap(), 1);
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(ticket(&shop, 1).status.as_str(), "solved");
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Confirmed, State::Confirmed));
    let notices = |desk: &Desk| {
        let rows = desk.rows().list(THREADS, &TicketNumber(1), usize::MAX).unwrap();
        rows.iter().filter(|(_, row)| row.audience == Audience::Internal).count()
    };
    let (before, length) = (notices(&shop), shop.stream().out_length);
    let mut shop = shop.restart_with_other_rows();
    shop.run(Tick).unwrap();
    assert_eq!((notices(&shop), shop.stream().out_length, shop.stream().waiting), (before, length, 0));
    shop.run(RemoveRule { link: LINK, rule: 1 }).unwrap();
    assert_eq!(shop.run(RemoveRule { link: LINK, rule: 1 }).unwrap_err().code, "unknown-rule");
}

#[test]
fn what_came_from_a_partner_never_goes_back_to_it() {
    let (mut shop, mut acme) = resolved();
    for (desk, role) in [(&mut shop, Role::Principal), (&mut acme, Role::Contractor)] {
        for when in [State::Accepted, State::InProgress, State::Resolved, State::Confirmed] {
            let status = Some((Code::new(when.name()).unwrap(), None));
            let confirm = role == Role::Principal && when == State::Resolved;
            desk.run(rule(Some(role), when, Then { status, confirm, ..Then::default() })).unwrap();
        }
    }
    let said = acme.stream().out_length;
    acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(
        (ticket(&shop, 1).status.as_str(), ticket(&acme, 1).status.as_str()),
        ("confirmed", "confirmed")
    );
    // Accept, resolve; offer, confirm: nothing beside what people and the one rule said.
    assert_eq!((acme.stream().out_length - said, shop.stream().out_length), (2, 2));
}

#[test]
fn rules_of_two_desks_never_set_each_other_off_for_ever() {
    use deskwire_machine::delegation::WaitingOn;
    let states = [
        State::Offered,
        State::Accepted,
        State::InProgress,
        State::Waiting { on: WaitingOn::Principal },
        State::Resolved,
        State::Confirmed,
        State::Recalled,
    ];
    let mut draw = 7_u64;
    let mut below = |end: u64| {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (draw >> 33) % end
    };
    for _ in 0..12 {
        let (mut shop, mut acme) = resolved();
        let mut rules = 0;
        for desk in [&mut shop, &mut acme] {
            for _ in 0..6 {
                let when = states[below(states.len() as u64) as usize];
                let status = Some((Code::new(format!("s{}", below(4))).unwrap(), None));
                let (confirm, resolve) = (below(2) == 0 && when == State::Resolved, None);
                let notify = (below(3) == 0).then(|| Line::new("notice").unwrap());
                desk.run(rule(None, when, Then { status, notify, confirm, resolve, pass: false })).unwrap();
                rules += 1;
            }
        }
        acme.act(1, Action::Ask { question: prose("Which?") }).unwrap();
        settle(&mut shop, &mut acme);
        shop.act(1, Action::Answer { answer: prose("This."), needed: true }).unwrap();
        settle(&mut shop, &mut acme);
        acme.act(1, Action::Resolve { solution: None, code: None }).unwrap();
        // Ends at all, which is the point, and with few words.
        settle(&mut shop, &mut acme);
        assert!(shop.stream().out_length + acme.stream().out_length < 8 + rules);
    }
}

#[test]
fn each_side_keeps_its_own_words() {
    let (mut shop, mut acme) = resolved();
    let pair = |own: &str, link: &str| StatusPair {
        own: Code::new(own).unwrap(),
        link: Code::new(link).unwrap(),
        label: None,
    };
    let mapping = Mapping { statuses: vec![pair("in-werkstatt", "in-repair")], ..Mapping::default() };
    acme.run(SetMapping { link: LINK, mapping: mapping.clone() }).unwrap();
    let twice =
        Mapping { statuses: [mapping.statuses.clone(), mapping.statuses].concat(), ..Mapping::default() };
    assert_eq!(acme.run(SetMapping { link: LINK, mapping: twice }).unwrap_err().code, "invalid-value");
    let mut set = |status: &str| {
        let status = Code::new(status).unwrap();
        acme.run(SetStatus { ticket: TicketNumber(1), status, label: None, by: person("Boris") }).unwrap();
        settle(&mut shop, &mut acme);
        shop.delegation(1).case.view(shop.stream().in_length).contractor.status
    };
    assert_eq!(set("in-werkstatt"), "in-repair");
    assert_eq!(set("wartet"), "open", "a status without a counterpart tells no more than that it is open");
}

/// A change of an offer speaks the words of the link, as the offer did; what has none hurts its own field alone.
#[test]
fn a_change_of_an_offer_goes_out_in_the_words_of_the_link() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Till");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    let code = |text: &str| Code::new(text).unwrap();
    let pair = CodePair { own: code("kasse"), link: code("till") };
    let mapping = Mapping { categories: vec![pair], ..Mapping::default() };
    shop.run(SetMapping { link: LINK, mapping }).unwrap();
    let change =
        |own: &str| Action::Update(Box::new(Changes { category: Some(code(own)), ..Changes::default() }));
    assert_eq!(shop.act(1, change("lager")).unwrap_err().code, "no-counterpart");
    shop.act(1, change("kasse")).unwrap();
    settle(&mut shop, &mut acme);
    let reader = Reader::new(&acme.core, Arc::new(SystemClock));
    let seen = query::delegation(&reader, DelegationNo(1)).unwrap();
    assert_eq!(seen.offer.category, Some(code("till")));
    let title = Line::new("Till 4").ok();
    let changes = Changes { category: Some(code("lager")), title: title.clone(), ..Changes::default() };
    shop.act(1, Action::Update(Box::new(changes))).unwrap();
    settle(&mut shop, &mut acme);
    let seen = query::delegation(&Reader::new(&acme.core, Arc::new(SystemClock)), DelegationNo(1)).unwrap();
    assert_eq!((seen.offer.title, seen.offer.category), (title, Some(code("till"))));
}
