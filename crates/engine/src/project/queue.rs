//! Items that do not go their usual way: parked, sent again, dropped, late.

use deskwire_proto::message::Kind;
use deskwire_proto::text::{Code, Line, Words};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{LinkNo, Order};
use deskwire_store::record::FoldEvent;
use deskwire_store::row::{Effect, Late, LinkEventRow, LinkState, ParkedRow, Refused, WaitingRow};
use deskwire_store::table::{
    DROPPED, HANDLED, LINKS, PARKED, PARKED_OF, Rows, RowsMut, THREADS, UNSHOWN, WAITING,
};
use deskwire_store::{EntryRef, Result};

use super::{change, contradiction, delegation, link, need, privacy, stream, terms};
use crate::overlay::Overlay;

/// An item that waits, or is parked, is taken out of the queue or dropped by this record: whoever did it stands in its text.
pub(super) fn handled(
    rows: &mut Overlay,
    at: EntryRef,
    (no, order): (LinkNo, Order),
    named: Option<bool>,
) -> Result<()> {
    let Some(named) = named else { return Ok(()) };
    rows.put(HANDLED, &(no, order), &at)?;
    if !named {
        return Ok(());
    }
    let item = match rows.get(WAITING, &(no, order))? {
        Some(item) => item,
        None => need(rows, PARKED, &(no, order))?.item,
    };
    let ticket = privacy::about(rows, &item)?;
    rows.put(UNSHOWN, &(ticket, at), &())
}

/// A waiting item was taken out of the queue.
pub(super) fn parked(
    rows: &mut Overlay,
    (no, order): (LinkNo, Order),
    why: &Refused,
    (dead, with): (bool, Option<Order>),
    at: Timestamp,
) -> Result<()> {
    let item = need(rows, WAITING, &(no, order))?;
    rows.delete(WAITING, &(no, order));
    stream::with(rows, no, |row| {
        row.waiting = row.waiting.saturating_sub(1);
        row.parked += 1;
        row.late = row.late.filter(|late| late.order != order);
    })?;
    if let Some(delegation) = item.event {
        delegation::own_withdrawn(rows, delegation, order, no, Effect::Parked(why.clone()))?;
    }
    // A link that is being ended still is: nothing is said behind its end while that is parked.
    if item.kind.as_str() != Kind::LinkClose.name() {
        terms::waits(rows, no, item.kind.as_str(), None)?;
    }
    if let Some(delegation) = item.delegation {
        rows.put(PARKED_OF, &(delegation, order), &())?;
    }
    rows.put(PARKED, &(no, order), &ParkedRow { item, why: why.clone(), dead, with, at })
}

/// A parked item waits again, under the same id.
pub(super) fn released(
    rows: &mut Overlay,
    (no, order): (LinkNo, Order),
    to: Order,
    event: Option<&FoldEvent>,
    at: Timestamp,
) -> Result<()> {
    let item = WaitingRow { at, ..unpark(rows, no, order)? };
    rows.delete(HANDLED, &(no, order));
    stream::with(rows, no, |row| {
        row.next_order = to.0 + 1;
        row.waiting += 1;
    })?;
    if let Some(key) = &item.thread {
        change(rows, THREADS, key, |row| {
            let moved = row.shared.iter_mut().find(|shared| shared.link == no && shared.order == order);
            if let Some(shared) = moved {
                shared.order = to;
            }
        })?;
    }
    if let Some(delegation) = item.event {
        let said = event.cloned().ok_or_else(|| contradiction("a released event without an event"))?.into();
        delegation::own_released(rows, (delegation, item.entry), said, to, no)?;
    }
    terms::waits(rows, no, item.kind.as_str(), Some((to, item.entry)))?;
    rows.put(WAITING, &(no, to), &item)
}

/// An item never leaves: it became impossible, or an operator dropped it.
pub(super) fn dropped(rows: &mut Overlay, no: LinkNo, order: Order, why: &Refused) -> Result<()> {
    let effect = Effect::Dropped(why.clone());
    let item = match rows.get(WAITING, &(no, order))? {
        Some(item) => {
            rows.delete(WAITING, &(no, order));
            stream::with(rows, no, |row| {
                row.waiting = row.waiting.saturating_sub(1);
                row.late = row.late.filter(|late| late.order != order);
            })?;
            if let Some(delegation) = item.event {
                delegation::own_withdrawn(rows, delegation, order, no, effect)?;
            }
            item
        }
        None => {
            let item = unpark(rows, no, order)?;
            if let Some(delegation) = item.event {
                delegation::own_effect(rows, delegation, item.entry, effect)?;
            }
            item
        }
    };
    privacy::dropped(rows, no, &item, why)?;
    terms::waits(rows, no, item.kind.as_str(), None)?;
    stream::mark(rows, &item.thread, (no, order), why)?;
    // What was lost on a link that has ended does not come back any more.
    if item.thread.is_some() && need(rows, LINKS, &no)?.state != LinkState::Closed {
        rows.put(DROPPED, &(no, order), &item)?;
    }
    Ok(())
}

/// Takes a parked item out; what becomes of it is the caller's to write.
pub(super) fn unpark(rows: &mut Overlay, no: LinkNo, order: Order) -> Result<WaitingRow> {
    let parked = need(rows, PARKED, &(no, order))?;
    rows.delete(PARKED, &(no, order));
    if let Some(delegation) = parked.item.delegation {
        rows.delete(PARKED_OF, &(delegation, order));
    }
    stream::with(rows, no, |row| row.parked = row.parked.saturating_sub(1))?;
    Ok(parked.item)
}

/// The oldest item has not been delivered for an hour.
pub(super) fn late(
    rows: &mut Overlay,
    at: EntryRef,
    no: LinkNo,
    (order, since): (Order, Timestamp),
    when: Timestamp,
) -> Result<()> {
    stream::with(rows, no, |row| row.late = Some(Late { order, since }))?;
    let words = "Nothing has been delivered to the partner for an hour. Deskwire goes on trying; the tickets show what waits.";
    let event = LinkEventRow {
        at: when,
        code: Code::new("not-delivered").expect("a code"),
        words: Words::new(words).expect("words"),
        details: Vec::new(),
    };
    link::note(rows, (no, at), &event)
}

/// A receipt of the partner contradicts one that we hold.
pub(super) fn receipts_differ(
    rows: &mut Overlay,
    at: EntryRef,
    no: LinkNo,
    details: &[Line],
    when: Timestamp,
) -> Result<()> {
    let words = "The partner has signed two receipts that tell different things of the same messages. The first one stands, \
                 and both are kept as evidence: ask its operator what happened.";
    let event = LinkEventRow {
        at: when,
        code: Code::new("receipts-differ").expect("a code"),
        words: Words::new(words).expect("words"),
        details: details.to_vec(),
    };
    link::note(rows, (no, at), &event)
}
