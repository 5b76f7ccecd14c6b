//! Thieves and forks that end a link: whoever takes that back gets its work again, and whoever answered keeps its own end.

use deskwire_engine::command::closing::Close;
use deskwire_engine::command::link::DeliveryFailed;
use deskwire_machine::retry::Failure;
use deskwire_store::row::CloseRow;

use super::*;

fn close(desk: &mut Desk) {
    desk.run(Close { link: LINK, reason: prose("We part."), by: person("Anna") }).unwrap();
}

fn end(desk: &Desk) -> CloseRow {
    desk.rows().get(LINKS, &LINK).unwrap().unwrap().accord.close
}

/// Lets both go on until nothing is to be carried or due any more.
fn run_out(shop: &mut Desk, acme: &mut Desk) {
    let open = |desk: &Desk| desk.rows().get(LINKS, &LINK).unwrap().unwrap().state != LinkState::Closed;
    for _ in 0..6 {
        if open(shop) && open(acme) {
            carry(shop, acme);
        }
        if open(shop) && open(acme) {
            carry(acme, shop);
        }
        tick(shop);
        tick(acme);
    }
    for desk in [shop, acme] {
        if open(desk) {
            let (failure, words) = (Failure::Refused, "The link has ended.".to_owned());
            desk.run(DeliveryFailed { link: LINK, failure, code: "link-closed".into(), words }).unwrap();
        }
        tick(desk);
    }
}

fn tick(desk: &mut Desk) {
    while desk.run(Tick).unwrap().is_some_and(|next| next <= desk.now) {}
}

/// Two delegations, of which the first is touched once the thief's end of the link has come: that end reaches it alone,
/// and no other message of the thief concerns it.
fn ended_by_a_thief() -> (Desk, Desk) {
    let (mut shop, mut acme) = working();
    let second = shop.ticket("Printer");
    shop.delegate(second).unwrap();
    settle(&mut shop, &mut acme);
    let mut thief = Desk::new("Shop", 1).restore(&shop.copy());
    close(&mut thief);
    carry(&mut thief, &mut acme);
    assert!(end(&acme).theirs.is_some() && end(&acme).is_begun(), "it answers with its own end");
    (shop, acme)
}

/// The end that a thief has said is taken out of what it had reached, though nothing else of the thief is about that.
#[test]
fn the_end_of_a_link_that_was_disowned_leaves_the_work_that_it_had_ended() {
    let (shop, mut acme) = working();
    let mut thief = Desk::new("Shop", 1).restore(&shop.copy());
    acme.act(1, Action::Status(None)).unwrap();
    close(&mut thief);
    carry(&mut thief, &mut acme);
    // Its own end and status get their numbers; with them the thief's end is brought to the work.
    let opened = open(&mut acme, &mut thief);
    next(&mut acme, opened, None).unwrap();
    assert_eq!(state(&acme, 1), State::Recalled);

    let mut shop = rotate(shop, 1);
    run_out(&mut shop, &mut acme);
    assert_eq!(end(&shop).theirs.map(|end| end.seq), end(&acme).ours.map(|end| end.seq));
    assert_eq!((state(&shop, 1), state(&acme, 1)), (State::Returned, State::Returned), "its own end stands");
    assert_eq!(shop.delegation(1).case.settled(), acme.delegation(1).case.settled());
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}

/// A desk that has answered a thief's end keeps its own end in every delegation, also one that is folded anew.
#[test]
fn an_own_end_stands_after_the_partners_was_disowned() {
    let (shop, mut acme) = ended_by_a_thief();
    let mut shop = rotate(shop, 1);
    run_out(&mut shop, &mut acme);
    for no in [1, 2] {
        assert_eq!(state(&shop, no), state(&acme, no));
        assert!(state(&acme, no).is_terminal(), "delegation {no} is {:?}", state(&acme, no));
        assert_eq!(shop.delegation(no).case.settled(), acme.delegation(no).case.settled());
    }
    same_after_rebuild(shop);
    same_after_rebuild(acme);
}
