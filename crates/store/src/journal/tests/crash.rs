//! The process or the power ends at every operation: everything acknowledged stays, every group is whole.

use super::*;

/// What a run was told before it died.
#[derive(Default)]
struct Told {
    /// Groups acknowledged.
    acknowledged: usize,
    /// Entries of each group ever handed to the sink, by group.
    staged: Vec<Vec<Entry>>,
}

/// Commits groups, sometimes several at once, until the end or until the process dies.
fn run(disk: &SimDisk, told: &mut Told) {
    let Ok(mut journal) = Journal::open(Arc::new(disk.session()), SMALL, Some(ID)) else { return };
    for round in 0..7u64 {
        let count = round % 3 + 1;
        let mut groups = Vec::new();
        for number in 0..count {
            let entries = [entry(round * 10 + number, 900 * (number as usize + 1)), entry(99, 5)];
            groups.push(group(&mut journal, &entries).0);
            told.staged.push(entries.to_vec());
        }
        if journal.sink.write(&groups).is_err() {
            return;
        }
        told.acknowledged = told.staged.len();
    }
}

/// Opens what is left and compares it with what was told.
fn check(disk: &SimDisk, told: &Told, when: &str) {
    let mut journal = open(disk).unwrap_or_else(|error| panic!("{when}: {error}"));
    let found: Vec<_> =
        contents(journal.reader.as_ref()).unwrap().into_iter().map(|(_, entry)| entry).collect();
    let groups = ends(journal.reader.as_ref()).len();
    assert!(groups >= told.acknowledged, "{when}: {groups} of {} acknowledged groups", told.acknowledged);
    assert_eq!(found, told.staged[..groups].concat(), "{when}");
    commit(&mut journal, 1000, 2000);
    let again = open(disk).unwrap();
    assert_eq!(contents(again.reader.as_ref()).unwrap().len(), found.len() + 1, "{when}");
}

fn operations_of_a_run() -> u64 {
    let disk = SimDisk::default();
    let mut told = Told::default();
    run(&disk, &mut told);
    assert_eq!(told.acknowledged, 13);
    assert!(disk.names().len() > 2, "the run crosses segments");
    disk.operations()
}

/// Fault 22, 24: no cut of the power may cost an acknowledged message or leave half a group.
#[test]
fn power_cut_at_every_operation() {
    for at in 0..operations_of_a_run() {
        for seed in 0..12 {
            let (disk, mut told) = (SimDisk::default(), Told::default());
            disk.crash_after(at);
            run(&disk, &mut told);
            disk.power_cut(seed * 1_000_003 + at);
            check(&disk, &told, &format!("cut at operation {at}, seed {seed}"));
        }
    }
}

#[test]
fn process_killed_at_every_operation() {
    for at in 0..operations_of_a_run() {
        let (disk, mut told) = (SimDisk::default(), Told::default());
        disk.crash_after(at);
        run(&disk, &mut told);
        disk.kill();
        check(&disk, &told, &format!("killed at operation {at}"));
    }
}

/// The power fails again while the desk comes back from the first cut.
#[test]
fn power_cut_during_recovery() {
    for first in (3..operations_of_a_run()).step_by(2) {
        for second in 0..12 {
            let (disk, mut told) = (SimDisk::default(), Told::default());
            disk.crash_after(first);
            run(&disk, &mut told);
            disk.power_cut(first * 31 + second);
            disk.crash_after(second);
            let _ = Journal::open(Arc::new(disk.session()), SMALL, Some(ID));
            disk.power_cut(first * 37 + second);
            check(&disk, &told, &format!("cut at operation {first}, then at {second} of the recovery"));
        }
    }
}

/// The disk is full, and then the power fails while the refused write is being undone.
#[test]
fn power_cut_while_a_refused_write_is_undone() {
    for room in [0, 600, 5000, 9000] {
        for at in 0..16 {
            let disk = SimDisk::default();
            let mut journal = open(&disk).unwrap();
            commit(&mut journal, 1, 100);
            disk.set_capacity(Some(disk.used() + room));
            let groups: Vec<_> = (0..8).map(|number| group(&mut journal, &[entry(number, 3000)]).0).collect();
            disk.crash_after(at);
            journal.sink.write(&groups).unwrap_err();
            disk.power_cut(at * 101 + room);
            disk.set_capacity(None);
            let journal = open(&disk).unwrap_or_else(|error| panic!("room {room}, at {at}: {error}"));
            let found = contents(journal.reader.as_ref()).unwrap();
            assert_eq!(found[0].1, entry(1, 100));
            for (number, (_, found)) in found[1..].iter().enumerate() {
                assert_eq!(found, &entry(number as u64, 3000));
            }
        }
    }
}
