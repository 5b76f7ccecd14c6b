//! What lies on the disk: stores of every past program, flipped bits, damage, and the verbs for when nothing opens.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use deskwire_api_types::{Audience, CommentRequest, FileState};
use deskwire_tests::{
    answers,
    desk::Desk,
    links::{PATIENCE, accept, link, link_with, offer, quiet, until},
    world::World,
};

use crate::{files::file_is, queue::get};

/// Fault 32: whoever has used an older program keeps every ticket with the next one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_every_past_format_opens() {
    let world = World::new("a_store_of_every_past_format");
    let stores = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/stores");
    let mut archives: Vec<PathBuf> = fs::read_dir(stores)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "gz"))
        .collect();
    archives.sort();
    assert!(!archives.is_empty());
    for (number, archive) in archives.iter().enumerate() {
        let folder = world.path(&format!("format-{number}"));
        fs::create_dir(&folder).unwrap();
        let unpacked = Command::new("tar").arg("xzf").arg(archive).arg("-C").arg(&folder).status().unwrap();
        assert!(unpacked.success());
        for (name, ticket) in [("acme", "ACME-1"), ("kassa", "KASSA-1")] {
            let checked = Desk::found(folder.join(name), name);
            assert_eq!(checked.json(&["check"]).await["findings"], serde_json::json!([]), "{archive:?}");
            let mut desk = checked;
            desk.start().await;
            let shown = desk.json(&["ticket", "show", ticket]).await;
            assert_eq!(shown["ticket"]["number"], ticket, "{archive:?}: {shown}");
            assert_eq!(desk.json(&["verify"]).await["ok"], true, "{archive:?}");
            desk.stop().await;
        }
    }
}

/// Fault 31: one bit that a disk turned over costs nothing, and is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_is_told_by_check_and_corrected_by_the_next_start() {
    let world = World::new("a_flipped_bit");
    let mut acme = Desk::new(&world, "Acme").await;
    for number in 0..5 {
        acme.json(&["ticket", "new", &format!("Ticket {number}")]).await;
    }
    let before = answers::of(&acme).await;
    acme.stop().await;
    let segment = segment(&acme);
    let good = fs::read(&segment).unwrap();
    let used = good.iter().rposition(|byte| *byte != 0).unwrap();
    let places: Vec<usize> = (600..used).filter(|place| good[*place] != 0).collect();
    let place = places[places.len() / 2];
    let mut bad = good.clone();
    bad[place] ^= 4;
    fs::write(&segment, &bad).unwrap();
    let checked = acme.json(&["check"]).await;
    assert_eq!(checked["findings"][0]["code"], "journal-bit-flipped", "{checked}");
    assert!(fs::read(&segment).unwrap() == bad, "a check changes nothing");
    acme.start().await;
    answers::assert_same("after the correction", &before, &answers::of(&acme).await);
    acme.stop().await;
    assert_eq!(fs::read(&segment).unwrap()[place], good[place]);
    assert_eq!(acme.json(&["check"]).await["ok"], true);
}

/// Fault 31: larger damage is never silent, and what partners hold comes back when the desk goes on without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_with_a_damaged_journal_goes_on_with_what_its_partners_hold() {
    let world = World::new("a_desk_with_a_damaged_journal");
    let (mut acme, kassa) = tokio::join!(Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"));
    link(&kassa, &acme, Default::default()).await;
    let (ticket, delegation) = offer(&acme, "Kassa", "Before the damage").await;
    accept(&kassa, &delegation.id).await;
    quiet(PATIENCE, &acme, &kassa).await;
    let kept = fs::read(segment(&acme)).unwrap().iter().rposition(|byte| *byte != 0).unwrap();
    for number in 0..6 {
        let body = format!("Comment {number} behind the damage");
        let comment = CommentRequest { body, audience: Audience::Thread };
        acme.client().comment(&ticket, &comment).await.unwrap();
        quiet(PATIENCE, &acme, &kassa).await;
    }
    acme.refuses(&["check"], "desk-running").await;
    acme.refuses(&["rebuild"], "desk-running").await;
    acme.stop().await;
    let mut bytes = fs::read(segment(&acme)).unwrap();
    let from = (kept / 512 + 3) * 512 + 70;
    bytes[from..from + 90].fill(0x5a);
    fs::write(segment(&acme), &bytes).unwrap();

    let report = damaged(&acme).await;
    assert!(report.contains("journal-damaged") && report.contains("group"), "{report}");
    let error = acme.try_start().await.unwrap_err().to_string();
    assert!(error.contains("damaged") && error.contains("rebuild --salvage"), "{error}");
    acme.refuses(&["rebuild"], "store-journal-damaged").await;
    let planned = acme.json(&["rebuild", "--salvage", "--dry-run"]).await;
    assert_eq!(planned["salvage"]["segment"], 1, "{planned}");
    assert!(fs::read(segment(&acme)).unwrap() == bytes, "nothing was done");
    let done = acme.json(&["rebuild", "--salvage", "--yes"]).await;
    let aside = acme.store().join(done["salvage"]["aside"].as_str().unwrap());
    assert!(fs::read(aside.join("00000000000000000001.seg")).unwrap() == bytes, "nothing is thrown away");
    assert_eq!(acme.json(&["check"]).await["findings"], serde_json::json!([]));

    acme.start().await;
    until("What came back", async || {
        let events = link_with(&acme, "Kassa").await.events;
        Ok(events.into_iter().find(|event| event.code == "recovered"))
    })
    .await;
    quiet(PATIENCE, &acme, &kassa).await;
    let shown = serde_json::to_string(&acme.client().ticket(&ticket).await.unwrap()).unwrap();
    for number in 0..6 {
        assert!(shown.contains(&format!("Comment {number} behind the damage")), "{number}: {shown}");
    }
    assert_eq!(acme.json(&["verify"]).await["ok"], true);
}

/// The verbs are for the day on which nothing opens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_and_rebuild_work_when_the_desk_does_not_open() {
    let world = World::new("check_and_rebuild");
    let mut acme = Desk::new(&world, "Acme").await;
    acme.json(&["ticket", "new", "Printer"]).await;
    let before = answers::of(&acme).await;
    acme.kill().await;
    // The view in ruins, and a segment half made.
    for name in ["view/conf", "view/db"] {
        fs::write(acme.store().join(name), b"ruins").unwrap();
    }
    fs::write(acme.store().join("journal/00000000000000000002.seg.new"), b"half").unwrap();
    assert_eq!(acme.json(&["check"]).await["ok"], true);
    let rebuilt = acme.json(&["rebuild", "--from-nothing"]).await;
    assert_eq!(rebuilt["groups"], rebuilt["folded"]);
    acme.start().await;
    answers::assert_same("after the rebuild", &before, &answers::of(&acme).await);
    acme.stop().await;
    // A store of a newer program is left alone.
    fs::write(acme.store().join("format"), "deskwire-store 9\n").unwrap();
    let refused = acme.refuses(&["check"], "store-newer-format").await;
    assert!(refused.detail.contains("format 9"), "{refused:?}");
    fs::write(acme.store().join("format"), "deskwire-store 1\n").unwrap();
    fs::remove_dir_all(acme.store().join("journal")).unwrap();
    assert!(damaged(&acme).await.contains("journal-missing"));
    fs::remove_dir_all(acme.store()).unwrap();
    acme.refuses(&["check"], "store-not-a-store").await;
}

/// Fault 31: a file that the disk has damaged reaches nobody as if it were whole. What a partner sent comes back by itself,
/// one's own is told, and is there again once somebody has brought it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_31_a_damaged_file_is_refused_and_comes_back_from_the_partner() {
    let world = World::new("a_damaged_file");
    let acme = Desk::new(&world, "Acme").await;
    let kassa = Desk::new(&world, "Kassa").await;
    link(&kassa, &acme, Default::default()).await;
    let (ticket, delegation) = offer(&acme, "Kassa", "With a log").await;
    accept(&kassa, &delegation.id).await;
    let content = world.random().bytes(3 << 20);
    let path = world.path("log.bin");
    fs::write(&path, &content).unwrap();
    acme.json(&["ticket", "attach", &ticket, path.to_str().unwrap(), "--to", "kassa"]).await;
    let copy = world.path("copy.bin");
    for desk in [&kassa, &acme] {
        let file = file_is(desk, "log.bin", FileState::Here).await;
        let stored = find_blob(&desk.folder.join("store"), &file.sha256);
        let mut wrong = content.clone();
        wrong[1 << 20] ^= 8;
        fs::write(&stored, wrong).unwrap();
        let fetch = ["file", "get", &file.id, "-o", copy.to_str().unwrap()];
        let problem = desk.refuses(&fetch, "file-damaged").await;
        assert!(problem.detail.contains("log.bin") && !copy.exists(), "{problem:?}");
        until("the finding", async || {
            let page = get(desk, "/metrics").await;
            Ok(page.contains("deskwire_desk_events{code=\"file-damaged\"} 1").then_some(()))
        })
        .await;
        if desk.name == "Acme" {
            desk.refuses(&fetch, "file-damaged").await;
            fs::write(&stored, &content).unwrap();
        } else {
            until("the file once more", async || {
                Ok(fs::read(&stored).is_ok_and(|bytes| bytes == content).then_some(()))
            })
            .await;
            file_is(desk, "log.bin", FileState::Here).await;
        }
        desk.json(&fetch).await;
        assert!(fs::read(&copy).unwrap() == content, "{}", desk.name);
        fs::remove_file(&copy).unwrap();
    }
}

/// Where the bytes of a file lie in a store.
fn find_blob(store: &Path, sha256: &str) -> PathBuf {
    let path = store.join("blobs").join(&sha256[..2]).join(&sha256[2..4]).join(sha256);
    assert!(path.exists(), "{path:?}");
    path
}

/// What a check says that finds damage: with exit code 1, to a program and to a person.
async fn damaged(desk: &Desk) -> String {
    let human = desk.run(&["check"]).await;
    let said = desk.run(&["check", "--json"]).await;
    assert_eq!((human.code, said.code), (1, 1), "{human:?} {said:?}");
    assert!(said.out.contains("\"store-damaged\""), "{said:?}");
    assert!(human.out.contains("damaged") || human.out.contains("missing"), "{human:?}");
    said.out
}

fn segment(desk: &Desk) -> PathBuf {
    desk.store().join("journal/00000000000000000001.seg")
}
