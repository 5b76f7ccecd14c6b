//! One partner's full queue stops nobody else, and a restore makes no rule speak twice.

use deskwire_engine::command::act::Action;
use deskwire_engine::command::due::Clocks;
use deskwire_engine::command::revise::TakeBack;
use deskwire_engine::command::rule::AddRule;
use deskwire_engine::command::tick::Tick;
use deskwire_engine::quota::Quotas;
use deskwire_machine::delegation::{Role, State};
use deskwire_machine::rules::{Rule, Then};
use deskwire_proto::terms::Terms;
use deskwire_store::local::{DelegationNo, TicketNumber};
use deskwire_store::table::{CLOCKS, DELEGATIONS, Rows};

use super::{Chain, THREAD, recovered};
use crate::harness::{Desk, because, person, prose};

fn full(desk: &mut Desk) {
    let mut quotas = Quotas::default();
    quotas.link.undelivered = 0;
    desk.core.limit(quotas, 0);
}

fn state(chain: &Chain, desk: usize, delegation: u64) -> State {
    let row = chain.desks[desk].rows().get(DELEGATIONS, &DelegationNo(delegation)).unwrap().unwrap();
    row.case.view(chain.stream(desk, row.link).in_length).state
}

#[test]
fn a_retraction_is_taken_though_the_queue_of_the_next_partner_is_full() {
    let mut chain = Chain::case(3, &Terms::default());
    chain.relay_all(true);
    let said = chain.say(0, "Not for everybody", THREAD);
    chain.settle();
    assert!(chain.reached(2, "Not for everybody"));
    full(&mut chain.desks[1]);
    let back = TakeBack { ticket: TicketNumber(1), of: said.at.unwrap(), keep: false, by: person("Anna") };
    chain.desks[0].run(back).unwrap();
    chain.say(0, "And on", THREAD);
    chain.carry(0, 1);
    assert!(chain.bodies(1).contains(&Some("And on".to_owned())), "the stream goes on");
    chain.settle();
    assert!(!chain.bodies(2).contains(&Some("Not for everybody".to_owned())), "and it is owed further down");
}

#[test]
fn a_full_queue_stops_no_clock() {
    let mut chain = Chain::case(3, &Terms::default());
    full(&mut chain.desks[1]);
    chain.act(2, 1, Action::Resolve { solution: None, code: None }).unwrap();
    chain.carry(2, 1);
    let desk = &mut chain.desks[1];
    let next = desk.run(Clocks).unwrap();
    assert!(next.is_some_and(|next| next > desk.now), "it is told later: {next:?}");
    desk.run(Tick).unwrap();
    assert!(desk.rows().get(CLOCKS, &DelegationNo(1)).unwrap().is_some());
    desk.core.limit(Quotas::default(), 0);
    let before = chain.stream(1, chain.link_of(1, 0)).waiting;
    let desk = &mut chain.desks[1];
    desk.now = desk.now.plus(1_000_000);
    desk.run(Clocks).unwrap();
    assert!(chain.stream(1, chain.link_of(1, 0)).waiting > before);
}

#[test]
fn a_rule_that_resolved_upward_does_not_do_so_again_after_a_restore() {
    let mut chain = Chain::case(3, &Terms::default());
    let link = chain.link_of(1, 2);
    let then = Then { resolve: Some(Some(prose("Done by our contractor."))), ..Then::default() };
    let rule = Rule { no: 0, role: Some(Role::Principal), when: State::Resolved, then };
    chain.desks[1].run(AddRule { link, rule }).unwrap();
    let copy = chain.desks[1].copy();
    chain.act(2, 1, Action::Resolve { solution: None, code: None }).unwrap();
    chain.settle();
    assert_eq!(state(&chain, 0, 1), State::Resolved);
    chain.act(0, 1, Action::Reopen(because("It is not."))).unwrap();
    chain.settle();
    assert_eq!(state(&chain, 0, 1), State::InProgress);
    let acme = chain.desks.remove(1);
    chain.desks.insert(1, acme.restore(&copy));
    recovered(&mut chain, 1, 2);
    chain.desks[1].run(Tick).unwrap();
    recovered(&mut chain, 1, 0);
    chain.settle();
    chain.desks[1].run(Tick).unwrap();
    chain.settle();
    assert_eq!((state(&chain, 0, 1), state(&chain, 1, 1)), (State::InProgress, State::InProgress));
    assert_eq!(chain.crossed(1, 0, "Done by our contractor."), 1);
}
