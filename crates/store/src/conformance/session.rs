//! Promises about how sessions begin and end.

use super::{Harness, catch_up, commit, dump, entries};
use crate::{Batch, Error, Opened, Position, RebuildReason, ViewState};

fn reopened(harness: &impl Harness, schema: u32) -> Opened {
    harness.open(schema).expect("opened")
}

/// After a clean stop the desk starts at once, even when the power was off since.
pub fn a_clean_stop_keeps_the_view(harness: &impl Harness) {
    let mut opened = reopened(harness, 1);
    let (end, _) = commit(&mut opened, &[1, 2, 3]);
    let rows = dump(opened.view.as_ref());
    opened.keeper.close().expect("closed");
    drop(opened);
    harness.power_cut();
    for _ in 0..2 {
        let opened = reopened(harness, 1);
        assert_eq!(opened.view_state, ViewState::Intact);
        assert_eq!(opened.view.position().expect("read"), Some(end));
        assert_eq!(dump(opened.view.as_ref()), rows);
        opened.keeper.close().expect("closed");
    }
}

/// A killed desk starts with the view it had, perhaps a little behind.
pub fn a_killed_process_leaves_a_view_to_catch_up(harness: &impl Harness) {
    let mut opened = reopened(harness, 1);
    for number in 0..50 {
        commit(&mut opened, &[number]);
    }
    let rows = dump(opened.view.as_ref());
    drop(opened);
    harness.kill();
    let opened = reopened(harness, 1);
    assert_eq!(opened.view_state, ViewState::Intact);
    catch_up(&opened);
    assert_eq!(dump(opened.view.as_ref()), rows);
    assert_eq!(opened.view.position().expect("read"), Some(opened.reader.tail()));
}

/// After a power cut the view is rebuilt; what it showed comes back whole.
pub fn a_power_cut_costs_the_view_but_no_entry(harness: &impl Harness) {
    let mut opened = reopened(harness, 1);
    for number in 0..50 {
        commit(&mut opened, &[number, number + 100]);
    }
    let rows = dump(opened.view.as_ref());
    drop(opened);
    harness.power_cut();
    let opened = reopened(harness, 1);
    assert_eq!(opened.view_state, ViewState::NeedsRebuild(RebuildReason::PowerCut));
    assert_eq!((dump(opened.view.as_ref()), opened.view.position().expect("read")), (Vec::new(), None));
    assert_eq!(catch_up(&opened), 50);
    opened.keeper.view_rebuilt().expect("noted");
    assert_eq!(dump(opened.view.as_ref()), rows);
    drop(opened);
    harness.kill();
    let opened = reopened(harness, 1);
    assert_eq!(opened.view_state, ViewState::Intact, "a rebuilt view is as good as any");
}

/// After an erasure the old rows must be gone for good.
pub fn a_forgotten_view_is_rebuilt(harness: &impl Harness) {
    for clean in [true, false] {
        let mut opened = reopened(harness, 1);
        commit(&mut opened, &[1]);
        opened.keeper.forget_view().expect("forgotten");
        commit(&mut opened, &[2]);
        if clean {
            opened.keeper.close().expect("closed");
        }
        drop(opened);
        harness.kill();
        let opened = reopened(harness, 1);
        assert_eq!(opened.view_state, ViewState::NeedsRebuild(RebuildReason::Missing), "closed: {clean}");
        assert_eq!(dump(opened.view.as_ref()), []);
        catch_up(&opened);
        opened.keeper.close().expect("closed");
        drop(opened);
        assert_eq!(reopened(harness, 1).view_state, ViewState::Intact);
        harness.kill();
    }
}

/// Rows of an older program must not be read by a newer one.
pub fn a_view_of_another_schema_is_rebuilt(harness: &impl Harness) {
    let mut opened = reopened(harness, 1);
    commit(&mut opened, &[1]);
    opened.keeper.close().expect("closed");
    drop(opened);
    for (found, wanted) in [(1, 2), (2, 1)] {
        let opened = reopened(harness, wanted);
        let reason = RebuildReason::Schema { found, wanted };
        assert_eq!(opened.view_state, ViewState::NeedsRebuild(reason));
        assert_eq!(catch_up(&opened), 1);
        opened.keeper.view_rebuilt().expect("noted");
        opened.keeper.close().expect("closed");
    }
}

/// A view that has seen more than the journal holds, or something else, must not be believed.
pub fn a_view_ahead_of_the_journal_is_rebuilt(harness: &impl Harness) {
    for change in
        [|end: Position| Position { group: 9, ..end }, |end: Position| Position { chain: [1; 32], ..end }]
    {
        let mut opened = reopened(harness, 1);
        let (end, _) = commit(&mut opened, &[1]);
        opened.view.apply(&Batch::new(), &change(end)).expect("applied");
        opened.keeper.close().expect("closed");
        drop(opened);
        let opened = reopened(harness, 1);
        let expected = match change(end).group {
            9 => RebuildReason::AheadOfJournal { view: 9, journal: 1 },
            group => RebuildReason::OtherHistory { group },
        };
        assert_eq!(opened.view_state, ViewState::NeedsRebuild(expected));
        assert_eq!(dump(opened.view.as_ref()), []);
        catch_up(&opened);
        opened.keeper.close().expect("closed");
    }
}

/// The first start looks like a rebuild of nothing.
pub fn a_fresh_store_has_no_view_yet(harness: &impl Harness) {
    let opened = reopened(harness, 1);
    assert_eq!(opened.view_state, ViewState::NeedsRebuild(RebuildReason::Missing));
    assert_eq!(opened.reader.tail().group, 0);
    assert_eq!(entries(opened.reader.as_ref(), None), []);
    opened.keeper.view_rebuilt().expect("noted");
    opened.keeper.close().expect("closed");
    drop(opened);
    assert_eq!(reopened(harness, 1).view_state, ViewState::Intact);
}

/// Two desks on one folder would destroy each other.
pub fn a_second_opening_is_refused(harness: &impl Harness) {
    let opened = reopened(harness, 1);
    let refused = harness.open(1).map(drop);
    assert!(matches!(refused, Err(Error::Locked { .. })), "{refused:?}");
    drop(opened);
    drop(reopened(harness, 1));
}

/// Nothing may be written to a view that has been declared clean.
pub fn a_closed_view_refuses(harness: &impl Harness) {
    let mut opened = reopened(harness, 1);
    let (end, _) = commit(&mut opened, &[1]);
    opened.keeper.close().expect("closed");
    assert!(matches!(opened.view.apply(&Batch::new(), &end), Err(Error::Closed)));
    assert!(matches!(opened.view.get(b"a"), Err(Error::Closed)));
}

/// The engine refuses new work before the disk is full, and has something to give up when it is.
pub fn the_disk_and_its_reserve_are_known(harness: &impl Harness) {
    let opened = reopened(harness, 1);
    assert!(opened.keeper.free_bytes().expect("measured") > 0);
    opened.keeper.release_reserve().expect("released");
    opened.keeper.release_reserve().expect("released twice");
    assert!(opened.keeper.restore_reserve().expect("restored"));
}
