//! A desk that nobody can reach works with every desk that can be reached, both ways.

use std::time::{Duration, Instant};

use deskwire_engine::Engine;
use deskwire_engine::command::act::Action;
use deskwire_engine::command::deliver::{Deliver, Delivered};
use deskwire_engine::command::link::Resume;
use deskwire_engine::command::linking::ComposeRequest;
use deskwire_engine::command::pull::Ask;
use deskwire_engine::command::session::AnswerHello;
use deskwire_proto::cose::Purpose;
use deskwire_proto::document::{Document, Signed, V1};
use deskwire_proto::envelope;
use deskwire_proto::id::{DeskId, Hash, LinkId, Nonce};
use deskwire_proto::pull::PullAnswer;
use deskwire_proto::session::Hello;
use deskwire_proto::terms::Terms;
use deskwire_proto::time::Timestamp;
use deskwire_store::row::LinkState;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::carrier::{Answer, Carrier, post};
use crate::support::{Answers, Desk, LINK, now, until};

/// A desk that can be reached, and one that cannot, with an active link.
async fn linked() -> (Desk, Desk) {
    let (shop, acme) = (Desk::new("Shop", 1).await, Desk::hidden("Acme", 2).await);
    let invitation = shop.invite(true, None).await;
    acme.accept(&invitation).await.unwrap();
    until("both links are active", || shop.is_active() && acme.is_active()).await;
    (shop, acme)
}

fn asked(shop: &Desk) -> bool {
    shop.engine.reader().last_asked(LINK).is_some()
}

#[expect(clippy::print_stderr, reason = "a measurement is what this is for")]
fn say(text: &str) {
    eprintln!("{text}");
}

/// The main job behind a router: an offer arrives at once, and what is said about it goes both ways.
#[tokio::test]
async fn a_desk_that_nobody_can_reach_gets_and_does_its_work() {
    let (shop, acme) = linked().await;
    until("it asks", || asked(&shop)).await;
    let begun = Instant::now();
    let ticket = shop.ticket("Printer").await;
    shop.delegate(ticket, Vec::new()).await;
    until("the offer is there", || acme.received().is_some()).await;
    let offer = begun.elapsed();
    let (theirs, delegation) = acme.received().unwrap();
    acme.act(delegation, Action::Accept).await;
    let begun = Instant::now();
    for n in 0..5 {
        shop.comment(ticket, &format!("from the shop {n}")).await;
        acme.comment(theirs, &format!("from Acme {n}")).await;
    }
    until("all comments are there", || shop.comments(ticket) == 10 && acme.comments(theirs) == 10).await;
    let comments = begun.elapsed();
    until("receipts cover everything", || shop.is_settled() && acme.is_settled()).await;
    say(&format!(
        "to a desk behind a router: an offer after {offer:?}, ten comments both ways after {comments:?}"
    ));
    assert!(offer < Duration::from_secs(2) && comments < Duration::from_secs(2), "{offer:?}, {comments:?}");
    assert_eq!((shop.trouble(), acme.trouble()), (None, None), "nobody is told of a trouble that is none");
}

/// An inviter who wants to look first must be able to: the other desk asks until it is let in.
#[tokio::test]
async fn a_desk_that_nobody_can_reach_waits_for_approval() {
    let (shop, acme) = (Desk::new("Shop", 1).await, Desk::hidden("Acme", 2).await);
    let invitation = shop.invite(false, None).await;
    acme.accept(&invitation).await.unwrap();
    assert_eq!(acme.link().unwrap().row.state, LinkState::WaitingPartner);
    shop.approve().await;
    let acme = acme.stop().await.start().await;
    until("the link is active", || acme.is_active()).await;
    let ticket = shop.ticket("Printer").await;
    shop.delegate(ticket, Vec::new()).await;
    until("the offer is there", || acme.received().is_some()).await;
}

/// Two desks that nobody can reach never meet: both operators must hear it when they link, not wonder for weeks.
#[tokio::test]
async fn two_desks_that_nobody_can_reach_are_told_when_they_link() {
    let (shop, acme) = (Desk::new("Shop", 1).await, Desk::hidden("Acme", 2).await);
    let invitation = shop.invite(true, None).await;
    let mut site = shop.stop().await;
    site.told = false;
    let shop = site.start().await;
    let refusal = acme.accept(&invitation).await.unwrap_err();
    assert_eq!(refusal.code, "no-endpoint");
    let compose = ComposeRequest { to: shop.id(), terms: Terms::default(), secret: None };
    let request = acme.run(compose).await.unwrap();
    assert_eq!(post(&shop, "link/request", request.raw).await.code(), "no-endpoint");
    let expect = deskwire_engine::command::link::Expect {
        desk: shop.id(),
        endpoint: None,
        name: None,
        terms: Terms::default(),
    };
    assert_eq!(acme.run(expect).await.unwrap_err().code, "no-endpoint");
    assert!(acme.link().is_none() && shop.link().is_none());
}

/// An operator whose program died before it could say "linked" accepts the same invitation again.
#[tokio::test]
async fn an_invitation_accepted_twice_gives_the_same_link() {
    let (shop, acme) = (Desk::new("Shop", 1).await, Desk::hidden("Acme", 2).await);
    let (invitation, other) = (shop.invite(true, None).await, shop.invite(true, None).await);
    let link = acme.accept(&invitation).await.unwrap();
    let acme = acme.stop().await.start().await;
    assert_eq!(acme.accept(&invitation).await.unwrap(), link);
    assert_eq!(acme.accept(&other).await.unwrap_err().code, "already-linked");
}

/// A router that is opened or closed in the middle of the work must cost no word and double none.
#[tokio::test]
async fn changing_the_mode_while_comments_flow_loses_and_doubles_nothing() {
    let (shop, mut acme) = linked().await;
    let ticket = shop.ticket("Printer").await;
    shop.delegate(ticket, Vec::new()).await;
    until("the offer is there", || acme.received().is_some()).await;
    let (theirs, delegation) = acme.received().unwrap();
    acme.act(delegation, Action::Accept).await;
    let mut said = 0;
    for round in 0..6 {
        for _ in 0..3 {
            shop.comment(ticket, &format!("shop {said}")).await;
            acme.comment(theirs, &format!("acme {said}")).await;
            said += 1;
        }
        let mut site = acme.stop().await.reachable(round % 2 == 0);
        if round % 2 == 0 {
            site.move_away();
        }
        shop.comment(ticket, &format!("shop meanwhile {round}")).await;
        acme = site.start().await;
    }
    let all = said * 2 + 6;
    until("all is said", || shop.comments(ticket) == all && acme.comments(theirs) == all).await;
    until("receipts cover everything", || shop.is_settled() && acme.is_settled()).await;
    let (ours, theirs) = (shop.stream(), acme.stream());
    assert_eq!((ours.out_length, ours.out_head), (theirs.in_length, theirs.in_head));
    assert_eq!((theirs.out_length, theirs.out_head), (ours.in_length, ours.in_head));
}

/// Somebody in between who alters answers, or a partner that is broken, gets nothing into the desk; when it is well
/// again everything arrives.
#[tokio::test]
async fn answers_that_were_altered_bring_nothing() {
    let (shop, acme) = linked().await;
    until("it asks", || asked(&shop)).await;
    let mut site = shop.stop().await;
    site.answers = Answers::PullsForged;
    let shop = site.start().await;
    let ticket = shop.ticket("Printer").await;
    shop.delegate(ticket, Vec::new()).await;
    until("the operator is told", || acme.trouble().as_deref() == Some("answer-unverified")).await;
    assert_eq!((acme.stream().in_length, shop.stream().acked), (0, 0));
    let mut site = shop.stop().await;
    site.answers = Answers::Whole;
    let shop = site.start().await;
    acme.run(Resume { link: LINK }).await.unwrap();
    until("the offer is there", || acme.received().is_some()).await;
    until("its receipt is there", || shop.is_settled()).await;
}

/// The engine of a desk that asks; the test carries its requests.
struct Asker(Carrier);

impl Asker {
    async fn ask(
        &self,
        shop: &Desk,
        wait: u64,
        receipt: Option<Vec<u8>>,
        welcome: Option<Vec<u8>>,
    ) -> Answer {
        let time = now();
        self.ask_at(shop, time, wait, receipt, welcome).await
    }

    async fn ask_at(
        &self,
        shop: &Desk,
        time: Timestamp,
        wait: u64,
        receipt: Option<Vec<u8>>,
        welcome: Option<Vec<u8>>,
    ) -> Answer {
        let ask = Ask { link: LINK, wait, time, receipt, welcome, page: None };
        post(shop, "pull", self.0.engine.call(ask).await.unwrap()).await
    }
}

fn read(answer: &Answer) -> PullAnswer {
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    PullAnswer::decode(&answer.body).unwrap()
}

async fn welcome(engine: &Engine, shop: &Desk, answer: PullAnswer) -> Vec<u8> {
    let PullAnswer::Hello(hello) = answer else { panic!("a hello: {answer:?}") };
    let hello: Signed<Hello> = Signed::open(&hello.hello, shop.engine.identity().keys().current()).unwrap();
    engine.call(AnswerHello { link: LINK, hello }).await.unwrap().unwrap()
}

async fn consume(engine: &Engine, shop: &Desk, answer: PullAnswer) -> (u64, Vec<u8>) {
    let PullAnswer::Batch(batch) = answer else { panic!("a batch: {answer:?}") };
    let stream = engine.reader().partner(LINK).unwrap().unwrap().stream_in();
    let key = shop.engine.identity().keys().current();
    let messages =
        batch.deliveries.into_iter().map(|delivery| envelope::accept(delivery, &stream, key).unwrap());
    let messages: Vec<_> = messages.collect();
    let first = messages[0].head.seq;
    match engine.call(Deliver { link: LINK, head: batch.head, messages }).await.unwrap() {
        Delivered::Receipt(receipt) => (first, receipt),
        other => panic!("{other:?}"),
    }
}

/// A shop with an offer for a desk that the test plays.
async fn played() -> (Desk, Asker) {
    let (shop, acme) = linked().await;
    until("it asks", || asked(&shop)).await;
    let acme = Asker(Carrier::new(acme.stop().await));
    let ticket = shop.ticket("Printer").await;
    shop.delegate(ticket, Vec::new()).await;
    (shop, acme)
}

/// Hello, batch or receipt may each be lost on the way: the next request brings all of it again, and nothing twice.
#[tokio::test]
async fn a_lost_answer_costs_nothing() {
    let (shop, acme) = played().await;
    let engine = &acme.0.engine;
    // The answer with the hello is lost.
    acme.ask(&shop, 0, None, None).await;
    let hello = read(&acme.ask(&shop, 0, None, None).await);
    let greeting = welcome(engine, &shop, hello).await;
    // The answer with the batch is lost.
    let lost = read(&acme.ask(&shop, 0, None, Some(greeting)).await);
    assert!(matches!(lost, PullAnswer::Batch(_)), "{lost:?}");
    let hello = read(&acme.ask(&shop, 0, None, None).await);
    let greeting = welcome(engine, &shop, hello).await;
    let batch = read(&acme.ask(&shop, 0, None, Some(greeting)).await);
    let (first, _) = consume(engine, &shop, batch).await;
    assert_eq!(first, 1);
    // The request with the receipt is lost, and so is the receipt, with a restart.
    assert_eq!(shop.stream().acked, 0);
    let hello = read(&acme.ask(&shop, 0, None, None).await);
    let greeting = welcome(engine, &shop, hello).await;
    let again = read(&acme.ask(&shop, 0, None, Some(greeting)).await);
    let (first, receipt) = consume(engine, &shop, again).await;
    assert_eq!(first, 1, "what no receipt covers is sent again for the receipt");
    let nothing = read(&acme.ask(&shop, 0, Some(receipt), None).await);
    assert!(matches!(nothing, PullAnswer::Nothing(_)), "{nothing:?}");
    assert!(shop.is_settled());
    assert_eq!(engine.reader().stream(LINK).unwrap().in_length, 1);
    acme.0.running.stop().unwrap();
}

/// A receipt counts as delivery only if it is true, however it comes.
#[tokio::test]
async fn a_receipt_that_rides_on_a_request_is_checked_like_any_other() {
    let (shop, acme) = played().await;
    let engine = &acme.0.engine;
    let shop = shop.stop().await.start().await;
    let hello = read(&acme.ask(&shop, 0, None, None).await);
    let greeting = welcome(engine, &shop, hello).await;
    let mut forged_greeting = greeting.clone();
    *forged_greeting.last_mut().unwrap() ^= 1;
    let hello = read(&acme.ask(&shop, 0, None, Some(forged_greeting)).await);
    let greeting = welcome(engine, &shop, hello).await;
    let batch = read(&acme.ask(&shop, 0, None, Some(greeting)).await);
    let (_, mut receipt) = consume(engine, &shop, batch).await;
    *receipt.last_mut().unwrap() ^= 1;
    let answer = read(&acme.ask(&shop, 0, Some(receipt), None).await);
    assert!(matches!(answer, PullAnswer::Hello(_)), "in doubt it says hello: {answer:?}");
    assert_eq!(shop.stream().acked, 0);
    acme.0.running.stop().unwrap();
}

/// A partner that hoards long polls holds one of them; and a desk holds no more in all than it can.
#[tokio::test]
async fn of_all_requests_of_a_partner_one_is_held() {
    let (shop, acme) = played().await;
    let engine = &acme.0.engine;
    // Whether a session is open already is a matter of when the desk's own courier stopped.
    let batch = match read(&acme.ask(&shop, 0, None, None).await) {
        hello @ PullAnswer::Hello(_) => {
            let greeting = welcome(engine, &shop, hello).await;
            read(&acme.ask(&shop, 0, None, Some(greeting)).await)
        }
        batch => batch,
    };
    let (_, receipt) = consume(engine, &shop, batch).await;
    read(&acme.ask(&shop, 0, Some(receipt), None).await);
    let begun = Instant::now();
    let hoarded = (0..8).map(|_| acme.ask(&shop, 60_000, None, None));
    let newest = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        acme.ask(&shop, 1_000, None, None).await
    };
    let (hoarded, newest) = tokio::join!(futures_util::future::join_all(hoarded), newest);
    assert!(begun.elapsed() < Duration::from_secs(10), "all but the newest are ended at once");
    for answer in hoarded.iter().chain([&newest]) {
        let PullAnswer::Nothing(nothing) = read(answer) else { panic!("{:?}", answer.status) };
        assert_eq!(nothing.wait, 0);
    }
    let mut site = shop.stop().await;
    site.polls_held = 0;
    let shop = site.start().await;
    let hello = read(&acme.ask(&shop, 0, None, None).await);
    let greeting = welcome(engine, &shop, hello).await;
    let mut busy = acme.ask(&shop, 60_000, None, Some(greeting)).await;
    if busy.status == 200 {
        // It told that its descriptor is a new one.
        let (_, receipt) = consume(engine, &shop, read(&busy)).await;
        busy = acme.ask(&shop, 60_000, Some(receipt), None).await;
    }
    assert_eq!(busy.code(), "busy");
    acme.0.running.stop().unwrap();
}

/// A welcome with a member that this version does not know, and ignores.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Swollen {
    v: V1,
    to: DeskId,
    from: DeskId,
    head: Hash,
    link: LinkId,
    time: Timestamp,
    hello: Nonce,
    known: u64,
    nonce: Nonce,
    length: u64,
    #[serde(rename = "whatever-else")]
    whatever_else: ByteBuf,
}

impl Document for Swollen {
    const PURPOSE: Purpose = Purpose::Welcome;
}

/// A partner that greets again and again must not fill the disk with greetings.
#[tokio::test]
async fn greetings_without_end_are_bounded() {
    let (shop, acme) = played().await;
    let (identity, stream) = (acme.0.engine.identity(), shop.stream());
    let swollen = Swollen {
        v: V1,
        to: shop.id(),
        from: identity.desk(),
        head: stream.in_head,
        link: shop.link().unwrap().row.link,
        time: now(),
        hello: Nonce::new([1; 32]),
        known: 0,
        nonce: Nonce::new([2; 32]),
        length: 0,
        whatever_else: vec![0; 200 * 1024].into(),
    };
    let greeting = Signed::seal(swollen, identity.secret()).into_parts().0;
    let mut stored = 0;
    let refused = loop {
        let answer = acme.ask(&shop, 0, None, Some(greeting.clone())).await;
        if answer.status != 200 {
            break answer;
        }
        stored += greeting.len();
        assert!(stored < 20 * 1024 * 1024, "nothing stops it");
    };
    assert_eq!((refused.status, refused.code().as_str()), (429, "rate-limited"));
    assert!(stored > 8 * 1024 * 1024, "who greets a few times is served");
    acme.0.running.stop().unwrap();
}

/// An old request that somebody kept opens nothing, and a desk whose clock was put right is not locked out.
#[tokio::test]
async fn a_stale_request_is_told_the_time() {
    let (shop, acme) = played().await;
    let time = now();
    read(&acme.ask_at(&shop, time, 0, None, None).await);
    let old = Timestamp(time.0 - 600_001);
    let stale = acme.ask_at(&shop, old, 0, None, None).await;
    assert_eq!(stale.code(), "stale-request");
    assert_eq!(stale.member("time"), time.0);
    read(&acme.ask_at(&shop, Timestamp(stale.member("time").as_u64().unwrap()), 0, None, None).await);
    acme.0.running.stop().unwrap();
}

/// A desk may be served by pushes and ask at the same time: the cursor is the only truth, and neither way stops the other.
#[tokio::test]
async fn pushes_beside_requests_end_in_one_stream() {
    let (shop, acme) = crate::support::linked().await;
    let ticket = shop.ticket("Printer").await;
    shop.delegate(ticket, Vec::new()).await;
    until("the offer is there", || acme.received().is_some()).await;
    let (theirs, delegation) = acme.received().unwrap();
    acme.act(delegation, Action::Accept).await;
    let talk = async {
        for n in 0..60 {
            shop.comment(ticket, &format!("comment {n}")).await;
        }
    };
    let ask = async {
        let (mut receipt, mut greeting) = (None, None);
        for _ in 0..60 {
            let ask = Ask {
                link: LINK,
                wait: 20,
                time: now(),
                receipt: receipt.take(),
                welcome: greeting.take(),
                page: None,
            };
            let body = acme.run(ask).await.unwrap();
            let answer = post(&shop, "pull", body).await;
            match read(&answer) {
                PullAnswer::Nothing(_) => {}
                hello @ PullAnswer::Hello(_) => {
                    let PullAnswer::Hello(said) = &hello else { unreachable!() };
                    let key = *shop.engine.identity().keys().current();
                    let said: Signed<Hello> = Signed::open(&said.hello, &key).unwrap();
                    greeting = acme.run(AnswerHello { link: LINK, hello: said }).await.unwrap().ok();
                }
                PullAnswer::Batch(batch) => {
                    let stream = acme.link().unwrap().stream_in();
                    let key = *shop.engine.identity().keys().current();
                    let opened = batch.deliveries.into_iter();
                    let messages = opened.map(|delivery| envelope::accept(delivery, &stream, &key).unwrap());
                    let deliver = Deliver { link: LINK, head: batch.head, messages: messages.collect() };
                    if let Delivered::Receipt(given) = acme.run(deliver).await.unwrap() {
                        receipt = Some(given);
                    }
                }
                PullAnswer::Recover(_) => panic!("nothing was lost"),
            }
        }
    };
    tokio::join!(talk, ask);
    until("all is said", || acme.comments(theirs) == 60).await;
    until("receipts cover everything", || shop.is_settled()).await;
    assert_eq!(shop.stream().out_head, acme.stream().in_head);
    assert!(shop.is_active() && acme.is_active());
}
