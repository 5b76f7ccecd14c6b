//! A solution that a rule has passed up a chain is the same text at each desk: whoever erases one of them has erased all.

use deskwire_engine::command::act::Action;
use deskwire_engine::command::revise::Withdraw;
use deskwire_engine::query::{ErasureState, Person, find_person, ticket_detail};
use deskwire_machine::delegation::{Role, State};
use deskwire_machine::rules::Then;
use deskwire_proto::terms::Terms;
use deskwire_store::record::Subject;
use deskwire_store::table::{PASSED, Rows};

use super::erase::{CASE, MARKER, is_gone, look_everywhere, order, state, traces};
use super::rules::rule;
use super::{Chain, recovered};
use crate::harness::prose;
use crate::rebuild::all;

/// The last desk has resolved with a person in its solution, and a rule of the second one will pass that on.
fn solved() -> Chain {
    let mut chain = Chain::case(3, &Terms::default());
    let pass = Then { resolve: Some(None), pass: true, ..Then::default() };
    rule(&mut chain, 1, 2, Some(Role::Principal), State::Resolved, pass);
    let solution = Some(prose(&format!("Told {MARKER}.")));
    chain.act(2, 1, Action::Resolve { solution, code: None }).unwrap();
    chain
}

/// Erases what one desk has of the person, and nothing else of the case.
fn forget(chain: &mut Chain, desk: usize) {
    let person = Person::new(&[MARKER.to_owned()]).unwrap();
    let found = find_person(&chain.reader(desk), &person, &[CASE]).unwrap();
    assert_eq!(found.items.values().map(|items| items.len()).sum::<usize>(), 1, "one item: {found:?}");
    let erasure = order(chain, desk, Subject::Person, found, true).unwrap();
    look_everywhere(chain);
    assert_eq!(state(chain, desk, erasure), ErasureState::Done);
    is_gone(chain);
}

#[test]
fn a_solution_that_was_passed_on_goes_with_the_one_that_it_was() {
    for desk in [2, 0] {
        let mut chain = solved();
        chain.settle();
        assert!((0..3).all(|desk| !traces(&chain.desks[desk]).is_empty()), "it went all the way");
        forget(&mut chain, desk);
        let acme = chain.desks.remove(1);
        let live = all(&acme);
        let acme = acme.restart_with_other_rows();
        let but_counters = |rows: Vec<(Vec<u8>, Vec<u8>)>| -> Vec<_> {
            rows.into_iter().filter(|(key, _)| key[0] != b'c').collect()
        };
        assert_eq!(but_counters(all(&acme)), but_counters(live));
    }
}

/// The desk in the middle loses that it has passed it on, and gets its own message back: it is the same text then, too.
#[test]
fn a_solution_that_was_passed_on_before_a_restore_goes_as_well() {
    let mut chain = solved();
    let copy = chain.desks[1].copy();
    chain.settle();
    let acme = chain.desks.remove(1);
    chain.desks.insert(1, acme.restore(&copy));
    recovered(&mut chain, 1, 0);
    recovered(&mut chain, 1, 2);
    chain.settle();
    assert_eq!(chain.desks[1].rows().list(PASSED, &CASE, 9).unwrap().len(), 2, "both ways");
    forget(&mut chain, 2);
}

/// The last desk takes back what it has said in its resolution: nobody up the chain reads it any more, however far it has
/// come, and the resolutions that arrived stand.
#[test]
fn a_solution_that_was_passed_on_is_withdrawn_with_the_one_that_it_was() {
    for arrived in [true, false] {
        let mut chain = solved();
        let (below, above) = (chain.link_of(2, 1), chain.link_of(1, 0));
        if arrived {
            chain.settle();
            assert!(shown(&chain, 0) && shown(&chain, 1));
        } else {
            chain.carry(2, 1);
            assert!(shown(&chain, 1) && chain.stream(1, above).waiting > 0, "it waits to be passed on");
        }
        let seq = chain.stream(2, below).out_length;
        chain.desks[2].run(Withdraw { link: below, seq }).unwrap();
        chain.carry(2, 1);
        chain.settle();
        assert!(!shown(&chain, 1) && !shown(&chain, 0));
        assert_eq!(chain.reached(0, MARKER), arrived, "what had not left never leaves");
    }
}

/// Whether somebody at this desk reads of the person on the ticket.
fn shown(chain: &Chain, desk: usize) -> bool {
    let detail = ticket_detail(&chain.reader(desk), CASE).unwrap();
    format!("{:?}", detail.thread).contains(MARKER)
}
