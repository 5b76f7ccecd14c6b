//! Rows of comparing what both desks see of a delegation.

use deskwire_store::local::DelegationNo;
use deskwire_store::record::{AgreementRecord, Received};
use deskwire_store::row::AgreementRow;
use deskwire_store::table::{AGREEMENTS, Rows, RowsMut, TO_COMPARE};
use deskwire_store::{EntryRef, Result};

use crate::overlay::Overlay;

/// The partner says what it sees: the newest word counts, and is to be compared.
pub(super) fn heard(
    rows: &mut Overlay,
    at: EntryRef,
    delegation: DelegationNo,
    message: &Received,
) -> Result<()> {
    rows.put(AGREEMENTS, &delegation, &AgreementRow { heard: at, at: message.at, compared: None })?;
    rows.put(TO_COMPARE, &delegation, &())
}

pub(super) fn record(rows: &mut Overlay, record: &AgreementRecord) -> Result<()> {
    let AgreementRecord::Compared { delegation, heard, differs, at } = record;
    let Some(mut row) = rows.get(AGREEMENTS, delegation)?.filter(|row| row.heard == *heard) else {
        return Ok(());
    };
    row.compared = Some((*at, differs.clone()));
    rows.put(AGREEMENTS, delegation, &row)?;
    rows.delete(TO_COMPARE, delegation);
    Ok(())
}
