//! Desks that come back from a backup, or run twice: until lost history can be fetched, the link stops and says why.

use std::{fs, path::Path};

use deskwire_api_types::{Audience, CommentRequest, LinkState};
use deskwire_tests::{
    answers,
    cli::assert_sentence,
    desk::Desk,
    links::{PATIENCE, accept, link, link_with, offer, quiet, until},
    world::World,
};

/// A desk that was restored must not write its own lost pages a second time, differently.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_from_an_old_backup_stops_and_says_why() {
    let world = World::new("a_desk_from_an_old_backup");
    let (mut acme, kassa) = tokio::join!(Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"));
    link(&kassa, &acme, Default::default()).await;
    let (ticket, delegation) = offer(&acme, "Kassa", "Before the backup").await;
    accept(&kassa, &delegation.id).await;
    quiet(PATIENCE, &acme, &kassa).await;

    acme.stop().await;
    let (kept, lost) = (world.path("kept"), world.path("lost"));
    copy(&acme.folder, &kept);
    acme.start().await;
    let after = CommentRequest { body: "After the backup".into(), audience: Audience::Thread };
    acme.client().comment(&ticket, &after).await.unwrap();
    quiet(PATIENCE, &acme, &kassa).await;
    let held = answers::of(&kassa).await;

    acme.stop().await;
    fs::rename(&acme.folder, &lost).unwrap();
    fs::rename(&kept, &acme.folder).unwrap();
    acme.start().await;
    let told = until("The warning", async || {
        let link = link_with(&acme, "Kassa").await;
        Ok((link.state == LinkState::Paused).then_some(link.last_error).flatten())
    })
    .await;
    assert_eq!(told.code, "recovery-needed");
    assert_sentence(&told.words);

    let again = CommentRequest { body: "Another page".into(), audience: Audience::Thread };
    let said = acme.client().comment(&ticket, &again).await;
    if let Err(error) = said {
        assert_sentence(&error.to_string());
    }
    answers::assert_same("at Kassa", &held, &answers::of(&kassa).await);
    let all = held.to_string();
    assert!(all.contains("After the backup") && !all.contains("Another page"));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), target).map(drop).unwrap()
        }
    }
}
