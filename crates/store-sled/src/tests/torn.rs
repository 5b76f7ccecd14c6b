//! The journal's end on real files, torn at every sector.

use std::fs;
use std::path::PathBuf;

use deskwire_store::Error;

use super::{commit, entries, entry, open};

/// After a power cut the desk starts with all that was acknowledged, and goes on.
#[test]
fn a_tail_torn_at_any_sector_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let mut opened = open(folder.path()).unwrap();
    let (before, _) = commit(&mut opened, 1);
    let (end, at) = commit(&mut opened, 699);
    drop(opened);
    let segment = segment_path(&folder, at.segment);
    let whole = fs::read(&segment).unwrap();
    for torn in (before.offset as usize..end.offset as usize).step_by(512) {
        for cut_short in [false, true] {
            let mut bytes = whole.clone();
            if cut_short {
                bytes.truncate(torn)
            } else {
                bytes[torn..].fill(0)
            }
            fs::write(&segment, bytes).unwrap();
            let mut opened = open(folder.path()).unwrap();
            assert_eq!(opened.reader.tail(), before, "torn at {torn}");
            assert_eq!(entries(opened.reader.as_ref()), [entry(1)]);
            assert!(opened.view.position().unwrap().is_none(), "the view has seen more and was set aside");
            let (again, _) = commit(&mut opened, 5);
            assert_eq!(again.group, 2);
            drop(opened);
            assert_eq!(entries(open(folder.path()).unwrap().reader.as_ref()), [entry(1), entry(5)]);
        }
    }
}

/// Bit rot stops the start with the place, and nothing is changed.
#[test]
fn flipped_bits_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut opened = open(folder.path()).unwrap();
    let (_, at) = commit(&mut opened, 1);
    commit(&mut opened, 2);
    drop(opened);
    let segment = segment_path(&folder, at.segment);
    let mut bytes = fs::read(&segment).unwrap();
    bytes[at.offset as usize + 30] ^= 0x5a;
    fs::write(&segment, &bytes).unwrap();
    for _ in 0..2 {
        let Err(Error::Damaged(damage)) = open(folder.path()) else { panic!("it opened") };
        assert_eq!((damage.segment, damage.offset), (at.segment, at.offset));
    }
    assert_eq!(fs::read(&segment).unwrap(), bytes);
    // All but one bit is as it was: that one is corrected on the disk.
    let whole = bytes[at.offset as usize + 30] ^ 0x5a;
    bytes[at.offset as usize + 30] = whole ^ 8;
    fs::write(&segment, &bytes).unwrap();
    assert_eq!(entries(open(folder.path()).unwrap().reader.as_ref()).len(), 2);
    assert_eq!(fs::read(&segment).unwrap()[at.offset as usize + 30], whole);
}

fn segment_path(folder: &tempfile::TempDir, number: u64) -> PathBuf {
    folder.path().join(format!("journal/{number:020}.seg"))
}
