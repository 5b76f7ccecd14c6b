//! The events of a delegation in the order of its fold, with what became of each.

use deskwire_machine::delegation::{self as machine, Case, Event, EventKind, Memory, Place, Role, State};
use deskwire_proto::id::ItemId;
use deskwire_proto::message::common::Person;
use deskwire_proto::text::{KindName, Prose};
use deskwire_proto::time::Timestamp;
use deskwire_store::EntryRef;
use deskwire_store::local::{DelegationNo, LinkNo, Order};
use deskwire_store::record::Record;
use deskwire_store::row::{DelegationEventRow, DelegationRow, Effect, Refused, SentRow};
use deskwire_store::table::{DELEGATION_EVENTS, Rows, SENT, STREAMS, THREADS, WAITING};

use super::delivery::is_unsupported;
use super::handled::named_effect;
use super::lookup::{Lookup, broken};
use super::message::{Message, written};
use crate::{Refusal, refused};

/// One event of a delegation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEvent {
    /// The item that said it.
    pub item: ItemId,
    /// The kind of message.
    pub kind: KindName,
    /// Who said it.
    pub from: Role,
    /// The person who acted, as far as the terms let it travel.
    pub by: Option<Person>,
    /// When its author says that it happened.
    pub time: Timestamp,
    /// What became of it.
    pub fate: Fate,
    /// The reason, solution, question or answer that came with it.
    pub words: Option<Prose>,
    /// The state after it; nothing for what is no part of the fold.
    pub state: Option<State>,
}

/// What became of an event, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It has effect.
    Applied,
    /// An own event that has effect here, while the partner may still have been faster.
    Provisional,
    /// An own event that is not numbered yet.
    Waiting,
    /// An own event that was taken out of the queue until somebody sends it again.
    Parked(Refused),
    /// Without effect: what it met, or what the partner had said meanwhile.
    Superseded(Refused),
    /// The partner refused it.
    Refused(Refused),
    /// The partner does not understand it.
    Unsupported(Refused),
}

/// An event with its place.
struct Placed {
    row: DelegationEventRow,
    message: Message,
    /// Its place in its author's stream, and the length of the other stream that its author had seen.
    place: Option<(Place, u64)>,
}

/// The timeline of a delegation.
pub(super) fn events(
    lookup: &Lookup<'_>,
    no: DelegationNo,
    row: &DelegationRow,
) -> Result<Vec<TimelineEvent>, Refusal> {
    let mut placed = Vec::new();
    for ((_, at), mut event) in lookup.reader.rows().list(DELEGATION_EVENTS, &no, usize::MAX)? {
        let message = Message::read(lookup.reader, at)?;
        if matches!(event.effect, Effect::Dropped(_) | Effect::Parked(_))
            && let Some(order) = order_of(lookup.reader.rows(), row, at)?
        {
            event.effect = named_effect(lookup.reader, (row.link, order), event.effect)?;
        }
        let place = match message.place {
            Some((seq, seen)) => Some((Place::Numbered(seq), seen)),
            None => own_place(lookup, row, at)?,
        };
        placed.push(Placed { row: event, message, place });
    }
    let ordered = in_order(placed);
    let mut case = row.case.clone();
    // Messages that are no events of this delegation settle too, and do not write its rows.
    case.settle(lookup.stream(row.link)?.in_length);
    Ok(fold(ordered, &case))
}

/// Where an own event stands: nowhere if it was dropped before it was numbered.
pub(super) fn own_place(
    lookup: &Lookup<'_>,
    row: &DelegationRow,
    at: EntryRef,
) -> Result<Option<(Place, u64)>, Refusal> {
    let rows = lookup.reader.rows();
    let Some(order) = order_of(rows, row, at)? else { return Ok(None) };
    if rows.get(WAITING, &(row.link, order))?.is_some() {
        return Ok(Some((Place::Waiting(order.0), lookup.stream(row.link)?.in_length)));
    }
    let Some((seq, sent)) = numbered(rows, row.link, order)? else { return Ok(None) };
    match lookup.reader.record(sent.signed)? {
        Record::Numbered { seen, .. } => Ok(Some((Place::Numbered(seq), seen))),
        _ => Err(broken("a numbered message is another record")),
    }
}

/// The number of an own event of a delegation, by the record with its item; nothing for what has none.
///
/// # Errors
/// When the store fails.
pub(crate) fn number_of(
    rows: &impl Rows,
    row: &DelegationRow,
    at: EntryRef,
) -> Result<Option<(u64, SentRow)>, Refusal> {
    match order_of(rows, row, at)? {
        Some(order) => Ok(numbered(rows, row.link, order)?.filter(|(_, sent)| sent.item == at)),
        None => Ok(None),
    }
}

/// The place among the items of its link that an own event of a delegation has.
fn order_of(rows: &impl Rows, row: &DelegationRow, at: EntryRef) -> Result<Option<Order>, Refusal> {
    let thread = rows.get(THREADS, &(row.ticket, at))?;
    Ok(thread.and_then(|thread| thread.shared.first().map(|shared| shared.order)))
}

/// The number of the item in this place. Items are numbered in their order, so it is found by halving.
fn numbered(rows: &impl Rows, link: LinkNo, order: Order) -> Result<Option<(u64, SentRow)>, Refusal> {
    let stream = rows.get(STREAMS, &link)?.ok_or_else(|| broken("a link without streams"))?;
    let (mut low, mut high) = (1, stream.out_length);
    while low <= high {
        let middle = u64::midpoint(low, high);
        let row = rows.get(SENT, &(link, middle))?;
        let row = row.ok_or_else(|| broken("a message of an own stream has no row"))?;
        match row.order.cmp(&order) {
            std::cmp::Ordering::Equal => return Ok(Some((middle, row))),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle - 1,
        }
    }
    Ok(None)
}

/// The order rule: the contractor's stream is the order, and an event of the principal stands directly before the first
/// event of the contractor that has seen it (proto-spec, section 7.4). What was dropped stays behind its author's event
/// before it, what waits stands last.
fn in_order(placed: Vec<Placed>) -> Vec<Placed> {
    let (mut numbered, mut waiting) = (Vec::new(), Vec::new());
    let mut last = [(0, 0), (0, 0)];
    for event in placed {
        let side = usize::from(event.row.by == Role::Contractor);
        match event.place {
            Some((Place::Waiting(_), _)) => waiting.push(event),
            Some((Place::Numbered(seq), seen)) => {
                last[side] = (seq, seen);
                numbered.push((last[side], event));
            }
            None => numbered.push((last[side], event)),
        }
    }
    let (contractor, principal): (Vec<_>, Vec<_>) =
        numbered.into_iter().partition(|(_, event)| event.row.by == Role::Contractor);
    let mut principal = principal.into_iter().peekable();
    let mut ordered = Vec::new();
    for ((_, seen), event) in contractor {
        while let Some((_, earlier)) = principal.next_if(|((seq, _), _)| *seq <= seen) {
            ordered.push(earlier);
        }
        ordered.push(event);
    }
    ordered.extend(principal.map(|(_, event)| event));
    ordered.extend(waiting);
    ordered
}

/// Folds the events once more, for the state after each.
fn fold(events: Vec<Placed>, case: &Case) -> Vec<TimelineEvent> {
    let mut memory = Memory::default();
    let mut versions = 1;
    let shown = |placed: Placed| {
        let before = memory.state;
        let state = apply(&mut memory, &mut versions, &placed, case.role());
        let fate = fate(&placed, before, case);
        let (by, words) = placed.message.body().map(written).unwrap_or_default();
        TimelineEvent {
            item: placed.message.item,
            kind: placed.message.kind,
            from: placed.row.by,
            by,
            time: placed.row.at,
            fate,
            words,
            state,
        }
    };
    events.into_iter().map(shown).collect()
}

/// The state after an event that is part of the fold.
fn apply(memory: &mut Memory, versions: &mut u64, placed: &Placed, ours: Role) -> Option<State> {
    let (place, seen) = placed.place?;
    let event = placed.message.event.as_ref()?.0;
    // An own update has its version from its place, as the item could not know it.
    let event = match event {
        Event::Update { binding, .. } if placed.row.by == ours => {
            *versions += 1;
            Event::Update { version: *versions, binding }
        }
        other => other,
    };
    match placed.row.effect {
        Effect::Fate { .. } => {
            memory.apply(placed.row.by, place, seen, &event);
            Some(memory.state)
        }
        Effect::Dropped(_) | Effect::Parked(_) | Effect::Refused(_) => None,
    }
}

fn fate(placed: &Placed, before: State, case: &Case) -> Fate {
    match &placed.row.effect {
        Effect::Dropped(why) => Fate::Superseded(why.clone()),
        Effect::Parked(why) => Fate::Parked(why.clone()),
        Effect::Refused(why) if is_unsupported(why) => Fate::Unsupported(why.clone()),
        Effect::Refused(why) => Fate::Refused(why.clone()),
        Effect::Fate { fate, settled: _ } => match fate {
            machine::Fate::Superseded => Fate::Superseded(superseded(placed.row.kind, before)),
            machine::Fate::Refused => Fate::Refused(refused("refused", "The partner did not take it.")),
            machine::Fate::Moved | machine::Fate::Kept => match placed.place {
                Some((Place::Waiting(_), _)) => Fate::Waiting,
                Some((place @ Place::Numbered(_), _)) => {
                    let own = placed.row.by == case.role();
                    let open =
                        case.open().iter().any(|open| open.author == placed.row.by && open.place == place);
                    if own && open { Fate::Provisional } else { Fate::Applied }
                }
                None => Fate::Applied,
            },
        },
    }
}

fn superseded(kind: EventKind, before: State) -> Refused {
    let words = format!("“{kind}” met a delegation that was {} already, and has no effect.", before.words());
    refused("superseded", &words)
}
