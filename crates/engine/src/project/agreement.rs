//! Rows of comparing what both desks see of a delegation.

use deskwire_store::local::DelegationNo;
use deskwire_store::record::{AgreementRecord, ItemMade, Received};
use deskwire_store::row::HeardDigest;
use deskwire_store::table::{AGREEMENTS, Rows, RowsMut, STREAMS, TO_COMPARE};
use deskwire_store::{EntryRef, Result};

use super::need;
use crate::overlay::Overlay;

/// The partner says what it sees: the newest word counts, and is to be compared.
pub(super) fn heard(
    rows: &mut Overlay,
    at: EntryRef,
    delegation: DelegationNo,
    message: &Received,
) -> Result<()> {
    let mut row = rows.get(AGREEMENTS, &delegation)?.unwrap_or_default();
    row.heard = Some(HeardDigest { entry: at, at: message.at, compared: None });
    rows.put(AGREEMENTS, &delegation, &row)?;
    rows.put(TO_COMPARE, &delegation, &())
}

/// This desk says what it sees.
pub(super) fn said(rows: &mut Overlay, made: &ItemMade) -> Result<()> {
    let Some((delegation, _)) = made.delegation.filter(|_| made.kind.as_str() == "delegation.digest") else {
        return Ok(());
    };
    let mut row = rows.get(AGREEMENTS, &delegation)?.unwrap_or_default();
    row.said = Some(need(rows, STREAMS, &made.no)?.out_length);
    rows.put(AGREEMENTS, &delegation, &row)
}

/// What this desk said of what it saw came back after a restore.
pub(super) fn came_back(rows: &mut Overlay, delegation: DelegationNo, seq: u64) -> Result<()> {
    let mut row = rows.get(AGREEMENTS, &delegation)?.unwrap_or_default();
    row.said = row.said.max(Some(seq - 1));
    rows.put(AGREEMENTS, &delegation, &row)
}

pub(super) fn record(rows: &mut Overlay, record: &AgreementRecord) -> Result<()> {
    let AgreementRecord::Compared { delegation, heard, differs, at } = record;
    let mut row = rows.get(AGREEMENTS, delegation)?.unwrap_or_default();
    let Some(known) = row.heard.as_mut().filter(|known| known.entry == *heard) else { return Ok(()) };
    known.compared = Some((*at, differs.clone()));
    rows.put(AGREEMENTS, delegation, &row)?;
    rows.delete(TO_COMPARE, delegation);
    Ok(())
}
