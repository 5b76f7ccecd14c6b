//! A disk that is really full: a small file system in a mount namespace of its own.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use deskwire_store::{Batch, BlobId, Error, Opened, Result, WriteError};

use super::process::{child_folder, say};
use super::{catch_up, commit, dump, entries, entry, options, row};

/// Fault 29: a full disk refuses new work, keeps what is there readable, and is over when there is room.
#[test]
fn a_full_disk_loses_nothing_and_passes() {
    on_a_small_disk("tests::full::child_meets_a_full_disk");
}

/// Fault 29: sled's own threads may meet the full disk first, which kills sled. The desk must show every row
/// nevertheless, take new ones, and have them all after its next start.
#[test]
fn a_view_that_died_of_a_full_disk_ends_nothing() {
    on_a_small_disk("tests::full::child_whose_view_dies");
}

/// Runs a child on a file system of 10 MiB.
fn on_a_small_disk(test: &str) {
    let mount = tempfile::tempdir().unwrap();
    let script = format!(
        "mount -t tmpfs -o size=10m tmpfs '{}' && echo mounted && exec '{}' --exact --ignored --nocapture {test}",
        mount.path().display(),
        std::env::current_exe().unwrap().display()
    );
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &script])
        .env("DESKWIRE_STORE_TEST_FOLDER", mount.path())
        .output();
    let said = output.map(|output| {
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    });
    match said {
        Ok(said) if said.contains("mounted") => assert!(said.contains("all held"), "{said}"),
        // Containers without the right to mount: the simulated disk covers the journal's side of this.
        other => eprintln!("not run, this machine lets nobody mount: {other:?}"),
    }
}

#[test]
#[ignore = "the child of a test"]
fn child_meets_a_full_disk() {
    let folder = child_folder();
    let mut options = options(1);
    options.reserve_bytes = 1 << 20;
    let mut opened = crate::open(&folder, options).unwrap();
    commit(&mut opened, 0);
    let mut taken = fill(&mut opened, &folder);
    let refused = opened.blobs.import(&mut [7; 100_000].as_slice()).unwrap_err();
    assert!(refused.is_full(), "{refused}");
    assert!(opened.blobs.partials().unwrap().is_empty());
    assert!(opened.blobs.begin(&BlobId([1; 32]), 100_000).map(drop).unwrap_err().is_full());
    for _ in 0..3 {
        fs::remove_file(folder.join("ballast")).unwrap();
        commit(&mut opened, taken);
        taken = fill(&mut opened, &folder);
        check(&opened, taken);
    }
    let accepted = (0..100).try_for_each(|number| put(&opened, number));
    accepted.expect("there is room for what was accepted");
    // Without room for them, rows wait in memory, and at last they are refused.
    if let Some(refused) = (100..5_000).find_map(|number| put(&opened, number).err()) {
        assert!(refused.is_full(), "{refused}");
    }
    opened.view.flush().expect("what was applied has its room on the disk");
    fs::remove_file(folder.join("ballast")).unwrap();
    put(&opened, 7).expect("it goes on by itself");
    assert_eq!(opened.view.get(&[&[9][..], &7u64.to_be_bytes()].concat()).unwrap(), Some(vec![7; 1000]));
    drop(opened);
    while ballast(&folder) {}
    let opened = crate::open(&folder, options).expect("a full disk can be opened");
    // Rows that had waited in memory for room are folded again.
    catch_up(&opened);
    check(&opened, taken);
    while ballast(&folder) {}
    opened.keeper.restore_reserve().expect("that there is no room for the reserve is no error");
    fs::remove_file(folder.join("ballast")).unwrap();
    assert!(opened.keeper.restore_reserve().unwrap());
    say("all held");
}

#[test]
#[ignore = "the child of a test"]
fn child_whose_view_dies() {
    let folder = child_folder();
    let mut options = options(1);
    options.reserve_bytes = 256 << 10;
    let mut opened = crate::open(&folder, options).unwrap();
    let marker = folder.join("view.state");
    commit(&mut opened, 0);
    for round in 0..50 {
        (0..100).try_for_each(|number| put(&opened, 100 * round + number)).expect("there is room");
        while ballast(&folder) {}
        // As sled does when it frees the end of its file: the room behind it is lost to others, before the desk has looked.
        let db = fs::File::options().write(true).open(folder.join("view/db")).unwrap();
        db.set_len(db.metadata().unwrap().len()).unwrap();
        let _ = fs::remove_file(folder.join("view.spare"));
        while ballast(&folder) {}
        opened.view.flush().expect("that sled died is no concern of the desk");
        fs::remove_file(folder.join("ballast")).unwrap();
        if !marker.exists() {
            break;
        }
    }
    assert!(!marker.exists(), "the view has died");
    let taken = opened.reader.tail().group;
    commit(&mut opened, taken);
    check(&opened, taken + 1);
    put(&opened, 7).expect("rows are taken");
    assert_eq!(opened.view.get(&[&[9][..], &7u64.to_be_bytes()].concat()).unwrap(), Some(vec![7; 1000]));
    // Old rows are there, or cannot be read; none is wrong or missing.
    for number in 0..100u64 {
        match opened.view.get(&[&[9][..], &number.to_be_bytes()].concat()) {
            Ok(found) => assert_eq!(found, Some(vec![7; 1000])),
            Err(error) => assert!(matches!(error, Error::ViewFailed(_)), "{error}"),
        }
    }
    opened.keeper.close().unwrap();
    drop(opened);
    let opened = crate::open(&folder, options).unwrap();
    catch_up(&opened);
    check(&opened, taken + 1);
    dump(opened.view.as_ref());
    say("all held");
}

fn put(opened: &Opened, number: u64) -> Result<()> {
    let mut batch = Batch::new();
    batch.put([&[9][..], &number.to_be_bytes()].concat(), vec![7; 1000]);
    opened.view.apply(&batch, &opened.reader.tail())
}

fn check(opened: &Opened, taken: u64) {
    assert!(entries(opened.reader.as_ref()).into_iter().eq((0..taken).map(entry)));
    assert_eq!(opened.view.position().unwrap(), Some(opened.reader.tail()));
}

/// Fills the disk to the last block and writes until that is refused; returns how many entries the journal has.
fn fill(opened: &mut Opened, folder: &Path) -> u64 {
    while ballast(folder) {}
    loop {
        let number = opened.reader.tail().group;
        let at = opened.stage.stage(&entry(number)).unwrap();
        match opened.sink.write(&[opened.stage.seal().unwrap()]) {
            Ok(end) => opened.view.apply(&row(at), &end).unwrap(),
            Err(WriteError::Full(_)) => break,
            Err(fatal) => panic!("{fatal}"),
        }
    }
    opened.stage.reset(opened.reader.tail());
    opened.reader.tail().group
}

/// Fills what is left with something else, fast. `false` when it did not fit any more: the last block is taken then.
fn ballast(folder: &Path) -> bool {
    let mut file = fs::OpenOptions::new().append(true).create(true).open(folder.join("ballast")).unwrap();
    file.write_all(&vec![1; 1 << 20]).is_ok()
}
