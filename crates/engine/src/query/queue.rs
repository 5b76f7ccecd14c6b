//! What is on its way to partners: numbered and not acknowledged, waiting, parked.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use deskwire_machine::retry::LATE_AFTER;
use deskwire_proto::id::{DelegationId, ItemId};
use deskwire_proto::message::Kind;
use deskwire_proto::text::{KindName, Label};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{LinkNo, Order, TicketNumber};
use deskwire_store::record::{ItemMade, Record};
use deskwire_store::row::{ParkedRow, Refused, SentRow, WaitingRow};
use deskwire_store::table::{LINKS, PARKED, Rows, SENT, STREAMS, WAITING};
use deskwire_store::{Direction, EntryRef};

use super::handled::named;
use super::lookup::{Lookup, broken};
use crate::command::queue::Target;
use crate::{Fault, Reader, Refusal};

/// Where an item is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum QueueState {
    /// Numbered and signed; no receipt covers it yet.
    Sent,
    /// Accepted, without a number.
    Waiting,
    /// Taken out of the queue until somebody sends it again.
    Parked,
}

/// One item on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueItem {
    /// The item.
    pub item: ItemId,
    /// How this desk calls its link.
    pub link: Label,
    /// How the partner calls itself.
    pub partner: Label,
    /// Where it is.
    pub state: QueueState,
    /// Its number, if it has one.
    pub seq: Option<u64>,
    /// What it says.
    pub kind: KindName,
    /// The ticket on which it is shown.
    pub ticket: Option<TicketNumber>,
    /// The delegation that it belongs to.
    pub delegation: Option<DelegationId>,
    /// When it was accepted.
    pub since: Timestamp,
    /// Whether it has waited for more than an hour.
    pub late: bool,
    /// Why it is parked.
    pub why: Option<Refused>,
    /// Whether it is parked because it had waited too long.
    pub dead: bool,
}

/// Which items a list shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct QueueFilter {
    /// Only those of this link.
    pub link: Option<LinkNo>,
    /// Only those in this state.
    pub state: Option<QueueState>,
    /// Only those behind this place.
    pub after: Option<QueuePlace>,
    /// How many at most.
    pub limit: usize,
}

/// The place of an item in the list of all: link, state, number or order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueuePlace(pub LinkNo, pub QueueState, pub u64);

/// A part of the list.
#[derive(Debug, Clone)]
pub struct QueuePage {
    /// The items, by link; in each what is numbered first, then what waits, then what is parked.
    pub items: Vec<QueueItem>,
    /// Where the next page begins; nothing on the last.
    pub after: Option<QueuePlace>,
}

/// A page of what is on its way.
///
/// # Errors
/// When the store fails.
pub fn queue(reader: &Reader, filter: &QueueFilter) -> Result<QueuePage, Refusal> {
    let lookup = Lookup::new(reader);
    let mut rows = Vec::new();
    let all = [QueueState::Sent, QueueState::Waiting, QueueState::Parked];
    'all: for (no, _) in reader.rows().list(LINKS, &(), usize::MAX)? {
        if filter.link.is_some_and(|link| link != no) {
            continue;
        }
        for state in all.into_iter().filter(|state| filter.state.is_none_or(|wanted| wanted == *state)) {
            let behind = match filter.after {
                Some(after) if (after.0, after.1) > (no, state) => continue,
                Some(after) if (after.0, after.1) == (no, state) => after.2 + 1,
                Some(_) | None => 0,
            };
            rows.extend(places(&lookup, no, state, behind, filter.limit + 1 - rows.len())?);
            if rows.len() > filter.limit {
                break 'all;
            }
        }
    }
    let more = rows.len() > filter.limit;
    rows.truncate(filter.limit);
    let after = rows.last().filter(|_| more).map(|(place, _)| *place);
    let items: Result<_, Refusal> = rows.into_iter().map(|(place, row)| shown(&lookup, place, row)).collect();
    Ok(QueuePage { items: items?, after })
}

enum Row {
    Sent(SentRow),
    Waiting(WaitingRow),
    Parked(ParkedRow),
}

/// Up to `limit` items of one link in one state, from a place on.
fn places(
    lookup: &Lookup<'_>,
    no: LinkNo,
    state: QueueState,
    from: u64,
    limit: usize,
) -> Result<Vec<(QueuePlace, Row)>, Refusal> {
    let rows = lookup.reader.rows();
    let mut found = Vec::new();
    let mut take = |place: u64, row: Row| {
        found.push((QueuePlace(no, state, place), row));
        if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let stream = lookup.stream(no)?;
    match state {
        QueueState::Sent if stream.acked < stream.out_length => {
            let from = (no, from.max(stream.acked + 1));
            rows.scan(SENT, &no, Some(&from), Direction::Forward, &mut |(_, seq), row| {
                Ok(take(seq, Row::Sent(row)))
            })?;
        }
        QueueState::Waiting if stream.waiting > 0 => {
            let from = (no, Order(from));
            rows.scan(WAITING, &no, Some(&from), Direction::Forward, &mut |(_, order), row| {
                Ok(take(order.0, Row::Waiting(row)))
            })?;
        }
        QueueState::Parked if stream.parked > 0 => {
            let from = (no, Order(from));
            rows.scan(PARKED, &no, Some(&from), Direction::Forward, &mut |(_, order), row| {
                Ok(take(order.0, Row::Parked(row)))
            })?;
        }
        QueueState::Sent | QueueState::Waiting | QueueState::Parked => {}
    }
    Ok(found)
}

fn shown(lookup: &Lookup<'_>, place: QueuePlace, row: Row) -> Result<QueueItem, Refusal> {
    let QueuePlace(no, state, number) = place;
    let (entry, thread, why, dead) = match row {
        Row::Sent(row) => (row.item, row.thread, None, false),
        Row::Waiting(row) => (row.entry, row.thread, None, false),
        Row::Parked(row) => (row.item.entry, row.item.thread, Some(row.why), row.dead),
    };
    let made = made(lookup.reader.record(entry)?)?;
    let why = why.map(|why| named(lookup.reader, (no, Order(number)), why)).transpose()?;
    let partner = lookup.partner(no)?;
    Ok(QueueItem {
        item: made.item,
        link: partner.row.name.clone(),
        partner: partner.row.partner_name.clone(),
        state,
        seq: (state == QueueState::Sent).then_some(number),
        kind: made.kind,
        ticket: thread.map(|(ticket, _)| ticket),
        delegation: made.delegation.map(|(_, id)| id),
        since: made.at,
        late: lookup.reader.now().since(made.at) >= LATE_AFTER,
        why,
        dead,
    })
}

fn made(record: Record) -> Result<ItemMade, Refusal> {
    match record {
        Record::ItemMade(made) => Ok(made),
        _ => Err(broken("an item that is another record")),
    }
}

/// What a drop would throw away, by the same function that drops: the items, and whether more are left.
///
/// # Errors
/// The refusal that the drop would give.
pub fn drop_preview(
    reader: &Reader,
    target: Target,
    limit: usize,
) -> Result<(Vec<QueueItem>, bool), Refusal> {
    let lookup = Lookup::new(reader);
    let read = |at| reader.record(at).map_err(Refusal::from);
    let (doomed, more) = doomed(reader.rows(), &read, target, limit)?;
    let items = doomed.into_iter().map(|(no, order, row)| {
        let parked = reader.rows().get(PARKED, &(no, order))?;
        let (state, row) = match parked {
            Some(parked) => (QueueState::Parked, Row::Parked(parked)),
            None => (QueueState::Waiting, Row::Waiting(row)),
        };
        shown(&lookup, QueuePlace(no, state, order.0), row)
    });
    Ok((items.collect::<Result<_, Refusal>>()?, more))
}

/// An item, found by its id.
pub(crate) enum Found {
    Waiting(LinkNo, Order, WaitingRow),
    Parked(LinkNo, Order, ParkedRow),
    Sent(LinkNo, u64),
}

/// How a caller reads records: from the journal, or from what is not on stable storage yet.
type Read<'a> = &'a dyn Fn(EntryRef) -> Result<Record, Refusal>;

/// Finds an item that no receipt covers. Items are found by looking at all of them: people do this, and seldom.
pub(crate) fn find(rows: &impl Rows, read: Read<'_>, item: &ItemId) -> Result<Found, Refusal> {
    for (no, stream) in rows.list(STREAMS, &(), usize::MAX)? {
        if stream.parked > 0
            && let Some((order, row)) = first(rows, PARKED, no, |row: &ParkedRow| row.item.item == *item)?
        {
            return Ok(Found::Parked(no, order, row));
        }
        if stream.waiting > 0
            && let Some((order, row)) = first(rows, WAITING, no, |row: &WaitingRow| row.item == *item)?
        {
            return Ok(Found::Waiting(no, order, row));
        }
        for seq in stream.acked + 1..=stream.out_length {
            let Some(row) = rows.get(SENT, &(no, seq))? else { continue };
            if made(read(row.item)?)?.item == *item {
                return Ok(Found::Sent(no, seq));
            }
        }
    }
    Err(Refusal::new(
        Fault::NotFound,
        "unknown-item",
        format!("No item {item} is on its way from this desk: it was delivered or dropped, or never was."),
        "See what there is with `deskwire queue list`.",
    ))
}

fn first<R: serde::Serialize + serde::de::DeserializeOwned>(
    rows: &impl Rows,
    table: deskwire_store::table::Table<(LinkNo, Order), R>,
    no: LinkNo,
    is_it: impl Fn(&R) -> bool,
) -> Result<Option<(Order, R)>, Refusal> {
    let mut found = None;
    rows.scan(table, &no, None, Direction::Forward, &mut |(_, order), row| {
        if is_it(&row) {
            found = Some((order, row));
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// The refusal for what has its number.
pub(crate) fn numbered(_: LinkNo, seq: u64, what: &str) -> Refusal {
    Refusal::new(
        Fault::Conflict,
        "already-numbered",
        format!("This is message {seq} of the stream: a message that has its number cannot be {what}."),
        "It is sent until the partner confirms it. Say the opposite with a new one if it no longer holds.",
    )
}

/// The waiting items of a link, in order.
pub(crate) fn waiting(
    rows: &impl Rows,
    no: LinkNo,
    limit: usize,
) -> Result<Vec<(Order, WaitingRow)>, Refusal> {
    Ok(rows.list(WAITING, &no, limit)?.into_iter().map(|((_, order), row)| (order, row)).collect())
}

/// The parked items of a link, in order.
pub(crate) fn parked(rows: &impl Rows, no: LinkNo, limit: usize) -> Result<Vec<(Order, ParkedRow)>, Refusal> {
    Ok(rows.list(PARKED, &no, limit)?.into_iter().map(|((_, order), row)| (order, row)).collect())
}

/// The parked items that go when the one at `root` goes.
pub(crate) fn parked_with(
    rows: &impl Rows,
    no: LinkNo,
    root: Order,
) -> Result<Vec<(Order, ParkedRow)>, Refusal> {
    let all = parked(rows, no, usize::MAX)?;
    Ok(all.into_iter().filter(|(_, row)| row.with == Some(root)).collect())
}

/// The waiting items that rest on the one at `order`: later events of its delegation if it is one, and everything of a
/// delegation whose offer it is.
pub(crate) fn resting(
    rows: &impl Rows,
    no: LinkNo,
    order: Order,
    row: &WaitingRow,
) -> Result<Vec<(Order, WaitingRow)>, Refusal> {
    let Some(delegation) = row.event else { return Ok(Vec::new()) };
    let all = row.kind.as_str() == Kind::Offer.name();
    let mut found = Vec::new();
    let from = (no, Order(order.0 + 1));
    rows.scan(WAITING, &no, Some(&from), Direction::Forward, &mut |(_, order), row| {
        if row.event == Some(delegation) || (all && row.delegation == Some(delegation)) {
            found.push((order, row));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// Whether an item asks for an erasure or says that one is done: people rely on it, so nobody drops it.
fn is_owed(row: &WaitingRow) -> bool {
    matches!(Kind::from_name(row.kind.as_str()), Some(Kind::Erase | Kind::EraseDone))
}

fn owed() -> Refusal {
    Refusal::new(
        Fault::Conflict,
        "erasure-owed",
        "This asks the partner to erase something, or says that it is erased here: it is not dropped.",
        "It waits for the partner as long as the link stands. If the partner is gone for good, end the link.",
    )
}

/// Items that are dropped, and whether more are left.
pub(crate) type Doomed = (Vec<(LinkNo, Order, WaitingRow)>, bool);

/// What a drop of the target drops, at most `limit` items at once, and whether more are left.
pub(crate) fn doomed(
    rows: &impl Rows,
    read: Read<'_>,
    target: Target,
    limit: usize,
) -> Result<Doomed, Refusal> {
    let mut doomed = Vec::new();
    match target {
        Target::Item(item) => match find(rows, read, &item)? {
            Found::Sent(no, seq) => return Err(numbered(no, seq, "dropped")),
            Found::Waiting(_, _, row) | Found::Parked(_, _, ParkedRow { item: row, .. }) if is_owed(&row) => {
                return Err(owed());
            }
            Found::Waiting(no, order, row) => {
                let resting = resting(rows, no, order, &row)?;
                doomed.push((no, order, row));
                doomed.extend(resting.into_iter().map(|(order, row)| (no, order, row)));
            }
            Found::Parked(no, order, row) => {
                doomed.push((no, order, row.item));
                let with = parked_with(rows, no, order)?;
                doomed.extend(with.into_iter().map(|(order, row)| (no, order, row.item)));
            }
        },
        Target::Link(no) => {
            if rows.get(LINKS, &no)?.is_none() {
                return Err(Refusal::unknown("link", no, "deskwire link list"));
            }
            let waiting = waiting(rows, no, usize::MAX)?.into_iter();
            let parked = parked(rows, no, usize::MAX)?.into_iter().map(|(order, row)| (order, row.item));
            let dropped = waiting.chain(parked).filter(|(_, row)| !is_owed(row));
            doomed.extend(dropped.take(limit + 1).map(|(order, row)| (no, order, row)));
            let more = doomed.len() > limit;
            doomed.truncate(limit);
            return Ok((doomed, more));
        }
    }
    let places: BTreeSet<_> = doomed.iter().map(|(no, order, _)| (*no, *order)).collect();
    debug_assert_eq!(places.len(), doomed.len(), "nothing is dropped twice");
    Ok((doomed, false))
}
