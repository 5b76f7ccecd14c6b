//! From records to rows: the one function that writes to the view, live and when it is rebuilt.
//!
//! Nothing is decided here. Whatever could come out differently another day is in the record.

mod delegation;
mod link;
mod received;
pub(crate) mod stream;
mod ticket;

use deskwire_store::record::Record;
use deskwire_store::row::{CounterRow, KeyedRow};
use deskwire_store::table::{COUNTERS, KEYED, Key, RowsMut, Table};
use deskwire_store::{EntryRef, Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::overlay::Overlay;

/// Folds one record, which stands at `at` in the journal, into the rows.
///
/// # Errors
/// [`Error::BadRow`] if the record contradicts the rows, which only damage or a mistake in this code can bring about.
pub(crate) fn project(rows: &mut Overlay, at: EntryRef, record: &Record, text: Option<&[u8]>) -> Result<()> {
    match record {
        Record::Started { .. } => count(rows, |counters| counters.starts += 1),
        Record::Answered { key, request, reply, at: when } => {
            let row = KeyedRow { request: *request, reply: reply.clone(), at: *when };
            rows.put(KEYED, key, &row)
        }
        Record::InvitationMade { .. }
        | Record::InvitationRevoked { .. }
        | Record::LinkExpected { .. }
        | Record::AskFailed { .. }
        | Record::LinkAnswered { .. }
        | Record::LinkOpened(_)
        | Record::LinkApproved { .. }
        | Record::LinkChecked { .. }
        | Record::LinkActive { .. }
        | Record::Forked { .. }
        | Record::RecoveryNeeded { .. }
        | Record::CloneFound { .. }
        | Record::Quarantined { .. }
        | Record::Resumed { .. }
        | Record::DescriptorTaken { .. }
        | Record::DeliveryFailed { .. }
        | Record::DeliveryBack { .. } => link::project(rows, at, record),
        Record::HelloSaid { .. }
        | Record::Welcomed { .. }
        | Record::HelloAnswered { .. }
        | Record::SessionTaken { .. }
        | Record::ItemMade(_)
        | Record::Numbered { .. }
        | Record::Dropped { .. }
        | Record::Received(_)
        | Record::ReceiptGiven { .. }
        | Record::ReceiptTaken { .. } => stream::project(rows, at, record, text),
        Record::TicketMade { .. }
        | Record::TicketStatus { .. }
        | Record::CommentMade { .. }
        | Record::FileMade { .. }
        | Record::BlobHere { .. }
        | Record::BlobFailed { .. } => ticket::project(rows, at, record),
        Record::Delegated { .. } => delegation::project(rows, at, record),
    }
}

/// Changes what this desk counts.
fn count(rows: &mut Overlay, change: impl FnOnce(&mut CounterRow)) -> Result<()> {
    use deskwire_store::table::Rows;
    let mut counters = rows.get(COUNTERS, &())?.unwrap_or_default();
    change(&mut counters);
    rows.put(COUNTERS, &(), &counters)
}

/// Changes a row that must be there.
fn change<K: Key, R: Serialize + DeserializeOwned>(
    rows: &mut Overlay,
    table: Table<K, R>,
    key: &K,
    change: impl FnOnce(&mut R),
) -> Result<R> {
    let mut row = need(rows, table, key)?;
    change(&mut row);
    rows.put(table, key, &row)?;
    Ok(row)
}

/// A row that must be there.
fn need<K: Key, R: Serialize + DeserializeOwned>(rows: &Overlay, table: Table<K, R>, key: &K) -> Result<R> {
    use deskwire_store::table::Rows;
    rows.get(table, key)?.ok_or_else(|| contradiction("a record names a row that is not there"))
}

fn contradiction(what: &str) -> Error {
    Error::BadRow(format!("the journal contradicts itself: {what}"))
}
