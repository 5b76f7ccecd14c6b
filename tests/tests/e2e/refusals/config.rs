//! Folders, ports and settings with which a daemon cannot start.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _, path::Path};

use deskwire_tests::{
    cli::refused,
    desk::Desk,
    world::{World, address},
};

/// An operator must learn at once, in one sentence, why a desk does not start, and the desk must be as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_cannot_start_says_why() {
    let world = World::new("a_daemon_that_cannot_start");
    let mut acme = Desk::made(&world, "Acme").await;
    let path = acme.folder.join("deskwire.toml");
    let good = fs::read_to_string(&path).unwrap();
    for (wrong, code, words) in [
        (
            good.replace("[peer]\n", "[peer]\nlissten = \"0.0.0.0:1\"\n"),
            "config-unknown-setting",
            "peer.listen",
        ),
        (
            good.replace("[peer]\n", "[pear]\nlisten = \"0.0.0.0:1\"\n[peer]\n"),
            "config-unknown-setting",
            "peer",
        ),
        (good.replace("[peer]\n", "[peer]\nmax_connections = \"many\"\n"), "config-value", "max_connections"),
        (good.replace("[desk]\n", "[desk\n"), "config-syntax", "line"),
    ] {
        assert_ne!(wrong, good);
        fs::write(&path, wrong).unwrap();
        let problem = acme.refuses(&["serve"], code).await;
        assert!(problem.detail.contains(words) && problem.detail.contains("line"), "{problem:?}");
    }
    fs::write(&path, &good).unwrap();
    acme.refuses(&["serve", "--api-listen", "0.0.0.0:8440"], "config-value").await;

    let taken = address();
    let _listener = TcpListener::bind(taken).unwrap();
    let problem = acme.refuses(&["serve", "--peer-listen", &taken.to_string()], "port-in-use").await;
    assert!(problem.detail.contains(&taken.port().to_string()), "{problem:?}");
    acme.refuses(&["serve", "--api-listen", &taken.to_string()], "port-in-use").await;

    let key = acme.folder.join("keys/signing.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    acme.refuses(&["serve"], "key-file-exposed").await;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let kept = fs::read(&key).unwrap();
    fs::write(&key, "nonsense").unwrap();
    acme.refuses(&["serve"], "signing-key-unreadable").await;
    // As a desk is that was restored from a backup without keys.
    fs::remove_file(&key).unwrap();
    let problem = acme.refuses(&["serve"], "signing-key-missing").await;
    assert!(problem.next.as_deref().is_some_and(|next| next.contains("deskwire key rotate")), "{problem:?}");
    let checked = acme.run(&["check"]).await;
    assert_eq!(checked.code, 1);
    assert!(
        checked.out.contains("signing-key-missing") && checked.err.contains("desk-unready"),
        "{checked:?}"
    );
    fs::write(&key, kept).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(acme.json(&["check"]).await["ok"], true);

    let again = ["init", "--name", "Acme"];
    acme.refuses(&again, "desk-exists").await;
    let full = world.path("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("letter.txt"), "dear").unwrap();
    refused(&full, &again, "folder-not-empty").await;
    refused(&world.path("nowhere"), &["serve"], "no-desk").await;

    // After all of it the desk starts as if nothing had been.
    acme.start().await;
    second_daemon(&acme).await;
    acme.stop().await;
    newer_store(&acme).await;
}

/// Two daemons in one folder would write one history in two ways.
async fn second_daemon(desk: &Desk) {
    let other = ["serve", "--peer-listen", &address().to_string(), "--api-listen", "127.0.0.1:0"];
    let problem = desk.refuses(&other, "desk-running").await;
    assert!(problem.detail.contains("process"), "{problem:?} does not say who has it");
    assert!(desk.client().ready().await.unwrap().ready, "the first daemon was disturbed");
    let address = fs::read_to_string(desk.folder.join("api.addr")).unwrap();
    assert_eq!(address.trim(), desk.api().to_string(), "the second daemon left its address behind");
}

/// An older program must not touch what a newer one has written.
async fn newer_store(desk: &Desk) {
    let format: &Path = &desk.store().join("format");
    let good = fs::read_to_string(format).unwrap();
    let (word, version) = good.trim().rsplit_once(' ').unwrap();
    let newer = version.parse::<u64>().unwrap() + 1;
    fs::write(format, format!("{word} {newer}\n")).unwrap();
    desk.refuses(&["serve"], "store-newer-format").await;
    fs::write(format, good).unwrap();
}
