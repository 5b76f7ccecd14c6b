//! Reading: replays from any point, and addresses and positions that lead nowhere.

use super::*;
use crate::Error;

fn filled(disk: &SimDisk, groups: u64) -> Journal {
    let mut journal = open(disk).unwrap();
    for number in 0..groups {
        commit(&mut journal, number, 900);
    }
    journal
}

/// A view that is a little behind would miss messages, or fold some twice.
#[test]
fn a_replay_begins_exactly_after_any_position() {
    let disk = SimDisk::default();
    let journal = filled(&disk, 20);
    let journal_again = open(&disk).unwrap();
    let all = contents(journal_again.reader.as_ref()).unwrap();
    let positions: Vec<_> =
        std::iter::once(journal_again.reader.start()).chain(ends(journal_again.reader.as_ref())).collect();
    assert_eq!(positions.len(), 21);
    assert_eq!(*positions.last().unwrap(), journal.stage.position());
    for (skip, position) in positions.iter().enumerate() {
        let mut found = Vec::new();
        let visit = &mut |step| {
            if let Replayed::Entry(at, entry) = step {
                found.push((at, entry));
            }
            ControlFlow::Continue(())
        };
        let end = journal_again.reader.replay(Some(*position), visit).unwrap();
        assert_eq!(found, all[skip..]);
        assert_eq!(end, journal_again.reader.tail());
    }
}

/// A replay that is stopped says honestly up to where the caller has seen whole groups.
#[test]
fn a_replay_stops_where_it_is_told_to() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).unwrap();
    let (first, _) = group(&mut journal, &[entry(1, 1), entry(2, 1)]);
    let (second, _) = group(&mut journal, &[entry(3, 1), entry(4, 1)]);
    let (end_of_first, end_of_second) = (first.end(), second.end());
    journal.sink.write(&[first, second]).unwrap();
    for (steps, expected) in
        [(1, journal.reader.start()), (3, end_of_first), (5, end_of_first), (6, end_of_second)]
    {
        let mut left = steps;
        let visit = &mut |_| {
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        assert_eq!(journal.reader.replay(None, visit).unwrap(), expected, "after {steps} steps");
    }
}

/// A view of another history must be thrown away, not be brought "up to date".
#[test]
fn positions_of_another_history_are_refused() {
    let disk = SimDisk::default();
    let journal = filled(&disk, 20);
    let positions = ends(journal.reader.as_ref());
    let nothing = &mut |_| ControlFlow::Continue(());
    for position in &positions {
        let mut other = *position;
        other.chain[7] ^= 1;
        let refused = journal.reader.replay(Some(other), nothing);
        assert!(matches!(refused, Err(Error::NoPosition { .. })), "{position:?}: {refused:?}");
    }
    let inner = positions[3];
    let strange = [
        Position { group: 99, ..inner },
        Position { offset: inner.offset + 512, ..inner },
        Position { offset: inner.offset + 1, ..inner },
        Position { offset: 0, ..inner },
        Position { offset: u64::MAX, ..inner },
        Position { segment: 77, ..inner },
        Position { segment: 0, ..inner },
    ];
    for position in strange {
        let refused = journal.reader.replay(Some(position), nothing);
        assert!(matches!(refused, Err(Error::NoPosition { .. })), "{position:?}: {refused:?}");
    }
}

/// A row with a stale address must give an error, never somebody else's words.
#[test]
fn addresses_at_which_no_entry_begins_are_refused() {
    let disk = SimDisk::default();
    let journal = filled(&disk, 20);
    let tail = journal.reader.tail();
    let known: Vec<_> = contents(journal.reader.as_ref()).unwrap().into_iter().map(|(at, _)| at).collect();
    for segment in 0..tail.segment + 2 {
        for offset in (0..12_000).chain([u64::MAX]) {
            let at = EntryRef { segment, offset };
            assert_eq!(journal.reader.read(at).is_ok(), known.contains(&at), "{at}");
        }
    }
}

/// An entry that says where an entry begins, in its own text, must not be taken for one.
#[test]
fn stored_bytes_cannot_pose_as_headers() {
    let (disk, mut journal) = (SimDisk::default(), open(&SimDisk::default()).unwrap());
    let (sealed, _) = group(&mut journal, &[entry(1, 2000)]);
    let mut stolen = Vec::new();
    sealed.append_to(&mut stolen, 1);
    let mut victim = open(&disk).unwrap();
    let (sealed, refs) =
        group(&mut victim, &[Entry::with_text(*b"", [vec![0; 512 - 64 - 24], stolen].concat())]);
    victim.sink.write(&[sealed]).unwrap();
    let inside = EntryRef { offset: 1024 + 64, ..refs[0] };
    assert!(victim.reader.read(inside).is_err());
    assert_eq!(contents(victim.reader.as_ref()).unwrap().len(), 1);
}

/// Screens read old messages while new ones are being written.
#[test]
fn readers_see_whole_groups_while_the_writer_goes_on() {
    let disk = SimDisk::default();
    let mut journal = open(&disk).unwrap();
    let reader = journal.reader.clone();
    std::thread::scope(|scope| {
        let watching = scope.spawn(move || {
            let (mut at, mut seen) = (reader.start(), 0);
            while seen < 300 {
                at = reader
                    .replay(Some(at), &mut |step| {
                        if let Replayed::Entry(at, entry) = step {
                            assert_eq!(entry, self::entry(seen / 2, 200));
                            assert_eq!(reader.read(at).unwrap(), entry);
                            seen += 1;
                        }
                        ControlFlow::Continue(())
                    })
                    .unwrap();
            }
        });
        for number in 0..150 {
            let (sealed, _) = group(&mut journal, &[entry(number, 200), entry(number, 200)]);
            journal.sink.write(&[sealed]).unwrap();
        }
        watching.join().unwrap();
    });
}
