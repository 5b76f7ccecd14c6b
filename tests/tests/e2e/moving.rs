//! Desks that come back from a backup, on this machine or another.

use std::{fs, time::Duration};

use deskwire_api_types::{Audience, CommentRequest, ThreadEntry};
use deskwire_tests::{
    cli::{self, assert_sentence},
    desk::Desk,
    links::{PATIENCE, accept, link, link_with, offer, quiet, until},
    world::World,
};

/// A desk that moves to another machine must keep its identity, its links and its tickets, with one command on each side.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_moves_to_a_new_machine_with_one_command_on_each_side() {
    let world = World::new("moving");
    let (acme, mut old) = tokio::join!(Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"));
    link(&old, &acme, Default::default()).await;
    let (ticket, delegation) = offer(&acme, "Kassa", "Moving house").await;
    let theirs = accept(&old, &delegation.id).await.own.ticket;
    comment(&old, &theirs, "from the old machine").await;
    quiet(Duration::from_secs(20), &acme, &old).await;
    old.stop().await;

    let (passphrase, file) = (world.path("passphrase"), world.path("kassa.sealed"));
    fs::write(&passphrase, "seven brown boxes on a cart\n").unwrap();
    let (pass, to) = (passphrase.to_str().unwrap(), file.to_str().unwrap());
    let made = old.json(&["backup", "--with-keys", "--passphrase-file", pass, to]).await;
    let folder = world.path("new-machine");
    let found = cli::run(&folder, &["restore", "--passphrase-file", pass, to, "--json"]).await.document();
    assert_eq!(found["id"], made["id"]);
    let mut new = Desk::found(folder, "Kassa");
    new.start().await;

    comment(&new, &theirs, "from the new machine").await;
    comment(&acme, &ticket, "to the new machine").await;
    quiet(Duration::from_secs(20), &acme, &new).await;
    for (desk, ticket) in [(&acme, &ticket), (&new, &theirs)] {
        let said = comments(desk, ticket).await;
        assert_eq!(said.len(), 3, "{}: {said:?}", desk.name);
    }
    assert_eq!(new.json(&["verify"]).await["ok"], true);
}

/// A backup is taken while people work, and does not stop them; what came after it comes back from the partner.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_while_people_work_is_whole_and_its_desk_learns_the_rest_from_its_partner() {
    let world = World::new("busy_backup");
    let (acme, mut kassa) = tokio::join!(Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"));
    link(&kassa, &acme, Default::default()).await;
    let (ticket, delegation) = offer(&acme, "Kassa", "Work as usual").await;
    let theirs = accept(&kassa, &delegation.id).await.own.ticket;
    let file = world.path("busy.tar");
    let talk = async {
        for number in 0..60 {
            comment(&kassa, &theirs, &format!("kassa {number}")).await;
            comment(&acme, &ticket, &format!("acme {number}")).await;
        }
    };
    let backup = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        kassa.json(&["backup", "--with-keys", file.to_str().unwrap()]).await
    };
    let ((), made) = tokio::join!(talk, backup);
    assert!(made["group"].as_u64().unwrap() > 3);
    let checked = kassa.json(&["restore", "--dry-run", file.to_str().unwrap()]).await;
    assert_eq!(checked["group"], made["group"]);
    quiet(Duration::from_secs(20), &acme, &kassa).await;
    kassa.kill().await;

    let folder = world.path("restored");
    let restored = cli::run(&folder, &["restore", file.to_str().unwrap(), "--json"]).await;
    assert_eq!(restored.document()["group"], made["group"]);
    let mut restored = Desk::found(folder, "Kassa");
    restored.start().await;
    comment(&acme, &ticket, "are you back?").await;
    quiet(Duration::from_secs(40), &acme, &restored).await;
    let (here, there) = (comments(&acme, &ticket).await, comments(&restored, &theirs).await);
    assert_eq!(here.len(), 121);
    let sorted = |mut comments: Vec<String>| {
        comments.sort();
        comments
    };
    assert_eq!(sorted(here), sorted(there), "all of it came back, once");
}

/// A backup from before a move knows the old address alone, and so does the desk that comes back from it: partners must
/// not look for it for ever where it was in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_restored_from_before_it_moved_says_so_and_is_found_again() {
    let world = World::new("restored_from_before_a_move");
    let (acme, mut kassa) = tokio::join!(Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"));
    link(&kassa, &acme, Default::default()).await;
    let (ticket, delegation) = offer(&acme, "Kassa", "Moving house").await;
    let theirs = accept(&kassa, &delegation.id).await.own.ticket;
    quiet(PATIENCE, &acme, &kassa).await;
    let file = world.path("before.tar");
    kassa.json(&["backup", "--with-keys", file.to_str().unwrap()]).await;
    kassa.stop().await;
    let mut moved = Desk::found(kassa.folder.clone(), "Kassa");
    moved.start().await;
    comment(&moved, &theirs, "from the new address").await;
    quiet(PATIENCE, &acme, &moved).await;
    comment(&acme, &ticket, "to the new address").await;
    quiet(PATIENCE, &acme, &moved).await;
    moved.kill().await;

    let folder = world.path("restored");
    let restored = cli::run(&folder, &["restore", file.to_str().unwrap(), "--json"]).await;
    assert_eq!(restored.code, 0, "{restored:?}");
    let mut restored = Desk::found(folder, "Kassa");
    restored.set("peer", "listen", &format!("\"{}\"", kassa.address));
    restored.start().await;
    let told = until("What partners know", async || {
        let events = link_with(&restored, "Acme").await.events;
        Ok(events.into_iter().find(|event| event.code == "descriptor-newer"))
    })
    .await;
    assert_sentence(&told.words);
    restored.stop().await;
    restored.start().await;
    comment(&acme, &ticket, "to the old address again").await;
    quiet(PATIENCE, &acme, &restored).await;
    let all = ["from the new address", "to the new address", "to the old address again"];
    assert_eq!(comments(&restored, &theirs).await, all);
}

/// Two desks that moved on one day both knock where nobody lives any more: an operator names the address, and nobody else is
/// taken for the partner there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_desks_that_moved_at_once_find_each_other_by_one_command() {
    let world = World::new("both_moved");
    let (mut acme, mut kassa) = tokio::join!(Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"));
    link(&kassa, &acme, Default::default()).await;
    let (ticket, delegation) = offer(&acme, "Kassa", "Moving house").await;
    let theirs = accept(&kassa, &delegation.id).await.own.ticket;
    quiet(PATIENCE, &acme, &kassa).await;
    acme.stop().await;
    kassa.stop().await;
    let (mut acme, mut kassa) =
        (Desk::found(acme.folder.clone(), "Acme"), Desk::found(kassa.folder.clone(), "Kassa"));
    tokio::join!(acme.start(), kassa.start());
    comment(&acme, &ticket, "where are you?").await;
    comment(&kassa, &theirs, "and you?").await;
    until("The old address is tried in vain", async || {
        Ok(link_with(&acme, "Kassa").await.health.filter(|health| health.failures > 0))
    })
    .await;

    let own = format!("https://{}", acme.address);
    acme.refuses(&["link", "find", "kassa", &own], "other-desk").await;
    let there = format!("https://{}", kassa.address);
    acme.json(&["link", "find", "kassa", &there]).await;
    quiet(PATIENCE, &acme, &kassa).await;
    for (desk, ticket) in [(&acme, &ticket), (&kassa, &theirs)] {
        assert_eq!(comments(desk, ticket).await.len(), 2, "{}", desk.name);
    }
}

async fn comment(desk: &Desk, ticket: &str, body: &str) {
    let request = CommentRequest { body: body.to_owned(), audience: Audience::Thread };
    desk.client().comment(ticket, &request).await.unwrap();
}

async fn comments(desk: &Desk, ticket: &str) -> Vec<String> {
    let thread = desk.client().ticket(ticket).await.unwrap().thread;
    let comment = |entry| match entry {
        ThreadEntry::Comment(comment) => comment.body,
        _ => None,
    };
    thread.into_iter().filter_map(comment).collect()
}
