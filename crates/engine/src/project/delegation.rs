//! Delegations: the fold of their events, and the rows that show what became of each.

use deskwire_machine::delegation::{Answer, Case, Change, Changes, Event, Fate, Place, Role, Said};
use deskwire_proto::id::DelegationId;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, LinkNo, Order, TicketNumber};
use deskwire_store::row::{
    Audience, Author, DelegationEventRow, DelegationRow, Effect, Refused, Shared, ThreadKind, ThreadRow,
};
use deskwire_store::table::{
    DELEGATION_EVENTS, DELEGATION_IDS, DELEGATIONS, EVENT_PLACES, EventPlace, Rows, RowsMut, STREAMS,
    THREADS, TICKET_DELEGATIONS,
};
use deskwire_store::{EntryRef, Result};

use super::{change, contradiction, count, need};
use crate::overlay::Overlay;

/// This desk hands a ticket over; the offer follows as an item.
pub(super) fn handed_over(
    rows: &mut Overlay,
    at: EntryRef,
    delegation: DelegationNo,
    (link, id, ticket): (LinkNo, DelegationId, TicketNumber),
    created: Timestamp,
) -> Result<()> {
    let case = Case::new(Role::Principal);
    begin(
        rows,
        delegation,
        &DelegationRow {
            link,
            id,
            ticket,
            offer: at,
            created,
            version: 1,
            case,
            resolved: None,
            ended: (false, false),
            watched: false,
        },
    )?;
    super::clock::handed_on(rows, delegation, ticket)
}

/// Writes a new delegation and the rows that lead to it.
pub(super) fn begin(rows: &mut Overlay, delegation: DelegationNo, row: &DelegationRow) -> Result<()> {
    rows.put(DELEGATIONS, &delegation, row)?;
    rows.put(DELEGATION_IDS, &(row.link, row.id), &delegation)?;
    rows.put(TICKET_DELEGATIONS, &(row.ticket, delegation), &())?;
    count(rows, |counters| counters.delegation = counters.delegation.max(delegation.0 + 1))
}

/// An event as it enters the fold.
pub(super) struct Entering {
    pub(super) delegation: DelegationNo,
    pub(super) at: EntryRef,
    pub(super) said: Said,
    /// When it was said, and when it was stored here.
    pub(super) times: (Timestamp, Timestamp),
}

/// Our own event was accepted and waits for its number.
pub(super) fn own_waits(rows: &mut Overlay, event: Entering, order: Order, link: LinkNo) -> Result<()> {
    let cursor = super::stream::cursor(rows, link)?;
    let mut row = need(rows, DELEGATIONS, &event.delegation)?;
    let what = event.said.event;
    if matches!(what, Event::Offer { .. }) {
        row.offer = event.at;
    }
    let role = row.case.role();
    let changes =
        row.case.accept(order.0, event.said.clone(), cursor).map_err(|_| contradiction("an own event"))?;
    show(rows, &event, (role, Place::Waiting(order.0)), &row, Author::Own)?;
    let shared =
        Shared { link, delegation: event.delegation, order, refused: None, item: None, retracted: false };
    change(rows, THREADS, &(row.ticket, event.at), |thread| thread.shared.push(shared))?;
    store(rows, event.delegation, &row, &changes)
}

/// Our own event got its number.
pub(super) fn own_numbered(
    rows: &mut Overlay,
    delegation: DelegationNo,
    order: Order,
    (seq, seen): (u64, u64),
) -> Result<()> {
    let mut row = need(rows, DELEGATIONS, &delegation)?;
    let numbered = row.case.number(order.0, seq, seen).map_err(|_| contradiction("a numbered event"))?;
    let role = row.case.role();
    let before = (delegation, place_key(role, Place::Waiting(order.0)));
    let at = need(rows, EVENT_PLACES, &before)?;
    rows.delete(EVENT_PLACES, &before);
    rows.put(EVENT_PLACES, &(delegation, place_key(role, Place::Numbered(seq))), &at)?;
    row.version = newest(row.version, &numbered.event);
    store(rows, delegation, &row, &numbered.changes)
}

/// Our own event leaves the queue: for good, or until somebody sends it again.
pub(super) fn own_withdrawn(
    rows: &mut Overlay,
    delegation: DelegationNo,
    order: Order,
    link: LinkNo,
    effect: Effect,
) -> Result<()> {
    let cursor = super::stream::cursor(rows, link)?;
    let mut row = need(rows, DELEGATIONS, &delegation)?;
    let changes = row.case.drop_waiting(order.0, cursor).map_err(|_| contradiction("a dropped event"))?;
    let place = (delegation, place_key(row.case.role(), Place::Waiting(order.0)));
    let at = need(rows, EVENT_PLACES, &place)?;
    rows.delete(EVENT_PLACES, &place);
    own_effect(rows, delegation, at, effect)?;
    store(rows, delegation, &row, &changes)
}

/// Our own event waits again, behind all others.
pub(super) fn own_released(
    rows: &mut Overlay,
    (delegation, at): (DelegationNo, EntryRef),
    said: Said,
    order: Order,
    link: LinkNo,
) -> Result<()> {
    let cursor = super::stream::cursor(rows, link)?;
    let mut row = need(rows, DELEGATIONS, &delegation)?;
    let role = row.case.role();
    let changes = row.case.accept(order.0, said, cursor).map_err(|_| contradiction("a released event"))?;
    rows.put(EVENT_PLACES, &(delegation, place_key(role, Place::Waiting(order.0))), &at)?;
    own_effect(rows, delegation, at, Effect::Fate { fate: Fate::Kept, settled: false })?;
    store(rows, delegation, &row, &changes)
}

/// What became of an own event, said outright.
pub(super) fn own_effect(
    rows: &mut Overlay,
    delegation: DelegationNo,
    at: EntryRef,
    effect: Effect,
) -> Result<()> {
    change(rows, DELEGATION_EVENTS, &(delegation, at), |event| event.effect = effect).map(drop)
}

/// Our own waiting event was said before a loss already: its message takes its place.
pub(super) fn own_struck(
    rows: &mut Overlay,
    delegation: DelegationNo,
    order: Order,
    link: LinkNo,
    (ticket, at): (TicketNumber, EntryRef),
) -> Result<()> {
    let cursor = super::stream::cursor(rows, link)?;
    let mut row = need(rows, DELEGATIONS, &delegation)?;
    let changes = row.case.drop_waiting(order.0, cursor).map_err(|_| contradiction("a struck event"))?;
    rows.delete(EVENT_PLACES, &(delegation, place_key(row.case.role(), Place::Waiting(order.0))));
    rows.delete(DELEGATION_EVENTS, &(delegation, at));
    rows.delete(THREADS, &(ticket, at));
    store(rows, delegation, &row, &changes)
}

/// Our own waiting event has another place among the items.
pub(super) fn own_moved(rows: &mut Overlay, delegation: DelegationNo, from: Order, to: Order) -> Result<()> {
    let mut row = need(rows, DELEGATIONS, &delegation)?;
    row.case.move_waiting(from.0, to.0);
    let role = row.case.role();
    let before = (delegation, place_key(role, Place::Waiting(from.0)));
    let at = need(rows, EVENT_PLACES, &before)?;
    rows.delete(EVENT_PLACES, &before);
    rows.put(EVENT_PLACES, &(delegation, place_key(role, Place::Waiting(to.0))), &at)?;
    rows.put(DELEGATIONS, &delegation, &row)
}

/// Our own event was said before a loss, and its message came back.
pub(super) fn own_recovered(
    rows: &mut Overlay,
    event: Entering,
    order: Order,
    link: LinkNo,
    (seq, seen): (u64, u64),
) -> Result<()> {
    let cursor = super::stream::cursor(rows, link)?;
    let mut row = need(rows, DELEGATIONS, &event.delegation)?;
    if matches!(event.said.event, Event::Offer { .. }) {
        row.offer = event.at;
    }
    row.version = newest(row.version, &event.said.event);
    let role = row.case.role();
    let changes = row.case.recover(seq, seen, event.said.clone(), cursor);
    let changes = changes.map_err(|_| contradiction("an own event that came back"))?;
    show(rows, &event, (role, Place::Numbered(seq)), &row, Author::Own)?;
    let shared =
        Shared { link, delegation: event.delegation, order, refused: None, item: None, retracted: false };
    change(rows, THREADS, &(row.ticket, event.at), |thread| thread.shared.push(shared))?;
    store(rows, event.delegation, &row, &changes)
}

/// A receipt told what came of our own event.
pub(super) fn own_answered(
    rows: &mut Overlay,
    delegation: DelegationNo,
    link: LinkNo,
    seq: u64,
    refused: Option<&Refused>,
    (receipt_length, committed): (u64, Option<Timestamp>),
) -> Result<()> {
    let cursor = super::stream::cursor(rows, link)?;
    let mut row = need(rows, DELEGATIONS, &delegation)?;
    close_gap(rows, &mut row)?;
    let answer = if refused.is_some() { Answer::Refused } else { Answer::Applied };
    let changes = row.case.answer(seq, answer, receipt_length, cursor);
    let place = (delegation, place_key(row.case.role(), Place::Numbered(seq)));
    let shown = rows.get(EVENT_PLACES, &place)?;
    if let (Some(at), Some(_)) = (shown, committed) {
        change(rows, DELEGATION_EVENTS, &(delegation, at), |event| event.committed = committed)?;
    }
    store(rows, delegation, &row, &changes)?;
    if let (Some(why), Some(at)) = (refused, shown) {
        change(rows, DELEGATION_EVENTS, &(delegation, at), |event| {
            event.effect = Effect::Refused(why.clone())
        })?;
    }
    Ok(())
}

/// A partner's event was consumed and taken.
pub(super) fn theirs(
    rows: &mut Overlay,
    event: Entering,
    (seq, seen): (u64, u64),
    link: LinkNo,
) -> Result<()> {
    let mut row = need(rows, DELEGATIONS, &event.delegation)?;
    row.version = newest(row.version, &event.said.event);
    close_gap(rows, &mut row)?;
    let role = row.case.role().other();
    let changes =
        row.case.take(seq, seen, event.said.clone()).map_err(|_| contradiction("a partner's event"))?;
    show(rows, &event, (role, Place::Numbered(seq)), &row, Author::Partner(link))?;
    store(rows, event.delegation, &row, &changes)
}

/// Own events that were missing after a branch was left are here once their messages came back.
fn close_gap(rows: &Overlay, row: &mut DelegationRow) -> Result<()> {
    let Some(gap) = row.case.gap() else { return Ok(()) };
    let stream = need(rows, STREAMS, &row.link)?;
    if stream.recovery.is_none() && stream.out_length > gap.own {
        row.case.close_gap();
    }
    Ok(())
}

fn newest(known: u64, event: &Event) -> u64 {
    match event {
        Event::Update { version, .. } => known.max(*version),
        _ => known,
    }
}

/// Where a new event is shown: on the delegation and on the ticket.
fn show(
    rows: &mut Overlay,
    event: &Entering,
    (by, place): (Role, Place),
    row: &DelegationRow,
    author: Author,
) -> Result<()> {
    let (said, stored) = event.times;
    let shown = DelegationEventRow {
        kind: event.said.event.kind(),
        by,
        at: said,
        stored,
        committed: None,
        effect: Effect::Fate { fate: Fate::Kept, settled: false },
    };
    rows.put(DELEGATION_EVENTS, &(event.delegation, event.at), &shown)?;
    rows.put(EVENT_PLACES, &(event.delegation, place_key(by, place)), &event.at)?;
    let thread = ThreadRow {
        kind: ThreadKind::Event(event.delegation),
        author,
        audience: Audience::Delegations(vec![event.delegation]),
        at: stored,
        shared: Vec::new(),
        item: None,
        revised: false,
        aside: None,
    };
    let key: (TicketNumber, EntryRef) = (row.ticket, event.at);
    rows.put(THREADS, &key, &thread)
}

/// Writes the delegation and what its fold says has become of its events.
pub(super) fn store(
    rows: &mut Overlay,
    delegation: DelegationNo,
    row: &DelegationRow,
    changes: &Changes,
) -> Result<()> {
    match super::ending::settled(rows, delegation, row, changes)? {
        Some(resolved) => rows.put(DELEGATIONS, &delegation, &DelegationRow { resolved, ..row.clone() })?,
        None => rows.put(DELEGATIONS, &delegation, row)?,
    }
    super::quota::turned(rows, row, changes)?;
    super::clock::touched(rows, delegation, row)?;
    changes.events.iter().try_for_each(|change| fate(rows, (delegation, row), change))
}

fn fate(rows: &mut Overlay, (delegation, row): (DelegationNo, &DelegationRow), now: &Change) -> Result<()> {
    let place = (delegation, place_key(now.author, now.place));
    let Some(at) = rows.get(EVENT_PLACES, &place)? else { return Ok(()) };
    let event = change(rows, DELEGATION_EVENTS, &(delegation, at), |event| {
        // What the partner said of a refusal says more than that the fold leaves it out.
        if !matches!(event.effect, Effect::Refused(_)) {
            event.effect = Effect::Fate { fate: now.fate, settled: now.settled };
        }
    })?;
    if now.settled {
        rows.delete(EVENT_PLACES, &place);
        if now.fate != Fate::Refused {
            super::figures::settled(rows, (delegation, row), (now.place, now.fate), &event)?;
        }
    }
    Ok(())
}

pub(super) const fn place_key(author: Role, place: Place) -> EventPlace {
    let contractor = matches!(author, Role::Contractor);
    match place {
        Place::Numbered(seq) => EventPlace(contractor, true, seq),
        Place::Waiting(local) => EventPlace(contractor, false, local),
    }
}
