//! The suite that every backend must pass: what the engine relies on, one function each.
//!
//! A backend's tests implement [`Harness`] and call [`conformance_tests!`](crate::conformance_tests), which makes one
//! test of each function. They panic where a promise is broken.

mod blobs;
mod journal;
mod session;
mod view;

pub use blobs::*;
pub use journal::*;
pub use session::*;
pub use view::*;

use std::ops::ControlFlow;

use crate::{Batch, Entry, EntryRef, JournalReader, Opened, Position, Replayed, Result, View};

/// A store under test, which outlives the sessions opened on it.
pub trait Harness {
    /// Opens the store as a new process would, with the view's schema version.
    fn open(&self, schema: u32) -> Result<Opened>;

    /// Ends the process without a clean stop. Every part of what was opened has been dropped.
    fn kill(&self);

    /// Cuts the power. Every part of what was opened has been dropped.
    fn power_cut(&self);
}

/// Makes one test of each function of the suite, with a fresh harness from the expression given.
#[macro_export]
macro_rules! conformance_tests {
    ($harness:expr) => {
        $crate::conformance_tests! { $harness;
            committed_groups_are_there_after_every_end,
            groups_that_were_not_written_are_gone,
            addresses_are_known_at_staging_and_stay,
            a_replay_goes_on_after_any_position,
            a_position_of_another_history_is_refused,
            rolled_back_entries_leave_no_trace,
            several_groups_are_written_at_once,
            readers_follow_the_writer,
            rows_are_put_replaced_and_deleted,
            the_last_change_of_a_key_counts,
            scans_go_both_ways_within_their_bounds,
            keys_are_ordered_by_their_bytes,
            a_scan_may_read_the_view,
            rows_outside_the_limits_are_refused_whole,
            the_position_moves_with_the_batch,
            a_cleared_view_is_empty,
            readers_see_whole_values_while_batches_are_applied,
            a_clean_stop_keeps_the_view,
            a_killed_process_leaves_a_view_to_catch_up,
            a_power_cut_costs_the_view_but_no_entry,
            a_forgotten_view_is_rebuilt,
            a_view_of_another_schema_is_rebuilt,
            a_view_ahead_of_the_journal_is_rebuilt,
            a_fresh_store_has_no_view_yet,
            a_second_opening_is_refused,
            a_closed_view_refuses,
            the_disk_and_its_reserve_are_known,
            blobs_are_imported_and_read,
            blobs_are_collected_in_pieces,
            a_partial_blob_is_resumed_after_a_kill,
            a_wrong_blob_is_not_finished,
            a_partial_blob_of_another_size_starts_over,
            one_blob_is_collected_twice_apart,
            blobs_are_listed_and_removed,
        }
    };
    ($harness:expr; $($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                $crate::conformance::$name(&$harness);
            }
        )*
    };
}

/// An entry that can be told from others.
fn entry(number: u64) -> Entry {
    Entry::with_text(format!("facts of {number}"), format!("text of {number} ").repeat(number as usize % 40))
}

/// Writes one group with these entries and applies one row for each.
fn commit(opened: &mut Opened, numbers: &[u64]) -> (Position, Vec<EntryRef>) {
    let refs: Vec<_> =
        numbers.iter().map(|number| opened.stage.stage(&entry(*number)).expect("staged")).collect();
    let sealed = opened.stage.seal().expect("a group");
    let end = opened.sink.write(&[sealed]).expect("written");
    opened.view.apply(&rows(&refs), &end).expect("applied");
    (end, refs)
}

/// The rows that a test's fold makes of entries: the address alone.
fn rows(refs: &[EntryRef]) -> Batch {
    let mut batch = Batch::new();
    for at in refs {
        let key = [&[1][..], &at.segment.to_be_bytes(), &at.offset.to_be_bytes()].concat();
        batch.put(key, at.to_string());
    }
    batch
}

/// Brings the view up to date by the fold of [`rows`]; returns how many groups that took.
fn catch_up(opened: &Opened) -> usize {
    let (mut refs, mut groups) = (Vec::new(), 0);
    let after = opened.view.position().expect("a position");
    let visit = &mut |step| {
        match step {
            Replayed::Entry(at, _) => refs.push(at),
            Replayed::GroupEnd(end) => {
                opened.view.apply(&rows(&std::mem::take(&mut refs)), &end).expect("applied");
                groups += 1;
            }
        }
        ControlFlow::Continue(())
    };
    opened.reader.replay(after, visit).expect("a whole journal");
    groups
}

/// Every entry of the journal.
fn entries(reader: &dyn JournalReader, after: Option<Position>) -> Vec<(EntryRef, Entry)> {
    let mut found = Vec::new();
    let visit = &mut |step| {
        if let Replayed::Entry(at, entry) = step {
            found.push((at, entry));
        }
        ControlFlow::Continue(())
    };
    reader.replay(after, visit).expect("a whole journal");
    found
}

/// Every row of the view.
fn dump(view: &dyn View) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let visit = &mut |key: &[u8], value: &[u8]| {
        found.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    view.scan(&[], None, crate::Direction::Forward, visit).expect("a scan");
    found
}
