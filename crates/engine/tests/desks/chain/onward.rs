//! Relaying: what goes onward, once, never back, and what is said of its author.

use deskwire_engine::command::act::Action;
use deskwire_engine::command::comment::AddComment;
use deskwire_engine::command::file::BlobHere;
use deskwire_engine::command::relay::{Approve, SetRelay, Skip, Waiting, preview};
use deskwire_engine::query::{self, DeliveryState};
use deskwire_machine::relay::{Mode, Setting};
use deskwire_proto::terms::{Late, PersonRule, Redelegate, Terms};
use deskwire_store::local::{DelegationNo, FileNo, LinkNo, TicketNumber};
use deskwire_store::row::Audience;
use deskwire_store::table::{GRANTS, Rows};

use super::revise::attached;
use super::{Chain, THREAD};
use crate::harness::{person, prose};

pub(super) fn waits(chain: &Chain, desk: usize) -> Vec<Waiting> {
    let waits = query::relays(&chain.reader(desk), None, 10).unwrap();
    waits.iter().map(|one| Waiting { ticket: one.ticket, of: one.of, delegation: one.no }).collect()
}

#[test]
fn nothing_goes_onward_unless_somebody_has_set_it() {
    let mut chain = Chain::case(3, &Terms::default());
    chain.say(0, "MARKER from above", THREAD);
    chain.say(2, "MARKER from below", THREAD);
    chain.settle();
    assert_eq!((chain.crossed(1, 0, "MARKER"), chain.crossed(1, 2, "MARKER")), (0, 0));
    assert!(waits(&chain, 1).is_empty());
}

#[test]
fn a_contribution_goes_to_every_desk_of_the_chain_once_and_never_back() {
    let mut chain = Chain::case(4, &Terms::default());
    chain.relay_all(false);
    chain.say(3, "MARKER the part is in", THREAD);
    chain.say(0, "OTHER please hurry", THREAD);
    chain.settle();
    for desk in 0..4 {
        let comments = chain.comments(desk);
        assert_eq!(comments.len(), 2, "desk {desk}");
    }
    for (from, to, times) in [(3, 2, 1), (2, 1, 1), (1, 0, 1), (0, 1, 0), (1, 2, 0), (2, 3, 0)] {
        assert_eq!(chain.crossed(from, to, "MARKER"), times, "{from} to {to}");
    }
    let ids: std::collections::BTreeSet<_> =
        (0..4).flat_map(|desk| chain.comments(desk)).map(|comment| comment.id).collect();
    assert_eq!(ids.len(), 6, "each hop has an id of its own");
    let middle = chain.comments(1);
    assert!(middle.iter().flat_map(|one| &one.deliveries).all(|hop| hop.state == DeliveryState::Delivered));
}

#[test]
fn what_is_for_two_desks_alone_stays_between_them() {
    let mut chain = Chain::case(3, &Terms::default());
    chain.relay_all(true);
    chain.say(0, "MARKER for Acme alone", Audience::Delegations(vec![DelegationNo(1)]));
    chain.settle();
    assert_eq!(chain.bodies(1).len(), 1);
    assert!(!chain.reached(2, "MARKER"));
}

#[test]
fn after_a_click_it_goes_as_the_preview_said_and_what_is_skipped_stays() {
    let mut chain = Chain::case(3, &Terms::default());
    chain.relay(1, 0, Mode::Click, false);
    chain.say(2, "MARKER it is the power supply", THREAD);
    chain.say(2, "SKIPPED the client is a nuisance", THREAD);
    chain.settle();
    assert!(!chain.reached(0, "MARKER"));
    let waiting = waits(&chain, 1);
    assert_eq!(waiting.len(), 2);
    let (link, shown) = preview(&chain.reader(1), waiting[0]).unwrap();
    let sent: Vec<_> = shown.sent.iter().map(|sent| (sent.field.as_str(), sent.value.as_str())).collect();
    let expected = [("audience", "thread"), ("body", "MARKER it is the power supply"), ("relayed", "true")];
    assert_eq!((link, sent), (LinkNo(1), expected.to_vec()));
    chain.desks[1].run(Approve(waiting[0])).unwrap();
    chain.desks[1].run(Skip(waiting[1])).unwrap();
    chain.settle();
    assert_eq!(chain.bodies(0), [Some("MARKER it is the power supply".to_owned())]);
    assert!(!chain.reached(0, "SKIPPED"));
    assert_eq!(chain.desks[1].run(Approve(waiting[0])).unwrap_err().code, "nothing-waits");
    // Somebody thinks better of it.
    chain.desks[1].run(Approve(waiting[1])).unwrap();
    chain.settle();
    assert_eq!(chain.bodies(0).len(), 2);
}

#[test]
fn thanks_open_no_case_further_down_by_themselves() {
    for (late, waiting) in [(None, 0), (Some(Late::Reopen), 1), (Some(Late::FollowUp), 1)] {
        let mut chain = Chain::case(3, &Terms { late, ..Terms::default() });
        chain.relay_all(false);
        chain.act(2, 1, Action::Resolve { solution: None, code: None }).unwrap();
        chain.settle();
        chain.act(1, 2, Action::Confirm).unwrap();
        chain.settle();
        chain.say(0, "MARKER it works, thank you", THREAD);
        chain.settle();
        assert_eq!(chain.bodies(1), [Some("MARKER it works, thank you".to_owned())]);
        assert!(!chain.reached(2, "MARKER"), "{late:?}");
        assert_eq!(waits(&chain, 1).len(), waiting, "{late:?}");
        assert_eq!(chain.tickets(2), 1, "{late:?}");
    }
}

#[test]
fn an_edit_waits_for_its_own_click() {
    let mut chain = Chain::case(3, &Terms::default());
    chain.relay(1, 0, Mode::Click, false);
    let said = chain.say(2, "first words", THREAD);
    chain.settle();
    let waiting = waits(&chain, 1)[0];
    chain.desks[1].run(Approve(waiting)).unwrap();
    let edit = deskwire_engine::command::revise::EditComment {
        ticket: TicketNumber(1),
        of: said.at.unwrap(),
        body: prose("second words"),
        by: person("Pavel"),
    };
    chain.desks[2].run(edit).unwrap();
    chain.settle();
    assert_eq!(chain.bodies(0), [Some("first words".to_owned())]);
    let waiting = waits(&chain, 1)[0];
    chain.desks[1].run(Approve(waiting)).unwrap();
    chain.settle();
    assert_eq!(chain.bodies(0), [Some("second words".to_owned())]);
}

#[test]
fn an_author_is_named_where_both_allow_it_with_a_proof_that_holds() {
    let mut chain = Chain::case(3, &Terms::default());
    chain.relay_all(true);
    chain.say(2, "signed by Kassa", THREAD);
    chain.settle();
    let seen = chain.comments(0).remove(0);
    let relayed = seen.relayed.unwrap();
    assert_eq!(relayed.author.unwrap().as_str(), "Kassa");
    assert_eq!(relayed.proven, Some(chain.desks[2].identity.desk()));
    assert_eq!(seen.origin.unwrap().partner.as_str(), "Acme");
    // The same, and the middle desk calls its partners nothing but partners.
    chain.relay(1, 0, Mode::Automatic, false);
    chain.wire.clear();
    chain.say(2, "again by Kassa", THREAD);
    chain.settle();
    let seen = chain.comments(0).remove(1);
    assert_eq!(seen.relayed.unwrap(), query::Relayed::default());
    assert_eq!(chain.crossed(1, 0, "Kassa's engineer"), 0, "the name of a person would tell the desk");
}

#[test]
fn a_person_travels_only_as_far_as_both_terms_let() {
    let terms = Terms { redelegate: Redelegate::Named, ..Terms::default() };
    let mut chain = Chain::of(2, &Terms { person: PersonRule::Nothing, ..terms.clone() });
    chain.desks.push(crate::harness::Desk::new("Kassa", 3));
    chain.link(1, 2, terms);
    chain.desks[0].ticket("Dead cash register");
    chain.hand_down();
    chain.relay_all(true);
    chain.say(2, "the part is in", THREAD);
    chain.settle();
    assert!(chain.reached(1, "Kassa's engineer") && !chain.reached(0, "Kassa's engineer"));
    assert_eq!(chain.comments(0)[0].relayed.as_ref().unwrap().author.as_ref().unwrap().as_str(), "Kassa");
}

#[test]
fn a_file_goes_onward_when_its_bytes_are_here_and_is_granted_there_only_then() {
    let mut chain = Chain::case(3, &Terms::default());
    chain.relay_all(false);
    let attach = attached("photo.jpg", THREAD);
    let blob = attach.blob;
    chain.desks[2].run(attach).unwrap();
    chain.settle();
    let up = chain.link_of(1, 0);
    assert!(
        chain.desks[1].rows().get(GRANTS, &(up, blob)).unwrap().is_none() && !chain.reached(0, "photo.jpg")
    );
    chain.desks[1].run(BlobHere { file: FileNo(1) }).unwrap();
    chain.settle();
    assert_eq!(chain.desks[1].rows().get(GRANTS, &(up, blob)).unwrap(), Some(FileNo(1)));
    let there = chain.files(0).remove(0);
    assert_eq!((there.name.as_deref(), there.row.blob), (Some("photo.jpg"), blob));
    assert!(there.relayed.is_some());
}

#[test]
fn a_file_that_the_next_terms_do_not_take_waits_with_the_reason() {
    let mut chain = Chain::of(2, &Terms { file: 10, ..Terms::default() });
    chain.desks.push(crate::harness::Desk::new("Kassa", 3));
    chain.link(1, 2, Terms::default());
    chain.desks[0].ticket("Dead cash register");
    chain.hand_down();
    chain.relay_all(false);
    let small = chain.link_of(1, 2);
    chain.desks[2].run(attached("big.log", Audience::Delegations(vec![DelegationNo(1)]))).unwrap();
    chain.desks[2].run(attached("large.log", THREAD)).unwrap();
    chain.settle();
    for file in [1, 2] {
        chain.desks[1].run(BlobHere { file: FileNo(file) }).unwrap();
    }
    chain.settle();
    let waiting = query::relays(&chain.reader(1), None, 10).unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].why.as_ref().unwrap().code.as_str(), "file-too-large");
    assert!(chain.files(0).is_empty() && small == LinkNo(2));
}

/// Fault case 27.
#[test]
fn a_middle_desk_restored_from_a_backup_relays_nothing_twice() {
    let mut chain = Chain::case(3, &Terms::default());
    chain.relay_all(false);
    let backup = chain.desks[1].copy();
    chain.say(2, "MARKER once", THREAD);
    chain.settle();
    assert_eq!(chain.bodies(0).len(), 1);
    let link = chain.link_of(0, 1);
    let length = chain.stream(0, link).in_length;
    let desk = chain.desks.remove(1).restore(&backup);
    chain.desks.insert(1, desk);
    recover(&mut chain);
    assert_eq!(chain.bodies(0), [Some("MARKER once".to_owned())]);
    assert_eq!(chain.stream(0, link).in_length, length, "the lost message came back and was not made again");
    assert_eq!(chain.stream(1, chain.link_of(1, 0)).waiting, 0);
}

/// Carries until the restored middle desk has again what it lost.
fn recover(chain: &mut Chain) {
    for other in [2, 0] {
        crate::chain::recovered(chain, 1, other);
    }
    chain.settle();
}

#[test]
fn a_rebuilt_view_is_the_live_one() {
    let mut chain = Chain::case(3, &Terms::default());
    chain.relay_all(true);
    chain.say(2, "first", THREAD);
    chain.settle();
    let before: Vec<_> = (0..3).map(|desk| chain.comments(desk)).collect();
    let desks = std::mem::take(&mut chain.desks);
    chain.desks = desks.into_iter().map(crate::harness::Desk::restart_with_other_rows).collect();
    let after: Vec<_> = (0..3).map(|desk| chain.comments(desk)).collect();
    assert_eq!(before, after);
}

#[test]
fn settings_are_of_one_link_and_of_one_that_is_there() {
    let mut chain = Chain::case(3, &Terms::default());
    let setting = Setting { mode: Mode::Automatic, named: false, sign: false };
    assert_eq!(chain.desks[1].run(SetRelay { link: LinkNo(9), setting }).unwrap_err().code, "unknown-link");
    chain.relay(1, 0, Mode::Automatic, false);
    chain.say(0, "down", THREAD);
    chain.say(2, "up", THREAD);
    chain.settle();
    assert_eq!((chain.bodies(0).len(), chain.bodies(2).len()), (2, 1));
    let by = person("Anna");
    let late = AddComment { ticket: TicketNumber(1), body: prose("x"), audience: THREAD, by };
    assert!(chain.desks[1].run(late).is_ok());
}

/// The middle desk loses what it relayed, and gets it back from the reader before it hears of the author again.
#[test]
fn what_was_relayed_and_lost_is_shown_once_whoever_gives_it_back_first() {
    for order in [[0, 2], [2, 0]] {
        let mut chain = Chain::case(3, &Terms::default());
        chain.relay_all(false);
        let copy = chain.desks[1].copy();
        chain.say(2, "It is the left register.", THREAD);
        chain.settle();
        assert_eq!(chain.comments(0).len(), 1);
        let acme = chain.desks.remove(1);
        chain.desks.insert(1, acme.restore(&copy));
        for partner in order {
            super::recovered(&mut chain, 1, partner);
        }
        chain.settle();
        let shown = chain.comments(1);
        assert_eq!(shown.len(), 1, "{order:?}");
        assert!(shown[0].origin.is_some() && shown[0].deliveries.len() == 1, "{order:?}");
        assert_eq!(chain.comments(0).len(), 1, "{order:?}");
    }
}
