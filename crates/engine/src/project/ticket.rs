//! Tickets, comments and files of this desk itself.

use deskwire_store::record::Record;
use deskwire_store::row::{Audience, Author, FileRow, FileState, ThreadKind, ThreadRow, TicketRow};
use deskwire_store::table::{FETCHING, FILES, Rows, RowsMut, THREADS, TICKETS};
use deskwire_store::{EntryRef, Result};

use super::{change, contradiction, count};
use crate::overlay::Overlay;

pub(super) fn project(rows: &mut Overlay, at: EntryRef, record: &Record) -> Result<()> {
    match record {
        Record::TicketMade { ticket, title, status, priority, category, at: when } => {
            let row = TicketRow {
                title: title.clone(),
                status: status.clone(),
                status_label: None,
                priority: *priority,
                category: category.clone(),
                origin: None,
                body: at,
                created: *when,
                changed: *when,
            };
            rows.put(TICKETS, ticket, &row)?;
            count(rows, |counters| counters.ticket = counters.ticket.max(ticket.0 + 1))
        }
        Record::TicketStatus { ticket, status, label, at: when } => {
            change(rows, TICKETS, ticket, |row| {
                row.status = status.clone();
                row.status_label = label.clone();
                row.changed = *when;
            })?;
            own_thread(rows, (*ticket, at), ThreadKind::Status, Audience::Internal, *when)
        }
        Record::CommentMade { ticket, item: _, audience, at: when } => {
            own_thread(rows, (*ticket, at), ThreadKind::Comment, audience.clone(), *when)
        }
        Record::FileMade { file, ticket, item, blob, size, chunks, audience, at: when } => {
            let row = FileRow {
                ticket: *ticket,
                item: *item,
                blob: *blob,
                size: *size,
                chunks: *chunks,
                author: Author::Own,
                entry: at,
                state: FileState::Here,
                at: *when,
            };
            rows.put(FILES, file, &row)?;
            count(rows, |counters| counters.file = counters.file.max(file.0 + 1))?;
            own_thread(rows, (*ticket, at), ThreadKind::File(*file), audience.clone(), *when)
        }
        Record::BlobHere { file, .. } => arrived(rows, *file, FileState::Here),
        Record::BlobFailed { file, why, .. } => arrived(rows, *file, FileState::Failed(why.clone())),
        _ => Err(contradiction("a record that is none of a ticket")),
    }
}

fn own_thread(
    rows: &mut Overlay,
    key: (deskwire_store::local::TicketNumber, EntryRef),
    kind: ThreadKind,
    audience: Audience,
    at: deskwire_proto::time::Timestamp,
) -> Result<()> {
    rows.put(THREADS, &key, &ThreadRow { kind, author: Author::Own, audience, at, shared: Vec::new() })
}

fn arrived(rows: &mut Overlay, file: deskwire_store::local::FileNo, state: FileState) -> Result<()> {
    let row = change(rows, FILES, &file, |row| row.state = state)?;
    if let Author::Partner(link) = row.author
        && rows.get(FETCHING, &(link, file))?.is_some()
    {
        rows.delete(FETCHING, &(link, file));
    }
    Ok(())
}
