//! Desks that come back from an old backup: what they had said and heard comes back from their partners.

use std::fs;

use deskwire_api_types::{Audience, CommentRequest, DelegateRequest, Direction, LogQuery, NewTicket};
use deskwire_tests::{
    answers,
    cli::assert_sentence,
    desk::{Desk, copy},
    links::{PATIENCE, accept, link, link_with, offer, quiet, until},
    world::World,
};

/// A desk that was restored gets its own lost pages back before it writes another one, and nobody notices but its
/// operator, who is told what came back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_from_an_old_backup_gets_back_what_it_had_said_and_heard() {
    let world = World::new("a_desk_from_an_old_backup");
    let (acme, kassa) = tokio::join!(Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"));
    link(&kassa, &acme, Default::default()).await;
    restored(&world, acme, kassa).await;
}

/// The partner that holds what was lost comes by itself, as nobody can reach it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_from_an_old_backup_gets_back_what_a_desk_behind_a_router_holds() {
    let world = World::new("an_old_backup_and_a_router");
    let (acme, kassa) = tokio::join!(Desk::new(&world, "Acme"), Desk::hidden(&world, "Kassa"));
    link(&acme, &kassa, Default::default()).await;
    restored(&world, acme, kassa).await;
}

/// The restored desk is the one behind the router.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_behind_a_router_from_an_old_backup_gets_back_what_it_had_said_and_heard() {
    let world = World::new("an_old_backup_behind_a_router");
    let (acme, kassa) = tokio::join!(Desk::hidden(&world, "Acme"), Desk::new(&world, "Kassa"));
    link(&kassa, &acme, Default::default()).await;
    restored(&world, acme, kassa).await;
}

async fn restored(world: &World, mut acme: Desk, kassa: Desk) {
    let (ticket, delegation) = offer(&acme, "Kassa", "Before the backup").await;
    quiet(PATIENCE, &acme, &kassa).await;

    acme.stop().await;
    let (kept, lost) = (world.path("kept"), world.path("lost"));
    copy(&acme.folder, &kept);
    acme.start().await;
    let comment = |body: &str| CommentRequest { body: body.into(), audience: Audience::Thread };
    acme.client().comment(&ticket, &comment("After the backup")).await.unwrap();
    let (second, new) = offer(&acme, "Kassa", "Made after the backup").await;
    quiet(PATIENCE, &acme, &kassa).await;
    accept(&kassa, &delegation.id).await;
    accept(&kassa, &new.id).await;
    let theirs = kassa.client().delegation(&new.id).await.unwrap().own.ticket;
    kassa.client().comment(&theirs, &comment("We are on our way")).await.unwrap();
    quiet(PATIENCE, &acme, &kassa).await;
    let (before, held) = (told(&acme, "Kassa").await, told(&kassa, "Acme").await);

    acme.stop().await;
    fs::rename(&acme.folder, &lost).unwrap();
    fs::rename(&kept, &acme.folder).unwrap();
    acme.start().await;
    let event = until("What came back", async || {
        let events = link_with(&acme, "Kassa").await.events;
        Ok(events.into_iter().find(|event| event.code == "recovered"))
    })
    .await;
    assert_sentence(&event.words);
    assert!(event.details.iter().any(|line| line.contains(&second)), "{:?}", event.details);
    quiet(PATIENCE, &acme, &kassa).await;
    answers::assert_same("at Acme", &before, &told(&acme, "Kassa").await);
    answers::assert_same("at Kassa", &held, &told(&kassa, "Acme").await);
    let shown = serde_json::to_string(&acme.client().ticket(&second).await.unwrap()).unwrap();
    assert!(shown.contains("Made after the backup") && shown.contains("We are on our way"), "{shown}");
    let shown = serde_json::to_string(&acme.client().ticket(&ticket).await.unwrap()).unwrap();
    assert_eq!(shown.matches("After the backup").count(), 1, "{shown}");

    // Work goes on both ways.
    acme.client().comment(&second, &comment("Thank you")).await.unwrap();
    quiet(PATIENCE, &acme, &kassa).await;
    let shown = serde_json::to_string(&kassa.client().ticket(&theirs).await.unwrap()).unwrap();
    assert!(shown.contains("Thank you"), "{shown}");
}

/// The middle of a chain: its ticket comes back once, between the same two partners, and nothing goes on twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_middle_of_a_chain_from_an_old_backup_stands_between_the_same_two_again() {
    let world = World::new("the_middle_of_a_chain");
    let (shop, mut acme, kassa) =
        tokio::join!(Desk::new(&world, "Shop"), Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"));
    link(&shop, &acme, Default::default()).await;
    link(&acme, &kassa, Default::default()).await;
    acme.stop().await;
    let (kept, lost) = (world.path("kept"), world.path("lost"));
    copy(&acme.folder, &kept);
    acme.start().await;

    acme.client().new_ticket(&NewTicket { title: "Its own".into(), ..Default::default() }).await.unwrap();
    let (_, from_shop) = offer(&shop, "Acme", "Dead register").await;
    let ticket = accept(&acme, &from_shop.id).await.own.ticket;
    let link = link_with(&acme, "Kassa").await.name;
    let onward = DelegateRequest { link, ..Default::default() };
    let onward = acme.client().delegate(&ticket, &onward).await.unwrap();
    accept(&kassa, &onward.id).await;
    quiet(PATIENCE, &acme, &kassa).await;
    quiet(PATIENCE, &acme, &shop).await;
    let before = (told(&acme, "Shop").await, told(&acme, "Kassa").await, told(&kassa, "Acme").await);

    acme.stop().await;
    fs::rename(&acme.folder, &lost).unwrap();
    fs::rename(&kept, &acme.folder).unwrap();
    acme.start().await;
    for partner in ["Shop", "Kassa"] {
        until("What came back", async || {
            let events = link_with(&acme, partner).await.events;
            Ok(events.into_iter().find(|event| event.code == "recovered"))
        })
        .await;
    }
    quiet(PATIENCE, &acme, &kassa).await;
    quiet(PATIENCE, &acme, &shop).await;
    let after = (told(&acme, "Shop").await, told(&acme, "Kassa").await, told(&kassa, "Acme").await);
    answers::assert_same("with the shop", &before.0, &after.0);
    answers::assert_same("with Kassa", &before.1, &after.1);
    answers::assert_same("at Kassa", &before.2, &after.2);
    let tickets = acme.client().tickets(&Default::default()).await.unwrap().tickets;
    assert_eq!(tickets.len(), 1, "the case has one ticket; the desk's own one is gone: {tickets:?}");
    assert_eq!(tickets[0].number, ticket);
}

/// What a desk says of its delegations with a partner, and of every message both ways.
async fn told(desk: &Desk, partner: &str) -> serde_json::Value {
    let link = link_with(desk, partner).await.name;
    let mut logs = Vec::new();
    for direction in [Direction::Out, Direction::In] {
        let query = LogQuery { direction: Some(direction), limit: Some(500), ..Default::default() };
        logs.push(desk.client().log(&link, &query).await.unwrap());
    }
    let mut states = Vec::new();
    for delegation in desk.client().delegations(&Default::default()).await.unwrap().delegations {
        states.push(serde_json::json!([delegation.id, delegation.own.ticket, delegation.state]));
    }
    states.sort_by_key(ToString::to_string);
    serde_json::json!({ "logs": logs, "states": states })
}
