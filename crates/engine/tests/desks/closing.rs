//! Links that end: everything that was said arrives, nothing is orphaned, and nothing of it comes alive again.

use deskwire_engine::Reader;
use deskwire_engine::command::act::Action;
use deskwire_engine::command::closing::{Close, End, Suspend};
use deskwire_engine::command::deliver::{Deliver, Delivered};
use deskwire_engine::command::link::{DeliveryFailed, Expect};
use deskwire_engine::command::queue::{DropItems, Park, Retry, Target};
use deskwire_engine::command::tick::Tick;
use deskwire_engine::query;
use deskwire_machine::delegation::State;
use deskwire_machine::retry::Failure;
use deskwire_proto::code::Code;
use deskwire_proto::envelope::{Place, SALT_BYTES, Stream, accept, compose, seal};
use deskwire_proto::id::ItemId;
use deskwire_proto::message::common::NoText;
use deskwire_proto::message::{Body, comment_retract};
use deskwire_proto::terms::Terms;
use deskwire_store::local::TicketNumber;
use deskwire_store::row::{Audience, LinkRow, LinkState};
use deskwire_store::table::{LINKS, RECEIVED, Rows, THREADS};

use super::harness::*;

fn row(desk: &Desk) -> LinkRow {
    desk.rows().get(LINKS, &LINK).unwrap().unwrap()
}

fn close(desk: &mut Desk) {
    desk.run(Close { link: LINK, reason: prose("We part."), by: person("Anna") }).unwrap();
}

fn state(desk: &Desk, delegation: u64) -> State {
    desk.delegation(delegation).case.view(desk.stream().in_length).state
}

fn ticks(desk: &mut Desk) {
    while desk.run(Tick).unwrap().is_some_and(|next| next <= desk.now) {}
}

/// Offered, accepted, resolved, and one that nobody has answered, handed over by the first desk.
fn busy() -> (Desk, Desk) {
    let (mut shop, mut acme) = linked();
    for title in ["Offered", "Accepted", "Resolved", "Declined"] {
        let ticket = shop.ticket(title);
        shop.delegate(ticket).unwrap();
    }
    settle(&mut shop, &mut acme);
    acme.act(2, Action::Accept).unwrap();
    acme.act(3, Action::Accept).unwrap();
    acme.act(3, Action::Resolve { solution: None, code: None }).unwrap();
    acme.act(4, Action::Decline(because("No."))).unwrap();
    settle(&mut shop, &mut acme);
    (shop, acme)
}

/// Carries both ways until nothing goes any more.
fn run_out(one: &mut Desk, other: &mut Desk) {
    for _ in 0..4 {
        if row(one).state != LinkState::Closed && row(other).state != LinkState::Closed {
            pump(one, other);
        }
        if row(one).state != LinkState::Closed && row(other).state != LinkState::Closed {
            pump(other, one);
        }
    }
}

fn states(desk: &Desk) -> [State; 4] {
    [1, 2, 3, 4].map(|no| state(desk, no))
}

#[test]
fn both_sides_end_a_link_together_and_every_delegation_with_it() {
    let (mut shop, mut acme) = busy();
    shop.comment(2, "Said before", Audience::Thread).unwrap();
    close(&mut shop);
    assert_eq!(
        shop.comment(2, "Said behind", Audience::Thread).unwrap_err().code,
        "no-partners",
        "nothing more can be said"
    );
    let late = acme.act(1, Action::Accept);
    assert!(late.is_ok(), "the partner does not know yet");
    run_out(&mut shop, &mut acme);
    // The last receipt may be lost: the answer that the link has ended says the same.
    for desk in [&mut shop, &mut acme] {
        if row(desk).state != LinkState::Closed {
            let words = "The link has ended.".to_owned();
            let failure = Failure::Refused;
            desk.run(DeliveryFailed { link: LINK, failure, code: "link-closed".into(), words }).unwrap();
        }
    }
    assert_eq!((row(&shop).state, row(&acme).state), (LinkState::Closed, LinkState::Closed));
    ticks(&mut shop);
    ticks(&mut acme);
    let ended = [State::Recalled, State::Recalled, State::Resolved, State::Declined];
    assert_eq!((states(&shop), states(&acme)), (ended, ended));
    for desk in [&shop, &acme] {
        for no in 1..=2 {
            let case = &desk.delegation(no).case;
            assert!(case.open().is_empty(), "it is settled: {:?}", case.open());
        }
        assert!(row(desk).accord.close.done);
    }
    let shop = shop.restart_with_other_rows();
    assert_eq!(states(&shop), ended);
}

#[test]
fn the_end_is_shown_on_the_tickets_with_its_reason() {
    let (mut shop, mut acme) = busy();
    close(&mut acme);
    run_out(&mut shop, &mut acme);
    run_out(&mut shop, &mut acme);
    let shop_closed = row(&shop).state == LinkState::Closed;
    let mut desk = if shop_closed { shop } else { acme };
    ticks(&mut desk);
    let reader = Reader::new(&desk.core, std::sync::Arc::new(deskwire_engine::port::SystemClock));
    let shown = query::delegation(&reader, deskwire_store::local::DelegationNo(2)).unwrap();
    let closes: Vec<_> = shown.timeline.iter().filter(|event| event.kind.as_str() == "link.close").collect();
    assert!(!closes.is_empty());
    assert!(
        closes.iter().any(|event| event.words.as_ref().is_some_and(|words| words.as_str() == "We part."))
    );
    query::ticket_detail(&reader, TicketNumber(2)).unwrap();
    let link = query::link(&reader, "acme").or_else(|_| query::link(&reader, "shop")).unwrap();
    assert_eq!(query::ends(&reader, &link.partner.row).unwrap().len(), 2);
}

/// Case 51: an offer and the end of the link cross.
#[test]
fn an_offer_that_races_the_end_of_the_link_is_not_orphaned() {
    let (mut shop, mut acme) = linked();
    close(&mut acme);
    let till = shop.ticket("Till");
    shop.delegate(till).unwrap();
    // Both are numbered before either has seen the other.
    let (to_acme, to_shop) = (session(&mut shop, &mut acme), session(&mut acme, &mut shop));
    let (offer, end) = (batch(&mut shop, to_acme, None).unwrap(), batch(&mut acme, to_shop, None).unwrap());
    deliver(&shop, &mut acme, &offer);
    deliver(&acme, &mut shop, &end);
    run_out(&mut acme, &mut shop);
    run_out(&mut shop, &mut acme);
    for desk in [&mut shop, &mut acme] {
        if row(desk).state != LinkState::Closed {
            let words = "The link has ended.".to_owned();
            let failure = Failure::Refused;
            desk.run(DeliveryFailed { link: LINK, failure, code: "link-closed".into(), words }).unwrap();
        }
        ticks(desk);
    }
    assert_eq!(state(&shop, 1), state(&acme, 1));
    assert!(state(&shop, 1).is_terminal(), "{:?}", state(&shop, 1));
}

/// Case 49: a message behind the end of its stream.
#[test]
fn a_message_behind_the_end_is_consumed_and_refused() {
    let (mut shop, mut acme) = busy();
    close(&mut shop);
    let open = session(&mut shop, &mut acme);
    let end = batch(&mut shop, open, None).unwrap();
    let Delivered::Receipt(_) = deliver(&shop, &mut acme, &end) else { panic!("a receipt") };
    // A desk of ours never says more; a peer that does is refused.
    let length = shop.stream().out_length;
    assert!(batch(&mut shop, open, Some(length)).is_none());
    let facts = comment_retract::Facts { comment: ItemId::new([7; 16]) };
    let body = Body::CommentRetract { facts, text: NoText };
    let id = shop.delegation(2).id;
    let composed = compose(&body, Some(id), [1; SALT_BYTES]).unwrap();
    let stream = acme.stream();
    let place =
        Place { seq: stream.in_length + 1, prev: stream.in_head, seen: stream.in_seen, time: shop.now };
    let addressed = Stream { link: row(&shop).link, from: shop.identity.desk(), to: acme.identity.desk() };
    let delivery = seal(&addressed, place, ItemId::new([8; 16]), &composed, shop.identity.secret()).unwrap();
    let message = accept(delivery, &addressed, shop.identity.keys().current()).unwrap();
    acme.run(Deliver { link: LINK, head: end.head, messages: vec![message] }).unwrap();
    let received = acme.rows().get(RECEIVED, &(LINK, place.seq)).unwrap().unwrap();
    assert_eq!(received.refused.unwrap().1.code.as_str(), "action-not-allowed");
}

#[test]
fn a_link_whose_partner_is_gone_ends_alone_and_its_tickets_say_so() {
    let (mut shop, mut acme) = busy();
    // The partner is never heard of again.
    shop.act(2, Action::Recall(because("Too slow."))).unwrap();
    shop.run(End { link: LINK }).unwrap();
    assert_eq!(shop.run(End { link: LINK }).unwrap_err().code, "link-closed");
    ticks(&mut shop);
    assert_eq!(states(&shop), [State::Recalled, State::Recalled, State::Resolved, State::Declined]);
    assert_eq!(shop.stream().waiting, 0, "what waited is dropped and said so");
    acme.run(End { link: LINK }).unwrap();
    ticks(&mut acme);
    assert_eq!(states(&acme), [State::Declined, State::Returned, State::Resolved, State::Declined]);
    let thread = shop.rows().list(THREADS, &TicketNumber(1), usize::MAX).unwrap();
    assert!(thread.len() >= 2);
    let mut shop = shop.restart_with_other_rows();
    ticks(&mut shop);
    assert_eq!(states(&shop)[0], State::Recalled);
}

#[test]
fn an_end_begun_with_a_partner_that_never_answers_can_be_finished_alone() {
    let (mut shop, mut acme) = busy();
    close(&mut shop);
    pump(&mut shop, &mut acme);
    assert_eq!(row(&shop).state, LinkState::Active, "it waits for the partner's word");
    shop.run(End { link: LINK }).unwrap();
    ticks(&mut shop);
    assert!(states(&shop).iter().all(|state| state.is_terminal() || *state == State::Resolved));
    assert_eq!(row(&acme).accord.close.theirs.map(|end| end.seq), Some(shop.stream().out_length));
}

/// Case 52: two desks that link again begin anew.
#[test]
fn linking_again_revives_nothing() {
    let (mut shop, mut acme) = busy();
    let expect = |desk: &Desk| Expect {
        desk: desk.identity.desk(),
        endpoint: None,
        name: None,
        terms: Terms::default(),
    };
    close(&mut shop);
    let again = expect(&acme);
    assert_eq!(shop.run(again.clone()).unwrap_err().code, "already-linked", "the old one has to end first");
    for desk in [&mut shop, &mut acme] {
        desk.run(End { link: LINK }).unwrap();
        ticks(desk);
    }
    shop.run(again).unwrap();
    let before = states(&shop);
    // What belongs to the old link is answered by the old link alone.
    assert_eq!(acme.act(3, Action::Status(None)).unwrap_err().code, "link-closed");
    let head = deskwire_proto::batch::BatchHead {
        v: deskwire_proto::document::V1,
        link: row(&shop).link,
        known: 0,
        session: deskwire_proto::id::SessionId::new([0; 32]),
    };
    let late = acme.run(Deliver { link: LINK, head, messages: Vec::new() }).unwrap();
    assert_eq!(late, Delivered::Refused(Code::LinkClosed));
    assert_eq!(states(&shop), before);
}

fn stop() -> Suspend {
    Suspend { link: LINK, until: None, reason: prose("x"), by: person("Anna") }
}

#[test]
fn an_end_that_still_waits_can_be_taken_back() {
    let (mut shop, _acme) = busy();
    close(&mut shop);
    assert_eq!(shop.run(stop()).unwrap_err().code, "link-closing");
    assert!(row(&shop).accord.close.is_begun());
    shop.run(DropItems { target: Target::Link(LINK), by: person("Anna") }).unwrap();
    assert!(!row(&shop).accord.close.is_begun());
    shop.run(stop()).unwrap();
}

/// A link whose end was taken out of the queue would otherwise take new work that stands behind its end.
#[test]
fn a_link_whose_end_is_parked_is_still_being_ended_and_says_nothing_behind_it() {
    let (mut shop, mut acme) = busy();
    shop.comment(2, "Said before", Audience::Thread).unwrap();
    close(&mut shop);
    let parked = shop.run(Park { target: Target::Link(LINK), by: person("Anna") }).unwrap();
    assert_eq!(parked.count, 2);
    assert!(row(&shop).accord.close.is_begun(), "it ends");
    assert_eq!(shop.run(stop()).unwrap_err().code, "link-closing");
    let length = shop.stream().out_length;
    pump(&mut shop, &mut acme);
    assert_eq!(shop.stream().out_length, length);
    let mut shop = shop.restart_with_other_rows();
    assert!(row(&shop).accord.close.is_begun());
    // What was said before it goes before it.
    shop.run(Retry { target: Target::Link(LINK), parked: true }).unwrap();
    run_out(&mut shop, &mut acme);
    assert!(row(&acme).accord.close.theirs.is_some_and(|end| end.seq == length + 2));
}

#[test]
fn a_parked_end_goes_when_the_partner_ends_the_link_too() {
    let (mut shop, mut acme) = busy();
    close(&mut shop);
    shop.run(Park { target: Target::Link(LINK), by: person("Anna") }).unwrap();
    close(&mut acme);
    pump(&mut acme, &mut shop);
    assert_eq!((shop.stream().parked, shop.stream().waiting), (0, 1));
    run_out(&mut shop, &mut acme);
    assert!(row(&shop).accord.close.ours.is_some());
}

/// Whatever waits with it is no longer tried after 30 days; the end of the link is worth saying whenever the partner is back.
#[test]
fn the_end_of_a_link_waits_longer_than_anything_else() {
    let (mut shop, mut acme) = busy();
    shop.comment(2, "Said before", Audience::Thread).unwrap();
    close(&mut shop);
    for _ in 0..31 * 24 {
        shop.now = shop.now.plus(3_600_000);
        ticks(&mut shop);
    }
    assert_eq!((shop.stream().parked, shop.stream().waiting), (1, 1));
    acme.now = shop.now;
    pump(&mut shop, &mut acme);
    assert!(row(&acme).accord.close.theirs.is_some());
}
