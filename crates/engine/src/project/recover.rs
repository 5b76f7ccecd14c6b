//! What was lost and comes back: pages of a partner, our own receipts, and messages of ours that take effect again.

use deskwire_machine::delegation::{Role, State};
use deskwire_proto::cbor::{self, Bounds};
use deskwire_proto::cose::Sign1;
use deskwire_proto::session::{Cut, Welcome};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, LinkNo, Order, TicketNumber};
use deskwire_store::record::{Placed, PlacedFile};
use deskwire_store::row::{
    Audience, Author, DelegationRow, FileRow, FileState, LinkEventRow, LinkState, Pause, Promise, Recovery,
    SentRow, Shared, StreamRow, ThreadKind, ThreadRow,
};
use deskwire_store::table::{
    ANNOUNCED, BLOB_FILES, DELEGATION_EVENTS, DELEGATION_IDS, DELEGATIONS, DROPPED, EVENT_PLACES, FILES,
    GRANTS, LEFT_RECEIVED, LEFT_SENT, RECEIVED, RECOVERED_ITEMS, RETURNED_ITEMS, Rows, RowsMut, SENT,
    STREAMS, THREADS, TOLD, WAITING,
};
use deskwire_store::{Direction, EntryRef, Error, Result};

use super::delegation::{self, Entering};
use super::stream::{self, read_receipt};
use super::{account, change, contradiction, count, link, need, queue, relay};
use crate::overlay::Overlay;

/// A welcome showed that something was lost. What is under way already goes on under the newer welcome.
pub(super) fn needed(rows: &mut Overlay, no: LinkNo, welcome: &[u8], since: Timestamp) -> Result<()> {
    let payload = Sign1::parse(welcome).map_err(|_| contradiction("a welcome"))?.unverified_payload();
    let welcome: Welcome =
        cbor::decode(payload, Bounds::LARGE).map_err(|_| contradiction("a welcome that was verified"))?;
    stream::with(rows, no, |row| {
        let begun = row.recovery.take().unwrap_or(Recovery {
            welcome: welcome.nonce,
            length: 0,
            known: 0,
            first: row.out_length,
            held: row.in_length,
            told: row.in_length,
            numbered: 0,
            upto: 0,
            placed: row.out_length,
            complete: false,
            since,
        });
        row.recovery = Some(Recovery {
            welcome: welcome.nonce,
            length: welcome.length,
            known: welcome.known,
            complete: false,
            ..begun
        });
    })
}

/// A page was verified; the items and messages that it brought follow.
pub(super) fn page(rows: &mut Overlay, no: LinkNo, complete: bool) -> Result<()> {
    under_way(rows, no, |recovery| recovery.complete = complete)
}

/// One of our own receipts came back.
pub(super) fn returned(rows: &mut Overlay, at: EntryRef, no: LinkNo, raw: &[u8]) -> Result<()> {
    let receipt = read_receipt(raw).ok_or_else(|| contradiction("a receipt of our own"))?;
    rows.put(TOLD, &(no, receipt.upto), &at)?;
    under_way(rows, no, |recovery| {
        recovery.told = recovery.told.max(receipt.upto);
        recovery.upto = recovery.upto.max(receipt.upto);
        recovery.numbered = recovery.numbered.max(receipt.length);
    })
}

/// An item that waited, or was dropped since, was said before the loss already: it gives way to its message.
pub(super) fn struck(rows: &mut Overlay, no: LinkNo, order: Order) -> Result<()> {
    let key = (no, order);
    let (waiting, folded) = if let Some(waiting) = rows.get(WAITING, &key)? {
        rows.delete(WAITING, &key);
        stream::with(rows, no, |row| row.waiting = row.waiting.saturating_sub(1))?;
        (waiting, true)
    } else if let Some(dropped) = rows.get(DROPPED, &key)? {
        rows.delete(DROPPED, &key);
        (dropped, false)
    } else {
        (queue::unpark(rows, no, order)?, false)
    };
    super::privacy::stays_behind(rows, &waiting)?;
    if waiting.delegation.is_none() {
        super::terms::waits(rows, no, waiting.kind.as_str(), None)?;
    }
    let Some(key) = waiting.thread else { return Ok(()) };
    match waiting.event {
        // An event that is parked or was dropped is in no fold.
        Some(delegation) if !folded => {
            rows.delete(DELEGATION_EVENTS, &(delegation, key.1));
            rows.delete(THREADS, &key);
            Ok(())
        }
        Some(delegation) => delegation::own_struck(rows, delegation, order, no, key),
        None => change(rows, THREADS, &key, |row| {
            row.shared.retain(|shared| shared.link != no || shared.order != order);
        })
        .map(drop),
    }
}

/// A message of ours takes effect again.
pub(super) fn placed(rows: &mut Overlay, placed: &Placed) -> Result<()> {
    let Placed { no, seq, .. } = *placed;
    let mut sent = need(rows, SENT, &(no, seq))?;
    rows.put(RECOVERED_ITEMS, &(no, placed.item), &seq)?;
    if let Some((delegation, ticket)) = placed.local {
        sent.about = Some(delegation);
        match &placed.event {
            Some(event) => {
                let entering = Entering {
                    delegation,
                    at: sent.item,
                    said: event.clone().into(),
                    times: (placed.said, placed.at),
                };
                if let Some(stars) = placed.stars {
                    super::figures::gave(rows, delegation, seq, stars)?;
                }
                delegation::own_recovered(rows, entering, sent.order, no, (seq, placed.seen))?;
                if crate::query::clock::sets_deadlines(event.0.kind()) {
                    super::clock::watch(rows, delegation)?;
                }
                sent.event = Some(delegation);
                sent.thread = Some((ticket, sent.item));
            }
            None => {
                let key = sent.thread.unwrap_or((ticket, sent.item));
                contribution(rows, placed, &sent, key, ticket)?;
                sent.thread = Some(key);
            }
        }
    }
    if placed.local.is_none() {
        super::privacy::finds_no_ticket(rows, sent.item)?;
    }
    if let Some(delegation) = placed.digest {
        super::agreement::came_back(rows, delegation, seq)?;
    }
    rows.put(SENT, &(no, seq), &sent)?;
    if let Some((why, length)) = &placed.answer {
        stream::answered(rows, no, seq, &sent, why.as_ref(), (*length, None))?;
    }
    under_way(rows, no, |recovery| recovery.placed = seq)?;
    stream::with(rows, no, |row| {
        row.out_returned = true;
        pass_aside(row);
    })
}

/// What was disowned comes back without effect: nothing of it is placed.
pub(super) fn pass_aside(row: &mut StreamRow) {
    let Some(recovery) = row.recovery.as_mut() else { return };
    for (first, last) in &row.out_aside {
        if *first <= recovery.placed + 1 {
            recovery.placed = recovery.placed.max(*last);
        }
    }
}

/// A comment or a file of ours, shown where it was or anew.
fn contribution(
    rows: &mut Overlay,
    placed: &Placed,
    sent: &SentRow,
    key: (TicketNumber, EntryRef),
    ticket: TicketNumber,
) -> Result<()> {
    let Some((delegation, _)) = placed.local else { return Ok(()) };
    let item = Some(placed.item);
    let (link, order) = (placed.no, sent.order);
    let shared = Shared { link, delegation, order, refused: None, item, retracted: false };
    if let Some(mut row) = rows.get(THREADS, &key)? {
        row.shared.push(shared);
        return rows.put(THREADS, &key, &row);
    }
    if let Some(later) = placed.later {
        return relay::came_back(rows, key, later, (delegation, shared), placed.at);
    }
    let kind = match &placed.file {
        Some(file) => {
            announced(rows, placed, file, (ticket, sent.item))?;
            ThreadKind::File(file.file)
        }
        None => account::shows(rows, placed.no, placed.seq, delegation)?,
    };
    let row = ThreadRow {
        kind,
        author: Author::Own,
        audience: Audience::Delegations(vec![delegation]),
        at: placed.at,
        shared: vec![shared],
        item,
        revised: false,
        aside: None,
    };
    rows.put(THREADS, &key, &row)
}

fn announced(
    rows: &mut Overlay,
    placed: &Placed,
    file: &PlacedFile,
    (ticket, entry): (TicketNumber, EntryRef),
) -> Result<()> {
    let row = FileRow {
        ticket,
        item: file.item,
        blob: file.blob,
        size: file.size,
        chunks: file.chunks,
        author: Author::Own,
        entry,
        state: file.state.clone(),
        at: placed.at,
    };
    rows.put(FILES, &file.file, &row)?;
    rows.put(BLOB_FILES, &(file.blob, file.file), &())?;
    if file.state == FileState::Here {
        rows.put(GRANTS, &(placed.no, file.blob), &file.file)?;
    }
    // Where its bytes are lost, the partner has to be told that it need not wait for them.
    rows.put(ANNOUNCED, &(placed.no, placed.seq), &file.file)?;
    count(rows, |counters| counters.file = counters.file.max(file.file.0 + 1))
}

/// Everything is here again.
pub(super) fn ended(rows: &mut Overlay, at: EntryRef, no: LinkNo, event: &LinkEventRow) -> Result<()> {
    let told = rows.list(TOLD, &no, usize::MAX)?;
    for (key, _) in told {
        rows.delete(TOLD, &key);
    }
    let dropped = rows.list(DROPPED, &no, usize::MAX)?;
    for (key, _) in dropped {
        rows.delete(DROPPED, &key);
    }
    behind(rows, no)?;
    stream::with(rows, no, |row| row.recovery = None)?;
    link::note(rows, (no, at), event)
}

/// What waits moves behind what came back: items are numbered in their order.
pub(super) fn behind(rows: &mut Overlay, no: LinkNo) -> Result<()> {
    let mut next = need(rows, STREAMS, &no)?.next_order;
    for ((_, order), row) in rows.list(WAITING, &no, usize::MAX)? {
        let to = Order(next);
        next += 1;
        rows.delete(WAITING, &(no, order));
        rows.put(WAITING, &(no, to), &row)?;
        if let Some(delegation) = row.event {
            delegation::own_moved(rows, delegation, order, to)?;
        }
        if let Some(key) = &row.thread {
            change(rows, THREADS, key, |thread| {
                let moved =
                    thread.shared.iter_mut().filter(|shared| shared.link == no && shared.order == order);
                moved.for_each(|shared| shared.order = to);
            })?;
        }
    }
    stream::with(rows, no, |row| {
        row.next_order = next;
        row.late = None;
    })
}

/// Messages of the restored partner were handed back.
pub(super) fn handed_back(
    rows: &mut Overlay,
    no: LinkNo,
    first: u64,
    items: &[deskwire_proto::id::ItemId],
) -> Result<()> {
    for (seq, item) in (first..).zip(items) {
        rows.put(RETURNED_ITEMS, &(no, *item), &seq)?;
    }
    stream::with(rows, no, |row| row.in_returned = true)
}

/// What the partner had counted above this length is gone: nothing of ours waits for it any more. proto-spec, section 8.4.
pub(super) fn shortened(rows: &mut Overlay, no: LinkNo, length: u64) -> Result<()> {
    let cursor = stream::cursor(rows, no)?;
    stream::with(rows, no, |row| {
        for promise in &mut row.promises {
            promise.length = promise.length.min(length);
        }
        row.promises.dedup_by(|later, earlier| {
            let same = later.length == earlier.length;
            if same {
                *earlier = Promise { upto: earlier.upto.max(later.upto), ..*earlier };
            }
            same
        });
    })?;
    // Only events that are not settled have a row there.
    let mut delegations = Vec::new();
    rows.scan(EVENT_PLACES, &(), None, Direction::Forward, &mut |(delegation, _), _| {
        if delegations.last() != Some(&delegation) {
            delegations.push(delegation);
        }
        Ok(std::ops::ControlFlow::Continue(()))
    })?;
    for delegation in delegations {
        let mut row = need(rows, DELEGATIONS, &delegation)?;
        if row.link == no
            && row.case.open().iter().any(|open| open.receipt_length.is_some_and(|named| named > length))
        {
            let changes = row.case.shorten(length, cursor);
            delegation::store(rows, delegation, &row, &changes)?;
        }
    }
    Ok(())
}

/// The link pauses, and its operator is told why.
pub(super) fn paused(
    rows: &mut Overlay,
    at: EntryRef,
    no: LinkNo,
    why: &Pause,
    event: &LinkEventRow,
) -> Result<()> {
    link::pause(rows, no, why.clone())?;
    link::note(rows, (no, at), event)
}

/// An operator chose on which branch a stream goes on. With `cut`, the other one is left: length and last hash of what
/// stays, and `seen` of the last message that stays.
pub(super) fn chosen(
    rows: &mut Overlay,
    at: EntryRef,
    (no, ours): (LinkNo, bool),
    cut: Option<&(Cut, u64)>,
    event: &LinkEventRow,
) -> Result<()> {
    if let Some((cut, seen)) = cut {
        // Mostly it was left step by step before.
        let at_once = need(rows, STREAMS, &no)?.leaving.is_none();
        leave(rows, at, (no, ours), (cut, *seen))?;
        if at_once && !ours {
            let all = rows.list(DELEGATION_IDS, &no, usize::MAX)?;
            release_ids(rows, no, &all.into_iter().map(|(_, delegation)| delegation).collect::<Vec<_>>())?;
        }
    }
    if ours {
        stream::with(rows, no, |row| {
            // The partner may go on with less of our stream than it had seen on the branch that was left.
            let alike = cut.map_or(row.acked, |(cut, _)| cut.0.min(row.acked));
            row.in_seen = row.in_seen.min(alike);
            row.promises.iter_mut().for_each(|promise| promise.upto = promise.upto.min(alike));
        })?;
    }
    let waits = need(rows, STREAMS, &no)?.recovery.is_some_and(|recovery| recovery.complete);
    if waits {
        ended(rows, at, no, event)?;
    }
    link::with(rows, no, |row| row.state = LinkState::Active)?;
    link::note(rows, (no, at), event)
}

/// The last messages of a branch are left.
pub(super) fn left(
    rows: &mut Overlay,
    at: EntryRef,
    (no, ours): (LinkNo, bool),
    stays: (&Cut, u64),
    delegations: &[DelegationNo],
) -> Result<()> {
    leave(rows, at, (no, ours), stays)?;
    if ours { Ok(()) } else { release_ids(rows, no, delegations) }
}

fn leave(
    rows: &mut Overlay,
    at: EntryRef,
    (no, ours): (LinkNo, bool),
    (cut, seen): (&Cut, u64),
) -> Result<()> {
    let stream = need(rows, STREAMS, &no)?;
    let end = if ours { stream.out_length } else { stream.in_length };
    for seq in cut.0 + 1..=end {
        if ours {
            let row = need(rows, SENT, &(no, seq))?;
            rows.put(LEFT_SENT, &(no, (seq, at)), &row)?;
            rows.delete(SENT, &(no, seq));
        } else {
            let row = need(rows, RECEIVED, &(no, seq))?;
            rows.put(LEFT_RECEIVED, &(no, (seq, at)), &row)?;
            rows.delete(RECEIVED, &(no, seq));
        }
    }
    account::left(rows, no, ours, cut.0)?;
    stream::with(rows, no, |row| {
        if ours {
            row.out_length = cut.0;
            row.out_head = cut.1;
            row.out_aside.retain(|(first, _)| *first <= cut.0);
        } else {
            row.in_left = row.in_left.max(row.in_length);
            row.in_length = cut.0;
            row.in_head = cut.1;
            row.in_seen = seen;
            row.given = row.given.min(cut.0);
        }
    })
}

/// The branch that goes on may offer again what was offered on the one that was left: the ids of these are free again.
fn release_ids(rows: &mut Overlay, no: LinkNo, delegations: &[DelegationNo]) -> Result<()> {
    for delegation in delegations {
        let DelegationRow { id, case, .. } = need(rows, DELEGATIONS, delegation)?;
        let partners = case.role() == Role::Contractor;
        let nothing = case.open().iter().all(|open| open.author == case.role());
        let known = rows.get(DELEGATION_IDS, &(no, id))? == Some(*delegation);
        if known && partners && nothing && case.settled().state == State::Unoffered {
            rows.delete(DELEGATION_IDS, &(no, id));
        }
    }
    Ok(())
}

fn under_way(rows: &mut Overlay, no: LinkNo, changes: impl FnOnce(&mut Recovery)) -> Result<()> {
    let mut row = need(rows, STREAMS, &no)?;
    let recovery = row.recovery.as_mut();
    changes(recovery.ok_or_else(|| -> Error { contradiction("a page without a loss") })?);
    rows.put(STREAMS, &no, &row)
}
