//! Tests on real files, with real processes where it matters.

mod conformance;
mod folder;
mod full;
mod pages;
mod process;
mod renew;
mod torn;
mod view;

use std::ops::ControlFlow;
use std::path::Path;

use deskwire_store::{Batch, Entry, EntryRef, JournalReader, Opened, Position, Replayed, Result, View};

use crate::Options;

/// Small sizes, so that tests meet every border soon.
fn options(schema: u32) -> Options {
    let mut options = Options::new(schema);
    options.journal.segment_bytes = 16 << 10;
    options.journal.reserve_bytes = 8 << 10;
    options.reserve_bytes = 64 << 10;
    options.view_room_bytes = 1536 << 10;
    options.packed = &[1, 3, b'a', b'k', b'x'];
    options
}

fn open(folder: &Path) -> Result<Opened> {
    crate::open(folder, options(1))
}

fn entry(number: u64) -> Entry {
    Entry::with_text(format!("facts of {number}"), vec![number as u8 | 1; 300 + number as usize % 700])
}

/// Commits one group with one entry and one row that refers to it.
fn commit(opened: &mut Opened, number: u64) -> (Position, EntryRef) {
    let at = opened.stage.stage(&entry(number)).unwrap();
    let sealed = opened.stage.seal().unwrap();
    let end = opened.sink.write(&[sealed]).unwrap();
    opened.view.apply(&row(at), &end).unwrap();
    (end, at)
}

fn row(at: EntryRef) -> Batch {
    let mut batch = Batch::new();
    batch.put([&[1][..], &at.segment.to_be_bytes(), &at.offset.to_be_bytes()].concat(), at.to_string());
    batch
}

fn entries(reader: &dyn JournalReader) -> Vec<Entry> {
    let mut found = Vec::new();
    let visit = &mut |step| {
        if let Replayed::Entry(_, entry) = step {
            found.push(entry);
        }
        ControlFlow::Continue(())
    };
    reader.replay(None, visit).unwrap();
    found
}

fn dump(view: &dyn View) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let visit = &mut |key: &[u8], value: &[u8]| {
        found.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    };
    view.scan(&[], None, deskwire_store::Direction::Forward, visit).unwrap();
    found
}

/// Brings the view up to date with one row for each entry.
fn catch_up(opened: &Opened) {
    let mut batch = Batch::new();
    let visit = &mut |step| {
        match step {
            Replayed::Entry(at, _) => batch.append(row(at)),
            Replayed::GroupEnd(end) => opened.view.apply(&std::mem::take(&mut batch), &end).unwrap(),
        }
        ControlFlow::Continue(())
    };
    opened.reader.replay(opened.view.position().unwrap(), visit).unwrap();
}
