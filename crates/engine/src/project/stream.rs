//! Both streams of a link: items, numbered messages, what came in, sessions and receipts.

use std::ops::ControlFlow;

use deskwire_proto::cbor::{self, Bounds};
use deskwire_proto::cose::Sign1;
use deskwire_proto::id::{Hash, InstanceId, SessionId};
use deskwire_proto::message::Kind;
use deskwire_proto::receipt::Receipt;
use deskwire_proto::text::Words;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{LinkNo, Order};
use deskwire_store::record::ItemMade;
use deskwire_store::row::{HelloRow, InSession, Promise, Refused, SentRow, Shared, StreamRow, WaitingRow};
use deskwire_store::table::{
    ANNOUNCED, GRANTS, HELLOS, RECEIPTS, RETIRED as RETIRED_INSTANCES, Rows, RowsMut, SENT, STREAMS, THREADS,
    VOID_RECEIPTS, WAITING,
};
use deskwire_store::{Direction, EntryRef, Result};

use super::delegation::{self, Entering};
use super::{account, change, contradiction, need};
use crate::overlay::Overlay;
use crate::refusal::refused;

/// Instances of a partner that are remembered after they were replaced.
const RETIRED: usize = 8;
/// Sessions that may wait for their first batch.
const PENDING: usize = 4;
/// Receipts whose promise is kept apart; older ones are subsumed.
const PROMISES: usize = 8;
/// Words of all partners that refused one contribution together, bytes: they share one row.
const MARKED_WORDS: usize = 2_000;

/// Length of the partner's stream that has been applied.
pub(super) fn cursor(rows: &Overlay, no: LinkNo) -> Result<u64> {
    need(rows, STREAMS, &no).map(|row| row.in_length)
}

/// Changes the row of a link's streams.
pub(super) fn with(rows: &mut Overlay, no: LinkNo, changes: impl FnOnce(&mut StreamRow)) -> Result<()> {
    change(rows, STREAMS, &no, changes).map(drop)
}

/// A hello was answered: its session waits for its first batch.
pub(super) fn welcomed(
    rows: &mut Overlay,
    (at, when): (EntryRef, Timestamp),
    no: LinkNo,
    hello: &[u8],
    (session, instance, short): (SessionId, InstanceId, bool),
) -> Result<()> {
    let hello = Hash::of(hello);
    rows.put(HELLOS, &(no, hello), &HelloRow { at: when })?;
    with(rows, no, |row| {
        row.pending.push(InSession { session, instance, hello, entry: at, short });
        let surplus = row.pending.len().saturating_sub(PENDING);
        row.pending.drain(..surplus);
    })
}

/// A welcomed session brought its first batch.
pub(super) fn session_taken(rows: &mut Overlay, no: LinkNo, session: SessionId) -> Result<()> {
    let mut row = need(rows, STREAMS, &no)?;
    let former = row.session.as_ref().map(|former| former.instance);
    take_session(&mut row, session);
    let replaced = former.filter(|former| row.session.as_ref().is_some_and(|now| now.instance != *former));
    if let Some(instance) = replaced {
        rows.put(RETIRED_INSTANCES, &(no, instance), &())?;
    }
    rows.put(STREAMS, &no, &row)
}

/// We gave a receipt; up to `base` the partner had told that it has receipts already.
pub(super) fn receipt_given(rows: &mut Overlay, no: LinkNo, (base, upto): (u64, u64)) -> Result<()> {
    with(rows, no, |row| {
        row.given = row.given.max(upto);
        row.agreed = row.agreed.max(base);
    })
}

/// A welcomed session becomes the current one; it and all that are older no longer wait.
fn take_session(row: &mut StreamRow, session: SessionId) {
    let Some(place) = row.pending.iter().position(|pending| pending.session == session) else { return };
    let Some(pending) = row.pending.drain(..=place).next_back() else { return };
    if let Some(former) = row.session.take()
        && former.instance != pending.instance
    {
        row.retired.push(former.instance);
        let surplus = row.retired.len().saturating_sub(RETIRED);
        row.retired.drain(..surplus);
    }
    row.session = Some(pending);
}

pub(super) fn item(rows: &mut Overlay, at: EntryRef, made: &ItemMade) -> Result<()> {
    with(rows, made.no, |row| {
        row.next_order = made.order.0 + 1;
        row.waiting += 1;
    })?;
    let delegation = made.delegation.map(|(delegation, _)| delegation);
    if let (Some(event), Some(delegation)) = (&made.event, delegation) {
        let times = (made.at, made.at);
        let entering = Entering { delegation, at, said: event.clone().into(), times };
        delegation::own_waits(rows, entering, made.order, made.no)?;
        if let Some(kind @ (Kind::Offer | Kind::Update)) = Kind::from_name(made.kind.as_str()) {
            super::clock::said(rows, delegation, kind, &made.facts)?;
        }
    }
    if let (Some(thread), Some(delegation)) = (&made.thread, delegation) {
        let item = Some(made.item);
        let shared =
            Shared { link: made.no, delegation, order: made.order, refused: None, item, retracted: false };
        change(rows, THREADS, thread, |row| row.shared.push(shared))?;
    }
    if let Some((file, blob)) = made.file {
        rows.put(GRANTS, &(made.no, blob), &file)?;
    }
    let event = delegation.filter(|_| made.event.is_some());
    let thread = match (made.thread, event) {
        (None, Some(delegation)) => {
            let ticket = need(rows, deskwire_store::table::DELEGATIONS, &delegation)?.ticket;
            Some((ticket, at))
        }
        (None, None) => {
            super::agreement::said(rows, made)?;
            super::privacy::item(rows, at, made)?;
            account::shown(rows, at, made)?
        }
        (thread, _) => thread,
    };
    if delegation.is_none() {
        super::terms::waits(rows, made.no, made.kind.as_str(), Some((made.order, at)))?;
        super::terms::accepts(rows, made.no, made.kind.as_str(), &made.facts)?;
    }
    let row = WaitingRow {
        entry: at,
        item: made.item,
        kind: made.kind.clone(),
        delegation,
        event,
        thread,
        at: made.at,
        file: made.file.map(|(file, _)| file),
    };
    rows.put(WAITING, &(made.no, made.order), &row)
}

/// An item of ours got its number. Whether it says something on the link rather than in a delegation.
pub(super) fn numbered(
    rows: &mut Overlay,
    at: EntryRef,
    (no, order): (LinkNo, Order),
    (seq, seen): (u64, u64),
    hash: Hash,
    signed: &[u8],
) -> Result<bool> {
    let waiting = need(rows, WAITING, &(no, order))?;
    rows.delete(WAITING, &(no, order));
    let sent = SentRow {
        signed: at,
        item: waiting.entry,
        order,
        event: waiting.event,
        thread: waiting.thread,
        aside: None,
        withdrawn: false,
        about: waiting.delegation,
    };
    rows.put(SENT, &(no, seq), &sent)?;
    if let Some(file) = waiting.file {
        rows.put(ANNOUNCED, &(no, seq), &file)?;
    }
    with(rows, no, |row| {
        row.out_length = seq;
        row.out_head = hash;
        row.waiting = row.waiting.saturating_sub(1);
        // Nothing is numbered anew in a recovery: the message came back, and what it had seen has to come too. What is
        // fetched because somebody had our key says nothing of that.
        let ours = row.out_change.is_none_or(|change| change.confirmed);
        if let Some(recovery) = row.recovery.as_mut().filter(|_| ours) {
            recovery.upto = recovery.upto.max(seen);
        }
    })?;
    account::numbered(rows, (no, seq), &waiting, signed)?;
    if let Some(delegation) = waiting.event {
        delegation::own_numbered(rows, delegation, order, (seq, seen))?
    }
    Ok(waiting.delegation.is_none())
}

/// Writes on the ticket why something did not reach a partner.
pub(super) fn mark(
    rows: &mut Overlay,
    thread: &Option<(deskwire_store::local::TicketNumber, EntryRef)>,
    (no, order): (LinkNo, Order),
    why: &Refused,
) -> Result<()> {
    let Some(key) = thread else { return Ok(()) };
    change(rows, THREADS, key, |row| {
        let said = row.shared.iter().filter_map(|shared| shared.refused.as_ref());
        let room = MARKED_WORDS.saturating_sub(said.map(|why| why.words.as_str().len()).sum());
        let shared = row.shared.iter_mut().find(|shared| shared.link == no && shared.order == order);
        if let Some(shared) = shared {
            shared.refused = Some(Refused { code: why.code.clone(), words: first_words(&why.words, room) });
        }
    })
    .map(drop)
}

/// The beginning of words that have to go into `room` bytes; never nothing.
fn first_words(words: &Words, room: usize) -> Words {
    const CUT: &str = "…";
    let text = words.as_str();
    if text.len() <= room {
        return words.clone();
    }
    let end = text.floor_char_boundary(room.saturating_sub(CUT.len()));
    Words::new(format!("{}{CUT}", &text[..end])).unwrap_or_else(|_| words.clone())
}

pub(super) fn receipt_taken(rows: &mut Overlay, at: EntryRef, no: LinkNo, raw: &[u8]) -> Result<()> {
    let receipt = read_receipt(raw).ok_or_else(|| contradiction("a receipt"))?;
    let stream = need(rows, STREAMS, &no)?;
    let mut times = receipt.commit_times();
    for seq in stream.acked + 1..=receipt.upto {
        let sent = need(rows, SENT, &(no, seq))?;
        let committed = times.find(|(told, _)| *told >= seq).filter(|(told, _)| *told == seq);
        let why = receipt.outcome(seq).map(|outcome| refused(outcome.2.as_str(), outcome.3.as_str()));
        let told = (receipt.length, committed.map(|(_, at)| at));
        answered(rows, no, seq, &sent, why.as_ref(), told)?;
    }
    rows.put(RECEIPTS, &(no, receipt.upto), &at)?;
    replace_void(rows, no, receipt.upto)?;
    let order = match receipt.upto {
        upto if upto > stream.acked => need(rows, SENT, &(no, upto))?.order.0,
        _ => stream.acked_order,
    };
    with(rows, no, |row| {
        row.acked = row.acked.max(receipt.upto);
        row.acked_order = order;
        row.late = row.late.filter(|late| late.order.0 > order);
        row.receipt = Some(at);
        promise(row, Promise { length: receipt.length, upto: receipt.upto, void: false });
    })
}

/// What a void receipt said is replaced by one that covers it.
fn replace_void(rows: &mut Overlay, no: LinkNo, upto: u64) -> Result<()> {
    let mut replaced = Vec::new();
    rows.scan(VOID_RECEIPTS, &no, None, Direction::Forward, &mut |key, _| {
        if key.1 > upto {
            return Ok(ControlFlow::Break(()));
        }
        replaced.push(key);
        Ok(ControlFlow::Continue(()))
    })?;
    replaced.iter().for_each(|key| rows.delete(VOID_RECEIPTS, key));
    Ok(())
}

/// What a receipt says of one message of ours: why it has no effect, if so, the length that the receipt names, and when the
/// message was committed, if it tells.
pub(super) fn answered(
    rows: &mut Overlay,
    no: LinkNo,
    seq: u64,
    sent: &SentRow,
    why: Option<&Refused>,
    told: (u64, Option<Timestamp>),
) -> Result<()> {
    if let Some(why) = why {
        mark(rows, &sent.thread, (no, sent.order), why)?;
        super::terms::refused(rows, no, seq)?;
        account::refused(rows, no, seq)?;
        super::privacy::refused(rows, no, sent, why)?;
    }
    match sent.event {
        Some(delegation) => delegation::own_answered(rows, delegation, no, seq, why, told),
        None => Ok(()),
    }
}

/// Keeps what the partner's later messages are bound to; what its stream has passed is subsumed by the newest.
fn promise(row: &mut StreamRow, new: Promise) {
    row.promises.retain(|promise| !promise.void || promise.length > new.length);
    match row.promises.last_mut() {
        Some(last) if last.length == new.length && !last.void => last.upto = last.upto.max(new.upto),
        Some(_) | None => row.promises.push(new),
    }
    // A length that was taken back, and is waited for still, may stand before those that were reached.
    let reached = |promise: &Promise| promise.length < row.in_length;
    let newest = row.promises.iter().copied().rfind(reached);
    row.promises.retain(|promise| !reached(promise) || Some(*promise) == newest);
    let surplus = row.promises.len().saturating_sub(PROMISES);
    row.promises.drain(..surplus);
}

/// The body of a receipt whose signature was checked when it was taken.
pub(crate) fn read_receipt(raw: &[u8]) -> Option<Receipt> {
    let payload = Sign1::parse(raw).ok()?.unverified_payload();
    cbor::decode(payload, Bounds::LARGE).ok()
}
