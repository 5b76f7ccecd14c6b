//! Nothing lost, nothing doubled, nothing out of order, whatever the network does.

use deskwire_engine::command::act::Action;
use deskwire_engine::command::deliver::{Deliver, Delivered};
use deskwire_engine::command::send::{Next, NextBatch};
use deskwire_engine::command::session::{AnswerHello, SayHello, TakeWelcome};
use deskwire_engine::query;
use deskwire_proto::code::Code;
use deskwire_proto::cose::{Purpose, Sign1};
use deskwire_proto::document::Signed;
use deskwire_proto::envelope::{Composed, Place, Stream, accept, read_head, seal};
use deskwire_proto::id::{Hash, ItemId, SessionId};
use deskwire_proto::message::Body;
use deskwire_proto::text::KindName;
use deskwire_store::record::Record;
use deskwire_store::row::{Audience, LinkState, Pause};
use deskwire_store::table::{LINKS, RECEIVED, Rows};

use crate::harness::{
    Desk, LINK, answer_hello, batch, because, deliver, linked, pump, say_hello, session, settle,
    take_receipt, verify,
};

fn talking() -> (Desk, Desk) {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Dead cash register");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    (shop, acme)
}

fn say(desk: &mut Desk, number: usize) {
    desk.comment(1, &format!("comment {number}"), Audience::Thread).unwrap();
}

fn state(desk: &Desk) -> LinkState {
    desk.rows().get(LINKS, &LINK).unwrap().unwrap().state
}

/// The welcome to a hello, on its way.
fn hello(from: &mut Desk, to: &mut Desk) -> Vec<u8> {
    let hello = say_hello(from);
    to.run(AnswerHello { link: LINK, hello }).unwrap().unwrap()
}

fn welcome(desk: &mut Desk, partner: &Desk, welcome: &[u8]) {
    let welcome = Signed::open(welcome, partner.identity.keys().current()).unwrap();
    desk.run(TakeWelcome { link: LINK, welcome }).unwrap().unwrap();
}

/// A desk that lost numbers with a restore and has nothing to say would leave open at its partner what waits for them.
#[test]
fn a_desk_that_started_says_its_last_message_once_more_and_no_other() {
    let (mut shop, mut acme) = talking();
    say(&mut shop, 1);
    settle(&mut shop, &mut acme);
    let length = shop.stream().out_length;
    let mut shop = shop.restart();
    let open = session(&mut shop, &mut acme);
    let again = batch(&mut shop, open, None).unwrap();
    assert_eq!(again.deliveries.len(), 1);
    let Delivered::Receipt(receipt) = deliver(&shop, &mut acme, &again) else { panic!("a receipt") };
    assert!(acme.stream().session.is_some_and(|current| current.session == open), "its session is current");
    take_receipt(&mut shop, &acme, &receipt).unwrap();
    assert!(batch(&mut shop, open, None).is_none());
    assert_eq!((shop.stream().out_length, acme.stream().in_length), (length, length));
}

#[test]
fn a_batch_sent_twice_is_consumed_once_and_answered_twice() {
    let (mut shop, mut acme) = talking();
    say(&mut shop, 1);
    let open = session(&mut shop, &mut acme);
    let sent = batch(&mut shop, open, None).unwrap();
    let first = deliver(&shop, &mut acme, &sent);
    let length = acme.stream().in_length;
    let Delivered::Receipt(second) = deliver(&shop, &mut acme, &sent) else { panic!("{first:?}") };
    assert_eq!(acme.stream().in_length, length);
    take_receipt(&mut shop, &acme, &second).unwrap();
    assert_eq!(shop.stream().acked, length);
    // An old receipt that comes again changes nothing.
    let Delivered::Receipt(first) = first else { panic!("a receipt") };
    take_receipt(&mut shop, &acme, &first).unwrap();
    assert_eq!(shop.stream().acked, length);
}

#[test]
fn a_batch_ahead_of_its_time_is_a_gap_and_nothing_is_taken() {
    let (mut shop, mut acme) = talking();
    say(&mut shop, 1);
    let open = session(&mut shop, &mut acme);
    let first = batch(&mut shop, open, None).unwrap();
    say(&mut shop, 2);
    let sent = shop.stream().acked + 1;
    let second = batch(&mut shop, open, Some(sent)).unwrap();
    let cursor = acme.stream().in_length;
    assert_eq!(deliver(&shop, &mut acme, &second), Delivered::Gap { cursor });
    assert!(matches!(deliver(&shop, &mut acme, &first), Delivered::Receipt(_)));
    assert!(matches!(deliver(&shop, &mut acme, &second), Delivered::Receipt(_)));
    assert_eq!(acme.stream().in_length, cursor + 2);
}

#[test]
fn a_session_that_is_not_known_must_be_opened_again() {
    let (mut shop, mut acme) = talking();
    say(&mut shop, 1);
    let open = session(&mut shop, &mut acme);
    let mut sent = batch(&mut shop, open, None).unwrap();
    sent.head.session = SessionId::new([9; 32]);
    assert_eq!(deliver(&shop, &mut acme, &sent), Delivered::Refused(Code::SessionUnknown));
    pump(&mut shop, &mut acme);
    assert_eq!(shop.stream().acked, shop.stream().out_length);
}

#[test]
fn a_hello_sent_twice_gets_the_same_welcome_and_replays_take_no_session_over() {
    let (mut shop, mut acme) = talking();
    let said = say_hello(&mut shop);
    let mut answer = || acme.run(AnswerHello { link: LINK, hello: said.clone() }).unwrap().unwrap();
    assert_eq!(answer(), answer());
    let current = answer_hello(&mut shop, &mut acme, said.clone()).unwrap();
    say(&mut shop, 1);
    let sent = batch(&mut shop, current, None).unwrap();
    assert!(matches!(deliver(&shop, &mut acme, &sent), Delivered::Receipt(_)));
    // The desk goes on with another session; a thief replays the hello of the former one.
    let current = session(&mut shop, &mut acme);
    say(&mut shop, 3);
    let sent = batch(&mut shop, current, None).unwrap();
    assert!(matches!(deliver(&shop, &mut acme, &sent), Delivered::Receipt(_)));
    assert_eq!(acme.run(AnswerHello { link: LINK, hello: said }).unwrap(), Err(Code::SessionUnknown));
    say(&mut shop, 2);
    let length = shop.stream().out_length;
    let sent = batch(&mut shop, current, Some(length)).unwrap();
    assert!(matches!(deliver(&shop, &mut acme, &sent), Delivered::Receipt(_)));
}

/// Whoever has to show that the partner spoke with two tongues would have its word against its own alone.
#[test]
fn two_messages_with_one_number_pause_the_link_and_keep_the_evidence() {
    let (mut shop, mut acme) = talking();
    let open = session(&mut shop, &mut acme);
    say(&mut shop, 1);
    let sent = batch(&mut shop, open, None).unwrap();
    assert!(matches!(deliver(&shop, &mut acme, &sent), Delivered::Receipt(_)));
    let (head, first) = (sent.head, sent.deliveries.last().unwrap().signed());
    let seq = acme.stream().in_length;
    let forged = forge(&shop, &acme, seq, acme.stream().in_head);
    let second = forged.delivery.signed().to_vec();
    assert_eq!(
        acme.run(Deliver { link: LINK, head, messages: vec![forged] }).unwrap(),
        Delivered::Refused(Code::Fork)
    );
    let next = forge(&shop, &acme, seq + 1, Hash::of(b"other"));
    assert_eq!(
        acme.run(Deliver { link: LINK, head, messages: vec![next] }).unwrap(),
        Delivered::Refused(Code::LinkPaused)
    );

    let acme = acme.restart_with_other_rows();
    let LinkState::Paused(Pause::Fork(at)) = state(&acme) else { panic!("{:?}", state(&acme)) };
    let Record::Forked { held, other, .. } = acme.reader().record(at).unwrap() else { panic!("a fork") };
    assert_eq!((held.as_slice(), other.as_slice()), (first, second.as_slice()), "both, byte for byte");
    let key = shop.identity.keys().current();
    for signed in [&held, &other] {
        Sign1::parse(signed).unwrap().verify(Purpose::Message, key).unwrap();
        assert_eq!(read_head(signed).unwrap().seq, seq);
    }
    // What an operator gets to see of both.
    let branches = query::branches(&acme.reader(), &acme.partner()).unwrap();
    let ours: Vec<_> = branches.ours.iter().map(|entry| (entry.head.seq, entry.signed.as_slice())).collect();
    assert_eq!((branches.same, ours), (seq - 1, vec![(seq, first)]));
    let head = read_head(&second).unwrap();
    assert_eq!(branches.theirs, Some((seq, head.kind, head.time)));
    assert_eq!((branches.held, branches.other), (held, other), "what a judge would ask for");
}

/// A message that the partner signs although its daemon would not.
fn forge(from: &Desk, to: &Desk, seq: u64, prev: Hash) -> deskwire_proto::envelope::Verified {
    forged(
        from,
        to,
        Place { seq, prev, seen: 0, time: from.now },
        Body::LinkResume {
            facts: deskwire_proto::message::link_resume::Facts {},
            text: deskwire_proto::message::common::NoText,
        },
    )
}

fn forged(from: &Desk, to: &Desk, place: Place, body: Body) -> deskwire_proto::envelope::Verified {
    forged_as(from, to, place, &body, body.kind().name())
}

/// As [`forged`], under another name of its kind.
fn forged_as(
    from: &Desk,
    to: &Desk,
    place: Place,
    body: &Body,
    kind: &str,
) -> deskwire_proto::envelope::Verified {
    let link = from.rows().get(LINKS, &LINK).unwrap().unwrap().link;
    let stream = Stream { link, from: from.identity.desk(), to: to.identity.desk() };
    let (facts, _) = body.encode();
    let content =
        Composed { kind: KindName::new(kind).unwrap(), facts: facts.into(), text: None, delegation: None };
    let delivery = seal(&stream, place, ItemId::new([5; 16]), &content, from.identity.secret()).unwrap();
    accept(delivery, &stream, from.identity.keys().current()).unwrap()
}

#[test]
fn a_kind_that_is_not_handled_is_consumed_and_said_and_harms_nothing_else() {
    let (mut shop, mut acme) = talking();
    let open = session(&mut shop, &mut acme);
    say(&mut shop, 1);
    let sent = batch(&mut shop, open, None).unwrap();
    assert!(matches!(deliver(&shop, &mut acme, &sent), Delivered::Receipt(_)));
    let place = |desk: &Desk| Place {
        seq: desk.stream().in_length + 1,
        prev: desk.stream().in_head,
        seen: desk.stream().in_seen,
        time: desk.now,
    };
    let body = Body::LinkResume {
        facts: deskwire_proto::message::link_resume::Facts {},
        text: deskwire_proto::message::common::NoText,
    };
    let message = forged_as(&shop, &acme, place(&acme), &body, "link.greet");
    let seq = message.head.seq;
    let delivered = acme.run(Deliver { link: LINK, head: sent.head, messages: vec![message] }).unwrap();
    let Delivered::Receipt(receipt) = delivered else { panic!("{delivered:?}") };
    let receipt: Signed<deskwire_proto::receipt::Receipt> =
        Signed::open(&receipt, acme.identity.keys().current()).unwrap();
    assert_eq!(receipt.body().outcome(seq).unwrap().2.as_str(), "unsupported-kind");
    // What claims to have seen what was never sent is consumed as refused, once the author has been asked.
    let place = Place { seen: 99, ..place(&acme) };
    let message = forged(&shop, &acme, place, body);
    let claim = Deliver { link: LINK, head: sent.head, messages: vec![message] };
    let early = hello(&mut acme, &mut shop);
    assert_eq!(acme.run(claim.clone()).unwrap(), Delivered::Refused(Code::Busy));
    welcome(&mut acme, &shop, &early);
    assert_eq!(
        acme.run(claim.clone()).unwrap(),
        Delivered::Refused(Code::Busy),
        "what was known before tells nothing"
    );
    session(&mut acme, &mut shop);
    assert!(matches!(acme.run(claim).unwrap(), Delivered::Receipt(_)));
    let row = acme.rows().get(RECEIVED, &(LINK, seq + 1)).unwrap().unwrap();
    assert_eq!(row.refused.unwrap().1.code.as_str(), "seen-ahead");
}

#[test]
fn a_clock_set_back_between_two_messages_changes_no_receipt() {
    let (mut shop, mut acme) = talking();
    let open = session(&mut shop, &mut acme);
    let mut times = Vec::new();
    for number in 1..=2 {
        say(&mut shop, number);
        let mut sent = batch(&mut shop, open, None).unwrap();
        sent.head.known = shop.stream().acked + number as u64 - 1;
        let Delivered::Receipt(receipt) = deliver(&shop, &mut acme, &sent) else { panic!("a receipt") };
        let receipt: Signed<deskwire_proto::receipt::Receipt> =
            Signed::open(&receipt, acme.identity.keys().current()).unwrap();
        times.push(receipt.body().times.clone());
        acme.now = deskwire_proto::time::Timestamp(acme.now.0 - 3_600_000);
    }
    // The second message was committed an hour earlier by the clock; both receipts name the moment of the first.
    assert_eq!(times[0], times[1]);
}

#[test]
fn a_receipt_that_lies_is_not_counted_as_delivery() {
    let (mut shop, mut acme) = talking();
    say(&mut shop, 1);
    let open = session(&mut shop, &mut acme);
    let sent = batch(&mut shop, open, None).unwrap();
    let Delivered::Receipt(receipt) = deliver(&shop, &mut acme, &sent) else { panic!("a receipt") };
    let honest: Signed<deskwire_proto::receipt::Receipt> =
        Signed::open(&receipt, acme.identity.keys().current()).unwrap();
    let mut lie = honest.body().clone();
    lie.upto += 5;
    lie.times.extend([0; 5]);
    let lie = Signed::seal(lie, acme.identity.secret());
    assert_eq!(take_receipt(&mut shop, &acme, lie.raw()).unwrap_err().code, "malformed");
    let mut other = honest.body().clone();
    other.hash = Hash::of(b"other");
    let other = Signed::seal(other, acme.identity.secret());
    assert_eq!(take_receipt(&mut shop, &acme, other.raw()).unwrap_err().code, "fork");
    let mut misled = honest.body().clone();
    misled.link = deskwire_proto::id::LinkId::new([1; 32]);
    let misled = Signed::seal(misled, acme.identity.secret());
    assert_eq!(take_receipt(&mut shop, &acme, misled.raw()).unwrap_err().code, "wrong-link");
    assert!(shop.stream().acked < shop.stream().out_length);
}

#[test]
fn a_desk_restored_from_an_old_backup_is_told_so_and_numbers_nothing_anew() {
    let (mut shop, mut acme) = talking();
    let backup = (shop.stream().out_length, shop.stream().out_head);
    say(&mut shop, 1);
    pump(&mut shop, &mut acme);
    let hello = say_hello(&mut shop);
    let mut body = hello.body().clone();
    (body.length, body.head) = backup;
    let old = Signed::seal(body, shop.identity.secret());
    let welcome = acme.run(AnswerHello { link: LINK, hello: old }).unwrap().unwrap();
    let welcome: Signed<deskwire_proto::session::Welcome> =
        Signed::open(&welcome, acme.identity.keys().current()).unwrap();
    assert!(welcome.body().length > backup.0, "the partner says how much it holds");
    let mut more = welcome.body().clone();
    more.length += 1;
    let more = Signed::seal(more, acme.identity.secret());
    assert_eq!(shop.run(TakeWelcome { link: LINK, welcome: more }).unwrap(), Err(Code::RecoveryNeeded));
    assert_eq!(state(&shop), LinkState::Active);
    say(&mut shop, 2);
    let length = shop.stream().out_length;
    let next = shop.run(NextBatch { link: LINK, session: SessionId::new([0; 32]), after: None }).unwrap();
    assert_eq!((next, shop.stream().out_length), (Next::NoSession, length));
}

#[test]
fn two_copies_of_one_desk_are_found_out() {
    let (mut shop, mut acme) = talking();
    say(&mut shop, 1);
    pump(&mut shop, &mut acme);
    let retired_hello = shop.run(SayHello { link: LINK }).unwrap();
    let mut shop = shop.restart();
    say(&mut shop, 2);
    pump(&mut shop, &mut acme);
    // The copy that was replaced has caught up, speaks again, and has something new to say.
    let retired: Signed<deskwire_proto::session::Hello> =
        Signed::open(&retired_hello, shop.identity.keys().current()).unwrap();
    let mut body = retired.body().clone();
    (body.length, body.head) = (acme.stream().in_length, acme.stream().in_head);
    let hello = Signed::seal(body, shop.identity.secret());
    let welcome = acme.run(AnswerHello { link: LINK, hello }).unwrap().unwrap();
    let welcome: Signed<deskwire_proto::session::Welcome> =
        Signed::open(&welcome, acme.identity.keys().current()).unwrap();
    let session = SessionId::of(&welcome.body().hello, &welcome.body().nonce);
    let next = forge(&shop, &acme, acme.stream().in_length + 1, acme.stream().in_head);
    let head = deskwire_proto::batch::BatchHead {
        v: deskwire_proto::document::V1,
        link: shop.rows().get(LINKS, &LINK).unwrap().unwrap().link,
        known: 0,
        session,
    };
    let delivered = acme.run(Deliver { link: LINK, head, messages: vec![next] }).unwrap();
    assert_eq!(delivered, Delivered::Refused(Code::CloneSuspected));
    assert_eq!(state(&acme), LinkState::Paused(Pause::Clone));
}

#[test]
fn verified_messages_of_another_link_never_come_so_far() {
    let (mut shop, mut acme) = talking();
    say(&mut shop, 1);
    let open = session(&mut shop, &mut acme);
    let sent = batch(&mut shop, open, None).unwrap();
    assert_eq!(verify(&shop, &acme, &sent).len(), 1);
    let reflected = Stream {
        link: shop.rows().get(LINKS, &LINK).unwrap().unwrap().link,
        from: acme.identity.desk(),
        to: shop.identity.desk(),
    };
    let key = shop.identity.keys().current();
    assert_eq!(accept(sent.deliveries[0].clone(), &reflected, key).unwrap_err(), Code::WrongDesk);
    assert!(acme.act(1, Action::Decline(because("No time."))).is_ok());
}
