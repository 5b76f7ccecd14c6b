//! What people write arrives, once, in order, in both directions, also when a side was away.

use deskwire_engine::Fault;
use deskwire_engine::command::act::Action;
use deskwire_machine::retry::Retry;
use deskwire_proto::endpoint::Endpoint;
use deskwire_proto::text::Url;
use deskwire_store::row::LinkState;

use crate::support::{Answers, LINK, PATIENCE, linked, until};

/// The work of two help desks: an offer, its acceptance, comments to and fro, each with a receipt.
#[tokio::test]
async fn an_offer_and_comments_flow_both_ways() {
    let (shop, acme) = linked().await;
    let ticket = shop.ticket("Printer").await;
    shop.delegate(ticket, Vec::new()).await;
    until("the offer arrives", || acme.received().is_some()).await;
    let (theirs, delegation) = acme.received().unwrap();
    acme.act(delegation, Action::Accept).await;
    shop.comment(ticket, "It smokes.").await;
    acme.comment(theirs, "Switch it off.").await;
    until("both have both comments", || shop.comments(ticket) == 2 && acme.comments(theirs) == 2).await;
    until("both have receipts", || shop.is_settled() && acme.is_settled()).await;
    let (sent, taken) = (shop.federation.numbers(), acme.federation.numbers());
    assert!(sent.receipts_taken > 0 && taken.batches_taken > 0, "{sent:?} {taken:?}");
}

/// A burst of many messages must come through several batches in flight, none lost and none doubled.
#[tokio::test]
async fn a_burst_larger_than_one_batch_arrives_whole() {
    let (shop, acme) = linked().await;
    let ticket = shop.ticket("Printer").await;
    shop.delegate(ticket, Vec::new()).await;
    for n in 0..600 {
        shop.comment(ticket, &format!("Line {n}")).await;
    }
    until("everything has a receipt", || shop.is_settled() && shop.stream().acked == 601).await;
    assert_eq!(acme.stream().in_length, 601);
    assert_eq!(acme.stream().in_head, shop.stream().out_head);
}

/// A partner that was away must get what waited within seconds of coming back: it says hello, and that is heard.
#[tokio::test]
async fn a_partner_that_comes_back_gets_what_waited() {
    let (shop, acme) = linked().await;
    let site = acme.stop().await;
    let ticket = shop.ticket("Printer").await;
    shop.delegate(ticket, Vec::new()).await;
    until("the trouble is told", || shop.trouble().as_deref() == Some("connection-refused")).await;
    let row = shop.link().unwrap().row.clone();
    assert!(row.retry.attempt > 0 && row.state == LinkState::Active, "unreachable is not refused");
    let acme = site.start().await;
    until("the offer arrived", || acme.received().is_some() && shop.is_settled()).await;
    assert_eq!(shop.trouble(), None);
    let Retry { attempt, .. } = shop.link().unwrap().row.retry;
    assert_eq!(attempt, 0, "the schedule began again");
}

/// A partner that does not know the link any more must stop the sending at once, and the operator must see why.
#[tokio::test]
async fn a_refusal_quarantines_and_the_next_hello_of_the_partner_ends_it() {
    let (shop, acme) = linked().await;
    let site = acme.stop().await;
    // Before the stranger is there: over a link that it has refused already, nothing can be handed on.
    let ticket = shop.ticket("Printer").await;
    shop.delegate(ticket, Vec::new()).await;
    let stranger = site.without_its_store().start().await;
    let quarantined = || matches!(shop.link().unwrap().row.state, LinkState::Quarantined(_));
    until("the link is quarantined", quarantined).await;
    assert_eq!(shop.trouble().as_deref(), Some("unknown-link"));
    let acme = stranger.stop().await.with_its_store_again().start().await;
    until("the hello of the real desk ended it", || acme.received().is_some() && shop.is_settled()).await;
    assert_eq!(shop.engine.reader().partner(LINK).unwrap().unwrap().row.state, LinkState::Active);
}

/// A receipt that anybody could have made proves nothing: what it speaks of is sent again, and not doubled.
#[tokio::test]
async fn a_forged_receipt_does_not_count_as_delivery() {
    let (shop, acme) = linked().await;
    let mut site = acme.stop().await;
    site.answers = Answers::Forged;
    let acme = site.start().await;
    let ticket = shop.ticket("Printer").await;
    shop.delegate(ticket, Vec::new()).await;
    until("the operator is told", || shop.trouble().as_deref() == Some("answer-unverified")).await;
    assert_eq!((shop.stream().acked, acme.stream().in_length), (0, 1));
    let mut site = acme.stop().await;
    site.answers = Answers::Whole;
    let acme = site.start().await;
    until("a real receipt came", || shop.is_settled()).await;
    assert_eq!(acme.stream().in_length, 1);
}

/// A receipt that is lost on its way must be given again for the same message.
#[tokio::test]
async fn a_lost_receipt_is_given_again() {
    let (shop, acme) = linked().await;
    let mut site = acme.stop().await;
    site.answers = Answers::Lost;
    let acme = site.start().await;
    let ticket = shop.ticket("Printer").await;
    shop.delegate(ticket, Vec::new()).await;
    until("the operator is told", || shop.trouble().as_deref() == Some("peer-failure")).await;
    assert_eq!((shop.stream().acked, acme.stream().in_length), (0, 1));
    let mut site = acme.stop().await;
    site.answers = Answers::Whole;
    let acme = site.start().await;
    until("the receipt came", || shop.is_settled()).await;
    assert_eq!(acme.stream().in_length, 1);
}

/// A desk that moved to another address must be found there without anybody telling its partners.
#[tokio::test]
async fn a_partner_that_moved_is_followed() {
    let (shop, acme) = linked().await;
    let (before, mut site) = (acme.endpoint(), acme.stop().await);
    site.move_away();
    let acme = site.start().await;
    assert_ne!(acme.endpoint(), before);
    until("its hello brought the new address", || shop.link().unwrap().endpoints() == [acme.endpoint()])
        .await;
    let ticket = shop.ticket("Printer").await;
    shop.delegate(ticket, Vec::new()).await;
    until("the offer arrived", || acme.received().is_some() && shop.is_settled()).await;
}

/// Else both stand for good at doors where nobody lives any more, and the link has to be made anew.
#[tokio::test]
async fn two_desks_that_both_moved_find_each_other_by_an_address_that_one_operator_names() {
    let (shop, acme) = linked().await;
    let ticket = shop.ticket("Printer").await;
    let (mut ours, mut theirs) = (shop.stop().await, acme.stop().await);
    ours.move_away();
    theirs.move_away();
    let (shop, acme) = (ours.start().await, theirs.start().await);
    shop.delegate(ticket, Vec::new()).await;
    until("the old address is tried in vain", || shop.trouble().is_some()).await;

    let named = |url: Url| Endpoint::try_from(&url).unwrap();
    let own = shop.federation.linker().find(LINK, named(shop.endpoint())).await.unwrap_err();
    assert_eq!((own.code, own.fault), ("other-desk", Fault::Partner));
    let nobody = named(Url::new("https://127.0.0.1:1").unwrap());
    let refusal = shop.federation.linker().find(LINK, nobody).await.unwrap_err();
    assert_eq!((refusal.code, refusal.fault), ("connection-refused", Fault::Partner));
    assert!(acme.received().is_none());

    shop.federation.linker().find(LINK, named(acme.endpoint())).await.unwrap();
    until("the offer arrived", || acme.received().is_some() && shop.is_settled()).await;
    let (_, delegation) = acme.received().unwrap();
    acme.act(delegation, Action::Accept).await;
    until("the other desk has learned the address too", || acme.is_settled()).await;
}

/// Whoever answers under an address that a person mistyped or was told must not be taken for the partner.
#[tokio::test]
async fn a_named_address_where_somebody_shows_an_old_descriptor_under_another_key_is_not_taken() {
    let (shop, acme) = linked().await;
    let endpoint = Endpoint::try_from(&acme.endpoint()).unwrap();
    let (_site, impostor) = acme.stop().await.impostor().await;
    let refusal = shop.federation.linker().find(LINK, endpoint).await.unwrap_err();
    assert_eq!((refusal.code, refusal.fault), ("tls-key-differs", Fault::Partner));
    assert_eq!(impostor.posts(), 0, "nothing was sent there");
    impostor.stop().await;
}

/// A partner whose machine hangs must neither keep this desk from stopping nor be taken for one that refuses.
#[tokio::test]
async fn a_partner_that_hangs_does_not_hold_up_the_stop() {
    let (shop, acme) = linked().await;
    let site = acme.stop().await;
    let hung = site.hang().await;
    let ticket = shop.ticket("Printer").await;
    shop.delegate(ticket, Vec::new()).await;
    let accepted = tokio::time::timeout(PATIENCE, hung.accept()).await;
    let _connection = accepted.expect("the courier calls").unwrap();
    let stopped = tokio::time::timeout(PATIENCE, shop.stop()).await;
    let shop = stopped.expect("the stop is not held up").start().await;
    assert_eq!(shop.link().unwrap().row.state, LinkState::Active);
}
