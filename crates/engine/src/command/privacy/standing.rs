//! How far an item of ours has come on its way to its partner: it may have been dropped, or sent again in another place.

use std::ops::ControlFlow;

use deskwire_store::local::{LinkNo, Order, TicketNumber};
use deskwire_store::row::{SentRow, WaitingRow};
use deskwire_store::table::{DELEGATIONS, PARKED, Rows, SENT, STREAMS, WAITING};
use deskwire_store::{Direction, EntryRef, Error, Result};

/// How far an item has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It never left, and never will.
    Never,
    /// It waits in this place, or is parked there.
    Waits(Order),
    /// It has a number: whether the partner has said that it has it.
    Numbered(bool),
}

/// How far the item has come that the record at `at` made, as the one in this place.
///
/// # Errors
/// Whatever the store says.
pub(crate) fn standing(rows: &impl Rows, no: LinkNo, at: EntryRef, order: Order) -> Result<Standing> {
    if waiting(rows, no, order)?.is_some_and(|row| row.entry == at) {
        return Ok(Standing::Waits(order));
    }
    let stream = rows.get(STREAMS, &no)?;
    let (length, acked) = stream.map_or((0, 0), |row| (row.out_length, row.acked));
    if let Some((seq, row)) = numbered(rows, no, length, order)?
        && row.item == at
    {
        return Ok(Standing::Numbered(seq <= acked));
    }
    // Dropped; or parked and sent again, as the last one at that time.
    for ((_, order), row) in rows.list(WAITING, &no, usize::MAX)? {
        if row.entry == at {
            return Ok(Standing::Waits(order));
        }
    }
    for ((_, order), row) in rows.list(PARKED, &no, usize::MAX)? {
        if row.item.entry == at {
            return Ok(Standing::Waits(order));
        }
    }
    let mut found = Standing::Never;
    rows.scan(SENT, &no, None, Direction::Backward, &mut |(_, seq), row| {
        if row.item == at {
            found = Standing::Numbered(seq <= acked);
        }
        let on = found == Standing::Never && row.order > order;
        Ok(if on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(found)
}

/// The ticket on which our message is shown whose item the record at `at` made; one that came back after a restore says it
/// only where it was placed.
///
/// # Errors
/// Whatever the store says.
pub(crate) fn ticket_of(
    rows: &impl Rows,
    no: LinkNo,
    at: EntryRef,
    order: Order,
) -> Result<Option<TicketNumber>> {
    let length = rows.get(STREAMS, &no)?.map_or(0, |row| row.out_length);
    let Some((_, row)) = numbered(rows, no, length, order)?.filter(|(_, row)| row.item == at) else {
        return Ok(None);
    };
    let about = row.about.map(|delegation| rows.get(DELEGATIONS, &delegation)).transpose()?.flatten();
    Ok(row.thread.map(|(ticket, _)| ticket).or(about.map(|row| row.ticket)))
}

/// The record of the item that stands in this place of a link; nothing for one that never left and never will.
pub(crate) fn item_at(rows: &impl Rows, no: LinkNo, order: Order) -> Result<Option<EntryRef>> {
    if let Some(row) = waiting(rows, no, order)? {
        return Ok(Some(row.entry));
    }
    let length = rows.get(STREAMS, &no)?.map_or(0, |row| row.out_length);
    Ok(numbered(rows, no, length, order)?.map(|(_, row)| row.item))
}

fn waiting(rows: &impl Rows, no: LinkNo, order: Order) -> Result<Option<WaitingRow>> {
    match rows.get(WAITING, &(no, order))? {
        Some(row) => Ok(Some(row)),
        None => Ok(rows.get(PARKED, &(no, order))?.map(|row| row.item)),
    }
}

/// The message that the item in this place became. Items are numbered in their order, so it is found by halving.
fn numbered(rows: &impl Rows, no: LinkNo, length: u64, order: Order) -> Result<Option<(u64, SentRow)>> {
    let (mut low, mut high) = (1, length);
    while low <= high {
        let middle = low + (high - low) / 2;
        let row = rows.get(SENT, &(no, middle))?;
        let row = row.ok_or_else(|| Error::BadRow("a message of an own stream has no row".into()))?;
        match row.order.cmp(&order) {
            std::cmp::Ordering::Equal => return Ok(Some((middle, row))),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle - 1,
        }
    }
    Ok(None)
}
