//! A disk that is really full: a small file system in a mount namespace of its own.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use deskwire_store::{Opened, WriteError};

use super::process::{child_folder, say};
use super::{entries, entry, options};

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
    let mut taken = fill(&mut opened, &folder);
    assert!(taken > 0);
    let refused = opened.blobs.import(&mut [7; 100_000].as_slice()).unwrap_err();
    assert!(refused.is_full(), "{refused}");
    assert!(opened.blobs.partials().unwrap().is_empty());
    assert!(opened.blobs.begin(&deskwire_store::BlobId([1; 32]), 100_000).map(drop).unwrap_err().is_full());
    for _ in 0..3 {
        fs::remove_file(folder.join("ballast")).unwrap();
        opened.sink.write(&[sealed(&mut opened.stage, taken)]).expect("it goes on by itself");
        taken = fill(&mut opened, &folder);
        assert!(entries(opened.reader.as_ref()).into_iter().eq((0..taken).map(entry)));
    }
    drop(opened);
    while ballast(&folder) {}
    let opened = crate::open(&folder, options).expect("a full disk can be opened");
    assert!(entries(opened.reader.as_ref()).into_iter().eq((0..taken).map(entry)));
    assert!(!opened.keeper.restore_reserve().unwrap(), "there is no room for the reserve");
    fs::remove_file(folder.join("ballast")).unwrap();
    assert!(opened.keeper.restore_reserve().unwrap());
    say("all held");
}

fn sealed(stage: &mut deskwire_store::Stage, number: u64) -> deskwire_store::SealedGroup {
    stage.stage(&entry(number)).unwrap();
    stage.seal().unwrap()
}

/// Writes until the disk is full to the last block; returns how many entries the journal has.
fn fill(opened: &mut Opened, folder: &Path) -> u64 {
    while ballast(folder) {}
    loop {
        let group = sealed(&mut opened.stage, opened.reader.tail().group);
        match opened.sink.write(&[group]) {
            Ok(_) => {}
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
