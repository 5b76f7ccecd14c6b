//! How long a desk takes to open after a power cut, and what a snapshot changes. A measurement, run by hand:
//! `DESKWIRE_TICKETS=1000000 cargo test --profile quick -p deskwire-daemon --test rebuild_time -- --ignored --nocapture`
#![expect(clippy::unwrap_used, reason = "a measurement that is run by hand")]

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deskwire_engine::Core;
use deskwire_engine::command::comment::AddComment;
use deskwire_engine::command::ticket::NewTicket;
use deskwire_engine::identity::{Face, Identity};
use deskwire_engine::port::{Clock, SystemClock, SystemEntropy};
use deskwire_proto::id::Spki;
use deskwire_proto::key::SecretKey;
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::message::common::{Person, Priority};
use deskwire_proto::text::{Label, Line, Prose, Url};
use deskwire_store::row::Audience;
use deskwire_store::table::SCHEMA;

#[test]
#[ignore = "a measurement"]
fn opening_after_a_power_cut() {
    let tickets: u64 = std::env::var("DESKWIRE_TICKETS").map_or(10_000, |number| number.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (mut core, _) = open(folder.path());
    let begin = Instant::now();
    let by = Person { name: Some(Label::new("Anna").unwrap()), function: None };
    for number in 0..tickets {
        let ticket = NewTicket {
            title: Line::new(format!("Printer {number} does not print")).unwrap(),
            description: Some(
                Prose::new("It says that it has no paper, and it has paper. ".repeat(4)).unwrap(),
            ),
            priority: Priority::Normal,
            category: None,
            requester: None,
            company: None,
            object: None,
            equipment: None,
            agreement: None,
            custom: Vec::new(),
            by: by.clone(),
        };
        let ticket = core.step(SystemClock.now(), ticket).unwrap();
        let body = Prose::new("I have looked at it, and ordered a new tray.").unwrap();
        let comment = AddComment { ticket, body, audience: Audience::Internal, by: by.clone() };
        core.step(SystemClock.now(), comment).unwrap();
        if number % 100 == 0 {
            core.commit().unwrap();
        }
    }
    core.commit().unwrap();
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    println!("{tickets} tickets with a comment each: made in {}", seconds(begin.elapsed()));
    let begin = Instant::now();
    let made = core.custody().snapshot(&mut |_| ControlFlow::Continue(())).unwrap();
    println!("snapshot: {} bytes in {}", made.map_or(0, |made| made.bytes), seconds(begin.elapsed()));
    drop(core);
    println!(
        "journal: {} bytes, view: {} bytes",
        size(&folder.path().join("journal")),
        size(&folder.path().join("view"))
    );
    for (what, keep) in [("with the snapshot", true), ("from nothing", false)] {
        if !keep {
            let _ = std::fs::remove_dir_all(folder.path().join("snapshots"));
        }
        std::fs::remove_file(folder.path().join("view.state")).unwrap();
        let (core, time) = open(folder.path());
        println!("opened after a power cut {what}: {}", seconds(time));
        drop(core);
    }
    let (_, time) = open(folder.path());
    println!("opened after a kill: {}", seconds(time));
}

fn open(folder: &Path) -> (Core, Duration) {
    let key = SecretKey::from_seed(&[1; 32]);
    let keys = KeyLog::incept(&key, &SecretKey::from_seed(&[2; 32]).public());
    let face = Face {
        name: Label::new("Acme").unwrap(),
        prefix: "ACME".into(),
        endpoints: vec![Url::new("https://acme.example:8441").unwrap()],
        tls: vec![Spki::new([7; 32])],
        file_bytes: 1 << 30,
    };
    let identity = Arc::new(Identity::new(keys, key, face, SystemClock.now()).unwrap());
    let begin = Instant::now();
    let opened = deskwire_store_sled::open(folder, deskwire_store_sled::Options::new(SCHEMA)).unwrap();
    let core = Core::open(opened, identity, Box::new(SystemEntropy), SystemClock.now(), &mut |_| {}).unwrap();
    (core, begin.elapsed())
}

fn size(folder: &Path) -> u64 {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}
