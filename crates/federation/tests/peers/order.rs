//! Batches that are lost, doubled, swapped, foreign, or garbage.

use std::time::Duration;

use deskwire_engine::command::session::SayHello;
use deskwire_proto::batch::Batch;
use deskwire_proto::id::{LinkId, SessionId};
use tokio::time::Instant;

use crate::carrier::{Carrier, post, post_as};
use crate::support::{Desk, LINK, linked, until};

/// A desk with its couriers, and its partner whose messages the test carries.
async fn scene() -> (Desk, Carrier) {
    let (shop, acme) = linked().await;
    until("the sessions are open", || shop.has_welcomed() && acme.has_welcomed()).await;
    (shop, Carrier::new(acme.stop().await))
}

/// A batch that came again must get its receipt again, and have its effect once.
#[tokio::test]
async fn a_batch_sent_twice_counts_once() {
    let (shop, acme) = scene().await;
    acme.say("Printer").await;
    let session = acme.session(&shop).await;
    let bytes = acme.batch(session, None).await;
    let first = post(&shop, "batch", bytes.clone()).await;
    let again = post(&shop, "batch", bytes).await;
    assert_eq!((acme.take(&first, &shop).await.upto, acme.take(&again, &shop).await.upto), (1, 1));
    assert_eq!(shop.stream().in_length, 1);
    acme.running.stop().unwrap();
}

/// Requests overtake one another on a real network: the early one waits a moment for the late one.
#[tokio::test]
async fn a_batch_that_came_too_early_waits_for_the_one_before_it() {
    let (shop, acme) = scene().await;
    let session = acme.session(&shop).await;
    acme.say("First").await;
    let first = acme.batch(session, None).await;
    acme.say("Second").await;
    let second = acme.batch(session, Some(1)).await;
    let (early, late) = tokio::join!(post(&shop, "batch", second), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        post(&shop, "batch", first).await
    });
    assert_eq!(acme.take(&late, &shop).await.upto, 1);
    assert_eq!(acme.take(&early, &shop).await.upto, 2);
    acme.running.stop().unwrap();
}

/// What never comes must be asked for, with the place to go on from.
#[tokio::test]
async fn a_gap_is_told_with_the_cursor() {
    let (shop, acme) = scene().await;
    let session = acme.session(&shop).await;
    for title in ["First", "Second", "Third"] {
        acme.say(title).await;
    }
    let all = Batch::decode(&acme.batch(session, None).await).unwrap();
    let cut = |from: usize| Batch { head: all.head, deliveries: all.deliveries[from..].to_vec() }.encode();
    let begun = Instant::now();
    let answer = post(&shop, "batch", cut(2)).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "gap"));
    assert!(begun.elapsed() >= Duration::from_millis(1_900), "it was waited for");
    assert_eq!(answer.member("length"), 0);
    assert_eq!(answer.member("head"), shop.link().unwrap().row.link.to_hex());
    let answer = post(&shop, "batch", cut(0)).await;
    assert_eq!(acme.take(&answer, &shop).await.upto, 3);
    acme.running.stop().unwrap();
}

/// Nothing that is not the partner's may change anything, and each refusal says what it is.
#[tokio::test]
async fn what_is_not_the_partners_is_refused_before_anything_changes() {
    let (shop, acme) = scene().await;
    let session = acme.session(&shop).await;
    acme.say("Printer").await;
    let bytes = acme.batch(session, None).await;
    let good = Batch::decode(&bytes).unwrap();
    let before = shop.stream();

    let mut foreign = good.clone();
    foreign.head.link = LinkId::new([7; 32]);
    assert_eq!(post(&shop, "batch", foreign.encode()).await.code(), "unknown-link");
    let mut former = good.clone();
    former.head.session = SessionId::new([7; 32]);
    assert_eq!(post(&shop, "batch", former.encode()).await.code(), "session-unknown");
    let mut forged = good.clone();
    *forged.deliveries[0].0.last_mut().unwrap() ^= 1;
    assert_eq!(post(&shop, "batch", forged.encode()).await.code(), "bad-signature");
    assert_eq!(post(&shop, "batch", vec![0xff; 2_000]).await.status, 400);
    assert_eq!(post(&shop, "batch", Vec::new()).await.status, 400);
    let mut swollen = bytes.clone();
    swollen.resize((1 << 20) + 1, 0);
    assert_eq!(post(&shop, "batch", swollen).await.code(), "too-large");
    assert_eq!(post(&shop, "hello", vec![0; 300 * 1024]).await.code(), "too-large");
    assert_eq!(post_as(&shop, "batch", "application/json", bytes.clone()).await.code(), "unsupported-media");

    assert_eq!(shop.stream(), before, "nothing has changed");
    assert_eq!(post(&shop, "batch", bytes).await.status, 200, "and the real batch is taken");
    acme.running.stop().unwrap();
}

/// What this version does not serve must say so, rather than time out or answer with a page.
#[tokio::test]
async fn other_paths_and_methods_have_their_own_refusals() {
    let shop = Desk::new("Shop", 1).await;
    let client = crate::carrier::client(&shop);
    for (path, status, code) in [
        ("pull", 400, "malformed"),
        ("recover", 400, "malformed"),
        ("blob/put", 400, "malformed"),
        ("nothing", 404, "unknown-path"),
    ] {
        let answer = post(&shop, path, vec![0]).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}");
    }
    let wrong = client.get(shop.url("/deskwire/1/batch")).send().await.unwrap();
    assert_eq!(wrong.status(), 405);
    assert!(wrong.text().await.unwrap().contains("urn:deskwire:problem:wrong-method"));
}

/// A hello of somebody else, or for somebody else, opens nothing.
#[tokio::test]
async fn a_hello_that_does_not_verify_opens_no_session() {
    let (shop, acme) = scene().await;
    let hello = acme.engine.call(SayHello { link: LINK }).await.unwrap();
    let before = shop.stream();
    let mut forged = hello.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(post(&shop, "hello", forged).await.code(), "bad-signature");
    assert_eq!(shop.stream(), before);
    let answer = post(&shop, "hello", hello.clone()).await;
    let again = post(&shop, "hello", hello).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, again.body, "the same hello gets the same welcome");
    acme.running.stop().unwrap();
}
