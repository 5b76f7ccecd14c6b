//! What is erased and what is given back, on a real disk with the real view.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deskwire_engine::command::comment::AddComment;
use deskwire_engine::command::erase::{EndSegment, ErasureDone, of_ticket};
use deskwire_engine::command::ticket::NewTicket;
use deskwire_engine::custody::{Custody, Erasure};
use deskwire_engine::identity::{Face, Identity};
use deskwire_engine::port::{Clock, SystemClock, SystemEntropy};
use deskwire_engine::{Core, catch_up};
use deskwire_proto::id::Spki;
use deskwire_proto::key::SecretKey;
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::message::common::{Contact, Person, Priority};
use deskwire_proto::text::{Label, Line, Prose, Url};
use deskwire_store::Opened;
use deskwire_store::record::{KeepRecord, Record};
use deskwire_store::row::Audience;
use deskwire_store::table::SCHEMA;
use deskwire_store_sled::Options;

const MARKER: &str = "Kowalewskaja";

fn go_on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn open_store(folder: &Path) -> Opened {
    let mut options = Options::new(SCHEMA);
    options.reserve_bytes = 64 << 10;
    options.view_room_bytes = 1 << 20;
    deskwire_store_sled::open(folder, options).unwrap()
}

fn open(folder: &Path) -> Core {
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
    let (opened, now) = (open_store(folder), SystemClock.now());
    Core::open(opened, identity, Box::new(SystemEntropy), now, &mut |_| {}).unwrap()
}

fn by(name: &str) -> Person {
    Person { name: Some(Label::new(name).unwrap()), function: None }
}

fn ticket(core: &mut Core, who: &str) -> deskwire_store::local::TicketNumber {
    let ticket = NewTicket {
        title: Line::new(format!("{who} cannot print")).unwrap(),
        description: Some(Prose::new(format!("Call {who} first.")).unwrap()),
        priority: Priority::Normal,
        category: None,
        requester: None::<Contact>,
        company: None,
        object: None,
        equipment: None,
        agreement: None,
        custom: Vec::new(),
        by: by(who),
    };
    let ticket = core.step(SystemClock.now(), ticket).unwrap();
    for number in 0..5 {
        let body = Prose::new(format!("{number}: {who} called again")).unwrap();
        let comment = AddComment { ticket, body, audience: Audience::Internal, by: by(who) };
        core.step(SystemClock.now(), comment).unwrap();
        core.commit().unwrap();
    }
    ticket
}

/// The files below a folder in which the person occurs.
fn traces(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(traces(&path));
        } else if std::fs::read(&path).unwrap().windows(MARKER.len()).any(|bytes| bytes == MARKER.as_bytes())
        {
            found.push(path);
        }
    }
    found
}

/// Fault 115: when an erasure is done, no file of the store, sled's old pages included, has anything of the person; what a
/// backup copies are these files.
#[test]
fn nothing_of_an_erased_person_is_in_any_file_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let mut core = open(folder.path());
    for number in 0..20 {
        ticket(&mut core, &format!("Somebody {number}"));
    }
    let erased = ticket(&mut core, MARKER);
    core.view().flush().unwrap();
    core.step(SystemClock.now(), EndSegment).unwrap();
    core.commit().unwrap();
    core.custody().snapshot(&mut go_on).unwrap();
    assert!(traces(folder.path()).len() >= 2, "{:?}", traces(folder.path()));
    std::fs::create_dir(folder.path().join("journal.damaged-1")).unwrap();
    std::fs::write(folder.path().join("journal.damaged-1/1.seg"), MARKER).unwrap();
    std::fs::write(folder.path().join("journal/00000000000000000001-512.torn"), MARKER).unwrap();
    let what = of_ticket(&deskwire_store::table::Committed(Arc::clone(core.view())), erased).unwrap();
    core.step(SystemClock.now(), what).unwrap();
    core.commit().unwrap();
    let orders = loop {
        match core.custody().erase_ordered(&mut go_on).unwrap() {
            Some(Erasure::SegmentOpen) => {
                core.step(SystemClock.now(), EndSegment).unwrap();
                core.commit().unwrap();
            }
            Some(Erasure::Done(orders)) => break orders,
            other => panic!("{other:?}"),
        }
    };
    core.step(SystemClock.now(), ErasureDone(orders)).unwrap();
    core.commit().unwrap();
    assert_eq!(traces(folder.path()), Vec::<PathBuf>::new(), "while the desk works");
    core.keeper().close().unwrap();
    drop(core);
    let core = open(folder.path());
    assert_eq!(traces(folder.path()), Vec::<PathBuf>::new());
    drop(core);
}

/// Makes the store of the present format for the fixtures out of the first one, by what the program does itself:
/// `DESKWIRE_FIXTURE=folder-with-desks cargo test -p deskwire-daemon --test retain -- --ignored`.
#[test]
#[ignore = "makes a fixture"]
fn rewrite_the_stores_of_a_fixture() {
    let folder = PathBuf::from(std::env::var("DESKWIRE_FIXTURE").unwrap());
    for desk in std::fs::read_dir(folder).unwrap() {
        let store = desk.unwrap().path().join("store");
        if !store.is_dir() {
            continue;
        }
        let mut opened = open_store(&store);
        catch_up(&mut opened, &mut |_| {}).unwrap();
        opened.stage.begin_segment();
        for _ in 0..2 {
            let ended = Record::Keep(KeepRecord::SegmentEnded { at: SystemClock.now() });
            opened.stage.stage(&ended.entry(None).unwrap()).unwrap();
            let group = opened.stage.seal().unwrap();
            opened.sink.write(&[group]).unwrap();
        }
        catch_up(&mut opened, &mut |_| {}).unwrap();
        let done = Custody::new(&opened).give_back(&mut |_| true, 0, &mut go_on).unwrap();
        assert!(done.segments > 0, "{done:?}");
        let keeper = Arc::clone(&opened.keeper);
        drop(opened);
        keeper.close().unwrap();
    }
}
