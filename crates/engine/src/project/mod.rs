//! From records to rows: the one function that writes to the view, live and when it is rebuilt.
//!
//! Nothing is decided here. Whatever could come out differently another day is in the record.

mod account;
mod agreement;
mod aside;
mod clock;
mod delegation;
pub(crate) mod ending;
mod figures;
pub(crate) mod keep;
pub(crate) mod kinds;
mod link;
mod mend;
pub(crate) mod privacy;
mod queue;
mod quota;
mod received;
mod recover;
pub(crate) mod relay;
pub(crate) mod stream;
pub(crate) mod terms;
mod ticket;

use deskwire_store::record::Record;
use deskwire_store::row::{CounterRow, FileState, KeyedRow, LinkState, OwnKeysRow, Pause, ThreadKind};
use deskwire_store::table::{
    COUNTERS, EXCHANGES, HELLOS, INVITATIONS, KEYED, Key, OWN_FACE, OWN_KEYS, PLACED, Rows, RowsMut, Table,
};
use deskwire_store::{EntryRef, Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::overlay::Overlay;

pub(crate) use figures::{MONTH, kept, stars};

/// Folds one record, which stands at `at` in the journal, into the rows.
///
/// # Errors
/// [`Error::BadRow`] if the record contradicts the rows, which only damage or a mistake in this code can bring about.
pub(crate) fn project(rows: &mut Overlay, at: EntryRef, record: &Record, text: Option<&[u8]>) -> Result<()> {
    match record {
        Record::Started { .. } => count(rows, |counters| counters.starts += 1),
        Record::Answered { key, request, reply, at: when } => {
            rows.put(KEYED, key, &KeyedRow { request: *request, reply: reply.clone(), at: *when })
        }
        Record::InvitationMade { secret, expires, approved, terms: _, at: when } => {
            link::invited(rows, at, secret, (*expires, *approved), *when)
        }
        Record::InvitationRevoked { secret, .. } => {
            change(rows, INVITATIONS, secret, |row| row.revoked = true).map(drop)
        }
        Record::LinkExpected { desk, endpoint, name, terms: _, at: when } => {
            link::expected(rows, at, desk, (endpoint.clone(), name.clone()), *when)
        }
        Record::AskFailed { desk, attempt, next, why, .. } => {
            link::ask_failed(rows, desk, (*attempt, *next), why)
        }
        Record::LinkAnswered { desk, request, answer, invitation, at: when, .. } => {
            link::answered(rows, at, *desk, (request, answer), *invitation, *when)
        }
        Record::LinkClosed { no, .. } => link::with(rows, *no, |row| row.state = LinkState::Closed),
        Record::LinkOpened(opened) => link::open(rows, at, opened),
        Record::LinkApproved { no, .. } | Record::LinkActive { no, .. } | Record::Resumed { no, .. } => {
            link::go_on(rows, *no)
        }
        Record::LinkChecked { no, matches, .. } => link::with(rows, *no, |row| row.verified = Some(*matches)),
        Record::Forked { no, .. } => link::pause(rows, *no, Pause::Fork(at)),
        Record::RecoveryNeeded { no, welcome, at: when } => recover::needed(rows, *no, welcome, *when),
        Record::CloneFound { no, .. } => link::pause(rows, *no, Pause::Clone),
        Record::Quarantined { no, why, at: when } => link::quarantine(rows, *no, why, *when),
        Record::DescriptorTaken { no, descriptor, .. } => link::described(rows, at, *no, descriptor),
        Record::DeliveryFailed { no, attempt, next, why, at: when } => {
            link::failed(rows, *no, (*attempt, *next), why, *when)
        }
        Record::DeliveryBack { no, .. } => link::back(rows, *no),
        Record::HelloSaid { no, nonce, length, .. } => {
            stream::with(rows, *no, |row| row.hello = Some((*nonce, *length)))
        }
        Record::Welcomed { .. } => Ok(()),
        Record::HelloAnswered { no, hello, session, instance, short, at: when, .. } => {
            stream::welcomed(rows, (at, *when), *no, hello, (*session, *instance, *short))
        }
        Record::SessionTaken { no, session, .. } => stream::session_taken(rows, *no, *session),
        Record::TicketMade(made) => ticket::made(rows, at, made),
        Record::TicketStatus { ticket, status, label, at: when } => {
            ticket::status(rows, (*ticket, at), status, label.as_ref(), *when)
        }
        Record::CommentMade { ticket, item, audience, at: when } => {
            let kind = (ThreadKind::Comment, Some(*item));
            ticket::thread(rows, (*ticket, at), kind, audience.clone(), *when)
        }
        Record::Thread(record) => relay::record(rows, at, record),
        Record::FileMade(made) => ticket::file(rows, at, made),
        Record::BlobHere { file, .. } => ticket::arrived(rows, *file, FileState::Here),
        Record::Swept { keyed, exchanges, hellos } => {
            keyed.iter().for_each(|key| rows.delete(KEYED, key));
            hellos.iter().for_each(|hello| rows.delete(HELLOS, hello));
            exchanges.iter().for_each(|answer| rows.delete(EXCHANGES, answer));
            Ok(())
        }
        Record::Keep(record) => keep::record(rows, at, record),
        Record::BlobLost { file, .. } => ticket::lost(rows, *file),
        Record::BlobFailed { file, why, .. } => ticket::arrived(rows, *file, FileState::Failed(why.clone())),
        Record::Delegated { delegation, no, id, ticket, at: when } => {
            delegation::handed_over(rows, at, *delegation, (*no, *id, *ticket), *when)
        }
        Record::ItemMade(made) => stream::item(rows, at, made),
        Record::Numbered { no, order, seq, hash, seen, signed, at: when } => {
            let of_link = stream::numbered(rows, at, (*no, *order), (*seq, *seen), *hash, signed)?;
            if of_link { terms::numbered(rows, at, (*no, *seq, *seen), signed, *when) } else { Ok(()) }
        }
        Record::Dropped { no, order, why, named, .. } => {
            queue::handled(rows, at, (*no, *order), *named)?;
            queue::dropped(rows, *no, *order, why)
        }
        Record::ReceiptsDiffer { no, details, at: when, .. } => {
            queue::receipts_differ(rows, at, *no, details, *when)
        }
        Record::Parked { no, order, why, dead, with, at: when, named } => {
            queue::handled(rows, at, (*no, *order), *named)?;
            queue::parked(rows, (*no, *order), why, (*dead, *with), *when)
        }
        Record::Released { no, order, to, event, at: when } => {
            queue::released(rows, (*no, *order), *to, event.as_ref(), *when)
        }
        Record::LateNoticed { no, order, since, at: when } => {
            queue::late(rows, at, *no, (*order, *since), *when)
        }
        Record::Terms(decided) => terms::decided(rows, at, decided),
        Record::Chain(decided) => clock::record(rows, at, decided),
        Record::Agreement(decided) => agreement::record(rows, decided),
        Record::Privacy(decided) => privacy::record(rows, at, decided),
        Record::Received(message) => received::project(rows, at, message, text),
        Record::ReceiptGiven { no, upto, base, .. } => stream::receipt_given(rows, *no, (*base, *upto)),
        Record::ReceiptTaken { no, receipt, .. } => stream::receipt_taken(rows, at, *no, receipt),
        Record::FileBrought { no, seq, .. } => mend::brought(rows, *no, *seq),
        Record::Noted { no, event } => link::note(rows, (*no, at), event),
        Record::OwnKeys { keys, count, descriptor, version, raw, .. } => {
            if raw.is_some() {
                rows.put(OWN_FACE, &(), &at)?;
            }
            let known = rows.get(OWN_KEYS, &())?;
            // An older descriptor may have been told since; the highest version is what must be passed.
            let version = known.as_ref().map_or(*version, |known| known.version.max(*version));
            // Without a descriptor it is no start, and tells of a version alone.
            let planned = known.filter(|_| raw.is_none()).and_then(|known| known.planned);
            let (keys, count, descriptor) = (*keys, *count, *descriptor);
            aside::own_keys(rows, OwnKeysRow { keys, count, descriptor, version, planned })
        }
        Record::KeyPlanned { key, .. } => {
            change(rows, OWN_KEYS, &(), |row| row.planned = Some((*key, at))).map(drop)
        }
        Record::OwnKeyPlaced { no, change, .. } => {
            stream::with(rows, *no, |row| row.out_change = Some(*change))
        }
        Record::KeyPlaced { no, change, seen, hello, .. } => {
            match hello {
                Some(_) => rows.put(PLACED, no, &at)?,
                None => rows.delete(PLACED, no),
            }
            aside::partners_key_placed(rows, *no, *change, *seen)
        }
        Record::SetAside(set_aside) => {
            aside::set_aside(rows, set_aside)?;
            terms::changed(rows, set_aside.no)
        }
        Record::Refolded(anew) => aside::refolded(rows, anew),
        Record::ReceiptsVoid { no, upto, kept, .. } => aside::receipts_void(rows, *no, *upto, *kept),
        Record::KeyLogTaken { no, log, .. } => aside::log_brought(rows, at, *no, log),
        Record::LinkPaused { no, pause, event } => recover::paused(rows, at, *no, pause, event),
        Record::PageTaken { no, complete, .. } => recover::page(rows, *no, *complete),
        Record::ReceiptReturned { no, receipt } => recover::returned(rows, at, *no, receipt),
        Record::Struck { no, order } => recover::struck(rows, *no, *order),
        Record::Placed(placed) => recover::placed(rows, placed),
        Record::RecoveryEnded { no, event } => recover::ended(rows, at, *no, event),
        Record::HandedBack { no, first, items, .. } => recover::handed_back(rows, *no, *first, items),
        Record::Shortened { no, length, .. } => recover::shortened(rows, *no, *length),
        Record::Mend(record) => mend::record(rows, at, record),
        Record::BranchChosen { no, ours, cut, event } => {
            recover::chosen(rows, at, (*no, *ours), cut.as_ref(), event)?;
            terms::changed(rows, *no)
        }
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
