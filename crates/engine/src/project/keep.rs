//! The care of the store: what is erased, and what is left of what was given back.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use deskwire_proto::text::Line;
use deskwire_store::local::{FileNo, LinkNo, TicketNumber};
use deskwire_store::record::KeepRecord;
use deskwire_store::row::{Author, Erased, FileState, HelloRow, LinkEventRow, TicketRow};
use deskwire_store::table::{
    DELEGATIONS, ERASING, FETCHING, FILES, HELLOS, LINK_EVENTS, Rows, RowsMut, TICKET_DELEGATIONS, TICKETS,
};
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
        KeepRecord::Erased { entries, tickets, files, at: when, left, statuses } => {
            rows.put(ERASING, &at, &())?;
            let erased = Erased { at: *when, left: *left };
            tickets.iter().try_for_each(|ticket| title(rows, *ticket, entries, erased))?;
            statuses.iter().try_for_each(|ticket| status(rows, *ticket))?;
            // Partners that still need one of them are told that it is gone when it is brought.
            files.iter().try_for_each(|file| bytes(rows, *file))
        }
        KeepRecord::ErasureDone { order, .. } => {
            rows.delete(ERASING, order);
            Ok(())
        }
        KeepRecord::SegmentEnded { .. } => Ok(()),
        KeepRecord::HelloSeen { no, hello, at } => rows.put(HELLOS, &(*no, *hello), &HelloRow { at: *at }),
    }
}

fn title(rows: &mut Overlay, ticket: TicketNumber, entries: &[EntryRef], erased: Erased) -> Result<()> {
    let Some(mut row) = rows.get(TICKETS, &ticket)? else { return Ok(()) };
    for key in titled_events(rows, ticket, &row.title)? {
        if entries.contains(&key.1)
            && let Some(event) = rows.get(LINK_EVENTS, &key)?
        {
            rows.put(LINK_EVENTS, &key, &LinkEventRow { details: Vec::new(), ..event })?;
        }
    }
    row.title = erased_title();
    row.status_label = None;
    row.erased = Some(erased);
    rows.put(TICKETS, &ticket, &row)
}

/// The name that this desk had for a status is gone, and its code stays.
fn status(rows: &mut Overlay, ticket: TicketNumber) -> Result<()> {
    let Some(row) = rows.get(TICKETS, &ticket)? else { return Ok(()) };
    rows.put(TICKETS, &ticket, &TicketRow { status_label: None, ..row })
}

/// What was told of the links of a ticket with its title in it, as earlier programs did.
pub(crate) fn titled_events(
    rows: &impl Rows,
    ticket: TicketNumber,
    title: &Line,
) -> Result<Vec<(LinkNo, EntryRef)>> {
    let mut links = BTreeSet::new();
    for ((_, delegation), ()) in rows.list(TICKET_DELEGATIONS, &ticket, usize::MAX)? {
        links.extend(rows.get(DELEGATIONS, &delegation)?.map(|row| row.link));
    }
    let mut found = Vec::new();
    for link in links {
        rows.scan(LINK_EVENTS, &link, None, Direction::Forward, &mut |key, event| {
            let tells = ["recovered", "ticket-renumbered"].contains(&event.code.as_str());
            if tells && event.details.iter().any(|line| line.as_str().contains(title.as_str())) {
                found.push(key);
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(found)
}

fn bytes(rows: &mut Overlay, file: FileNo) -> Result<()> {
    let Some(mut row) = rows.get(FILES, &file)? else { return Ok(()) };
    if let Author::Partner(link) = row.author {
        rows.delete(FETCHING, &(link, file));
    }
    row.state = FileState::Failed(refused(ERASED, "This file was erased."));
    rows.put(FILES, &file, &row)
}
