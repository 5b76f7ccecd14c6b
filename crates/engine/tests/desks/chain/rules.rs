//! Rules that hand a result up a chain.

use deskwire_engine::command::act::Action;
use deskwire_engine::command::rule::AddRule;
use deskwire_engine::query::{self, ThreadEntry, What};
use deskwire_machine::delegation::{EventKind, Role, State};
use deskwire_machine::relay::Mode;
use deskwire_machine::rules::{Rule, Then};
use deskwire_proto::terms::{Redelegate, Terms};
use deskwire_proto::text::Code;
use deskwire_store::local::{DelegationNo, TicketNumber};
use deskwire_store::table::{DELEGATIONS, Rows};

use super::Chain;
use crate::harness::{Desk, prose};

fn state(chain: &Chain, desk: usize, delegation: u64) -> State {
    let row = chain.desks[desk].rows().get(DELEGATIONS, &DelegationNo(delegation)).unwrap().unwrap();
    row.case.view(chain.stream(desk, row.link).in_length).state
}

pub(super) fn rule(chain: &mut Chain, desk: usize, with: usize, role: Option<Role>, when: State, then: Then) {
    let link = chain.link_of(desk, with);
    chain.desks[desk].run(AddRule { link, rule: Rule { no: 0, role, when, then } }).unwrap();
}

fn upward() -> Then {
    Then { resolve: Some(Some(prose("Done by our contractor."))), ..Then::default() }
}

fn resolve(chain: &mut Chain) {
    chain.act(2, 1, Action::Resolve { solution: Some(prose("New drive.")), code: None }).unwrap();
}

#[test]
fn what_a_contractor_resolved_resolves_the_case_above_exactly_once() {
    let mut chain = Chain::case(3, &Terms::default());
    rule(&mut chain, 1, 2, Some(Role::Principal), State::Resolved, upward());
    resolve(&mut chain);
    chain.settle();
    assert_eq!(state(&chain, 0, 1), State::Resolved, "Shop sees it without anybody at Acme");
    let up = chain.link_of(1, 0);
    let said = chain.stream(1, up).out_length;
    assert!(chain.reached(0, "Done by our contractor."));
    assert!(!chain.reached(0, "New drive.") && !chain.reached(0, "Kassa"), "nothing of the desk below");
    for _ in 0..2 {
        chain.settle();
    }
    assert_eq!(chain.stream(1, up).out_length, said);
}

/// The client gets the answer of whoever found it, without anybody on the way typing it again; and who that was only where
/// the terms and the desk in the middle let it be said.
#[test]
fn a_rule_hands_the_contractors_solution_up() {
    for (redelegate, named, shown) in [
        (Redelegate::Allowed, false, "Our partner: New drive."),
        (Redelegate::Allowed, true, "Our partner: New drive."),
        (Redelegate::Named, true, "Kassa: New drive."),
    ] {
        let mut chain = Chain::case(3, &Terms { redelegate, ..Terms::default() });
        chain.relay(1, 0, Mode::Off, named);
        let pass = Then { pass: true, ..upward() };
        rule(&mut chain, 1, 2, Some(Role::Principal), State::Resolved, pass);
        resolve(&mut chain);
        chain.settle();
        let read: Vec<String> = solutions(&chain);
        assert_eq!(read, [shown]);
        assert_eq!(chain.reached(0, "Kassa"), shown.starts_with("Kassa"));
        assert!(!chain.reached(0, "Boris of"), "nobody is named");
    }
    // Where the partner says nothing of it, the rule's own words go.
    let mut chain = Chain::case(3, &Terms::default());
    rule(&mut chain, 1, 2, None, State::Resolved, Then { pass: true, ..upward() });
    chain.act(2, 1, Action::Resolve { solution: None, code: None }).unwrap();
    chain.settle();
    assert_eq!(solutions(&chain), ["Done by our contractor."]);
}

/// What the first desk reads of the solution.
fn solutions(chain: &Chain) -> Vec<String> {
    let thread = query::ticket_detail(&chain.reader(0), TicketNumber(1)).unwrap().thread;
    let words = |entry| match entry {
        ThreadEntry::Happened(happened) => match happened.what {
            What::Event { kind: EventKind::Resolve, words, .. } => words.map(|words| words.to_string()),
            _ => None,
        },
        _ => None,
    };
    thread.into_iter().filter_map(words).collect()
}

/// The desk falls between the moment at which the contractor's word was stored and the one at which the partner above has
/// the rule's: a rebuild decides nothing anew.
#[test]
fn a_rule_that_ran_before_a_crash_does_not_run_again() {
    let mut chain = Chain::case(3, &Terms::default());
    rule(&mut chain, 1, 2, Some(Role::Principal), State::Resolved, upward());
    resolve(&mut chain);
    let top = chain.links.remove(0);
    chain.settle();
    let other = |desk: Desk| desk.restart_with_other_rows();
    let acme = chain.desks.remove(1);
    chain.desks.insert(1, other(acme));
    chain.links.insert(0, top);
    chain.settle();
    let up = chain.link_of(1, 0);
    let said = chain.stream(1, up).out_length;
    assert_eq!(state(&chain, 0, 1), State::Resolved);
    let acme = chain.desks.remove(1);
    chain.desks.insert(1, other(acme));
    chain.settle();
    assert_eq!((chain.stream(1, up).out_length, state(&chain, 1, 1)), (said, State::Resolved));
}

/// Rules of three desks in a row, resolving upward among them, come to an end whatever they say.
#[test]
fn rules_of_a_chain_never_set_each_other_off_for_ever() {
    let states = [State::Accepted, State::InProgress, State::Resolved, State::Confirmed];
    let mut draw = 11_u64;
    let mut below = |end: u64| {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (draw >> 33) % end
    };
    for _ in 0..8 {
        let mut chain = Chain::case(3, &Terms::default());
        let before: u64 = lengths(&chain);
        let mut rules = 0;
        for (desk, with) in [(0, 1), (1, 0), (1, 2), (2, 1)] {
            for _ in 0..4 {
                let when = states[below(states.len() as u64) as usize];
                let done = matches!(when, State::Resolved | State::Confirmed);
                let status =
                    (below(2) == 0 || !done).then(|| (Code::new(format!("s{}", below(3))).unwrap(), None));
                let confirm = below(2) == 0 && when == State::Resolved;
                let resolve = (done && (below(2) == 0 || status.is_none())).then_some(None);
                rule(
                    &mut chain,
                    desk,
                    with,
                    None,
                    when,
                    Then { status, confirm, resolve, ..Then::default() },
                );
                rules += 1;
            }
        }
        resolve(&mut chain);
        chain.settle();
        // It ends at all, which is the point, and with few words.
        assert!(lengths(&chain) - before < 12 + 2 * rules, "{}", lengths(&chain) - before);
    }
}

fn lengths(chain: &Chain) -> u64 {
    let ends = chain.links.iter().flatten();
    ends.map(|(desk, link)| chain.stream(*desk, *link).out_length).sum()
}
