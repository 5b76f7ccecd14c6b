//! TLS keys that change, announced or not.

use crate::support::{certificate, linked, until};

/// An operator who replaces the TLS key of a desk must not have to tell every partner.
#[tokio::test]
async fn a_new_tls_key_in_a_newer_descriptor_is_taken() {
    let (shop, acme) = linked().await;
    let mut site = acme.stop().await;
    site.tls = certificate();
    let ticket = shop.ticket("Printer").await;
    shop.delegate(ticket, Vec::new()).await;
    until("the partner is missed", || shop.trouble().is_some()).await;
    let acme = site.start().await;
    until("the offer arrived", || acme.received().is_some() && shop.is_settled()).await;
    assert_eq!(shop.trouble(), None);
    assert_eq!(shop.link().unwrap().tls()[0].as_bytes(), &acme.pin());
}

/// Somebody in between has a key of his own: nothing is sent to him, and the operator is told.
#[tokio::test]
async fn a_tls_key_that_nobody_announced_gets_nothing() {
    let (shop, acme) = linked().await;
    let site = acme.stop().await;
    let (real, impostor) = site.impostor().await;
    let ticket = shop.ticket("Printer").await;
    shop.delegate(ticket, Vec::new()).await;
    until("the operator is told", || shop.trouble().as_deref() == Some("tls-key-differs")).await;
    assert_eq!(impostor.posts(), 0, "not even a hello");
    impostor.stop().await;
    let acme = real.start().await;
    until("the real partner gets it", || acme.received().is_some() && shop.is_settled()).await;
}
