//! What operators do with what waits: park, send again, drop. Only items without a number: a message that has one is
//! sent until a receipt covers it, so the stream never has a hole. proto-spec, sections 5.1 and 5.12.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use deskwire_machine::delegation::State;
use deskwire_proto::id::ItemId;
use deskwire_proto::message::Kind;
use deskwire_proto::message::common::Person;
use deskwire_proto::text::KindName;
use deskwire_proto::time::Timestamp;
use deskwire_store::Direction;
use deskwire_store::local::{DelegationNo, LinkNo, Order, TicketNumber};
use deskwire_store::record::{ActorText, FoldEvent, Record, encode_text};
use deskwire_store::row::{CloseRow, DelegationRow, LinkState, ParkedRow, Refused, WaitingRow};
use deskwire_store::table::{DELEGATIONS, PARKED, PARKED_OF, Rows, WAITING};
use serde::{Deserialize, Serialize};

use super::find;
use super::link::Resume;
use crate::query::queue::{self, Found};
use crate::{Command, Fault, Refusal, Step, refused};

/// Items that one command changes; what is left is done by repeating it.
const AT_ONCE: usize = 1_000;
/// Items that a reply names.
const NAMED: usize = 8;

/// Who has done it, in words that stay with the item. The name stands beside them, where it can be erased.
pub(crate) const SOMEBODY: &str = "An operator of this desk";

/// Which items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// One, and what rests on it.
    Item(ItemId),
    /// All of a link that the action applies to.
    Link(LinkNo),
}

/// Takes waiting items out of the queue; others overtake them.
#[derive(Debug, Clone)]
pub struct Park {
    /// Which.
    pub target: Target,
    /// Who does it.
    pub by: Person,
}

/// Sends parked items again, under their ids, and tries the link at once. For a link: its schedule begins again, and
/// with `parked` its parked items are sent again.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// Which.
    pub target: Target,
    /// For a link: the parked items too.
    pub parked: bool,
}

/// Drops items that have no number: they never leave, and their authors see it.
#[derive(Debug, Clone)]
pub struct DropItems {
    /// Which.
    pub target: Target,
    /// Who does it.
    pub by: Person,
}

/// What was changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Changed {
    /// How many items.
    pub count: u64,
    /// The first of them.
    pub items: Vec<Moved>,
    /// More items are left: repeat the command, as a new one.
    pub more: bool,
}

/// One item that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The item.
    pub item: ItemId,
    /// Its link.
    pub link: LinkNo,
    /// What it says.
    pub kind: KindName,
    /// The ticket on which it is shown.
    pub ticket: Option<TicketNumber>,
    /// The delegation that it belongs to.
    pub delegation: Option<DelegationNo>,
}

impl Changed {
    fn note(&mut self, link: LinkNo, row: &WaitingRow) {
        self.count += 1;
        if self.items.len() < NAMED {
            self.items.push(Moved {
                item: row.item,
                link,
                kind: row.kind.clone(),
                ticket: row.thread.as_ref().map(|(ticket, _)| *ticket),
                delegation: row.delegation,
            });
        }
    }
}

impl Command for Park {
    type Reply = Changed;

    fn run(self, step: &mut Step<'_>) -> Result<Changed, Refusal> {
        let why = refused(
            "parked",
            &format!(
                "{SOMEBODY} has taken this out of the queue. It waits until somebody sends it again with `deskwire queue retry`.",
            ),
        );
        let mut changed = Changed::default();
        match self.target {
            Target::Item(item) => {
                let (no, order, row) = waiting(step, &item)?;
                park(step, (no, order), &why, (false, None), Some(&self.by))?;
                changed.note(no, &row);
                for (other, row) in queue::resting(step.rows(), no, order, &row)? {
                    park(step, (no, other), &rests(&why), (false, Some(order)), Some(&self.by))?;
                    changed.note(no, &row);
                }
            }
            Target::Link(no) => {
                find::link(step, no)?;
                let found = queue::waiting(step.rows(), no, AT_ONCE + 1)?;
                changed.more = found.len() > AT_ONCE;
                for (order, row) in found.into_iter().take(AT_ONCE) {
                    let root = root(step, &row)?;
                    park(step, (no, order), &why, (false, root), Some(&self.by))?;
                    changed.note(no, &row);
                }
            }
        }
        Ok(changed)
    }
}

impl Command for Retry {
    type Reply = Changed;

    fn run(self, step: &mut Step<'_>) -> Result<Changed, Refusal> {
        let mut changed = Changed::default();
        match self.target {
            Target::Item(item) => {
                let (no, order, row) = parked(step, &item)?;
                gather(step, no)?;
                release(step, no, order, &row, &mut changed)?;
                for (other, row) in queue::parked_with(step.rows(), no, order)? {
                    release(step, no, other, &row, &mut changed)?;
                }
                // A link that does not go by itself keeps what is released until it goes again.
                if matches!(find::link(step, no)?.state, LinkState::Active | LinkState::Quarantined(_)) {
                    Resume { link: no }.run(step)?;
                }
            }
            Target::Link(no) => {
                Resume { link: no }.run(step)?;
                if self.parked {
                    gather(step, no)?;
                    let found = queue::parked(step.rows(), no, AT_ONCE + 1)?;
                    changed.more = found.len() > AT_ONCE;
                    for (order, row) in found.into_iter().take(AT_ONCE) {
                        // What cannot be said any more stays parked, and is shown with the reason when it is asked for.
                        if possible(step, no, order, &row)?.is_ok() {
                            release(step, no, order, &row, &mut changed)?;
                        }
                    }
                    changed.more &= changed.count > 0;
                }
            }
        }
        Ok(changed)
    }
}

impl Command for DropItems {
    type Reply = Changed;

    fn run(self, step: &mut Step<'_>) -> Result<Changed, Refusal> {
        let why = refused("dropped", &format!("{SOMEBODY} dropped this before it was sent."));
        let (doomed, more) = queue::doomed(step.rows(), &|at| step.read(at), self.target, AT_ONCE)?;
        let mut changed = Changed { more, ..Changed::default() };
        for (no, order, row) in doomed {
            drop_item(step, (no, order), why.clone(), Some(&self.by))?;
            changed.note(no, &row);
        }
        Ok(changed)
    }
}

/// Takes one waiting item out of the queue; a person does it, or nobody.
pub(super) fn park(
    step: &mut Step<'_>,
    (no, order): (LinkNo, Order),
    why: &Refused,
    (dead, with): (bool, Option<Order>),
    by: Option<&Person>,
) -> Result<(), Refusal> {
    let text = actor(by)?;
    let (why, at, named) = (why.clone(), step.now, Some(text.is_some()));
    step.record(&Record::Parked { no, order, why, dead, with, at, named }, text).map(drop)
}

/// An item without a number never leaves: a person says so, or nobody.
pub(super) fn drop_item(
    step: &mut Step<'_>,
    (no, order): (LinkNo, Order),
    why: Refused,
    by: Option<&Person>,
) -> Result<(), Refusal> {
    let text = actor(by)?;
    let (at, named) = (step.now, Some(text.is_some()));
    step.record(&Record::Dropped { no, order, why, at, named }, text).map(drop)
}

/// Drops an item that waits, and what rests on it; nothing if it was dropped already.
pub(super) fn drop_resting(step: &mut Step<'_>, item: ItemId, why: &Refused) -> Result<(), Refusal> {
    let doomed = match queue::doomed(step.rows(), &|at| step.read(at), Target::Item(item), AT_ONCE) {
        Ok((doomed, _)) => doomed,
        Err(refusal) if refusal.fault == Fault::NotFound => return Ok(()),
        Err(refusal) => return Err(refusal),
    };
    doomed.into_iter().try_for_each(|(no, order, _)| drop_item(step, (no, order), why.clone(), None))
}

fn actor(by: Option<&Person>) -> Result<Option<Vec<u8>>, Refusal> {
    let by = by.filter(|by| by.name.is_some() || by.function.is_some());
    Ok(by.map(|by| encode_text(&ActorText { by: by.clone() })).transpose()?)
}

/// Why something waits with another item.
fn rests(why: &Refused) -> Refused {
    let words = format!(
        "This rests on an item of the same delegation that is parked, and goes with it. {}",
        why.words
    );
    refused(why.code.as_str(), &words)
}

/// Where what rests on a parked item of its delegation has to wait with it: an event on an event, anything on the offer.
///
/// # Errors
/// When the store fails.
pub(super) fn root(step: &Step<'_>, row: &WaitingRow) -> Result<Option<Order>, Refusal> {
    let Some(delegation) = row.delegation else { return Ok(None) };
    Ok(held_by(step, delegation, row.event.is_some())?.map(|(order, _)| order))
}

/// The first parked event of a delegation on which something new rests.
fn held_by(
    step: &Step<'_>,
    delegation: DelegationNo,
    is_event: bool,
) -> Result<Option<(Order, ParkedRow)>, Refusal> {
    let Some(row) = step.rows().get(DELEGATIONS, &delegation)? else { return Ok(None) };
    for ((_, order), ()) in step.rows().list(PARKED_OF, &delegation, usize::MAX)? {
        let Some(parked) = step.rows().get(PARKED, &(row.link, order))? else { continue };
        let holds = parked.item.event.is_some() && (is_event || is_offer(&parked.item));
        if holds && parked.with.is_none() {
            return Ok(Some((order, parked)));
        }
    }
    Ok(None)
}

/// Whether the offer of a delegation is parked, so that what rests on it waits with it. What else is parked of one whose
/// offer was dropped or disowned will never leave.
///
/// # Errors
/// When the store fails.
pub(super) fn offer_is_parked(
    rows: &impl Rows,
    delegation: DelegationNo,
    row: &DelegationRow,
) -> Result<bool, Refusal> {
    for ((_, order), ()) in rows.list(PARKED_OF, &delegation, usize::MAX)? {
        if rows.get(PARKED, &(row.link, order))?.is_some_and(|parked| is_offer(&parked.item)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether anything can be done with a delegation of ours yet: its offer has to be on its way first.
///
/// # Errors
/// `rests-on-parked` while the offer is parked, `not-offered` when it was dropped, or when the store fails.
pub(super) fn offered(step: &Step<'_>, no: DelegationNo, row: &DelegationRow) -> Result<(), Refusal> {
    if row.case.view(find::stream(step, row.link)?.in_length).state != State::Unoffered {
        return Ok(());
    }
    Err(match held_by(step, no, false)? {
        Some((_, parked)) => Refusal::new(
            Fault::Conflict,
            "rests-on-parked",
            "The offer of this delegation is parked, so the partner knows nothing of it and nothing can be done with it.",
            format!(
                "Send the offer again first with `deskwire queue retry {0}`, or drop it with `deskwire queue drop {0}`.",
                parked.item.item
            ),
        ),
        None => Refusal::new(
            Fault::Conflict,
            "not-offered",
            "The offer of this delegation was never sent, so nothing can be done with it.",
            "Delegate the ticket again.",
        ),
    })
}

fn is_offer(row: &WaitingRow) -> bool {
    row.kind.as_str() == Kind::Offer.name()
}

/// Parks what was just said, or would be sent now, if it rests on something parked. `true` if so.
///
/// # Errors
/// When the store fails.
pub(super) fn hold(
    step: &mut Step<'_>,
    no: LinkNo,
    order: Order,
    row: (DelegationNo, bool),
) -> Result<bool, Refusal> {
    let (delegation, is_event) = row;
    let Some((root, parked)) = held_by(step, delegation, is_event)? else { return Ok(false) };
    park(step, (no, order), &rests(&parked.why), (false, Some(root)), None)?;
    Ok(true)
}

/// Parks what still waits and rests on something parked, before that is sent again: all of it goes in its order.
fn gather(step: &mut Step<'_>, no: LinkNo) -> Result<(), Refusal> {
    if find::stream(step, no)?.waiting == 0 {
        return Ok(());
    }
    let mut held = BTreeSet::new();
    step.rows().scan(PARKED, &no, None, Direction::Forward, &mut |_, row| {
        held.extend(row.item.event);
        Ok(ControlFlow::Continue(()))
    })?;
    let mut resting = Vec::new();
    step.rows().scan(WAITING, &no, None, Direction::Forward, &mut |(_, order), row| {
        let known = row.delegation.filter(|delegation| held.contains(delegation));
        resting.extend(known.map(|delegation| (order, (delegation, row.event.is_some()))));
        Ok(ControlFlow::Continue(()))
    })?;
    for (order, row) in resting {
        hold(step, no, order, row)?;
    }
    Ok(())
}

/// The partner ends the link as well: our own word that it ends goes now, if it is parked.
pub(super) fn release_end(step: &mut Step<'_>, no: LinkNo, order: Order) -> Result<(), Refusal> {
    match step.rows().get(PARKED, &(no, order))? {
        Some(row) => release(step, no, order, &row, &mut Changed::default()),
        None => Ok(()),
    }
}

fn release(
    step: &mut Step<'_>,
    no: LinkNo,
    order: Order,
    row: &ParkedRow,
    changed: &mut Changed,
) -> Result<(), Refusal> {
    let event = possible(step, no, order, row)??;
    let to = Order(find::stream(step, no)?.next_order);
    step.record(&Record::Released { no, order, to, event, at: step.now }, None)?;
    step.wake(no);
    changed.note(no, &row.item);
    Ok(())
}

type Possible = Result<Option<FoldEvent>, Refusal>;

/// Whether a parked item can still be said, and what it says to the fold.
fn possible(step: &Step<'_>, no: LinkNo, order: Order, row: &ParkedRow) -> Result<Possible, Refusal> {
    let mut link = find::link(step, no)?;
    if let Some((end, _)) = link.accord.close.asked
        && order <= end
        && step.rows().get(PARKED, &(no, end))?.is_some()
    {
        // The end of the link is parked itself: it goes now, or behind what was said before it.
        let theirs = link.accord.close.theirs.filter(|_| order < end);
        link.accord.close = CloseRow { theirs, ..CloseRow::default() };
    }
    if let Err(refusal) = find::speakable(&link) {
        return Ok(Err(refusal));
    }
    let Some(delegation) = row.item.delegation else { return Ok(Ok(None)) };
    let case = find::delegation(step, delegation)?;
    let unoffered = case.case.view(find::stream(step, no)?.in_length).state == State::Unoffered;
    let first = earlier(step, no, delegation, order)?;
    let Some(event) = row.item.event.and(event_of(step, row)?) else {
        return Ok(match first {
            Some(first) if unoffered => Err(rests_on(&first)),
            Some(_) | None => Ok(None),
        });
    };
    let cursor = find::stream(step, no)?.in_length;
    let checked = case.case.check(&event.0, cursor).and_then(|()| find::has_room(&case));
    Ok(match (checked, first) {
        (Ok(()), _) => Ok(Some(event)),
        (Err(_), Some(first)) => Err(rests_on(&first)),
        (Err(refusal), None) => {
            let refusal = Refusal::from(refusal);
            let next = format!("Drop it with `deskwire queue drop {}`.", row.item.item);
            Err(Refusal { next, ..refusal })
        }
    })
}

/// The first parked event of the delegation that stands before this one.
fn earlier(
    step: &Step<'_>,
    no: LinkNo,
    delegation: DelegationNo,
    order: Order,
) -> Result<Option<WaitingRow>, Refusal> {
    for ((_, other), ()) in step.rows().list(PARKED_OF, &delegation, usize::MAX)? {
        if other >= order {
            break;
        }
        let parked = step.rows().get(PARKED, &(no, other))?;
        if let Some(parked) = parked.filter(|parked| parked.item.event.is_some()) {
            return Ok(Some(parked.item));
        }
    }
    Ok(None)
}

fn event_of(step: &Step<'_>, row: &ParkedRow) -> Result<Option<FoldEvent>, Refusal> {
    match step.read(row.item.entry)? {
        Record::ItemMade(made) => Ok(made.event),
        _ => Err(find::broken("a parked item that is another record")),
    }
}

fn rests_on(first: &WaitingRow) -> Refusal {
    Refusal::new(
        Fault::Conflict,
        "rests-on-parked",
        format!("This rests on an earlier item of the same delegation ({}) that is parked too.", first.kind),
        format!("Send that one again first: `deskwire queue retry {}`.", first.item),
    )
}

fn waiting(step: &Step<'_>, item: &ItemId) -> Result<(LinkNo, Order, WaitingRow), Refusal> {
    match queue::find(step.rows(), &|at| step.read(at), item)? {
        Found::Waiting(no, order, row) => Ok((no, order, row)),
        Found::Parked(..) => Err(Refusal::new(
            Fault::Conflict,
            "already-parked",
            "This item is parked already.",
            format!(
                "Send it again with `deskwire queue retry {item}`, or drop it with `deskwire queue drop {item}`."
            ),
        )),
        Found::Sent(no, seq) => Err(queue::numbered(no, seq, "parked")),
    }
}

fn parked(step: &Step<'_>, item: &ItemId) -> Result<(LinkNo, Order, ParkedRow), Refusal> {
    match queue::find(step.rows(), &|at| step.read(at), item)? {
        Found::Parked(no, order, row) => Ok((no, order, row)),
        Found::Waiting(no, ..) | Found::Sent(no, _) => {
            let link = find::link(step, no)?.name;
            Err(Refusal::new(
                Fault::Conflict,
                "not-parked",
                "This item is not parked: it goes by itself as soon as the partner can be reached.",
                format!("To try the link at once, run `deskwire queue retry --link {link}`."),
            ))
        }
    }
}

/// Why an item that waited for so long is parked.
pub(super) fn dead_letter(since: Timestamp, now: Timestamp) -> Refused {
    let days = now.since(since) / 86_400_000;
    let words = format!(
        "This could not be delivered for {days} days and is no longer tried. When the partner can be reached again, send it \
         again with `deskwire queue retry`; if it is of no more use, drop it."
    );
    refused("dead-letter", &words)
}
