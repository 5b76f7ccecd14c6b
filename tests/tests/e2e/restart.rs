//! What a desk answers must not depend on its index, which can be lost, wrecked or thrown away.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use deskwire_api_types::{Audience, CommentRequest, FileQuery, Reason, Resolve, StatusChange, WorkState};
use deskwire_tests::{
    answers,
    desk::Desk,
    links::{accept, link, offer, quiet},
    random::Random,
    world::World,
};

/// A desk whose index is damaged must not lose a ticket, a comment or a proof: all of it comes back from the journal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_or_damaged_view_is_rebuilt_to_the_same_answers() {
    let world = World::new("a_lost_or_damaged_view");
    let mut random = world.random();
    let (mut acme, mut kassa) = tokio::join!(Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"));
    fill(&world, &acme, &kassa).await;
    kassa.stop().await;
    let before = answers::of(&acme).await;

    acme.stop().await;
    fs::remove_dir_all(view(&acme)).unwrap();
    same(&mut acme, &before, "after the view was deleted").await;

    acme.kill().await;
    flip(&view(&acme), &mut random);
    same(&mut acme, &before, "after a kill and flipped bits in the view").await;

    acme.stop().await;
    flip(&view(&acme), &mut random);
    same(&mut acme, &before, "after a clean stop and flipped bits in the view").await;

    acme.stop().await;
    for file in files(&view(&acme)) {
        fs::write(file, b"").unwrap();
    }
    same(&mut acme, &before, "after the files of the view were emptied").await;

    // The link goes on where it was.
    kassa.start().await;
    let (_, delegation) = offer(&acme, "Kassa", "After all that").await;
    accept(&kassa, &delegation.id).await;
    quiet(Duration::from_secs(20), &acme, &kassa).await;
}

/// Damage of the journal itself must be told, never served as if nothing had happened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_journal_is_told_and_not_served() {
    let world = World::new("a_damaged_journal");
    let mut random = world.random();
    let (mut acme, kassa) = tokio::join!(Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"));
    fill(&world, &acme, &kassa).await;
    acme.stop().await;
    let segment = files(&acme.store().join("journal")).into_iter().next().expect("a journal");
    let good = fs::read(&segment).unwrap();
    let used = good.iter().rposition(|byte| *byte != 0).unwrap();
    // The end is left alone: what is damaged there is what a power cut leaves, and is cut off. Zeros fill up sectors.
    let places: Vec<usize> = (0..used * 2 / 3).filter(|place| good[*place] != 0).collect();
    for _ in 0..8 {
        let place = *random.pick(&places);
        // One bit alone is corrected.
        let bit = 0b11 << random.below(7);
        flip_one(&segment, place, bit);
        // Either it does not start, or it starts and its check finds the place.
        match acme.try_start().await {
            Err(error) => {
                assert!(error.to_string().contains("damaged"), "bit {bit} of byte {place}: {error}")
            }
            Ok(()) => {
                let said = acme.run(&["verify", "--json"]).await;
                let told = said.code == 1 && said.out.contains("verify-failed");
                assert!(told, "bit {bit} of byte {place}: {said:?}");
                acme.kill().await;
            }
        }
        flip_one(&segment, place, bit);
    }
    acme.start().await;
    assert_eq!(acme.json(&["verify"]).await["ok"], true, "the damage is gone again");
}

fn flip_one(path: &Path, place: usize, bit: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[place] ^= bit;
    fs::write(path, bytes).unwrap();
}

/// A little of everything.
async fn fill(world: &World, acme: &Desk, kassa: &Desk) {
    link(kassa, acme, Default::default()).await;
    let comment = |body: String, audience| CommentRequest { body, audience };
    for round in 0..6 {
        let (ticket, delegation) = offer(acme, "Kassa", &format!("Case {round}")).await;
        let id = delegation.id;
        let theirs = accept(kassa, &id).await.own.ticket;
        acme.client()
            .comment(&ticket, &comment(format!("inside {round}"), Audience::Internal))
            .await
            .unwrap();
        acme.client().comment(&ticket, &comment(format!("to all {round}"), Audience::Thread)).await.unwrap();
        kassa.client().comment(&theirs, &comment(format!("back {round}"), Audience::Thread)).await.unwrap();
        let file = world.path("file.txt");
        fs::write(&file, vec![b'a' + round; 5_000]).unwrap();
        let query = FileQuery { name: format!("f{round}.txt"), media: None, audience: Some("thread".into()) };
        kassa.client().attach(&theirs, &query, &file).await.unwrap();
        let status = StatusChange { state: Some(WorkState::InProgress), ..Default::default() };
        kassa.client().status(&id, &status).await.unwrap();
        match round {
            0 => drop(kassa.client().resolve(&id, &Resolve::default()).await.unwrap()),
            1 => drop(
                acme.client().recall(&id, &Reason { reason: "Enough".into(), code: None }).await.unwrap(),
            ),
            _ => {}
        }
    }
    quiet(Duration::from_secs(20), acme, kassa).await;
    files_are_here(acme).await;
}

async fn files_are_here(desk: &Desk) {
    deskwire_tests::links::until("The files", async || {
        let all = answers::of(desk).await.to_string();
        Ok((!all.contains(r#""state":"fetching""#)).then_some(()))
    })
    .await;
}

async fn same(desk: &mut Desk, before: &serde_json::Value, when: &str) {
    desk.start().await;
    answers::assert_same(when, before, &answers::of(desk).await);
    let report = desk.json(&["verify"]).await;
    assert_eq!(report["ok"], true, "{when}: {report}");
}

fn view(desk: &Desk) -> PathBuf {
    desk.store().join("view")
}

/// Flips bits all over the files of a folder.
fn flip(folder: &Path, random: &mut Random) {
    for file in files(folder) {
        let mut bytes = fs::read(&file).unwrap();
        for _ in 0..(bytes.len() / 500).clamp(1, 200) {
            if !bytes.is_empty() {
                let place = random.below(bytes.len() as u64) as usize;
                bytes[place] ^= 1 << random.below(8);
            }
        }
        fs::write(&file, bytes).unwrap();
    }
}

/// All files below a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}
