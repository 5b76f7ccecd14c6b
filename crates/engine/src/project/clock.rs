//! Rows of clocks, deadlines and reports along a chain.

use deskwire_machine::delegation::Role;
use deskwire_proto::message::{Facts, Kind};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, TicketNumber};
use deskwire_store::record::{ChainRecord, Received};
use deskwire_store::row::{Audience, Author, DelegationRow, ThreadKind, ThreadRow};
use deskwire_store::table::{
    CLOCK_DUE, CLOCKS, DELEGATIONS, HOURS, REPORTS, RESERVES, Rows, RowsMut, THREADS, TICKETS,
};
use deskwire_store::{EntryRef, Result};

use super::change;
use crate::overlay::Overlay;

pub(super) fn record(rows: &mut Overlay, at: EntryRef, record: &ChainRecord) -> Result<()> {
    match record {
        ChainRecord::Clocked { delegation, row, .. } => {
            unschedule(rows, *delegation)?;
            if let Some(next) = row.next {
                rows.put(CLOCK_DUE, &(next.0, *delegation), &())?;
            }
            super::figures::clocked(rows, *delegation, row)?;
            rows.put(CLOCKS, delegation, row)
        }
        ChainRecord::Due { ticket, delegation, at: when, .. } => {
            told(rows, (*ticket, at), *delegation, *when)
        }
        ChainRecord::Hours { hours, .. } => match hours {
            Some(_) => rows.put(HOURS, &(), &at),
            None => {
                rows.delete(HOURS, &());
                Ok(())
            }
        },
        ChainRecord::Reserved { no, reserve, .. } => match reserve {
            Some(reserve) => rows.put(RESERVES, no, reserve),
            None => {
                rows.delete(RESERVES, no);
                Ok(())
            }
        },
        ChainRecord::Reported { delegation, hash, at: when } => {
            let mut row = rows.get(REPORTS, delegation)?.unwrap_or_default();
            row.ours = Some((*hash, *when));
            rows.put(REPORTS, delegation, &row)
        }
    }
}

/// Something has happened in a delegation: its clock is looked at soon, if it is watched.
pub(super) fn touched(rows: &mut Overlay, no: DelegationNo, row: &DelegationRow) -> Result<()> {
    if !row.watched {
        return Ok(());
    }
    super::figures::touched(rows, no, row)?;
    rows.put(CLOCK_DUE, &(0, no), &())
}

/// An offer or an update was said: what has a deadline is watched from now on.
pub(super) fn said(rows: &mut Overlay, no: DelegationNo, kind: Kind, facts: &[u8]) -> Result<()> {
    let deadlines = match Facts::decode(kind, facts) {
        Ok(Facts::Offer(facts)) => facts.respond.is_some() || facts.resolve.is_some(),
        Ok(Facts::Update(facts)) => facts.respond.is_some() || facts.resolve.is_some(),
        Ok(_) | Err(_) => false,
    };
    if deadlines { watch(rows, no) } else { Ok(()) }
}

/// A ticket was handed over: if a partner handed it in, both delegations are parts of a chain.
pub(super) fn handed_on(rows: &mut Overlay, no: DelegationNo, ticket: TicketNumber) -> Result<()> {
    let Some(above) = rows.get(TICKETS, &ticket)?.and_then(|ticket| ticket.origin) else { return Ok(()) };
    watch(rows, above)?;
    watch(rows, no)
}

/// The clock of this delegation is looked at by itself from now on.
pub(super) fn watch(rows: &mut Overlay, no: DelegationNo) -> Result<()> {
    change(rows, DELEGATIONS, &no, |row| row.watched = true)?;
    rows.put(CLOCK_DUE, &(0, no), &())
}

/// The contractor reported about itself and the desks below it.
pub(super) fn reported(rows: &mut Overlay, at: EntryRef, no: DelegationNo, message: &Received) -> Result<()> {
    let mut row = rows.get(REPORTS, &no)?.unwrap_or_default();
    row.theirs = Some((at, message.seq));
    rows.put(REPORTS, &no, &row)?;
    let known = rows.get(DELEGATIONS, &no)?;
    // What was learned goes further up.
    match known {
        Some(row) if row.case.role() == Role::Principal => touched(rows, no, &row),
        Some(_) | None => Ok(()),
    }
}

fn unschedule(rows: &mut Overlay, no: DelegationNo) -> Result<()> {
    rows.delete(CLOCK_DUE, &(0, no));
    if let Some(next) = rows.get(CLOCKS, &no)?.and_then(|row| row.next) {
        rows.delete(CLOCK_DUE, &(next.0, no));
    }
    Ok(())
}

fn told(rows: &mut Overlay, key: (TicketNumber, EntryRef), no: DelegationNo, at: Timestamp) -> Result<()> {
    let thread = ThreadRow {
        kind: ThreadKind::Due(no),
        author: Author::Own,
        audience: Audience::Internal,
        at,
        shared: Vec::new(),
        item: None,
        revised: false,
        aside: None,
    };
    rows.put(THREADS, &key, &thread)
}
