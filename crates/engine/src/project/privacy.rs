//! Erasures along a chain become rows.

use deskwire_proto::envelope::Head;
use deskwire_proto::id::ItemId;
use deskwire_proto::message::{Facts, Kind};
use deskwire_store::local::LinkNo;
use deskwire_store::record::{ItemMade, PrivacyRecord, Received, Subject};
use deskwire_store::row::{ErasureRow, Refused, RequestRow, SentRow};
use deskwire_store::table::{ERASE_REQUESTS, ERASED_ITEMS, ERASURES, OPEN_ERASURES, Rows, RowsMut};
use deskwire_store::{EntryRef, Result};

use super::{change, contradiction};
use crate::overlay::Overlay;

pub(super) fn record(rows: &mut Overlay, at: EntryRef, record: &PrivacyRecord) -> Result<()> {
    match record {
        PrivacyRecord::Ordered { subject, basis, at: when } => {
            let mut requests = Vec::new();
            if let Subject::Returned(no, item) = subject {
                belongs(rows, (*no, *item))?;
                requests.push((*no, *item));
            }
            rows.put(ERASURES, &at, &row(*subject, basis.clone(), *when, requests))?;
            rows.put(OPEN_ERASURES, &at, &())
        }
        PrivacyRecord::Carried { erasure, order, texts, requests, rest, .. } => {
            for (no, request) in requests {
                belongs(rows, (*no, *request))?;
            }
            change(rows, ERASURES, erasure, |row| {
                row.carried = true;
                row.rest = (!rest.is_empty()).then_some(at);
                row.orders.extend(order);
                row.texts += texts;
                for request in requests {
                    if !row.requests.contains(request) {
                        row.requests.push(*request);
                    }
                }
            })
            .map(drop)
        }
        PrivacyRecord::Finished { erasure, at: when } => {
            rows.delete(OPEN_ERASURES, erasure);
            change(rows, ERASURES, erasure, |row| row.done = Some(*when)).map(drop)
        }
    }
}

fn row(
    subject: Subject,
    basis: deskwire_proto::text::Code,
    at: deskwire_proto::time::Timestamp,
    requests: Vec<(LinkNo, ItemId)>,
) -> ErasureRow {
    let (orders, carried, rest, texts, done) = (Vec::new(), false, None, 0, None);
    ErasureRow { subject, basis, at, carried, rest, orders, texts, requests, done }
}

/// A request of ours was made, or came back after a restore.
pub(super) fn item(rows: &mut Overlay, at: EntryRef, made: &ItemMade) -> Result<()> {
    if Kind::from_name(made.kind.as_str()) != Some(Kind::Erase) {
        return Ok(());
    }
    let Ok(Facts::Erase(facts)) = Facts::decode(Kind::Erase, &made.facts) else { return Ok(()) };
    let key = (made.no, made.item);
    // The answer may have come back before.
    let done = rows.get(ERASE_REQUESTS, &key)?.and_then(|row| row.done);
    let items = facts.items.len() as u64;
    for item in facts.items.iter() {
        rows.put(ERASED_ITEMS, &(made.no, *item), &Some(made.item))?;
    }
    let row =
        RequestRow { entry: Some(at), order: Some(made.order), items, at: made.at, done, refused: None };
    rows.put(ERASE_REQUESTS, &key, &row)?;
    rows.put(OPEN_ERASURES, &at, &())
}

/// A request of ours belongs to an erasure.
fn belongs(rows: &mut Overlay, request: (LinkNo, ItemId)) -> Result<()> {
    if let Some(entry) = rows.get(ERASE_REQUESTS, &request)?.and_then(|row| row.entry) {
        rows.delete(OPEN_ERASURES, &entry);
    }
    Ok(())
}

/// The partner asks for an erasure, or says that one is done. True for these.
pub(super) fn received(rows: &mut Overlay, at: EntryRef, message: &Received, head: &Head) -> Result<bool> {
    let no = message.no;
    match Kind::from_name(head.kind.as_str()) {
        Some(kind @ Kind::Erase) => {
            let Ok(Facts::Erase(facts)) = Facts::decode(kind, &head.facts) else {
                return Err(contradiction("a request to erase"));
            };
            for item in facts.items.iter() {
                if rows.get(ERASED_ITEMS, &(no, *item))?.is_none() {
                    rows.put(ERASED_ITEMS, &(no, *item), &None)?;
                }
            }
            let subject = Subject::Partner(no, head.item, message.seq);
            rows.put(ERASURES, &at, &row(subject, facts.basis, message.at, Vec::new()))?;
            rows.put(OPEN_ERASURES, &at, &())?;
            Ok(true)
        }
        Some(kind @ Kind::EraseDone) => {
            let Ok(Facts::EraseDone(facts)) = Facts::decode(kind, &head.facts) else {
                return Err(contradiction("an erasure that is done"));
            };
            let key = (no, facts.request);
            let known = rows.get(ERASE_REQUESTS, &key)?;
            let (items, at) = (facts.items.len() as u64, message.at);
            let mut row = known.unwrap_or(RequestRow {
                entry: None,
                order: None,
                items,
                at,
                done: None,
                refused: None,
            });
            row.done = row.done.or(Some(at));
            rows.put(ERASE_REQUESTS, &key, &row)?;
            Ok(true)
        }
        Some(_) | None => Ok(false),
    }
}

/// The partner did not take a message of ours that may be a request.
pub(super) fn refused(rows: &mut Overlay, no: LinkNo, sent: &SentRow, why: &Refused) -> Result<()> {
    if sent.event.is_some() || sent.thread.is_some() {
        return Ok(());
    }
    for (key, row) in rows.list(ERASE_REQUESTS, &no, usize::MAX)? {
        if row.order == Some(sent.order) {
            let refused = Some(why.clone());
            rows.put(ERASE_REQUESTS, &key, &RequestRow { refused, ..row })?;
        }
    }
    Ok(())
}
