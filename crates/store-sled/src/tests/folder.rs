//! Folders that are not ours, not whole, or too new.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use deskwire_store::{Error, RebuildReason, ViewState};

use super::{commit, entries, open};

/// Fault 32: an older program must not touch what a newer one wrote.
#[test]
fn a_newer_format_is_refused_with_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    assert_eq!(fs::read_to_string(folder.path().join("format")).unwrap(), "deskwire-store 2\n");
    fs::write(folder.path().join("format"), "deskwire-store 3\n").unwrap();
    let before = fs::read(folder.path().join("journal/00000000000000000001.seg")).unwrap();
    let refused = open(folder.path()).err().unwrap();
    assert!(matches!(refused, Error::NewerFormat { found: 3, known: 2, .. }), "{refused}");
    let shown = refused.to_string();
    assert!(shown.contains("format 3") && shown.contains("up to 2"), "{shown}");
    assert!(shown.contains(folder.path().to_str().unwrap()), "{shown}");
    assert_eq!(fs::read(folder.path().join("journal/00000000000000000001.seg")).unwrap(), before);
    fs::write(folder.path().join("format"), "something else").unwrap();
    assert!(matches!(open(folder.path()), Err(Error::NotAStore { .. })));
}

/// Fault 31: one rotten bit in the smallest file must not be the end of a desk.
#[test]
fn a_flipped_bit_of_the_format_is_told_with_the_line_that_belongs_there() {
    let folder = tempfile::tempdir().unwrap();
    commit(&mut open(folder.path()).unwrap(), 1);
    let path = folder.path().join("format");
    let whole = fs::read(&path).unwrap();
    let line = String::from_utf8(whole.clone()).unwrap();
    for bit in 0..(whole.len() - 1) * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, bytes).unwrap();
        match open(folder.path()).map(drop) {
            Err(error @ Error::NotAStore { .. }) => {
                assert!(error.to_string().contains(line.trim()), "{bit}: {error}");
            }
            Err(Error::NewerFormat { found, known, .. }) => assert!(found > known, "{bit}"),
            other => panic!("{bit}: {other:?}"),
        }
    }
    fs::remove_file(&path).unwrap();
    assert!(open(folder.path()).err().unwrap().to_string().contains(line.trim()));
    fs::write(&path, line).unwrap();
    assert_eq!(entries(open(folder.path()).unwrap().reader.as_ref()).len(), 1);
}

/// A desk whose journal vanished must not begin a new life under the old name.
#[test]
fn a_store_without_its_journal_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    commit(&mut open(folder.path()).unwrap(), 1);
    fs::rename(folder.path().join("journal"), folder.path().join("elsewhere")).unwrap();
    let refused = open(folder.path()).err().unwrap();
    assert!(matches!(refused, Error::NotAStore { .. }), "{refused}");
    fs::rename(folder.path().join("elsewhere"), folder.path().join("journal")).unwrap();
    assert_eq!(entries(open(folder.path()).unwrap().reader.as_ref()).len(), 1);
}

/// A journal with messages in it and no word of its format was put together by hand.
#[test]
fn a_used_journal_without_a_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    commit(&mut open(folder.path()).unwrap(), 1);
    fs::remove_file(folder.path().join("format")).unwrap();
    assert!(matches!(open(folder.path()), Err(Error::NotAStore { .. })));
}

/// Fault 23: a first start that was interrupted anywhere is simply done again.
#[test]
fn an_interrupted_first_start_is_repeated() {
    let whole = tempfile::tempdir().unwrap();
    drop(open(whole.path()).unwrap());
    let created = ["reserve", "view.state", "view", "blobs", "format", "journal", "lock"];
    for missing in 1..=created.len() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            std::process::Command::new("cp")
                .arg("-a")
                .arg(whole.path().join("."))
                .arg(folder.path())
                .status()
                .unwrap()
                .success()
        );
        for name in &created[..missing] {
            let path = folder.path().join(name);
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
        let mut opened =
            open(folder.path()).unwrap_or_else(|error| panic!("without {missing} of {created:?}: {error}"));
        if missing > 1 {
            assert_eq!(opened.view_state, ViewState::NeedsRebuild(RebuildReason::Missing));
        }
        commit(&mut opened, 1);
    }
}

/// The folder holds what customers wrote; other users of the machine have no business there, even where the folder
/// itself was made for everybody.
#[test]
fn what_is_created_is_private() {
    let parent = tempfile::tempdir().unwrap();
    let mode = |path: &str| fs::metadata(parent.path().join(path)).unwrap().permissions().mode() & 0o777;
    let mut opened = open(&parent.path().join("a/b")).unwrap();
    commit(&mut opened, 1);
    opened.blobs.import(&mut b"content".as_slice()).unwrap();
    for folder in ["a/b", "a/b/journal", "a/b/blobs", "a/b/view"] {
        assert_eq!(mode(folder), 0o700, "{folder}");
    }
    assert_eq!(mode("a/b/journal/00000000000000000001.seg"), 0o600);
}

/// A path that cannot be a folder is an error with its name.
#[test]
fn a_file_in_place_of_the_folder_is_an_error() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("file");
    fs::write(&path, "x").unwrap();
    let refused = open(&path).err().unwrap();
    assert!(refused.to_string().contains(path.to_str().unwrap()), "{refused}");
}

/// A desk that lost its first segment must not fold the rest as if that were all.
#[test]
fn a_journal_without_its_first_segment_is_refused_and_its_view_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut opened = open(folder.path()).unwrap();
    for number in 0..60 {
        commit(&mut opened, number);
    }
    drop(opened);
    let first = folder.path().join("journal/00000000000000000001.seg");
    let kept = fs::read(&first).unwrap();
    fs::remove_file(&first).unwrap();
    let refused = open(folder.path()).err().unwrap();
    assert!(matches!(&refused, Error::Damaged(damage) if damage.segment == 1), "{refused}");
    fs::write(&first, kept).unwrap();
    assert_eq!(open(folder.path()).unwrap().view_state, ViewState::Intact);
}

/// Acknowledged messages that are gone are told, not folded away.
#[test]
fn a_journal_behind_its_view_is_told_as_a_loss() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal/00000000000000000001.seg");
    let mut opened = open(folder.path()).unwrap();
    commit(&mut opened, 1);
    let before = fs::read(&journal).unwrap();
    commit(&mut opened, 2);
    assert_eq!(opened.keeper.loss(), None);
    opened.keeper.close().unwrap();
    drop(opened);
    fs::write(&journal, before).unwrap();
    let opened = open(folder.path()).unwrap();
    let wanted = RebuildReason::AheadOfJournal { view: 2, journal: 1 };
    assert_eq!(opened.view_state, ViewState::NeedsRebuild(wanted));
    assert!(opened.keeper.loss().is_some_and(|words| words.contains("lost groups")));
    drop(opened);
    let (_, left) = crate::Offline::open(folder.path()).unwrap().loss().unwrap().unwrap();
    assert!(left.contains("lost groups"), "{left}");
}

/// The reserve given up on a full disk must be there for the next one.
#[test]
fn a_reserve_given_up_is_taken_back_once() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path()).unwrap();
    assert!(!opened.keeper.restore_lost_reserve().unwrap(), "it is there");
    opened.keeper.release_reserve().unwrap();
    assert!(!folder.path().join("reserve").exists());
    assert!(opened.keeper.restore_lost_reserve().unwrap());
    assert_eq!(fs::metadata(folder.path().join("reserve")).unwrap().len(), 64 << 10);
}
