//! The right to be forgotten: what was written on a case goes from every desk of its chain, and no backup brings it back.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use deskwire_api_types::{
    Audience, CommentRequest, DelegateRequest, ErasureQuery, ErasureState, RelayMode, RelaySetting,
};
use deskwire_tests::{
    desk::Desk,
    links::{PATIENCE, accept, link, link_with, offer, quiet, until, within},
    world::World,
};

/// The name of somebody who wants to be forgotten.
const PERSON: &str = "Kowalewskaja";

/// So long an erasure takes at most to go down a chain of three and to come back.
const LONG: Duration = Duration::from_secs(90);

/// Fault 115: with real daemons, read back from their disks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_erased_at_the_top_is_gone_from_every_disk_and_an_older_backup_does_not_bring_it_back() {
    let world = World::new("an_erased_case");
    let (shop, mut acme, kassa) =
        tokio::join!(Desk::new(&world, "Shop"), Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"));
    link(&shop, &acme, Default::default()).await;
    link(&acme, &kassa, Default::default()).await;
    let ticket = case(&shop, &acme, &kassa).await;
    let backup = world.path("acme.tar");
    acme.json(&["backup", "--with-keys", backup.to_str().unwrap()]).await;
    for desk in [&shop, &acme, &kassa] {
        assert!(!traces(&desk.folder).is_empty(), "{} knows the person", desk.name);
    }

    let plan = shop.json(&["erase", "case", &ticket, "--basis", "gdpr-17", "--dry-run"]).await;
    assert_eq!(plan["open"][0], ticket.as_str());
    assert!(
        plan["texts"].as_array().unwrap().len() >= 3 && plan["partners"][0]["partner"] == "acme",
        "{plan}"
    );
    shop.refuses(&["erase", "case", &ticket, "--basis", "gdpr-17", "--yes"], "case-open").await;
    let ordered = shop.json(&["erase", "case", &ticket, "--basis", "gdpr-17", "--open", "--yes"]).await;
    let id = ordered["id"].as_str().unwrap();
    within(LONG, "The erasure along the chain", async || {
        let erasure = shop.client().erasure(id).await?;
        Ok((erasure.state == ErasureState::Done).then_some(()))
    })
    .await;
    for desk in [&shop, &acme, &kassa] {
        assert_eq!(traces(&desk.folder), Vec::<PathBuf>::new(), "{}", desk.name);
        assert_eq!(desk.json(&["verify"]).await["ok"], true);
        let all = desk.client().erasures(&ErasureQuery::default()).await.unwrap().erasures;
        assert!(all.iter().all(|one| one.state == ErasureState::Done), "{all:?}");
    }

    acme.kill().await;
    let (folder, list) = (world.path("restored"), acme.folder.join("erased"));
    let args = ["restore", "--erased", list.to_str().unwrap(), backup.to_str().unwrap(), "--json"];
    let restored = deskwire_tests::cli::run(&folder, &args).await.document();
    assert_eq!(restored["erased_list"], true);
    assert!(!traces(&folder).is_empty(), "the backup has it");
    let mut acme = Desk::found(folder, "Acme");
    acme.start().await;
    until("The second erasure", async || Ok(traces(&acme.folder).is_empty().then_some(()))).await;
    for desk in [&shop, &kassa] {
        quiet(LONG, desk, &acme).await;
    }
    until("Quiet after the restore", async || Ok(traces(&acme.folder).is_empty().then_some(()))).await;
    for desk in [&shop, &acme, &kassa] {
        assert_eq!(traces(&desk.folder), Vec::<PathBuf>::new(), "{}", desk.name);
    }
    assert_eq!(acme.json(&["verify"]).await["ok"], true);
}

/// The partner was away when it was to be asked, and the desk that was to ask is restored from before: only the list beside the
/// store knows what was promised.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_who_had_not_been_asked_before_a_restore_is_asked_after_it() {
    let world = World::new("asked_after_a_restore");
    let (mut shop, mut acme) = tokio::join!(Desk::new(&world, "Shop"), Desk::new(&world, "Acme"));
    link(&shop, &acme, Default::default()).await;
    let (ticket, first) = offer(&shop, "Acme", &format!("{PERSON} cannot print")).await;
    accept(&acme, &first.id).await;
    quiet(PATIENCE, &shop, &acme).await;
    let backup = world.path("shop.tar");
    shop.json(&["backup", "--with-keys", backup.to_str().unwrap()]).await;
    acme.kill().await;

    shop.json(&["erase", "case", &ticket, "--basis", "gdpr-17", "--open", "--yes"]).await;
    until("The erasure at the shop", async || Ok(traces(&shop.folder).is_empty().then_some(()))).await;
    let list = shop.folder.join("erased");
    assert!(fs::read_to_string(&list).unwrap().lines().any(|line| line.starts_with("request ")));
    shop.kill().await;
    let folder = world.path("restored");
    let args = ["restore", "--erased", list.to_str().unwrap(), backup.to_str().unwrap(), "--json"];
    let restored = deskwire_tests::cli::run(&folder, &args).await.document();
    assert_eq!(restored["erased_list"], true);
    let mut shop = Desk::found(folder, "Shop");
    acme.start().await;
    assert!(!traces(&acme.folder).is_empty());
    shop.start().await;
    within(LONG, "The erasure at the partner", async || Ok(traces(&acme.folder).is_empty().then_some(())))
        .await;
    within(LONG, "Its answer", async || {
        let all = shop.client().erasures(&ErasureQuery::default()).await?.erasures;
        let asked = all.iter().flat_map(|one| &one.asked).any(|asked| asked.done.is_some());
        Ok((asked && all.iter().all(|one| one.state == ErasureState::Done)).then_some(()))
    })
    .await;
    assert_eq!(traces(&shop.folder), Vec::<PathBuf>::new());
}

/// A case of three desks on which everybody has written of the person; its number at the first.
async fn case(shop: &Desk, acme: &Desk, kassa: &Desk) -> String {
    let setting = RelaySetting { mode: RelayMode::Automatic, named: false, sign: false };
    for partner in ["Shop", "Kassa"] {
        acme.client().set_relay(&link_with(acme, partner).await.name, &setting).await.unwrap();
    }
    let (ticket, first) = offer(shop, "Acme", &format!("{PERSON} cannot print")).await;
    let middle = accept(acme, &first.id).await.own.ticket;
    let onward = DelegateRequest { link: link_with(acme, "Kassa").await.name, ..Default::default() };
    let onward = acme.client().delegate(&middle, &onward).await.unwrap();
    let last = accept(kassa, &onward.id).await.own.ticket;
    for (desk, ticket) in [(shop, &ticket), (acme, &middle), (kassa, &last)] {
        for audience in [Audience::Thread, Audience::Internal] {
            let body = format!("{PERSON} called {}", desk.name);
            desk.client().comment(ticket, &CommentRequest { body, audience }).await.unwrap();
        }
    }
    for _ in 0..2 {
        quiet(PATIENCE, shop, acme).await;
        quiet(PATIENCE, acme, kassa).await;
    }
    ticket
}

/// The files of a folder in which the person stands.
fn traces(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            // Another database has taken the place of the one that was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.unwrap(),
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap_or_default();
            if bytes.windows(PERSON.len()).any(|window| window == PERSON.as_bytes()) {
                found.push(path);
            }
        }
    }
    found
}
