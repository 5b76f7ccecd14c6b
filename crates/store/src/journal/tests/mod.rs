//! Tests of the journal over the simulated disk.

mod archive;
mod crash;
mod damage;
mod faults;
mod garbage;
mod layout;
mod mend;
mod replay;
mod rewrite;
mod stage;

use std::ops::ControlFlow;
use std::sync::Arc;

use super::{Entry, EntryRef, Journal, JournalConfig, JournalId, Position, SealedGroup, segments::file_name};
use crate::memory::SimDisk;
use crate::{JournalReader, Replayed, Result};

const ID: JournalId = JournalId(*b"sixteen id bytes");
const SMALL: JournalConfig = JournalConfig { segment_bytes: 8 << 10, reserve_bytes: 4 << 10 };

/// Opens the journal on a disk as a new process would.
fn open(disk: &SimDisk) -> Result<Journal> {
    disk.kill();
    Journal::open(Arc::new(disk.session()), SMALL, Some(ID))
}

/// An entry that can be told from others, with a text of `size` bytes.
fn entry(number: u64, size: usize) -> Entry {
    let noise =
        |at: usize| (at as u64 + 1).wrapping_mul(number * 2_654_435_761 + 0x9e37_79b9_7f4a_7c15) >> 29;
    let text: Vec<u8> = (0..size).map(|at| noise(at) as u8 | 1).collect();
    Entry::with_text(format!("facts of {number}"), text)
}

/// Stages one group of entries.
fn group(journal: &mut Journal, entries: &[Entry]) -> (SealedGroup, Vec<EntryRef>) {
    let refs = entries.iter().map(|entry| journal.stage.stage(entry).unwrap()).collect();
    (journal.stage.seal().unwrap(), refs)
}

/// Writes one group with one entry, durably.
fn commit(journal: &mut Journal, number: u64, size: usize) -> (Position, EntryRef) {
    let (sealed, refs) = group(journal, &[entry(number, size)]);
    (journal.sink.write(&[sealed]).unwrap(), refs[0])
}

/// Everything in a journal: its entries in order.
fn contents(reader: &dyn JournalReader) -> Result<Vec<(EntryRef, Entry)>> {
    let mut found = Vec::new();
    reader.replay(None, &mut |step| {
        if let Replayed::Entry(at, entry) = step {
            found.push((at, entry));
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// The ends of all groups in a journal.
fn ends(reader: &dyn JournalReader) -> Vec<Position> {
    let mut found = Vec::new();
    let visit = &mut |step| {
        if let Replayed::GroupEnd(end) = step {
            found.push(end);
        }
        ControlFlow::Continue(())
    };
    reader.replay(None, visit).unwrap();
    found
}

/// The bytes of a segment.
fn segment(disk: &SimDisk, number: u64) -> Vec<u8> {
    disk.content(&file_name(number)).unwrap()
}

/// Replaces the bytes of a segment.
fn set_segment(disk: &SimDisk, number: u64, bytes: Vec<u8>) {
    disk.set_content(&file_name(number), bytes);
}
