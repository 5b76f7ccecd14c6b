//! What an operator does with a broken store must not make it worse.

use std::fs;

use deskwire_store::Entry;

use super::*;

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
