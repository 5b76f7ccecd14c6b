//! Invitations and desk ids that are wrong in every way in which they arrive.

use std::time::Duration;

use deskwire_api_types::{AddLink, InviteRequest, LinkState, TermsOffer};
use deskwire_proto::{
    id::DeskId,
    invitation::{Invitation, Secret},
    text::Url,
};
use deskwire_tests::{
    answers,
    desk::Desk,
    https,
    links::{find, link, until},
    stub::{Reply, Stub},
    world::{World, address},
};

/// Whoever holds a broken invitation must learn what to do, and no half-made link may be left behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_invitation_is_refused_in_words_and_leaves_nothing() {
    let world = World::new("a_wrong_invitation");
    let (acme, kassa, third) =
        tokio::join!(Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"), Desk::new(&world, "Third"));
    let text = invite(&kassa, None).await;
    let good: Invitation = text.parse().unwrap();
    let at = text.find('#').unwrap();
    let mut damaged = text.clone();
    let letter = if &text[at + 40..=at + 40] == "A" { "B" } else { "A" };
    damaged.replace_range(at + 40..=at + 40, letter);

    let changed = |change: &dyn Fn(&mut Invitation)| {
        let mut invitation = good.clone();
        change(&mut invitation);
        invitation.to_string()
    };
    let to = |address: &str| Url::new(format!("https://{address}")).unwrap();
    let closed = address().to_string();
    let third_id = id(&third).await;
    let impostor = impostor(&kassa).await;
    let website = saying(Reply::Answer(200, "text/html", b"<html>It works!</html>".to_vec())).await;
    let head =
        "HTTP/1.1 200 X\r\ncontent-type: application/deskwire+cbor\r\ncontent-length: 10000000000\r\n\r\n";
    let endless = saying(Reply::Raw([head.as_bytes(), &[0; 100_000]].concat())).await;
    let short = invite(&kassa, Some(1)).await;
    let withdrawn = invite(&kassa, None).await;
    kassa.client().withdraw_invitation(&secret_id(&withdrawn)).await.unwrap();
    link(&kassa, &third, TermsOffer::default()).await;
    let before = (answers::of(&acme).await, answers::of(&kassa).await);

    for (invitation, code) in [
        ("hello".to_owned(), "not-an-invitation"),
        (text[..text.len() - 30].to_owned(), "invitation-cut"),
        (damaged, "invitation-damaged"),
        (changed(&|it| it.secret = Secret::new([7; 16])), "invitation-unknown"),
        (withdrawn, "invitation-expired"),
        (changed(&|it| it.desk = third_id), "other-desk"),
        (changed(&|it| it.endpoint = to(&closed)), "connection-refused"),
        (changed(&|it| it.endpoint = to("10.11.12.13:8441")), "address-not-allowed"),
        (changed(&|it| it.endpoint = to(&impostor.0)), "tls-key-differs"),
        (changed(&|it| it.endpoint = to(&website.0)), "not-a-desk"),
        (changed(&|it| it.endpoint = to(&endless.0)), "answer-incomplete"),
    ] {
        let problem = acme.refuses(&["link", "accept", &invitation], code).await;
        assert!(problem.next.is_some(), "{problem:?} says nothing on what to do");
    }
    assert!(impostor.1.heard().iter().all(|heard| heard.what.starts_with("GET ")), "the secret was shown");
    kassa.refuses(&["link", "accept", &text], "own-invitation").await;
    third.refuses(&["link", "accept", &text], "already-linked").await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    acme.refuses(&["link", "accept", &short], "invitation-expired").await;
    answers::assert_same("at Acme", &before.0, &answers::of(&acme).await);
    let mut after = answers::of(&kassa).await;
    // That an invitation has expired meanwhile is no change that anybody made.
    after["invitations"] = before.1["invitations"].clone();
    answers::assert_same("at Kassa", &before.1, &after);

    // Used by one desk, it is good for no other.
    acme.json(&["link", "accept", &text]).await;
    let fourth = Desk::new(&world, "Fourth").await;
    fourth.refuses(&["link", "accept", &text], "invitation-used").await;
    assert!(fourth.client().links().await.unwrap().links.is_empty());
}

/// A mistyped id must never become a link with somebody else, and words that differ must stop the link.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistyped_desk_id_and_words_that_differ_are_refused() {
    let world = World::new("a_mistyped_desk_id");
    let (acme, kassa) = tokio::join!(Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"));
    let typed = kassa.client().desk().await.unwrap().id;
    let letter = if typed.starts_with('Z') { "X" } else { "Z" };
    let mistyped = format!("{letter}{}", &typed[1..]);
    let before = answers::of(&acme).await;
    let problem =
        acme.refuses(&["link", "add", &mistyped, "--endpoint", "https://127.0.0.1:1"], "invalid-value").await;
    assert!(problem.detail.contains("mistyped"), "{problem:?}");
    acme.refuses(&["id", "--check", &mistyped], "desk-id-wrong").await;
    let own = acme.client().desk().await.unwrap().id;
    acme.refuses(&["link", "add", &own], "own-desk").await;
    let bad = ["link", "add", &typed, "--endpoint", "http://127.0.0.1:1"];
    acme.refuses(&bad, "invalid-value").await;
    answers::assert_same("at Acme", &before, &answers::of(&acme).await);

    // By hand, rightly typed, on both sides.
    for (desk, partner) in [(&acme, &kassa), (&kassa, &acme)] {
        let there = partner.client().desk().await.unwrap();
        let endpoint = there.endpoints.first().cloned();
        desk.client().add_link(&AddLink { desk: there.id, endpoint, ..Default::default() }).await.unwrap();
    }
    for (desk, partner) in [(&acme, &kassa), (&kassa, &acme)] {
        until("The link by hand", async || {
            Ok(find(desk, &partner.name).await?.filter(|link| link.state == LinkState::Active))
        })
        .await;
    }
    let wrong = "zebra zebra zebra zebra zebra zebra";
    acme.refuses(&["link", "verify", "kassa", "--words", wrong], "words-differ").await;
    assert!(!find(&acme, "Kassa").await.unwrap().unwrap().verified);
    kassa.json(&["link", "verify", "acme", "--mismatch"]).await;
    assert_eq!(kassa.json(&["link", "show", "acme"]).await["state"], "closed", "somebody stands between");
}

async fn invite(desk: &Desk, expires_in_seconds: Option<u64>) -> String {
    let request = InviteRequest { expires_in_seconds, terms: None, approved: true };
    desk.client().invite(&request).await.unwrap().text.unwrap()
}

async fn id(desk: &Desk) -> DeskId {
    desk.client().desk().await.unwrap().id.parse().unwrap()
}

/// The id under which the desk that made it keeps an invitation.
fn secret_id(text: &str) -> String {
    text.parse::<Invitation>().unwrap().secret.stored_hash().to_hex()
}

/// Something else at the address of a desk.
async fn saying(reply: Reply) -> (String, Stub) {
    let at = address();
    (at.to_string(), Stub::https(at, &https::new_identity(), move |_| reply.clone()).await)
}

/// Somebody between: shows the true descriptor under another TLS key.
async fn impostor(desk: &Desk) -> (String, Stub) {
    let at = address();
    let descriptor = https::request(desk.address, "GET", "/.well-known/deskwire", "", b"").await.body;
    let stub = Stub::https(at, &https::new_identity(), move |_| Reply::signed(descriptor.clone())).await;
    (at.to_string(), stub)
}
