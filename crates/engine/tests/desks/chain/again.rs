//! Rights end where they were given: with the link, and at the delegation.

use deskwire_engine::command::act::Action;
use deskwire_engine::command::closing::End;
use deskwire_engine::command::tick::Tick;
use deskwire_machine::delegation::State;
use deskwire_proto::id::ItemId;
use deskwire_proto::message::common::NoText;
use deskwire_proto::message::{Body, comment_retract, confirm};
use deskwire_proto::terms::Terms;
use deskwire_store::local::DelegationNo;
use deskwire_store::table::{DELEGATIONS, GRANTS, Rows};

use super::revise::attached;
use super::{Chain, THREAD};

fn state(chain: &Chain, desk: usize, delegation: u64) -> State {
    let row = chain.desks[desk].rows().get(DELEGATIONS, &DelegationNo(delegation)).unwrap().unwrap();
    row.case.view(chain.stream(desk, row.link).in_length).state
}

/// Fault case 52.
#[test]
fn a_second_link_gives_no_right_of_the_first_one() {
    let mut chain = Chain::case(2, &Terms { file: 5_000, ..Terms::default() });
    let attach = attached("photo.jpg", THREAD);
    let blob = attach.blob;
    chain.desks[0].run(attach).unwrap();
    chain.settle();
    let old = chain.link_of(0, 1);
    assert!(chain.reader(0).granted(old, &blob).unwrap().is_some());
    for desk in 0..2 {
        let link = chain.link_of(desk, 1 - desk);
        chain.desks[desk].run(End { link }).unwrap();
        while chain.desks[desk].run(Tick).unwrap().is_some_and(|next| next <= chain.desks[desk].now) {}
    }
    let before = [state(&chain, 0, 1), state(&chain, 1, 1)];
    assert_eq!(before, [State::Recalled, State::Returned]);
    chain.links.clear();
    chain.link(0, 1, Terms { file: 9_000, ..Terms::default() });
    let new = chain.link_of(0, 1);
    assert_ne!(old, new);
    // Terms.
    for desk in 0..2 {
        let link = chain.link_of(desk, 1 - desk);
        assert_eq!(chain.reader(desk).partner(link).unwrap().unwrap().terms.file, 9_000);
    }
    // Grants.
    assert!(chain.desks[0].rows().get(GRANTS, &(new, blob)).unwrap().is_none());
    assert!(chain.reader(0).granted(new, &blob).unwrap().is_none());
    // The ids of delegations, whoever uses them.
    assert_eq!(chain.act(1, 1, Action::Accept).unwrap_err().code, "link-closed");
    let facts = comment_retract::Facts { comment: ItemId::new([7; 16]) };
    let body = Body::CommentRetract { facts, text: NoText };
    assert_eq!(chain.forge(1, 0, &body).as_deref(), Some("unknown-delegation"));
    assert_eq!([state(&chain, 0, 1), state(&chain, 1, 1)], before, "nothing moves");
    // What is begun on the new one goes.
    chain.desks[0].ticket("Anew");
    let fresh = chain.hand_over(0, 2, 1).unwrap();
    assert_eq!(fresh, DelegationNo(2));
}

/// Fault case 44.
#[test]
fn a_contractor_never_closes_the_parent_ticket_through_the_child() {
    let mut chain = Chain::case(3, &Terms::default());
    let parent = chain.desks[1].rows().get(DELEGATIONS, &DelegationNo(1)).unwrap().unwrap().id;
    let own = chain.desks[2].rows().get(DELEGATIONS, &DelegationNo(1)).unwrap().unwrap().id;
    let facts = confirm::Facts { own: None, auto: None };
    let body = Body::Confirm { facts, text: None };
    // On the delegation of the desk above, even where its id has leaked; and the principal's word on its own one.
    assert_eq!(chain.forge_in(2, 1, parent, &body).as_deref(), Some("unknown-delegation"));
    let mut chain = Chain::case(3, &Terms::default());
    assert_eq!(chain.forge_in(2, 1, own, &body).as_deref(), Some("action-not-allowed"));
    assert_eq!(state(&chain, 1, 1), State::Accepted, "the case above is as it was");
    assert_eq!(state(&chain, 0, 1), State::Accepted);
}
