//! Partners that cannot be reached, or that are somebody else: told to the person who waits, and served when they are back.

use std::time::{Duration, Instant};

use deskwire_api_types::{Audience, CommentRequest, DeliveryState, LinkState, ThreadEntry};
use deskwire_tests::{
    cli::assert_sentence,
    desk::Desk,
    https::{identity_of, new_identity},
    links::{accept, link, link_with, offer, quiet, until},
    stub::{Reply, Stub},
    world::{World, address, say},
};

/// How long a partner that is back may have to wait for the first delivery: the first pause of the schedule, and a little.
const BACK: Duration = Duration::from_secs(6);

/// Whoever writes to a partner that is down must see that it has not arrived, and must not have to do anything about it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_that_is_down_is_told_and_served_when_it_is_back() {
    let world = World::new("a_partner_that_is_down");
    let (mut acme, mut kassa) = tokio::join!(Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"));
    link(&kassa, &acme, Default::default()).await;
    let (ticket, delegation) = offer(&acme, "Kassa", "Is anybody there").await;
    accept(&kassa, &delegation.id).await;
    quiet(Duration::from_secs(20), &acme, &kassa).await;
    kassa.kill().await;

    let comment = CommentRequest { body: "Are you there?".into(), audience: Audience::Thread };
    acme.client().comment(&ticket, &comment).await.unwrap();
    told(&acme, "Kassa", "connection-refused").await;
    assert!(matches!(state(&acme, &ticket).await, DeliveryState::Waiting | DeliveryState::Sent));
    let shown = acme.run(&["link", "show", "kassa"]).await;
    assert!(shown.out.contains("Deskwire goes on trying"), "{shown:?}");

    // What waits also waits over a restart of this side.
    acme.stop().await;
    acme.start().await;
    assert!(matches!(state(&acme, &ticket).await, DeliveryState::Waiting | DeliveryState::Sent));

    let begun = Instant::now();
    kassa.start().await;
    until("The delivery", async || {
        Ok((state(&acme, &ticket).await == DeliveryState::Delivered).then_some(()))
    })
    .await;
    let took = begun.elapsed();
    say(&format!("delivered {:.1} s after the partner was started again", took.as_secs_f64()));
    assert!(took < BACK, "it took {took:?}");
    assert_eq!(link_with(&acme, "Kassa").await.last_error, None);
}

/// Nothing may be said to whoever took a partner's place, and one bad partner must not hold up the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_stands_in_a_partners_place_is_told_and_hears_nothing() {
    let world = World::new("whoever_stands");
    let acme = Desk::new(&world, "Acme").await;
    let mut cases = Vec::new();
    for name in ["Otherkey", "Garbage", "Website", "Failing", "Redirect", "Silent", "Slow"] {
        let desk = Desk::new(&world, name).await;
        link(&acme, &desk, Default::default()).await;
        let (ticket, delegation) = offer(&acme, name, "Something").await;
        accept(&desk, &delegation.id).await;
        quiet(Duration::from_secs(20), &acme, &desk).await;
        cases.push((desk, ticket));
    }
    let good = Desk::new(&world, "Good").await;
    link(&acme, &good, Default::default()).await;

    let html = || Reply::Answer(200, "text/html", b"<html>It works!</html>".to_vec());
    let failing = || Reply::Answer(502, "text/html", b"<html>Bad gateway</html>".to_vec());
    let elsewhere = address();
    let target = Stub::https(elsewhere, &new_identity(), move |_| html()).await;
    let moved =
        format!("HTTP/1.1 307 X\r\nlocation: https://{elsewhere}/\r\ncontent-length: 0\r\n\r\n").into_bytes();
    let mut stubs = Vec::new();
    for (desk, ticket) in &mut cases {
        desk.kill().await;
        let (at, own) = (desk.address, identity_of(&desk.folder));
        stubs.push(match desk.name.as_str() {
            "Otherkey" => Stub::https(at, &new_identity(), move |_| html()).await,
            "Garbage" => Stub::garbled(at, b"\x00\xff\x15\x03SSH-2.0-nonsense\r\n\r\n").await,
            "Website" => Stub::https(at, &own, move |_| html()).await,
            "Failing" => Stub::https(at, &own, move |_| failing()).await,
            "Redirect" => {
                let moved = moved.clone();
                Stub::https(at, &own, move |_| Reply::Raw(moved.clone())).await
            }
            "Silent" => Stub::silent(at).await,
            _ => Stub::https(at, &own, |_| Reply::Silence).await,
        });
        // With the address of somebody who must not be called because of it.
        let body = format!("See https://{elsewhere}/ and ![](https://{elsewhere}/image.png)");
        let secret = CommentRequest { body, audience: Audience::Thread };
        acme.client().comment(ticket, &secret).await.unwrap();
    }

    // While all of these hang, the good partner is served.
    let begun = Instant::now();
    let (_, delegation) = offer(&acme, "Good", "And quickly").await;
    accept(&good, &delegation.id).await;
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(3), "the good partner had to wait {took:?}");

    for (name, code) in [
        ("Otherkey", "tls-key-differs"),
        ("Garbage", "tls-failed"),
        ("Website", "not-a-desk"),
        ("Failing", "peer-failure"),
        ("Redirect", "not-a-desk"),
        ("Silent", "connect-timeout"),
    ] {
        told(&acme, name, code).await;
    }
    for (stub, (desk, _)) in stubs.iter().zip(&cases) {
        for heard in stub.heard() {
            let public = heard.what == "GET /.well-known/deskwire";
            assert!(public || desk.name != "Otherkey", "{} was sent to whoever has another key", heard.what);
        }
    }
    drop(stubs);
    for (desk, ticket) in &mut cases {
        desk.start().await;
        until(&format!("The delivery to {}", desk.name), async || {
            Ok((state(&acme, ticket).await == DeliveryState::Delivered).then_some(()))
        })
        .await;
    }
    assert_eq!(target.connections(), 0, "a redirect was followed, or a link in a comment");
}

/// Waits until the link says what is wrong, in words, without having been given up.
async fn told(desk: &Desk, partner: &str, code: &str) {
    let trouble = until(&format!("{code} of {partner}"), async || {
        let link = link_with(desk, partner).await;
        assert_eq!(link.state, LinkState::Active, "unreachable is not refused");
        Ok(link.last_error.filter(|trouble| trouble.code == code))
    })
    .await;
    assert_sentence(&trouble.words);
}

/// How far the newest own comment of a ticket has come.
async fn state(desk: &Desk, ticket: &str) -> DeliveryState {
    let thread = desk.client().ticket(ticket).await.unwrap().thread;
    let newest = thread.into_iter().rev().find_map(|entry| match entry {
        ThreadEntry::Comment(comment) => comment.deliveries.into_iter().next(),
        ThreadEntry::File(_) | ThreadEntry::Event(_) => None,
    });
    newest.expect("a comment for a partner").state
}
