//! Promises of the journal.

use std::ops::ControlFlow;

use super::{Harness, commit, entries, entry};
use crate::{Error, Position, Replayed};

/// A receipt is given for what is committed: it must survive every way a session can end.
pub fn committed_groups_are_there_after_every_end(harness: &impl Harness) {
    let mut expected = Vec::new();
    let mut at = None;
    for round in 0..9 {
        let mut opened = harness.open(1).expect("opened");
        let found = entries(opened.reader.as_ref(), None);
        assert_eq!(found, expected, "in round {round}");
        assert_eq!(at.unwrap_or(opened.reader.start()), opened.reader.tail());
        for number in 0..round {
            let numbers = [round * 10 + number, number];
            let (end, refs) = commit(&mut opened, &numbers);
            expected.extend(refs.into_iter().zip(numbers.map(entry)));
            at = Some(end);
        }
        if round % 3 == 0 {
            opened.keeper.close().expect("closed");
        }
        drop(opened);
        match round % 3 {
            1 => harness.kill(),
            2 => harness.power_cut(),
            _ => {}
        }
    }
}

/// What was never written must not come back to life.
pub fn groups_that_were_not_written_are_gone(harness: &impl Harness) {
    let mut opened = harness.open(1).expect("opened");
    commit(&mut opened, &[1]);
    opened.stage.stage(&entry(2)).expect("staged");
    let _sealed = opened.stage.seal();
    opened.stage.stage(&entry(3)).expect("staged");
    drop(opened);
    harness.kill();
    let mut opened = harness.open(1).expect("opened");
    assert_eq!(entries(opened.reader.as_ref(), None).len(), 1);
    let (end, _) = commit(&mut opened, &[4]);
    assert_eq!(end.group, 2, "the number of a group that was lost is given again");
}

/// Rows refer to entries by address before these are on the disk.
pub fn addresses_are_known_at_staging_and_stay(harness: &impl Harness) {
    let mut opened = harness.open(1).expect("opened");
    let numbers: Vec<u64> = (0..100).collect();
    let mut refs = Vec::new();
    for group in numbers.chunks(7) {
        refs.extend(commit(&mut opened, group).1);
    }
    assert!(refs.is_sorted());
    for (at, number) in refs.iter().zip(&numbers) {
        assert_eq!(opened.reader.read(*at).expect("an entry"), entry(*number));
    }
    let mut nowhere = refs[5];
    nowhere.offset += 1;
    assert!(opened.reader.read(nowhere).is_err());
    nowhere.segment += 1_000;
    assert!(matches!(opened.reader.read(nowhere), Err(Error::NoEntry { .. })));
    drop(opened);
    harness.kill();
    let opened = harness.open(1).expect("opened");
    for (at, number) in refs.iter().zip(&numbers) {
        assert_eq!(opened.reader.read(*at).expect("an entry"), entry(*number));
    }
}

/// A view that is behind catches up without gaps and without doubles.
pub fn a_replay_goes_on_after_any_position(harness: &impl Harness) {
    let mut opened = harness.open(1).expect("opened");
    let mut positions = vec![opened.reader.start()];
    positions.extend((0..12).map(|number| commit(&mut opened, &[number]).0));
    for (skip, position) in positions.iter().enumerate() {
        let found = entries(opened.reader.as_ref(), Some(*position));
        let expected: Vec<_> = (skip as u64..12).map(entry).collect();
        assert_eq!(found.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>(), expected);
    }
    let mut ends = Vec::new();
    let visit = &mut |step| {
        if let Replayed::GroupEnd(end) = step {
            ends.push(end);
        }
        if ends.len() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let stopped = opened.reader.replay(None, visit).expect("a replay");
    assert_eq!(stopped, positions[3]);
    assert_eq!(ends, positions[1..4]);
}

/// A restored desk must notice that its view is of another life.
pub fn a_position_of_another_history_is_refused(harness: &impl Harness) {
    let mut opened = harness.open(1).expect("opened");
    let positions: Vec<Position> = (0..3).map(|number| commit(&mut opened, &[number]).0).collect();
    for position in positions {
        let other = Position { chain: [7; 32], ..position };
        let refused = opened.reader.replay(Some(other), &mut |_| ControlFlow::Continue(()));
        assert!(matches!(refused, Err(Error::NoPosition { .. })), "{refused:?}");
    }
}

/// A command that is refused half way must leave the others of its group alone.
pub fn rolled_back_entries_leave_no_trace(harness: &impl Harness) {
    let mut opened = harness.open(1).expect("opened");
    opened.stage.stage(&entry(1)).expect("staged");
    let mark = opened.stage.mark();
    opened.stage.stage(&entry(2)).expect("staged");
    opened.stage.rollback(mark);
    commit(&mut opened, &[3]);
    let found = entries(opened.reader.as_ref(), None);
    assert_eq!(found.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>(), [entry(1), entry(3)]);
}

/// What queued while a group was being synced goes out in one write.
pub fn several_groups_are_written_at_once(harness: &impl Harness) {
    let mut opened = harness.open(1).expect("opened");
    let mut groups = Vec::new();
    for number in 0..20 {
        opened.stage.stage(&entry(number)).expect("staged");
        groups.push(opened.stage.seal().expect("a group"));
    }
    assert_eq!(entries(opened.reader.as_ref(), None), [], "nothing is visible before it is durable");
    let end = opened.sink.write(&groups).expect("written");
    assert_eq!(end, opened.stage.position());
    assert_eq!(opened.sink.write(&[]).expect("nothing to write"), end);
    assert_eq!(entries(opened.reader.as_ref(), None).len(), 20);
}

/// Screens and peers read while the writer writes.
pub fn readers_follow_the_writer(harness: &impl Harness) {
    let mut opened = harness.open(1).expect("opened");
    let reader = opened.reader.clone();
    std::thread::scope(|scope| {
        let follower = scope.spawn(move || {
            let (mut at, mut next) = (reader.start(), 0);
            while next < 200 {
                for (address, found) in entries(reader.as_ref(), Some(at)) {
                    assert_eq!(found, entry(next));
                    assert_eq!(reader.read(address).expect("an entry"), found);
                    next += 1;
                }
                let visit = &mut |step| {
                    if let Replayed::GroupEnd(end) = step {
                        at = end;
                    }
                    if at.group * 2 < next { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                };
                reader.replay(None, visit).expect("a replay");
            }
        });
        for number in 0..100 {
            commit(&mut opened, &[number * 2, number * 2 + 1]);
        }
        follower.join().expect("the follower");
    });
}
