//! A link must join exactly the two desks whose operators wanted it.

use deskwire_engine::command::link::{Approve, End, MakeInvitation, RevokeInvitation, invitation_text};
use deskwire_engine::command::linking::{Accepted, AnswerRequest, ComposeRequest, TakeReveal};
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::document::{Signed, V1};
use deskwire_proto::id::Hash;
use deskwire_proto::linking::{LinkRequest, LinkReveal};
use deskwire_proto::terms::Terms;
use deskwire_store::row::LinkState;
use deskwire_store::table::{LINKS, Rows};

use crate::harness::{Desk, LINK, ask, link, linked, reveal};

fn invite(desk: &mut Desk, life_ms: Option<u64>) -> (Hash, deskwire_proto::invitation::Invitation) {
    let draw = Hash::of(b"another draw");
    let made = desk.run(MakeInvitation { draw, life_ms, terms: Terms::default(), approved: false }).unwrap();
    let text = invitation_text(&desk.identity, &made, &draw, &Terms::default()).unwrap();
    (made.id, text.parse().unwrap())
}

#[test]
fn both_desks_get_the_same_link_and_the_accepter_waits_for_approval() {
    let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new("Acme", 2));
    let (_, invitation) = invite(&mut shop, None);
    let (request, nonce, answer) = ask(&mut shop, &mut acme, &invitation).unwrap();
    let descriptor = shop.identity.descriptor().clone();
    acme.run(Accepted { request, answer, nonce, descriptor, name: None, by_hand: false }).unwrap();
    reveal(&mut shop, &mut acme);
    let (ours, theirs) = (row(&shop), row(&acme));
    assert_eq!(ours.link, theirs.link);
    assert_eq!((ours.state, theirs.state), (LinkState::WaitingApproval, LinkState::WaitingPartner));
    assert_eq!(theirs.name.as_str(), "shop");
    shop.run(Approve { link: LINK }).unwrap();
    reveal(&mut shop, &mut acme);
    assert_eq!((row(&shop).state, row(&acme).state), (LinkState::Active, LinkState::Active));
}

fn row(desk: &Desk) -> deskwire_store::row::LinkRow {
    desk.rows().get(LINKS, &LINK).unwrap().unwrap()
}

#[test]
fn an_invitation_used_expired_revoked_or_unknown_links_nobody() {
    let (mut shop, mut acme, mut thief) = (Desk::new("Shop", 1), Desk::new("Acme", 2), Desk::new("Thief", 3));
    let (id, invitation) = invite(&mut shop, None);
    let (request, nonce, answer) = ask(&mut shop, &mut acme, &invitation).unwrap();
    // Whoever else has the secret comes too late, though the exchange has not come to its end.
    assert_eq!(ask(&mut shop, &mut thief, &invitation).unwrap_err().code, "invitation-used");
    let descriptor = shop.identity.descriptor().clone();
    acme.run(Accepted { request, answer, nonce, descriptor, name: None, by_hand: false }).unwrap();
    reveal(&mut shop, &mut acme);
    assert!(shop.run(RevokeInvitation { id }).is_ok());

    let mut other = Desk::new("Other", 4);
    let (id, short) = invite(&mut other, Some(10_000));
    other.now = other.now.plus(60_000);
    assert_eq!(ask(&mut other, &mut acme, &short).unwrap_err().code, "invitation-expired");
    other.run(RevokeInvitation { id }).unwrap();
    let mut wrong = short;
    wrong.secret = deskwire_proto::invitation::Secret::new([9; 16]);
    assert_eq!(ask(&mut other, &mut acme, &wrong).unwrap_err().code, "invitation-unknown");
}

#[test]
fn an_exchange_begun_in_time_may_finish_within_a_day_and_no_later() {
    for (late, code) in [(23, None), (25, Some("invitation-expired"))] {
        let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new("Acme", 2));
        let (_, invitation) = invite(&mut shop, Some(60_000));
        let (_, nonce, answer) = ask(&mut shop, &mut acme, &invitation).unwrap();
        shop.now = invitation.expires.plus(late * 3_600_000);
        let (to, from) = (shop.identity.desk(), acme.identity.desk());
        let answer = Hash::of(&answer);
        let body = LinkReveal { v: V1, to, from, nonce, answer };
        let taken = shop.run(TakeReveal { reveal: Signed::seal(body, acme.identity.secret()) });
        assert_eq!(taken.err().map(|refusal| refusal.code), code);
    }
}

#[test]
fn a_reveal_that_was_not_committed_to_is_refused() {
    let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new("Acme", 2));
    let (_, invitation) = invite(&mut shop, None);
    let (request, _, answer) = ask(&mut shop, &mut acme, &invitation).unwrap();
    let descriptor = shop.identity.descriptor().clone();
    let nonce = deskwire_proto::id::Nonce::new([7; 32]);
    let refused =
        acme.run(Accepted { request, answer, nonce, descriptor, name: None, by_hand: false }).unwrap_err();
    assert_eq!(refused.code, "malformed");
}

#[test]
fn a_desk_that_nobody_added_may_not_link_by_hand() {
    let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new("Acme", 2));
    let to = shop.identity.desk();
    let composed = acme.run(ComposeRequest { to, terms: Terms::default(), secret: None }).unwrap();
    let request = Signed::<LinkRequest>::open(&composed.raw, acme.identity.keys().current()).unwrap();
    let descriptor = Descriptor::open(&request.body().descriptor).unwrap();
    assert_eq!(shop.run(AnswerRequest { request, descriptor }).unwrap_err().code, "not-expected");
}

#[test]
fn nothing_is_said_over_a_link_that_is_not_approved() {
    let (mut shop, mut acme) = linked();
    let mut third = Desk::new("Third", 5);
    let (_, invitation) = invite(&mut third, None);
    let (request, nonce, answer) = ask(&mut third, &mut acme, &invitation).unwrap();
    let descriptor = third.identity.descriptor().clone();
    let (no, _) =
        acme.run(Accepted { request, answer, nonce, descriptor, name: None, by_hand: false }).unwrap();
    let ticket = acme.ticket("Too early");
    let by = crate::harness::person("Boris");
    let early = deskwire_engine::command::delegate::Delegate {
        ticket,
        link: no,
        choice: deskwire_machine::disclosure::Choice::default(),
        files: Vec::new(),
        anyway: false,
        by,
    };
    assert_eq!(acme.run(early).unwrap_err().code, "link-waiting");
    let ticket = shop.ticket("In time");
    assert!(shop.delegate(ticket).is_ok());
}

#[test]
fn a_desk_is_linked_with_another_only_once() {
    let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new("Acme", 2));
    link(&mut shop, &mut acme, Terms::default());
    let (_, invitation) = invite(&mut shop, None);
    assert_eq!(ask(&mut shop, &mut acme, &invitation).unwrap_err().code, "already-linked");
}

#[test]
fn a_lost_answer_is_repeated_and_an_exchange_begun_anew_replaces_the_former() {
    let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new("Acme", 2));
    let (_, invitation) = invite(&mut shop, None);
    let (request, nonce, answer) = ask(&mut shop, &mut acme, &invitation).unwrap();
    let again = Signed::<LinkRequest>::open(&request, acme.identity.keys().current()).unwrap();
    let descriptor = Descriptor::open(&again.body().descriptor).unwrap();
    assert_eq!(shop.run(AnswerRequest { request: again, descriptor }).unwrap(), answer);
    // The accepter lost its memory and begins again: the first exchange is void, and a late copy of it harms nothing.
    let second = ask(&mut shop, &mut acme, &invitation).unwrap();
    let late = Signed::<LinkRequest>::open(&request, acme.identity.keys().current()).unwrap();
    let descriptor = Descriptor::open(&late.body().descriptor).unwrap();
    assert_eq!(shop.run(AnswerRequest { request: late, descriptor }).unwrap_err().code, "invitation-used");
    let descriptor = shop.identity.descriptor().clone();
    let first = Accepted { request, answer, nonce, descriptor, name: None, by_hand: false };
    let mut copy = Desk::new("Acme", 2);
    copy.run(first.clone()).unwrap();
    let stale = row(&copy).reveal.unwrap();
    let reveal_of = |raw: &[u8], desk: &Desk| Signed::open(raw, desk.identity.keys().current()).unwrap();
    let stale = TakeReveal { reveal: reveal_of(&stale, &copy) };
    assert_eq!(shop.run(stale).unwrap_err().code, "invitation-used");
    let (request, nonce, answer) = second;
    acme.run(Accepted { request, answer, nonce, ..first }).unwrap();
    reveal(&mut shop, &mut acme);
    assert_eq!(row(&shop).link, row(&acme).link);
}

/// Both operators add each other; both daemons ask at the same time, and both answers arrive.
#[test]
fn requests_by_hand_that_cross_end_in_one_link() {
    let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new("Acme", 2));
    let (shop_id, acme_id) = (shop.identity.desk(), acme.identity.desk());
    shop.run(expect(acme_id)).unwrap();
    acme.run(expect(shop_id)).unwrap();
    let (small, large) = if shop_id < acme_id { (&mut shop, &mut acme) } else { (&mut acme, &mut shop) };
    let (request, _, answer) = by_hand(large, small);
    assert_eq!(answer.unwrap_err().code, "link-crossed", "its own request stands");
    assert!(!request.is_empty());
    let (request, nonce, answer) = by_hand(small, large);
    let descriptor = large.identity.descriptor().clone();
    let answer = answer.unwrap();
    small.run(Accepted { request, answer, nonce, descriptor, name: None, by_hand: true }).unwrap();
    reveal(large, small);
    assert_eq!(row(small).link, row(large).link);
    assert_eq!((row(small).state, row(large).state), (LinkState::Active, LinkState::Active));
    assert_eq!(row(small).side, deskwire_proto::terms::Side::Inviter);
}

fn expect(desk: deskwire_proto::id::DeskId) -> deskwire_engine::command::link::Expect {
    let endpoint = Some(deskwire_proto::text::Url::new("https://other.example:8441").unwrap());
    deskwire_engine::command::link::Expect { desk, endpoint, name: None, terms: Terms::default() }
}

type Answered = Result<Vec<u8>, deskwire_engine::Refusal>;

fn by_hand(asking: &mut Desk, asked: &mut Desk) -> (Vec<u8>, deskwire_proto::id::Nonce, Answered) {
    let to = asked.identity.desk();
    let composed = asking.run(ComposeRequest { to, terms: Terms::default(), secret: None }).unwrap();
    let request = Signed::<LinkRequest>::open(&composed.raw, asking.identity.keys().current()).unwrap();
    let descriptor = Descriptor::open(&request.body().descriptor).unwrap();
    (composed.raw, composed.nonce, asked.run(AnswerRequest { request, descriptor }))
}

/// A link that a fork, a clone or a restored backup has paused must not shut the two desks off from one another for ever.
#[test]
fn a_link_that_was_ended_makes_room_for_a_new_one() {
    let (mut shop, mut acme) = (Desk::new("Shop", 1), Desk::new("Acme", 2));
    link(&mut shop, &mut acme, Terms::default());
    shop.run(End { link: LINK }).unwrap();
    assert_eq!(row(&shop).state, LinkState::Closed);
    assert_eq!(shop.run(End { link: LINK }).unwrap_err().code, "link-closed");
    let ticket = shop.ticket("Dead cash register");
    assert_eq!(shop.delegate(ticket).unwrap_err().code, "link-closed");
    acme.run(End { link: LINK }).unwrap();
    let (_, invitation) = invite(&mut shop, None);
    let (request, nonce, answer) = ask(&mut shop, &mut acme, &invitation).unwrap();
    let descriptor = shop.identity.descriptor().clone();
    let (no, _) =
        acme.run(Accepted { request, answer, nonce, descriptor, name: None, by_hand: false }).unwrap();
    assert_ne!(no, LINK);
}
