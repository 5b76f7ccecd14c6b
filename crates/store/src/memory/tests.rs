//! The store in memory keeps what every backend promises, and fails as it is told to.

use super::*;
use crate::Disk;

/// A disk with one folder and one file whose first two sectors are durable.
fn disk() -> SimDisk {
    let disk = SimDisk::default();
    let session = disk.session();
    session.create_folder("f").unwrap();
    let file = session.create("f/a").unwrap();
    file.write_at(&[1; 1024], 0).unwrap();
    file.sync_data().unwrap();
    session.sync_folder("f").unwrap();
    disk
}

/// The contents that cuts of the power leave of a file, over many seeds.
fn outcomes(prepare: impl Fn(&SimDisk), name: &str) -> Vec<Option<Vec<u8>>> {
    let mut found: Vec<_> = (0..64)
        .map(|seed| {
            let disk = disk();
            prepare(&disk);
            disk.power_cut(seed);
            disk.content(name)
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

/// A simulation that forgives a missing sync would let the engine lose messages on a real disk.
#[test]
fn what_was_not_synced_may_be_lost_by_sector_and_what_was_never_is() {
    let write = |disk: &SimDisk| disk.session().open("f/a").unwrap().write_at(&[2; 1024], 0).unwrap();
    let sectors = |one: u8, two: u8| Some([[one; 512], [two; 512]].concat());
    let all = [sectors(1, 1), sectors(1, 2), sectors(2, 1), sectors(2, 2)];
    assert!(outcomes(write, "f/a") == all);
    let synced = |disk: &SimDisk| {
        write(disk);
        disk.session().open("f/a").unwrap().sync_data().unwrap();
    };
    assert!(outcomes(synced, "f/a") == [sectors(2, 2)]);
    let failed = |disk: &SimDisk| {
        write(disk);
        disk.fail_syncs(1);
        disk.session().open("f/a").unwrap().sync_data().unwrap_err();
        disk.session().open("f/a").unwrap().sync_data().unwrap();
    };
    assert!(outcomes(failed, "f/a") == [sectors(1, 1)], "a sync after a failed one makes nothing durable");
}

/// A file renamed without a sync of its folder may be under either name, and a new one may be gone.
#[test]
fn names_are_durable_with_their_folder_only() {
    let old = Some(vec![1; 1024]);
    let rename = |disk: &SimDisk| disk.session().rename("f/a", "f/b").unwrap();
    assert!(outcomes(rename, "f/b") == [None, old.clone()]);
    let synced = |disk: &SimDisk| {
        rename(disk);
        disk.session().sync_folder("f").unwrap();
    };
    assert!(outcomes(synced, "f/b") == std::slice::from_ref(&old));
    assert_eq!(outcomes(synced, "f/a"), [None]);
    // As a restored backup does it: a rename of before brings nothing back.
    let lost = |disk: &SimDisk| {
        rename(disk);
        disk.lose("f/b");
    };
    assert_eq!(outcomes(lost, "f/b"), [None]);
    let created = |disk: &SimDisk| drop(disk.session().create("f/c").unwrap());
    assert_eq!(outcomes(created, "f/c"), [None, Some(Vec::new())]);
    let cut = |disk: &SimDisk| disk.session().open("f/a").unwrap().set_len(512).unwrap();
    let regrown = Some([[1; 512], [0; 512]].concat());
    assert!(
        outcomes(cut, "f/a") == [Some(vec![1; 512]), regrown, old],
        "a cut of the file, too, is durable when synced"
    );
}

/// A dead process must not write on.
#[test]
fn handles_of_a_dead_process_fail() {
    let disk = disk();
    let session = disk.session();
    let file = session.open("f/a").unwrap();
    disk.kill();
    assert!(
        file.write_at(&[3], 0).is_err() && file.read_at(&mut [0], 0).is_err() && file.sync_data().is_err()
    );
    assert!(session.open("f/a").is_err() && session.rename("f/a", "f/b").is_err());
    assert_eq!(disk.content("f/a"), Some(vec![1; 1024]));
    disk.crash_after(1);
    let session = disk.session();
    let file = session.open("f/a").unwrap();
    file.write_at(&[3], 0).unwrap();
    assert!(file.write_at(&[4; 10], 10).is_err());
    assert!(!session.is_alive());
    assert_eq!(disk.content("f/a").unwrap()[..17], [3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4, 4, 4, 4, 4, 1, 1]);
}

/// The engine must meet a failing view in its simulations before users do.
#[test]
fn a_view_that_fails_is_rebuilt() {
    let store = MemoryStore::new(1);
    let opened = store.open(1).unwrap();
    store.fail_view();
    assert!(matches!(opened.view.get(b"a"), Err(Error::ViewFailed(_))));
    drop(opened);
    store.kill(0);
    let opened = store.open(1).unwrap();
    assert!(matches!(opened.view_state, ViewState::NeedsRebuild(RebuildReason::Unreadable(_))));
    assert_eq!(opened.view.get(b"a").unwrap(), None);
}

mod conformance {
    use super::*;
    use crate::conformance::Harness;

    impl Harness for MemoryStore {
        fn open(&self, schema: u32) -> Result<Opened> {
            self.open(schema)
        }

        fn kill(&self) {
            self.kill(3);
        }

        fn power_cut(&self) {
            self.power_cut(self.disk.operations());
        }
    }

    crate::conformance_tests!(MemoryStore::new(5));
}
