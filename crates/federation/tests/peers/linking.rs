//! How two desks come together, and what keeps strangers out.

use deskwire_engine::command::link::Expect;
use deskwire_engine::{Fault, Partner};
use deskwire_proto::terms::Terms;

use crate::carrier::{client, post};
use crate::support::{Desk, LINK, linked, until};

/// An invitation that was approved beforehand must lead to a link that both sides call active, under one id.
#[tokio::test]
async fn an_invitation_links_two_desks_at_once() {
    let (shop, acme) = linked().await;
    let (ours, theirs) = (shop.link().unwrap(), acme.link().unwrap());
    assert_eq!(ours.row.link, theirs.row.link);
    assert_eq!((ours.desk(), theirs.desk()), (acme.id(), shop.id()));
    until("both have said hello", || shop.has_welcomed() && acme.has_welcomed()).await;
}

/// Without approval nothing may flow; with it, the other side must learn of it by itself.
#[tokio::test]
async fn an_unapproved_link_waits_for_the_operator_of_the_inviter() {
    let (shop, acme) = (Desk::new("Shop", 1).await, Desk::new("Acme", 2).await);
    let invitation = shop.invite(false, None).await;
    acme.accept(&invitation).await.unwrap();
    assert!(!acme.is_active() && shop.link().is_some(), "the reveal has come, the approval has not");
    shop.approve().await;
    until("the inviter's hello tells the accepter", || acme.is_active()).await;
}

/// Whoever finds an old invitation in a mailbox must not get a link with it, and must learn why.
#[tokio::test]
async fn used_expired_own_and_unknown_invitations_are_refused() {
    let (shop, acme) = linked().await;
    let other = Desk::new("Other", 3).await;
    let used = shop.invite(true, None).await;
    other.accept(&used).await.unwrap();
    let late = Desk::new("Late", 4).await;
    assert_eq!(late.accept(&used).await.unwrap_err().code, "invitation-used");
    let expired = shop.invite(true, Some(0)).await;
    until("it has expired", || late.engine.now().0 > 0).await;
    let refusal = late.accept(&expired).await.unwrap_err();
    assert_eq!((refusal.code, refusal.fault), ("invitation-expired", Fault::Conflict));
    let fresh = shop.invite(true, None).await;
    assert_eq!(shop.accept(&fresh).await.unwrap_err().code, "own-invitation");
    assert_eq!(acme.accept(&fresh).await.unwrap_err().code, "already-linked");
    assert!(late.link().is_none());
}

/// A person must learn at once when nobody is there, and try again with the same invitation later.
#[tokio::test]
async fn an_invitation_survives_a_desk_that_is_down() {
    let (shop, acme) = (Desk::new("Shop", 1).await, Desk::new("Acme", 2).await);
    let invitation = shop.invite(true, None).await;
    let site = shop.stop().await;
    let refusal = acme.accept(&invitation).await.unwrap_err();
    assert_eq!(refusal.code, "connection-refused", "{refusal}");
    let shop = site.start().await;
    acme.accept(&invitation).await.unwrap();
    until("both links are active", || shop.is_active() && acme.is_active()).await;
}

fn expect(desk: &Desk) -> Expect {
    Expect { desk: desk.id(), endpoint: Some(desk.endpoint()), name: None, terms: Terms::default() }
}

fn agree(shop: &Desk, acme: &Desk) -> bool {
    let same =
        |one: &Partner, other: &Partner| one.row.link == other.row.link && one.row.side != other.row.side;
    let both = shop.link().zip(acme.link());
    shop.is_active() && acme.is_active() && both.is_some_and(|(one, other)| same(&one, &other))
}

/// Two operators who exchanged ids by telephone must not need an invitation, whoever types first.
#[tokio::test]
async fn two_desks_added_by_hand_link_when_both_are() {
    let (shop, acme) = (Desk::new("Shop", 1).await, Desk::new("Acme", 2).await);
    shop.run(expect(&acme)).await.unwrap();
    let asked = || shop.engine.reader().expected().unwrap().first().and_then(|(_, row)| row.trouble.clone());
    until("the first has asked in vain", || asked().is_some()).await;
    assert_eq!(asked().unwrap().code.as_str(), "not-expected");
    acme.run(expect(&shop)).await.unwrap();
    shop.federation.linker().ask(acme.id());
    until("both links are active and the same", || agree(&shop, &acme)).await;
}

/// Requests that cross must lead to one link, not to two halves of two.
#[tokio::test]
async fn two_desks_that_ask_at_the_same_moment_make_one_link() {
    for round in 0..8 {
        let (shop, acme) = (Desk::new("Shop", 1 + round).await, Desk::new("Acme", 100 + round).await);
        let (one, other) = tokio::join!(shop.run(expect(&acme)), acme.run(expect(&shop)));
        one.and(other).unwrap();
        for _ in 0..3 {
            shop.federation.linker().ask(acme.id());
            acme.federation.linker().ask(shop.id());
            tokio::task::yield_now().await;
        }
        until("both links are active and the same", || agree(&shop, &acme)).await;
    }
}

/// Guessing must be slow, and a flood of guesses must not keep the descriptor from those who need it.
#[tokio::test]
async fn requests_to_link_that_fail_are_slowed_down() {
    let shop = Desk::new("Shop", 1).await;
    let mut codes = Vec::new();
    for _ in 0..12 {
        codes.push(post(&shop, "link/request", vec![0x84]).await.code());
    }
    assert_eq!(codes[..10], vec!["not-deterministic"; 10]);
    assert_eq!(codes[10..], ["rate-limited", "rate-limited"]);
    let document = client(&shop).get(shop.url("/.well-known/deskwire")).send().await.unwrap();
    assert_eq!(document.headers()["content-type"], "application/deskwire+cbor");
    assert_eq!(document.bytes().await.unwrap(), shop.engine.identity().descriptor().raw());
}

/// A link that exists is found again after a restart of either side.
#[tokio::test]
async fn a_link_survives_restarts() {
    let (shop, acme) = linked().await;
    let (shop, acme) = (shop.stop().await, acme.stop().await);
    let (shop, acme) = (shop.start().await, acme.start().await);
    let ticket = shop.ticket("Printer").await;
    shop.delegate(ticket, Vec::new()).await;
    until("the offer arrived and was receipted", || acme.received().is_some() && shop.is_settled()).await;
    assert_eq!(shop.link().unwrap().no, LINK);
}

/// An invitation must not make this desk knock at its own back office.
#[tokio::test]
async fn an_invitation_to_an_inside_address_is_not_followed() {
    let shop = Desk::new("Shop", 1).await;
    let careful = Desk::careful("Acme", 2).await;
    let invitation = shop.invite(true, None).await;
    let refusal = careful.accept(&invitation).await.unwrap_err();
    assert_eq!(refusal.code, "address-not-allowed", "{refusal}");
    assert!(refusal.next.contains("deskwire.toml"), "{refusal:?}");
}
