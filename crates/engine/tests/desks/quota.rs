//! What one partner may cause is bounded, what a person of this desk may cause as well, and nothing is lost by it.

mod partners;

use std::sync::Arc;
use std::sync::mpsc;

use deskwire_engine::command::act::Action;
use deskwire_engine::command::deliver::Delivered;
use deskwire_engine::port::{Effect, Notifier, SystemClock};
use deskwire_engine::quota::Quotas;
use deskwire_engine::{Command, Engine, Keyed, Refusal, Step};
use deskwire_proto::code::Code;
use deskwire_proto::document::Signed;
use deskwire_proto::id::Hash;
use deskwire_proto::receipt::Receipt;
use deskwire_store::local::{DelegationNo, LinkNo};
use deskwire_store::row::{ALL_LINKS, Audience, DelegationEventRow, Effect as RowEffect, OpenRow};
use deskwire_store::table::{DELEGATION_EVENTS, OPEN_DELEGATIONS, Rows, TICKETS};

use crate::harness::{Desk, LINK, batch, because, deliver, linked, session, settle, take_receipt};

fn limited(desk: &mut Desk, change: impl FnOnce(&mut Quotas)) {
    let mut quotas = Quotas::default();
    change(&mut quotas);
    desk.core.limit(quotas, 0);
}

fn open(desk: &Desk, no: LinkNo) -> OpenRow {
    desk.rows().get(OPEN_DELEGATIONS, &no).unwrap().unwrap_or_default()
}

/// A partner that hands over more than it may must be told on each ticket, and be served again when some have ended.
#[test]
fn more_delegations_than_granted_are_refused_one_by_one() {
    let (mut shop, mut acme) = linked();
    limited(&mut acme, |quotas| quotas.link.open_delegations = 3);
    for number in 0..5 {
        let ticket = shop.ticket(&format!("Case {number}"));
        shop.delegate(ticket).unwrap();
    }
    settle(&mut shop, &mut acme);
    assert_eq!(acme.rows().list(TICKETS, &(), 100).unwrap().len(), 3);
    assert_eq!(open(&acme, LINK), OpenRow { ours: 0, theirs: 3 });
    assert_eq!(open(&acme, ALL_LINKS), OpenRow { ours: 0, theirs: 3 });
    assert_eq!(open(&shop, LINK), OpenRow { ours: 3, theirs: 0 }, "what was refused is open at neither side");

    acme.act(1, Action::Decline(because("We cannot"))).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!((open(&shop, LINK).ours, open(&acme, LINK).theirs), (2, 2));
    let ticket = shop.ticket("One more");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!(acme.rows().list(TICKETS, &(), 100).unwrap().len(), 4);
    // The counts are rows: a rebuild counts the same.
    let acme = acme.restart_with_other_rows();
    assert_eq!(open(&acme, LINK).theirs, 3);
}

/// Else its author waits for work on what nobody has, or the person reads the refusal twice.
#[test]
fn fault_111_a_refusal_whose_answer_was_lost_reaches_its_author_once() {
    let (mut shop, mut acme) = linked();
    limited(&mut acme, |quotas| quotas.link.open_delegations = 1);
    for title in ["Fits", "One too many"] {
        let ticket = shop.ticket(title);
        shop.delegate(ticket).unwrap();
    }
    let opened = session(&mut shop, &mut acme);
    let sent = batch(&mut shop, opened, None).unwrap();
    let Delivered::Receipt(lost) = deliver(&shop, &mut acme, &sent) else { panic!("a receipt") };
    let refusals = |shop: &Desk| {
        let rows = shop.rows().list(DELEGATION_EVENTS, &DelegationNo(2), usize::MAX).unwrap();
        let code = |row: DelegationEventRow| match row.effect {
            RowEffect::Refused(refused) => Some(refused.code.as_str().to_owned()),
            _ => None,
        };
        rows.into_iter().filter_map(|(_, row)| code(row)).collect::<Vec<_>>()
    };
    assert_eq!((refusals(&shop).len(), open(&shop, LINK).ours), (0, 2), "its answer was lost");

    let Delivered::Receipt(again) = deliver(&shop, &mut acme, &sent) else { panic!("a receipt") };
    let outcomes = |raw: &[u8]| {
        let key = acme.identity.keys().current();
        Signed::<Receipt>::open(raw, key).unwrap().body().outcomes.clone()
    };
    assert_eq!(outcomes(&again), outcomes(&lost));
    for _ in 0..2 {
        take_receipt(&mut shop, &acme, &again).unwrap();
    }
    assert_eq!(refusals(&shop), ["quota"]);
    assert_eq!((open(&shop, LINK).ours, open(&acme, LINK).theirs), (1, 1));
    shop.comment(1, "And on", Audience::Thread).unwrap();
    settle(&mut shop, &mut acme);
    assert_eq!((acme.bodies(1), refusals(&shop).len()), (vec!["And on".to_owned()], 1));
}

/// The own people are refused in words, before anything is sent.
#[test]
fn own_callers_are_told_what_is_too_much() {
    let (mut shop, mut acme) = linked();
    limited(&mut shop, |quotas| quotas.link.open_delegations = 1);
    let ticket = shop.ticket("Case");
    shop.delegate(ticket).unwrap();
    let ticket = shop.ticket("Another");
    let refused = shop.delegate(ticket).unwrap_err();
    assert_eq!(refused.code, "quota");
    assert!(refused.next.contains("limits.link_open_delegations"), "{refused:?}");

    limited(&mut shop, |quotas| quotas.link.undelivered = 2);
    shop.comment(1, "Fits", Audience::Thread).unwrap();
    let refused = shop.comment(1, "Does not", Audience::Thread).unwrap_err();
    assert_eq!(refused.code, "queue-full");
    assert!(refused.next.contains("link show"), "{refused:?}");
    settle(&mut shop, &mut acme);
    shop.comment(1, "Fits again", Audience::Thread).unwrap();

    limited(&mut shop, |quotas| quotas.all.messages_per_hour = 1);
    shop.comment(1, "One", Audience::Thread).unwrap();
    let refused = shop.comment(1, "Too fast", Audience::Thread).unwrap_err();
    assert_eq!(refused.code, "quota");
}

/// A rate passes by itself: nothing is consumed, nothing is refused for good, and it all arrives later.
#[test]
fn a_partner_above_its_rate_is_asked_to_come_back_and_loses_nothing() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Case");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    limited(&mut acme, |quotas| quotas.link.messages_per_hour = 3);
    let opened = session(&mut shop, &mut acme);
    let mut held = acme.stream().in_length;
    for number in 0..4 {
        shop.comment(1, &format!("Comment {number}"), Audience::Thread).unwrap();
        let sent = batch(&mut shop, opened, None).unwrap();
        match deliver(&shop, &mut acme, &sent) {
            Delivered::Receipt(receipt) => take_receipt(&mut shop, &acme, &receipt).unwrap(),
            other => {
                assert_eq!((number, other), (3, Delivered::Refused(Code::RateLimited)));
                assert_eq!(acme.stream().in_length, held, "nothing was consumed");
                acme.now = acme.now.plus(1_300_000);
                let Delivered::Receipt(receipt) = deliver(&shop, &mut acme, &sent) else {
                    panic!("a receipt")
                };
                take_receipt(&mut shop, &acme, &receipt).unwrap();
            }
        }
        held += 1;
        assert_eq!(acme.stream().in_length, held);
    }
}

/// A receipt that came between a hello and its first batch says how long the partner's stream is by then; what the
/// partner then says has seen all of it.
#[test]
fn a_receipt_after_the_hello_binds_nothing_that_was_numbered_before_it() {
    let (mut shop, mut acme) = linked();
    let ticket = shop.ticket("Case");
    shop.delegate(ticket).unwrap();
    settle(&mut shop, &mut acme);
    let theirs = session(&mut shop, &mut acme);
    let ours = session(&mut acme, &mut shop);
    // Numbered, and on its way, when a receipt for something newer overtakes it.
    shop.comment(1, "Before", Audience::Thread).unwrap();
    let late = batch(&mut shop, theirs, None).unwrap();
    acme.comment(1, "Meanwhile", Audience::Thread).unwrap();
    let sent = batch(&mut acme, ours, None).unwrap();
    let Delivered::Receipt(receipt) = deliver(&acme, &mut shop, &sent) else { panic!("a receipt") };
    take_receipt(&mut acme, &shop, &receipt).unwrap();
    let Delivered::Receipt(receipt) = deliver(&shop, &mut acme, &late) else { panic!("a receipt") };
    let receipt = Signed::<Receipt>::open(&receipt, acme.identity.keys().current());
    assert_eq!(receipt.unwrap().body().outcomes, []);
}

struct Deaf;

impl Notifier for Deaf {
    fn notify(&self, _: &Effect) {}
}

/// Keeps the writer busy until it is told to go on.
struct Hold(mpsc::Receiver<()>);

impl Command for Hold {
    type Reply = ();

    fn run(self, _: &mut Step<'_>) -> Result<(), Refusal> {
        self.0.recv().map_err(|_| Refusal::stopping())
    }
}

struct Nothing;

impl Command for Nothing {
    type Reply = ();

    fn run(self, _: &mut Step<'_>) -> Result<(), Refusal> {
        Ok(())
    }
}

/// Callers that come faster than the disk takes their work must hear so, instead of filling the memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_are_turned_away_while_too_much_waits_for_the_writer() {
    let Desk { core, .. } = Desk::new("Shop", 1);
    let (engine, running) = Engine::start(core, Arc::new(SystemClock), Box::new(Deaf)).unwrap();
    let (go_on, hold) = mpsc::channel();
    let held = tokio::spawn({
        let engine = engine.clone();
        async move { engine.call(Hold(hold)).await }
    });
    let (mut calls, mut number) = (tokio::task::JoinSet::new(), 0u64);
    let refused = loop {
        let key = Hash::of(&number.to_be_bytes());
        let call = engine.clone();
        calls.spawn(async move { call.call(Keyed { key, request: key, command: Nothing }).await });
        number += 1;
        assert!(number < 20_000, "nobody is turned away");
        if let Some(ended) = calls.try_join_next() {
            break ended.unwrap().unwrap_err();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(refused.code, "busy");
    engine_has_room_for_itself(&engine, &go_on, held).await;
    while let Some(ended) = calls.join_next().await {
        if let Err(refusal) = ended.unwrap() {
            assert_eq!(refusal.code, "busy");
        }
    }
    let key = Hash::of(b"later");
    engine.call(Keyed { key, request: key, command: Nothing }).await.unwrap();
    running.stop().unwrap();
}

/// What the desk itself has begun is taken all the same.
async fn engine_has_room_for_itself(
    engine: &Engine,
    go_on: &mpsc::Sender<()>,
    held: tokio::task::JoinHandle<Result<(), Refusal>>,
) {
    let own = tokio::spawn({
        let engine = engine.clone();
        async move { engine.call(Nothing).await }
    });
    go_on.send(()).unwrap();
    held.await.unwrap().unwrap();
    own.await.unwrap().unwrap();
}
