//! A full disk passes; a failed sync ends the process.

use super::*;
use crate::WriteError;

/// A full disk must cost nothing but the refusal: no half group, and work goes on when there is room.
#[test]
fn a_full_disk_takes_nothing_and_recovers() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).unwrap();
    let (before, _) = commit(&mut journal, 1, 100);
    let room = disk.used();
    for extra in [0, 100, 512, 1000, 4096, 9000, 20_000] {
        disk.set_capacity(Some(room + extra));
        let tail = journal.reader.tail();
        let groups: Vec<_> = (0..8).map(|number| group(&mut journal, &[entry(number, 3000)]).0).collect();
        assert!(
            groups.last().unwrap().start().segment > before.segment,
            "the write goes into new segments too"
        );
        let refused = journal.sink.write(&groups).unwrap_err();
        assert!(matches!(refused, WriteError::Full(_)), "{refused}");
        assert_eq!(refused.code(), "store-disk-full");
        assert_eq!(journal.reader.tail(), tail);
        journal.stage.reset(tail);
        let again = open(&disk.clone()).unwrap();
        assert_eq!(contents(again.reader.as_ref()).unwrap().len(), 1, "nothing is visible after a restart");
        assert_eq!(disk.names().iter().filter(|name| name.starts_with("journal/")).count(), 1);
        journal = again;
    }
    disk.set_capacity(None);
    let (sealed, _) = group(&mut journal, &[entry(5, 3000)]);
    journal.sink.write(&[sealed]).unwrap();
    disk.power_cut(1);
    assert_eq!(contents(open(&disk).unwrap().reader.as_ref()).unwrap().len(), 2);
}

/// The same sink goes on after a full disk, without a restart.
#[test]
fn a_sink_goes_on_after_a_full_disk() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).unwrap();
    let mut taken = 0;
    for round in 0..60u64 {
        disk.set_capacity(Some(disk.used() + if round % 3 == 2 { 64 << 10 } else { 300 * round % 5000 }));
        let size = 100 + (round as usize * 977) % 5000;
        let groups: Vec<_> = (0..3).map(|_| group(&mut journal, &[entry(round, size)]).0).collect();
        match journal.sink.write(&groups) {
            Ok(end) => {
                taken += 3;
                assert_eq!(end, journal.stage.position());
            }
            Err(WriteError::Full(_)) => journal.stage.reset(journal.reader.tail()),
            Err(fatal) => panic!("{fatal}"),
        }
        assert_eq!(contents(journal.reader.as_ref()).unwrap().len(), taken);
        assert_eq!(journal.stage.position(), journal.reader.tail());
    }
    assert!((60..180).contains(&taken), "some were refused and some not: {taken}");
    disk.power_cut(7);
    assert_eq!(contents(open(&disk).unwrap().reader.as_ref()).unwrap().len(), taken);
}

/// After a failed sync nobody may be told that his message is safe, not even by a sync that then succeeds.
#[test]
fn a_failed_sync_ends_the_sink() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).unwrap();
    let (end, _) = commit(&mut journal, 1, 100);
    disk.fail_syncs(1);
    let (sealed, _) = group(&mut journal, &[entry(2, 100)]);
    let failed = journal.sink.write(std::slice::from_ref(&sealed)).unwrap_err();
    assert!(matches!(failed, WriteError::Fatal(_)), "{failed}");
    assert_eq!(failed.code(), "store-journal-fatal");
    assert_eq!(journal.reader.tail(), end);
    assert!(matches!(journal.sink.write(&[sealed]), Err(WriteError::Fatal(_))), "it is not tried again");
    assert!(matches!(journal.sink.write(&[]), Err(WriteError::Fatal(_))));
}

/// What a restart finds in memory only, because a sync failed, must be made durable before anything is built on it.
#[test]
fn what_a_failed_sync_left_in_memory_is_written_again() {
    for seed in 0..20 {
        let disk = SimDisk::default();
        let mut journal = open(&disk).unwrap();
        commit(&mut journal, 1, 100);
        disk.fail_syncs(1);
        let groups: Vec<_> = (2..5).map(|number| group(&mut journal, &[entry(number, 700)]).0).collect();
        journal.sink.write(&groups).unwrap_err();
        let journal = open(&disk).unwrap();
        let found = contents(journal.reader.as_ref()).unwrap();
        assert_eq!(found.len(), 4, "the restarted process sees the groups");
        disk.power_cut(seed);
        assert_eq!(contents(open(&disk).unwrap().reader.as_ref()).unwrap(), found);
    }
}

/// A sync that fails at start must stop the start.
#[test]
fn a_failed_sync_at_opening_stops_it() {
    let disk = SimDisk::default();
    commit(&mut open(&disk).unwrap(), 1, 100);
    disk.fail_syncs(1);
    assert!(open(&disk).is_err());
    disk.fail_syncs(0);
    assert_eq!(contents(open(&disk).unwrap().reader.as_ref()).unwrap().len(), 1);
}

/// Groups handed over in a wrong order would break the chain for ever.
#[test]
fn groups_out_of_order_are_refused() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).unwrap();
    let (_skipped, _) = group(&mut journal, &[entry(1, 100)]);
    let (second, _) = group(&mut journal, &[entry(2, 100)]);
    assert!(matches!(journal.sink.write(&[second]), Err(WriteError::Fatal(_))));
    assert_eq!(contents(journal.reader.as_ref()).unwrap().len(), 0);
}
