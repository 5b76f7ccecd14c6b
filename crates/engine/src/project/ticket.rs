//! Tickets, comments and files of this desk itself.

use deskwire_proto::id::ItemId;
use deskwire_proto::text::{Code, Label};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{FileNo, TicketNumber};
use deskwire_store::record::{FileMade, TicketMade};
use deskwire_store::row::{Audience, Author, FileRow, FileState, ThreadKind, ThreadRow, TicketRow};
use deskwire_store::table::{BLOB_FILES, FETCHING, FILES, RowsMut, THREADS, TICKETS};
use deskwire_store::{EntryRef, Result};

use super::{change, count};
use crate::overlay::Overlay;

pub(super) fn made(rows: &mut Overlay, at: EntryRef, made: &TicketMade) -> Result<()> {
    let row = TicketRow {
        title: made.title.clone(),
        status: made.status.clone(),
        status_label: None,
        priority: made.priority,
        category: made.category.clone(),
        origin: None,
        body: at,
        created: made.at,
        changed: made.at,
        erased: None,
    };
    rows.put(TICKETS, &made.ticket, &row)?;
    count(rows, |counters| counters.ticket = counters.ticket.max(made.ticket.0 + 1))
}

pub(super) fn status(
    rows: &mut Overlay,
    key: (TicketNumber, EntryRef),
    status: &Code,
    label: Option<&Label>,
    when: Timestamp,
) -> Result<()> {
    change(rows, TICKETS, &key.0, |row| {
        row.status = status.clone();
        row.status_label = label.cloned();
        row.changed = when;
    })?;
    thread(rows, key, (ThreadKind::Status, None), Audience::Internal, when)
}

pub(super) fn file(rows: &mut Overlay, at: EntryRef, made: &FileMade) -> Result<()> {
    let row = FileRow {
        ticket: made.ticket,
        item: made.item,
        blob: made.blob,
        size: made.size,
        chunks: made.chunks,
        author: Author::Own,
        entry: at,
        state: FileState::Here,
        at: made.at,
    };
    rows.put(FILES, &made.file, &row)?;
    rows.put(BLOB_FILES, &(made.blob, made.file), &())?;
    count(rows, |counters| counters.file = counters.file.max(made.file.0 + 1))?;
    let kind = (ThreadKind::File(made.file), Some(made.item));
    thread(rows, (made.ticket, at), kind, made.audience.clone(), made.at)
}

/// Something that people of this desk did on a ticket.
pub(super) fn thread(
    rows: &mut Overlay,
    key: (TicketNumber, EntryRef),
    (kind, item): (ThreadKind, Option<ItemId>),
    audience: Audience,
    at: Timestamp,
) -> Result<()> {
    rows.put(
        THREADS,
        &key,
        &ThreadRow {
            kind,
            author: Author::Own,
            audience,
            at,
            shared: Vec::new(),
            item,
            revised: false,
            aside: None,
        },
    )
}

/// The bytes of a partner's file have come, or never will.
pub(super) fn arrived(rows: &mut Overlay, file: FileNo, state: FileState) -> Result<()> {
    let row = change(rows, FILES, &file, |row| row.state = state)?;
    if let Author::Partner(link) = row.author {
        rows.delete(FETCHING, &(link, file));
    }
    Ok(())
}

/// The bytes of a partner's file are to be fetched again.
pub(super) fn lost(rows: &mut Overlay, file: FileNo) -> Result<()> {
    let row = change(rows, FILES, &file, |row| row.state = FileState::Fetching)?;
    match row.author {
        Author::Partner(link) => rows.put(FETCHING, &(link, file), &()),
        Author::Own => Ok(()),
    }
}
