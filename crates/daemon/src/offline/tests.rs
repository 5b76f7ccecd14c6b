//! What an operator does with a broken store must not make it worse.

use std::fs;

use deskwire_store::Entry;

use super::*;
use crate::init::{init, tests::new_desk};

/// Without the first segment the snapshots may be all there is of what it held: folding from nothing must not delete
/// them first.
#[test]
fn a_missing_first_segment_is_found_and_costs_no_snapshot() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::new(place.path());
    fs::create_dir_all(folder.store()).unwrap();
    let mut options = Options::new(SCHEMA);
    options.journal.segment_bytes = 4 << 10;
    let mut opened = deskwire_store_sled::open(&folder.store(), options).unwrap();
    let mut end = opened.reader.tail();
    for number in 0..40u32 {
        opened.stage.stage(&Entry::new(number.to_be_bytes().repeat(100).to_vec())).unwrap();
        let group = opened.stage.seal().unwrap();
        end = opened.sink.write(&[group]).unwrap();
    }
    let snapshots = std::sync::Arc::clone(&opened.snapshots);
    snapshots.seal(snapshots.create(SCHEMA, end).unwrap()).unwrap();
    drop((opened, snapshots));
    fs::remove_file(folder.store().join("journal/00000000000000000001.seg")).unwrap();
    let found = check(&folder).unwrap().findings;
    assert!(found.iter().any(|found| found.code == "journal-segment-missing" && found.severe), "{found:?}");
    let refused = rebuild(&folder, From::Nothing, &mut |_, _| {}).unwrap_err();
    assert!(refused.to_string().contains("the snapshots are kept"), "{refused}");
    assert_eq!(check(&folder).unwrap().snapshots.len(), 1);
}

fn codes(folder: &Folder) -> Vec<&'static str> {
    let checked = check(folder).unwrap();
    assert_eq!(checked.findings, [], "the store is good");
    checked.unready.iter().map(|found| found.code).collect()
}

/// An operator who is told that nothing is wrong starts a desk that does not start.
#[test]
fn what_a_start_needs_besides_the_store_is_looked_at_too() {
    let around = tempfile::tempdir().unwrap();
    let folder = Folder::new(around.path().join("acme"));
    init(&new_desk(folder.root())).unwrap();
    drop(deskwire_store_sled::open(&folder.store(), Options::new(SCHEMA)).unwrap());
    assert_eq!(codes(&folder), [""; 0]);

    let key = folder.signing_key();
    fs::rename(&key, folder.next_signing_key()).unwrap();
    assert_eq!(codes(&folder), [""; 0], "the next start brings it into use");
    fs::rename(folder.next_signing_key(), &key).unwrap();
    fs::remove_file(&key).unwrap();
    fs::write(folder.tokens(), "nonsense").unwrap();
    fs::remove_file(folder.resolve("tls/key.pem".as_ref())).unwrap();
    assert_eq!(codes(&folder), ["signing-key-missing", "local-file", "tokens-unreadable"]);

    let other = Folder::new(around.path().join("other"));
    init(&new_desk(other.root())).unwrap();
    fs::copy(other.signing_key(), &key).unwrap();
    assert_eq!(codes(&folder)[0], "signing-key-not-newest");
    fs::write(folder.config(), "desk = 3").unwrap();
    assert_eq!(codes(&folder).len(), 1, "without settings nobody knows which files are meant");
    assert!(key.exists() && !folder.next_signing_key().exists(), "nothing was changed");
}
