//! Erasures along a chain become rows.

use deskwire_proto::envelope::{Head, read_head};
use deskwire_proto::id::{DelegationId, ItemId};
use deskwire_proto::message::{Facts, Kind, erase};
use deskwire_proto::text::Code;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{LinkNo, TicketNumber};
use deskwire_store::record::{ItemMade, PrivacyRecord, Received, Subject};
use deskwire_store::row::{ErasureRow, Refused, RequestRow, SentRow, WaitingRow};
use deskwire_store::table::{
    ASKED_ERASURES, DELEGATION_IDS, DELEGATIONS, ERASE_REQUESTS, ERASED_ITEMS, ERASURE_REQUESTS, ERASURES,
    GONE_ITEMS, OPEN_ERASURES, Rows, RowsMut, UNSHOWN,
};
use deskwire_store::{EntryRef, Result};

use super::{change, contradiction};
use crate::overlay::Overlay;

/// Under which id a whole case stands among the items that are erased. Both are random, so that none is another.
pub(crate) fn whole(case: DelegationId) -> ItemId {
    ItemId::new(*case.as_bytes())
}

/// Under which ticket stands what is about none.
pub(crate) const NO_TICKET: TicketNumber = TicketNumber(0);

/// An item of ours never leaves, or left as another record: its text is here all the same.
pub(super) fn stays_behind(rows: &mut Overlay, item: &WaitingRow) -> Result<()> {
    let ticket = about(rows, item)?;
    rows.put(UNSHOWN, &(ticket, item.entry), &())
}

/// The ticket that an item of ours is about.
pub(super) fn about(rows: &Overlay, item: &WaitingRow) -> Result<TicketNumber> {
    let of =
        item.delegation.map(|no| rows.get(DELEGATIONS, &no)).transpose()?.flatten().map(|row| row.ticket);
    Ok(item.thread.map(|(ticket, _)| ticket).or(of).unwrap_or(NO_TICKET))
}

/// A message of ours that came back finds no ticket on which it would be shown.
pub(super) fn finds_no_ticket(rows: &mut Overlay, item: EntryRef) -> Result<()> {
    rows.put(UNSHOWN, &(NO_TICKET, item), &())
}

/// What operators say about a link as a whole has a reason, and whoever gives it.
fn of_link(rows: &mut Overlay, at: EntryRef, kind: &str) -> Result<()> {
    match Kind::from_name(kind) {
        Some(Kind::LinkSuspend | Kind::LinkClose) => rows.put(UNSHOWN, &(NO_TICKET, at), &()),
        Some(_) | None => Ok(()),
    }
}

/// The partner's message has a text that no ticket shows: it has no effect, or is about no delegation.
pub(super) fn unshown(rows: &mut Overlay, at: EntryRef, message: &Received) -> Result<()> {
    if message.refused.is_none() && message.local.ticket.is_some() {
        return Ok(());
    }
    let head = read_head(&message.signed).map_err(|_| contradiction("a stored message"))?;
    if head.text.is_none() {
        return Ok(());
    }
    let known = head.delegation.map(|id| rows.get(DELEGATION_IDS, &(message.no, id))).transpose()?.flatten();
    let row = known.map(|no| rows.get(DELEGATIONS, &no)).transpose()?.flatten();
    rows.put(UNSHOWN, &(row.map_or(NO_TICKET, |row| row.ticket), at), &())
}

pub(super) fn record(rows: &mut Overlay, at: EntryRef, record: &PrivacyRecord) -> Result<()> {
    match record {
        PrivacyRecord::Ordered { subject, basis, at: when } => {
            rows.put(ERASURES, &at, &row(*subject, basis.clone(), *when))?;
            rows.put(OPEN_ERASURES, &at, &())?;
            match subject {
                Subject::Returned(no, item) => belongs(rows, at, (*no, *item)),
                Subject::Case(_) | Subject::Person | Subject::Partner(..) => Ok(()),
            }
        }
        PrivacyRecord::Carried { erasure, orders, texts, requests, rest, .. } => {
            for request in requests {
                belongs(rows, *erasure, *request)?;
            }
            change(rows, ERASURES, erasure, |row| {
                row.carried = true;
                row.rest = (!rest.is_empty()).then_some(at);
                row.orders.extend(orders);
                row.texts += texts;
            })
            .map(drop)
        }
        PrivacyRecord::Finished { erasure, at: when } => {
            rows.delete(OPEN_ERASURES, erasure);
            let row = change(rows, ERASURES, erasure, |row| row.done = Some(*when))?;
            if let Subject::Partner(no, ..) = row.subject {
                rows.delete(ASKED_ERASURES, &(no, *erasure));
            }
            Ok(())
        }
        PrivacyRecord::Listed { items, .. } => {
            items.iter().try_for_each(|item| rows.put(GONE_ITEMS, item, &()))
        }
    }
}

fn row(subject: Subject, basis: Code, at: Timestamp) -> ErasureRow {
    let (orders, carried, rest, texts, done) = (Vec::new(), false, None, 0, None);
    ErasureRow { subject, basis, at, carried, rest, orders, texts, done }
}

/// A request of ours was made, or came back after a restore.
pub(super) fn item(rows: &mut Overlay, at: EntryRef, made: &ItemMade) -> Result<()> {
    of_link(rows, at, made.kind.as_str())?;
    if Kind::from_name(made.kind.as_str()) != Some(Kind::Erase) {
        return Ok(());
    }
    let Ok(Facts::Erase(facts)) = Facts::decode(Kind::Erase, &made.facts) else {
        return Err(contradiction("a request to erase"));
    };
    let key = (made.no, made.item);
    // The answer may have come back before.
    let before = rows.get(ERASE_REQUESTS, &key)?;
    let done = before.as_ref().and_then(|row| row.done);
    if let Some(entry) = before.and_then(|row| row.entry) {
        rows.delete(OPEN_ERASURES, &entry);
    }
    for item in named(&facts) {
        if let Some(Some(before)) = rows.get(ERASED_ITEMS, &(made.no, item))? {
            replaced(rows, (made.no, before))?;
        }
        rows.put(ERASED_ITEMS, &(made.no, item), &Some(made.item))?;
    }
    let (order, items) = (Some(made.order), facts.items.len() as u64);
    let row = RequestRow { entry: Some(at), order, items, at: made.at, done, refused: None, replaced: false };
    rows.put(ERASE_REQUESTS, &key, &row)?;
    rows.put(OPEN_ERASURES, &at, &())
}

/// What was refused is asked for anew.
fn replaced(rows: &mut Overlay, request: (LinkNo, ItemId)) -> Result<()> {
    match rows.get(ERASE_REQUESTS, &request)? {
        Some(row) if row.refused.is_some() && !row.replaced => {
            rows.put(ERASE_REQUESTS, &request, &RequestRow { replaced: true, ..row })
        }
        Some(_) | None => Ok(()),
    }
}

/// The items and cases of a request.
fn named(facts: &erase::Facts) -> impl Iterator<Item = ItemId> {
    let cases = facts.cases.iter().flat_map(|cases| cases.iter());
    facts.items.iter().copied().chain(cases.map(|case| whole(*case)))
}

/// A request of ours belongs to an erasure.
fn belongs(rows: &mut Overlay, erasure: EntryRef, request: (LinkNo, ItemId)) -> Result<()> {
    rows.put(ERASURE_REQUESTS, &(erasure, request), &())?;
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
            for item in named(&facts) {
                if rows.get(ERASED_ITEMS, &(no, item))?.is_none() {
                    rows.put(ERASED_ITEMS, &(no, item), &None)?;
                }
            }
            let subject = Subject::Partner(no, head.item, message.seq);
            rows.put(ERASURES, &at, &row(subject, facts.basis, message.at))?;
            rows.put(ASKED_ERASURES, &(no, at), &())?;
            rows.put(OPEN_ERASURES, &at, &())?;
            Ok(true)
        }
        Some(kind @ Kind::EraseDone) => {
            let Ok(Facts::EraseDone(facts)) = Facts::decode(kind, &head.facts) else {
                return Err(contradiction("an erasure that is done"));
            };
            let key = (no, facts.request);
            let (items, at) = (facts.items.len() as u64, message.at);
            let unknown = RequestRow {
                entry: None,
                order: None,
                items,
                at,
                done: None,
                refused: None,
                replaced: false,
            };
            let mut row = rows.get(ERASE_REQUESTS, &key)?.unwrap_or(unknown);
            row.done = row.done.or(Some(at));
            rows.put(ERASE_REQUESTS, &key, &row)?;
            Ok(true)
        }
        Some(_) | None => Ok(false),
    }
}

/// An item of ours never leaves, which may be a request: what it names may be asked for again.
pub(super) fn dropped(rows: &mut Overlay, no: LinkNo, item: &WaitingRow, why: &Refused) -> Result<()> {
    stays_behind(rows, item)?;
    if Kind::from_name(item.kind.as_str()) != Some(Kind::Erase) {
        return Ok(());
    }
    match rows.get(ERASE_REQUESTS, &(no, item.item))? {
        Some(row) => {
            rows.put(ERASE_REQUESTS, &(no, item.item), &RequestRow { refused: Some(why.clone()), ..row })
        }
        None => Ok(()),
    }
}

/// The partner did not take a message of ours that may be a request. Its items may be asked for again.
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
