//! The end of a link reaches its delegations, and what a settled state leaves to be done.

use deskwire_machine::delegation::{Answer, Case, Changes, Event, EventKind, Fate, Place, Role, State};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, LinkNo, Order};
use deskwire_store::record::EndedCase;
use deskwire_store::row::{
    Audience, Author, CloseRow, ClosedRow, DelegationEventRow, DelegationRow, DueRow, Effect, Shared,
    ThreadKind, ThreadRow,
};
use deskwire_store::table::{
    DELEGATION_EVENTS, DELEGATIONS, DUE, EVENT_PLACES, LINKS, RESOLVED, Rows, RowsMut, SENT, THREADS,
};
use deskwire_store::{EntryRef, Result};

use super::delegation::{place_key, store};
use super::{need, stream};
use crate::overlay::Overlay;

/// States that a row for the rules holds.
const STATES: usize = 8;

/// What ends a delegation: of whom, where it stands among its author's messages, what it had seen, and its record.
struct Ending {
    by: Role,
    place: Place,
    text: EntryRef,
    at: Timestamp,
}

/// One delegation of a link that ends gets its end, or a part of it.
pub(super) fn end(rows: &mut Overlay, no: LinkNo, ended: EndedCase, now: Timestamp) -> Result<()> {
    let close = need(rows, LINKS, &no)?.accord.close;
    let mut row = need(rows, DELEGATIONS, &ended.delegation)?;
    let cursor = stream::cursor(rows, no)?;
    let parts = Parts::of(&close, ended);
    let (case, changes) = folded(&row.case, &parts, cursor);
    let role = row.case.role();
    row.case = case;
    row.ended = (row.ended.0 || ended.ours, row.ended.1 || ended.theirs);
    if let Some(said) = parts.ours {
        let order = need(rows, SENT, &(no, said.seq))?.order;
        let place = Place::Numbered(said.seq);
        let ending = Ending { by: role, place, text: said.text, at: said.at };
        show(rows, (no, ended.delegation), &row, &ending, Some(order))?;
    }
    if let Some(said) = parts.theirs {
        let ending =
            Ending { by: role.other(), place: Place::Numbered(said.seq), text: said.text, at: said.at };
        show(rows, (no, ended.delegation), &row, &ending, None)?;
    }
    if let Some((order, text)) = parts.alone {
        let ending = Ending { by: role, place: Place::Waiting(order.0), text, at: now };
        show(rows, (no, ended.delegation), &row, &ending, Some(order))?;
    }
    rows.put(DELEGATIONS, &ended.delegation, &row)?;
    for changes in &changes {
        row.resolved = need(rows, DELEGATIONS, &ended.delegation)?.resolved;
        store(rows, ended.delegation, &row, changes)?;
    }
    Ok(())
}

/// What of the end of a link reaches a delegation now.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Parts {
    ours: Option<ClosedRow>,
    theirs: Option<ClosedRow>,
    alone: Option<(Order, EntryRef)>,
    /// Our message that the partner has taken, and the length that is known of its stream.
    answered: Option<(u64, u64)>,
}

impl Parts {
    /// The parts that were decided.
    pub(crate) fn of(close: &CloseRow, ended: EndedCase) -> Self {
        let theirs = close.theirs;
        let answered = close.ours.filter(|_| ended.answered);
        Self {
            ours: close.ours.filter(|_| ended.ours),
            theirs: theirs.filter(|_| ended.theirs),
            alone: close.asked.filter(|_| ended.alone),
            answered: answered.map(|said| (said.seq, theirs.map_or(0, |theirs| theirs.seq))),
        }
    }
}

/// The case with the end of its link in its place. What does not fit is left out.
pub(crate) fn folded(case: &Case, parts: &Parts, cursor: u64) -> (Case, Vec<Changes>) {
    let (mut case, mut all) = (case.clone(), Vec::new());
    if let Some(said) = parts.ours {
        all.extend(case.recover(said.seq, said.seen, Event::LinkClose.into(), cursor).ok());
    }
    if let Some(said) = parts.theirs {
        all.extend(case.take(said.seq, said.seen, Event::LinkClose.into()).ok());
    }
    if let Some((seq, length)) = parts.answered {
        all.push(case.answer(seq, Answer::Applied, length, cursor));
    }
    if let Some((order, _)) = parts.alone {
        all.extend(case.accept(order.0, Event::LinkClose.into(), cursor).ok());
    }
    (case, all)
}

fn show(
    rows: &mut Overlay,
    (link, delegation): (LinkNo, DelegationNo),
    row: &DelegationRow,
    ending: &Ending,
    order: Option<Order>,
) -> Result<()> {
    let shown = DelegationEventRow {
        kind: EventKind::LinkClose,
        by: ending.by,
        at: ending.at,
        stored: ending.at,
        committed: None,
        effect: Effect::Fate { fate: Fate::Kept, settled: false },
    };
    rows.put(DELEGATION_EVENTS, &(delegation, ending.text), &shown)?;
    rows.put(EVENT_PLACES, &(delegation, place_key(ending.by, ending.place)), &ending.text)?;
    let author = if ending.by == row.case.role() { Author::Own } else { Author::Partner(link) };
    let shared =
        order.map(|order| Shared { link, delegation, order, refused: None, item: None, retracted: false });
    let thread = ThreadRow {
        kind: ThreadKind::Event(delegation),
        author,
        audience: Audience::Delegations(vec![delegation]),
        at: ending.at,
        shared: shared.into_iter().collect(),
        item: None,
        revised: false,
        aside: None,
    };
    rows.put(THREADS, &(row.ticket, ending.text), &thread)
}

/// Notes what a change of the settled state leaves to be done: rules that have to run, and a resolution that waits for the
/// principal's word. Gives back since when one waits now, if that is to be written with the delegation.
pub(super) fn settled(
    rows: &mut Overlay,
    delegation: DelegationNo,
    row: &DelegationRow,
    changes: &Changes,
) -> Result<Option<Option<Timestamp>>> {
    let moved = changes.settled_from != changes.settled_to;
    if !moved && !resolved_anew(changes) {
        return Ok(None);
    }
    if moved && need(rows, LINKS, &row.link)?.accord.rules.is_some() {
        let key = (row.link, delegation);
        let mut due = rows.get(DUE, &key)?.unwrap_or(DueRow { states: Vec::new() });
        due.states.push(changes.settled_to);
        let surplus = due.states.len().saturating_sub(STATES);
        due.states.drain(..surplus);
        rows.put(DUE, &key, &due)?;
    }
    if let Some(since) = row.resolved {
        rows.delete(RESOLVED, &(row.link, (since.0, delegation)));
    }
    let waits = changes.settled_to == State::Resolved && row.case.role() == Role::Principal;
    let since = if waits { resolved_at(rows, delegation, changes)? } else { None };
    if let Some(since) = since {
        rows.put(RESOLVED, &(row.link, (since.0, delegation)), &())?;
    }
    Ok((since != row.resolved).then_some(since))
}

fn resolved_anew(changes: &Changes) -> bool {
    changes.settled_to == State::Resolved && changes.events.iter().any(is_resolution)
}

fn is_resolution(change: &deskwire_machine::delegation::Change) -> bool {
    change.settled && change.fate.is_effective() && change.event.kind() == EventKind::Resolve
}

/// When the resolution was stored here that has settled.
fn resolved_at(rows: &Overlay, delegation: DelegationNo, changes: &Changes) -> Result<Option<Timestamp>> {
    let Some(last) = changes.events.iter().rev().find(|change| is_resolution(change)) else {
        return Ok(None);
    };
    let Some(at) = rows.get(EVENT_PLACES, &(delegation, place_key(last.author, last.place)))? else {
        return Ok(None);
    };
    Ok(rows.get(DELEGATION_EVENTS, &(delegation, at))?.map(|event| event.stored))
}
