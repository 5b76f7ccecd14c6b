//! The care of the store: what is erased, and what is left of what was given back.

use std::ops::ControlFlow;

use deskwire_proto::text::Line;
use deskwire_store::local::{FileNo, TicketNumber};
use deskwire_store::record::KeepRecord;
use deskwire_store::row::{Author, FileState, HelloRow};
use deskwire_store::table::{ANNOUNCED, ERASING, FETCHING, FILES, HELLOS, Rows, RowsMut, TICKETS};
use deskwire_store::{Direction, EntryRef, Result};

use crate::overlay::Overlay;
use crate::refusal::refused;

/// What stands in the place of an erased title.
pub(crate) fn erased_title() -> Line {
    Line::new("(erased)").expect("one short line")
}

/// The code of files that were erased.
pub(crate) const ERASED: &str = "erased";

pub(super) fn record(rows: &mut Overlay, at: EntryRef, record: &KeepRecord) -> Result<()> {
    match record {
        KeepRecord::Erased { tickets, files, .. } => {
            rows.put(ERASING, &at, &())?;
            tickets.iter().try_for_each(|ticket| title(rows, *ticket))?;
            files.iter().try_for_each(|file| bytes(rows, *file))?;
            unannounce(rows, files)
        }
        KeepRecord::ErasureDone { order, .. } => {
            rows.delete(ERASING, order);
            Ok(())
        }
        KeepRecord::SegmentEnded { .. } => Ok(()),
        KeepRecord::HelloSeen { no, hello, at } => rows.put(HELLOS, &(*no, *hello), &HelloRow { at: *at }),
    }
}

fn title(rows: &mut Overlay, ticket: TicketNumber) -> Result<()> {
    let Some(mut row) = rows.get(TICKETS, &ticket)? else { return Ok(()) };
    row.title = erased_title();
    rows.put(TICKETS, &ticket, &row)
}

fn bytes(rows: &mut Overlay, file: FileNo) -> Result<()> {
    let Some(mut row) = rows.get(FILES, &file)? else { return Ok(()) };
    if let Author::Partner(link) = row.author {
        rows.delete(FETCHING, &(link, file));
    }
    row.state = FileState::Failed(refused(ERASED, "This file was erased."));
    rows.put(FILES, &file, &row)
}

/// What is gone is not brought to anybody.
fn unannounce(rows: &mut Overlay, files: &[FileNo]) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let mut found = Vec::new();
    rows.scan(ANNOUNCED, &(), None, Direction::Forward, &mut |key, file| {
        if files.contains(&file) {
            found.push(key);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    found.iter().for_each(|key| rows.delete(ANNOUNCED, key));
    Ok(())
}
