//! A disk that is really full: a small file system in a mount namespace of its own.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use deskwire_store::{Batch, BlobId, Opened, Result, WriteError};

use super::process::{child_folder, say};
use super::{commit, entries, entry, options, row};

const TEST: &str = "tests::full::child_meets_a_full_disk";

/// Fault 29: a full disk refuses new work, keeps what is there readable, and is over when there is room.
#[test]
fn a_full_disk_loses_nothing_and_passes() {
    let mount = tempfile::tempdir().unwrap();
    let script = format!(
        "mount -t tmpfs -o size=6m tmpfs '{}' && echo mounted && exec '{}' --exact --ignored --nocapture {TEST}",
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
    let refused = (100..).find_map(|number| put(&opened, number).err()).unwrap();
    assert!(refused.is_full(), "{refused}");
    opened.view.flush().expect("what was applied has its room on the disk");
    fs::remove_file(folder.join("ballast")).unwrap();
    put(&opened, 7).expect("it goes on by itself");
    assert_eq!(opened.view.get(&[&[9][..], &7u64.to_be_bytes()].concat()).unwrap(), Some(vec![7; 1000]));
    drop(opened);
    while ballast(&folder) {}
    let opened = crate::open(&folder, options).expect("a full disk can be opened");
    check(&opened, taken);
    while ballast(&folder) {}
    assert!(!opened.keeper.restore_reserve().unwrap(), "there is no room for the reserve");
    fs::remove_file(folder.join("ballast")).unwrap();
    assert!(opened.keeper.restore_reserve().unwrap());
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

/// Fills what is left with something else. `false` when nothing fitted any more.
fn ballast(folder: &Path) -> bool {
    let mut file = fs::OpenOptions::new().append(true).create(true).open(folder.join("ballast")).unwrap();
    file.write_all(&[1; 4096]).is_ok()
}
