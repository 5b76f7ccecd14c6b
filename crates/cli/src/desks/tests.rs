//! Desks that a demonstration leaves behind fill a disk; a folder that it removes wrongly is somebody's work.

use std::fs;

use super::*;

#[test]
fn what_was_made_vanishes_and_what_was_there_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (there, missing) = (folder.path().join("there"), folder.path().join("a/missing"));
    fs::create_dir(&there).unwrap();
    for path in [&there, &missing] {
        let scratch = Scratch::new(Some(path), "x").unwrap();
        fs::create_dir(scratch.path().join("shop")).unwrap();
        fs::write(scratch.path().join("shop/journal"), "x").unwrap();
        fs::write(scratch.path().join("shop.log"), "x").unwrap();
    }
    assert!(there.is_dir() && fs::read_dir(&there).unwrap().next().is_none());
    assert!(!missing.exists());
}

#[test]
fn a_folder_that_holds_something_is_refused_and_untouched() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.txt"), "x").unwrap();
    let error = Scratch::new(Some(folder.path()), "x").unwrap_err();
    assert_eq!(error.code(), "folder-not-empty");
    assert!(folder.path().join("thesis.txt").exists());
}

#[test]
fn a_kept_folder_is_kept_and_a_temporary_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept");
    let mut scratch = Scratch::new(Some(&kept), "x").unwrap();
    scratch.keep();
    drop(scratch);
    assert!(kept.exists());
    let scratch = Scratch::new(None, "deskwire-test-").unwrap();
    let path = scratch.path().to_owned();
    assert!(path.is_dir());
    drop(scratch);
    assert!(!path.exists());
}

#[test]
fn three_ports_are_three() {
    let [a, b, c] = free_ports::<3>().unwrap();
    assert!(a != b && b != c && a != c && a.ip().is_loopback() && a.port() != 0, "{a} {b} {c}");
}
