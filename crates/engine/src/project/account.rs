//! The account of a link as rows: work lines, what was said to them, statements. What each counts for is derived at
//! reading; here stands what was said, and whether it was taken back.

use deskwire_machine::account::Said;
use deskwire_proto::envelope::{Head, read_head};
use deskwire_proto::text::KindName;
use deskwire_store::local::{DelegationNo, LinkNo, TicketNumber};
use deskwire_store::record::{ItemMade, Received, SetAside};
use deskwire_store::row::{
    AccountRow, Audience, Author, Shared, ThreadKind, ThreadRow, WaitingRow, WorkItemRow,
};
use deskwire_store::table::{ACCOUNT, DELEGATIONS, Rows, RowsMut, THREADS, WORK_ITEMS};
use deskwire_store::{Direction, EntryRef, Result};

use super::{contradiction, need};
use crate::overlay::Overlay;

/// The place of a row: about statements?, ours?, number.
type Place = (LinkNo, (bool, (bool, u64)));

/// Whether a kind is about lines of work.
pub(super) fn is_work(kind: &KindName) -> bool {
    matches!(kind.as_str(), "work.add" | "work.approve" | "work.dispute")
}

/// Whether a kind belongs to the account of a link.
fn concerns(kind: &KindName) -> bool {
    is_work(kind) || matches!(kind.as_str(), "statement.propose" | "statement.sign")
}

/// Where an own item about a line of work is shown on its ticket, if it is one.
pub(super) fn shown(
    rows: &mut Overlay,
    at: EntryRef,
    made: &ItemMade,
) -> Result<Option<(TicketNumber, EntryRef)>> {
    let Some((delegation, _)) = made.delegation.filter(|_| is_work(&made.kind)) else { return Ok(None) };
    let shared = Shared {
        link: made.no,
        delegation,
        order: made.order,
        refused: None,
        item: Some(made.item),
        retracted: false,
    };
    let ticket = need(rows, DELEGATIONS, &delegation)?.ticket;
    let row = ThreadRow {
        kind: ThreadKind::Work(delegation),
        author: Author::Own,
        audience: Audience::Delegations(vec![delegation]),
        at: made.at,
        shared: vec![shared],
        item: None,
        revised: false,
        aside: None,
    };
    rows.put(THREADS, &(ticket, at), &row)?;
    Ok(Some((ticket, at)))
}

/// An own item got its number.
pub(super) fn numbered(
    rows: &mut Overlay,
    (no, seq): (LinkNo, u64),
    item: &WaitingRow,
    signed: &[u8],
) -> Result<()> {
    let head = || read_head(signed).map_err(|_| contradiction("a message of our own"));
    match item.delegation {
        Some(delegation) if item.kind.as_str() == "delegation.rate" => {
            super::figures::said(rows, delegation, seq, &head()?.facts)
        }
        Some(_) | None if concerns(&item.kind) => book(rows, no, true, item.entry, &head()?),
        Some(_) | None => Ok(()),
    }
}

/// A message of the partner was applied. True if it belongs to the account; what it says of a delegation is shown on its
/// ticket.
pub(super) fn received(rows: &mut Overlay, at: EntryRef, message: &Received, head: &Head) -> Result<bool> {
    if !concerns(&head.kind) {
        return Ok(false);
    }
    book(rows, message.no, false, at, head)?;
    if let (Some(ticket), Some(delegation)) = (message.local.ticket, message.local.delegation) {
        let row = ThreadRow {
            kind: ThreadKind::Work(delegation),
            author: Author::Partner(message.no),
            audience: Audience::Delegations(vec![delegation]),
            at: message.at,
            shared: Vec::new(),
            item: None,
            revised: false,
            aside: None,
        };
        rows.put(THREADS, &(ticket, at), &row)?;
    }
    Ok(true)
}

fn book(rows: &mut Overlay, no: LinkNo, ours: bool, entry: EntryRef, head: &Head) -> Result<()> {
    // A message of ours that came back of a kind or shape that this version does not know says nothing.
    let Some(said) = Said::read(head) else { return Ok(()) };
    let statement = said.is_statement();
    if let Some(delegation) = head.delegation {
        rows.put(WORK_ITEMS, &(no, (ours, head.item)), &WorkItemRow { delegation, seq: head.seq })?;
    }
    let row = AccountRow {
        entry,
        item: head.item,
        seen: head.seen,
        at: head.time,
        said,
        refused: false,
        aside: false,
    };
    rows.put(ACCOUNT, &(no, (statement, (ours, head.seq))), &row)
}

/// The partner's receipt says that a message of ours has no effect.
pub(super) fn refused(rows: &mut Overlay, no: LinkNo, seq: u64) -> Result<()> {
    for statement in [false, true] {
        let place = (no, (statement, (true, seq)));
        if let Some(row) = rows.get(ACCOUNT, &place)? {
            rows.put(ACCOUNT, &place, &AccountRow { refused: true, ..row })?;
        }
    }
    Ok(())
}

/// Receipts for our messages behind `upto` bind nobody: what they refused is open again.
pub(super) fn receipts_void(rows: &mut Overlay, no: LinkNo, upto: u64) -> Result<()> {
    for (place, row) in within(rows, no, true, (upto.saturating_add(1), u64::MAX))? {
        rows.put(ACCOUNT, &place, &AccountRow { refused: false, ..row })?;
    }
    Ok(())
}

/// A range of a stream is disowned or set aside, and numbers of ours are given up.
pub(super) fn set_aside(rows: &mut Overlay, aside: &SetAside) -> Result<()> {
    for (place, row) in within(rows, aside.no, aside.ours, aside.range)? {
        rows.put(ACCOUNT, &place, &AccountRow { aside: true, ..row })?;
    }
    for given_up in &aside.given_up {
        for (place, row) in within(rows, aside.no, true, (given_up.seq, given_up.seq))? {
            forget(rows, place, &row)?;
        }
    }
    Ok(())
}

/// A branch is left behind the message with this number.
pub(super) fn left(rows: &mut Overlay, no: LinkNo, ours: bool, cut: u64) -> Result<()> {
    for (place, row) in within(rows, no, ours, (cut.saturating_add(1), u64::MAX))? {
        forget(rows, place, &row)?;
    }
    Ok(())
}

/// What kind of thing a message of ours that came back shows on its ticket.
pub(super) fn shows(rows: &Overlay, no: LinkNo, seq: u64, delegation: DelegationNo) -> Result<ThreadKind> {
    let work = rows.get(ACCOUNT, &(no, (false, (true, seq))))?.is_some();
    Ok(if work { ThreadKind::Work(delegation) } else { ThreadKind::Comment })
}

fn forget(rows: &mut Overlay, place: Place, row: &AccountRow) -> Result<()> {
    let (no, (_, (ours, seq))) = place;
    rows.delete(ACCOUNT, &place);
    if rows.get(WORK_ITEMS, &(no, (ours, row.item)))?.is_some_and(|known| known.seq == seq) {
        rows.delete(WORK_ITEMS, &(no, (ours, row.item)));
    }
    Ok(())
}

/// The rows of one stream with these numbers.
fn within(
    rows: &Overlay,
    no: LinkNo,
    ours: bool,
    (first, last): (u64, u64),
) -> Result<Vec<(Place, AccountRow)>> {
    let mut found = Vec::new();
    for statement in [false, true] {
        let (prefix, from) = ((no, (statement, ours)), (no, (statement, (ours, first))));
        rows.scan(ACCOUNT, &prefix, Some(&from), Direction::Forward, &mut |place, row| {
            if place.1.1.1 > last {
                return Ok(std::ops::ControlFlow::Break(()));
            }
            found.push((place, row));
            Ok(std::ops::ControlFlow::Continue(()))
        })?;
    }
    Ok(found)
}
