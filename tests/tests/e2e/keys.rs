//! Keys that are changed while work is open: partners notice nothing but a line for their operators, and a thief loses.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use deskwire_api_types::{Audience, CommentRequest, DelegationState, Resolve};
use deskwire_tests::{
    cli,
    desk::Desk,
    links::{PATIENCE, accept, link, link_with, offer, quiet, until},
    world::World,
};

fn comment(body: &str) -> CommentRequest {
    CommentRequest { body: body.into(), audience: Audience::Thread }
}

/// A desk whose recovery words are in a file.
async fn with_words(world: &World, name: &str) -> (Desk, String) {
    let (folder, words) = (world.path(&name.to_lowercase()), world.path(&format!("{name}.words")));
    let words = words.to_str().unwrap().to_owned();
    let made = cli::run(
        &folder,
        &["init", "--name", name, "--listen", "127.0.0.1:8441", "--recovery-file", &words, "--json"],
    )
    .await;
    assert_eq!(made.code, 0, "{made:?}");
    let mut desk = Desk::found(folder, name);
    desk.start().await;
    (desk, words)
}

fn path(world: &World, name: &str) -> String {
    world.path(name).to_str().unwrap().to_owned()
}

async fn thread_of(desk: &Desk, ticket: &str) -> String {
    serde_json::to_string(&desk.client().ticket(ticket).await.unwrap()).unwrap()
}

async fn told(desk: &Desk, partner: &str, code: &str) {
    until(&format!("{code} at {}", desk.name), async || {
        Ok(link_with(desk, partner).await.events.into_iter().find(|event| event.code == code))
    })
    .await;
}

/// The key of a desk is changed with its words while work is open and messages wait on both sides: nothing is lost or
/// doubled, and the desk stays who it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_changed_with_work_open_and_comments_on_their_way() {
    let world = World::new("a_key_is_changed");
    let ((mut acme, words), kassa) = tokio::join!(with_words(&world, "Acme"), Desk::new(&world, "Kassa"));
    link(&kassa, &acme, Default::default()).await;
    let (ticket, delegation) = offer(&acme, "Kassa", "Dead cash register").await;
    let theirs = accept(&kassa, &delegation.id).await.own.ticket;
    acme.client().comment(&ticket, &comment("It smells burnt")).await.unwrap();
    quiet(PATIENCE, &acme, &kassa).await;
    let before = acme.json(&["key", "show"]).await;

    let next = path(&world, "next.words");
    let rotate = ["key", "rotate", "--words", &words, "--recovery-file", &next];
    acme.refuses(&rotate, "desk-running").await;
    acme.client().comment(&ticket, &comment("And it beeps")).await.unwrap();
    acme.stop().await;
    kassa.client().comment(&theirs, &comment("On our way")).await.unwrap();
    // Words on the command line are no words, and wrong ones change nothing.
    let wrong = path(&world, "wrong.words");
    fs::write(&wrong, "abandon ".repeat(24)).unwrap();
    acme.refuses(
        &["key", "rotate", "--words", &wrong, "--recovery-file", &next],
        "recovery-words-unreadable",
    )
    .await;
    let done = acme.json(&rotate).await;
    assert_ne!(done["key_id"], before["key_id"]);
    assert_eq!(done["desk"], before["desk"]);
    assert_eq!(fs::metadata(&next).unwrap().permissions().mode() & 0o777, 0o600);
    acme.start().await;
    told(&kassa, "Acme", "key-changed").await;
    quiet(PATIENCE, &acme, &kassa).await;
    for desk in [(&acme, &ticket), (&kassa, &theirs)] {
        let shown = thread_of(desk.0, desk.1).await;
        for said in ["It smells burnt", "And it beeps", "On our way"] {
            assert_eq!(shown.matches(said).count(), 1, "{said} at {}: {shown}", desk.0.name);
        }
    }
    kassa.client().resolve(&delegation.id, &Resolve::default()).await.unwrap();
    quiet(PATIENCE, &acme, &kassa).await;
    assert_eq!(acme.client().delegation(&delegation.id).await.unwrap().state, DelegationState::Resolved);
    let report = acme.json(&["verify"]).await;
    assert_eq!(report["problems"].as_array().map(Vec::len), Some(0), "{report}");
}

/// A key changes while the partner holds a request open for what this desk says, and the key of that partner, which nobody
/// can reach, changes as well: nothing is lost or doubled either way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_change_on_both_sides_of_a_router_while_the_partner_asks() {
    let world = World::new("keys_change_behind_a_router");
    let ((mut acme, words), (mut kassa, hidden)) =
        tokio::join!(with_words(&world, "Acme"), with_words(&world, "Kassa"));
    kassa.stop().await;
    kassa.hide(true);
    kassa.start().await;
    link(&acme, &kassa, Default::default()).await;
    let (ticket, delegation) = offer(&acme, "Kassa", "Dead cash register").await;
    let theirs = accept(&kassa, &delegation.id).await.own.ticket;
    quiet(PATIENCE, &acme, &kassa).await;

    acme.client().comment(&ticket, &comment("Said under the first key")).await.unwrap();
    acme.stop().await;
    kassa.client().comment(&theirs, &comment("While it was away")).await.unwrap();
    let next = path(&world, "acme.next");
    acme.json(&["key", "rotate", "--words", &words, "--recovery-file", &next]).await;
    acme.start().await;
    acme.client().comment(&ticket, &comment("Said under the second key")).await.unwrap();
    told(&kassa, "Acme", "key-changed").await;
    quiet(PATIENCE, &acme, &kassa).await;

    kassa.client().comment(&theirs, &comment("Asked under the first key")).await.unwrap();
    kassa.stop().await;
    acme.client().comment(&ticket, &comment("While nobody asked")).await.unwrap();
    let next = path(&world, "kassa.next");
    kassa.json(&["key", "rotate", "--words", &hidden, "--recovery-file", &next]).await;
    kassa.start().await;
    kassa.client().comment(&theirs, &comment("Asked under the second key")).await.unwrap();
    told(&acme, "Kassa", "key-changed").await;
    quiet(PATIENCE, &acme, &kassa).await;
    for (desk, ticket) in [(&acme, &ticket), (&kassa, &theirs)] {
        let shown = thread_of(desk, ticket).await;
        for said in [
            "Said under the first key",
            "While it was away",
            "Said under the second key",
            "Asked under the first key",
            "While nobody asked",
            "Asked under the second key",
        ] {
            assert_eq!(shown.matches(said).count(), 1, "{said} at {}: {shown}", desk.name);
        }
    }
    kassa.client().resolve(&delegation.id, &Resolve::default()).await.unwrap();
    quiet(PATIENCE, &acme, &kassa).await;
    assert_eq!(acme.client().delegation(&delegation.id).await.unwrap().state, DelegationState::Resolved);
    for desk in [&acme, &kassa] {
        let report = desk.json(&["verify"]).await;
        assert_eq!(report["problems"].as_array().map(Vec::len), Some(0), "{report}");
    }
}

/// The owner changes the key on a machine without a network; the desk takes it with the words alone, and a partner that
/// is shown the key log first takes nothing more of the old key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_changed_on_another_machine_and_brought() {
    let world = World::new("a_key_is_brought");
    let ((mut acme, words), kassa) = tokio::join!(with_words(&world, "Acme"), Desk::new(&world, "Kassa"));
    link(&kassa, &acme, Default::default()).await;
    let (ticket, delegation) = offer(&acme, "Kassa", "Dead cash register").await;
    accept(&kassa, &delegation.id).await;
    quiet(PATIENCE, &acme, &kassa).await;
    let (log, newer, next) = (path(&world, "acme.keylog"), path(&world, "newer"), path(&world, "next"));
    acme.json(&["key", "export", "--out", &log]).await;
    let elsewhere = world.path("elsewhere");
    let offline = [
        "key",
        "rotate",
        "--offline",
        "--key-log",
        &log,
        "--out",
        &newer,
        "--words",
        &words,
        "--recovery-file",
        &next,
        "--json",
    ];
    let made = cli::run(&elsewhere, &offline).await.document();
    assert_eq!(made["keys"], 2);
    assert!(!elsewhere.exists(), "nothing of a desk is needed there");

    assert_eq!(kassa.json(&["key", "import", &newer]).await["outcome"], "newer");
    assert_eq!(kassa.json(&["key", "import", &newer]).await["outcome"], "known");
    acme.client().comment(&ticket, &comment("Said while the old key was shut out")).await.unwrap();
    acme.stop().await;
    acme.refuses(&["key", "import", &newer, "--words", &next], "recovery-words-wrong").await;
    acme.json(&["key", "import", &newer, "--words", &words]).await;
    acme.start().await;
    quiet(PATIENCE, &acme, &kassa).await;
    let theirs = kassa.client().delegation(&delegation.id).await.unwrap().own.ticket;
    assert!(thread_of(&kassa, &theirs).await.contains("Said while the old key was shut out"));
}

/// Somebody who stole folder and key speaks as the desk. The owner changes the key: what the thief said is kept at both
/// desks and has no effect, and the thief is heard no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stolen_key_speaks_and_is_disowned() {
    let world = World::new("a_stolen_key_speaks");
    let ((mut acme, words), kassa) = tokio::join!(with_words(&world, "Acme"), Desk::new(&world, "Kassa"));
    link(&kassa, &acme, Default::default()).await;
    let (_, delegation) = offer(&acme, "Kassa", "Dead cash register").await;
    let theirs = accept(&kassa, &delegation.id).await.own.ticket;
    quiet(PATIENCE, &acme, &kassa).await;
    acme.stop().await;
    let stolen = world.path("stolen");
    copy(&acme.folder, &stolen);
    let mut thief = Desk::found(stolen, "Acme");
    thief.start().await;
    let ticket = thief.client().delegation(&delegation.id).await.unwrap().own.ticket;
    thief.client().comment(&ticket, &comment("Pay to another account")).await.unwrap();
    thief
        .client()
        .recall(&delegation.id, &deskwire_api_types::Reason { reason: "Stop".into(), ..Default::default() })
        .await
        .unwrap();
    until("The thief's recall", async || {
        let delegation = kassa.client().delegation(&delegation.id).await?;
        Ok((delegation.state == DelegationState::Recalled).then_some(()))
    })
    .await;
    thief.stop().await;

    let next = path(&world, "next.words");
    acme.json(&["key", "rotate", "--words", &words, "--recovery-file", &next]).await;
    acme.start().await;
    told(&kassa, "Acme", "messages-disowned").await;
    told(&acme, "Kassa", "messages-disowned").await;
    quiet(PATIENCE, &acme, &kassa).await;
    for desk in [&acme, &kassa] {
        let shown = desk.client().delegation(&delegation.id).await.unwrap();
        assert_eq!(shown.state, DelegationState::Accepted, "{}: {shown:?}", desk.name);
    }
    assert!(thread_of(&kassa, &theirs).await.contains("Pay to another account"), "it stays as evidence");
    // The thief comes again and is not let in.
    thief.start().await;
    until("The refusal of the thief", async || {
        Ok(link_with(&thief, "Kassa").await.last_error.filter(|trouble| trouble.code == "bad-signature"))
    })
    .await;
    thief.stop().await;
    kassa.client().resolve(&delegation.id, &Resolve::default()).await.unwrap();
    quiet(PATIENCE, &acme, &kassa).await;
    assert_eq!(acme.client().delegation(&delegation.id).await.unwrap().state, DelegationState::Resolved);
}

/// A desk moves to another address and takes another TLS key while work is open: its partners follow by themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_moves_with_a_new_tls_key_and_partners_follow() {
    let world = World::new("a_desk_moves");
    let (mut acme, kassa) = tokio::join!(Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"));
    link(&kassa, &acme, Default::default()).await;
    let (ticket, delegation) = offer(&acme, "Kassa", "Dead cash register").await;
    let theirs = accept(&kassa, &delegation.id).await.own.ticket;
    quiet(PATIENCE, &acme, &kassa).await;
    acme.stop().await;
    assert_eq!(acme.json(&["tls", "rotate"]).await["step"], "made");
    acme.refuses(&["tls", "rotate"], "tls-key-not-announced").await;
    acme.start().await;
    quiet(PATIENCE, &acme, &kassa).await;
    acme.stop().await;
    kassa.client().comment(&theirs, &comment("Where are you?")).await.unwrap();
    assert_eq!(acme.json(&["tls", "rotate"]).await["step"], "used");
    let elsewhere = deskwire_tests::world::address();
    acme.set("peer", "listen", &format!("\"{elsewhere}\""));
    acme.address = elsewhere;
    acme.start().await;
    told(&kassa, "Acme", "partner-changed").await;
    quiet(PATIENCE, &acme, &kassa).await;
    assert!(thread_of(&acme, &ticket).await.contains("Where are you?"));
    kassa.client().resolve(&delegation.id, &Resolve::default()).await.unwrap();
    quiet(PATIENCE, &acme, &kassa).await;
    assert_eq!(acme.client().delegation(&delegation.id).await.unwrap().state, DelegationState::Resolved);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
