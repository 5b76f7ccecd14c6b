//! Delegations: pages of them, and one with its timeline.

use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use deskwire_machine::delegation::{EventKind, Role, State, View};
use deskwire_machine::mapping::Here;
use deskwire_machine::retry::LATE_AFTER;
use deskwire_proto::id::DelegationId;
use deskwire_proto::text::{Code, Prose};
use deskwire_proto::time::Timestamp;
use deskwire_store::Direction;
use deskwire_store::local::{DelegationNo, LinkNo, TicketNumber};
use deskwire_store::row::{DelegationRow, Effect, StreamRow};
use deskwire_store::table::{DELEGATION_EVENTS, DELEGATIONS, Rows, THREADS};

use super::accord;
use super::clock::History;
use super::clock::{self, DelegationClock, DueFilter, ShownDue};
use super::delivery::{self, DeliveryState};
use super::lookup::Lookup;
use super::message::{Message, written};
use super::offer::{Current, Offer, PendingChange};
use super::ticket::{Page, quoted};
use super::timeline::{self, TimelineEvent};
use crate::{Partner, Reader, Refusal};

/// One delegation as this desk sees it now.
#[derive(Debug, Clone)]
pub struct Delegation {
    /// Its number at this desk.
    pub no: DelegationNo,
    /// The id that both desks use.
    pub id: DelegationId,
    /// Which side this desk is.
    pub role: Role,
    /// The link and the partner.
    pub partner: Arc<Partner>,
    /// This desk's ticket.
    pub ticket: TicketNumber,
    /// State, turn, what is settled, both sides' words.
    pub view: View,
    /// What this desk may say now.
    pub allowed: Vec<EventKind>,
    /// What is asked for.
    pub offer: Offer,
    /// What a partner's offer says in this desk's words; nothing of an own one, and where the link has no mapping.
    pub reading: Option<Here>,
    /// Changes that the contractor has to take or decline, oldest first.
    pub changes: Vec<PendingChange>,
    /// The question that waits for an answer.
    pub question: Option<Prose>,
    /// When it confirms itself, by the terms of the link, unless somebody says something.
    pub confirms: Option<Timestamp>,
    /// What this desk's mapping calls the partner's status.
    pub here: Option<Code>,
    /// When it was offered, or the offer came.
    pub created: Timestamp,
    /// When its last event was stored.
    pub updated: Timestamp,
    /// Own items that have not reached the partner.
    pub undelivered: Option<Undelivered>,
    /// Whether this desk took the offer back before it was sent.
    pub withdrawn: bool,
    /// Its events in the order of the fold; empty in lists.
    pub timeline: Vec<TimelineEvent>,
    /// The deadline that people look at, as its clock was looked at last.
    pub due: Option<ShownDue>,
    /// Its clock; nothing in lists.
    pub clock: Option<DelegationClock>,
}

/// Own items of a delegation that have not reached the partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undelivered {
    /// How many.
    pub items: u64,
    /// How many of them are parked.
    pub parked: u64,
    /// Since when the oldest waits.
    pub since: Timestamp,
    /// Whether that is more than an hour.
    pub late: bool,
}

/// Which delegations a list shows.
#[derive(Debug, Clone, Default)]
pub struct DelegationFilter {
    /// Only those in one of these states; all when empty.
    pub states: Vec<State>,
    /// Only those in which this desk has this role.
    pub role: Option<Role>,
    /// Only those of this link.
    pub link: Option<LinkNo>,
    /// Only those with such a deadline.
    pub due: Option<DueFilter>,
    /// Only those with a lower number.
    pub before: Option<DelegationNo>,
    /// How many at most.
    pub limit: usize,
}

/// A page of delegations, newest first, without their timelines.
///
/// # Errors
/// When the store fails.
pub fn delegations(
    reader: &Reader,
    filter: &DelegationFilter,
) -> Result<Page<Delegation, DelegationNo>, Refusal> {
    let lookup = Lookup::new(reader);
    let mut rows: Vec<(DelegationNo, DelegationRow)> = Vec::new();
    let mut more = false;
    let mut failure = None;
    let from = filter.before.as_ref();
    reader.rows().scan(DELEGATIONS, &(), from, Direction::Backward, &mut |no, row| {
        match passes(&lookup, filter, no, &row) {
            Ok(false) => return Ok(ControlFlow::Continue(())),
            Ok(true) => {}
            Err(refusal) => {
                failure = Some(refusal);
                return Ok(ControlFlow::Break(()));
            }
        }
        more = rows.len() == filter.limit;
        if more {
            return Ok(ControlFlow::Break(()));
        }
        rows.push((no, row));
        Ok(ControlFlow::Continue(()))
    })?;
    if let Some(refusal) = failure {
        return Err(refusal);
    }
    let before = rows.last().filter(|_| more).map(|(no, _)| *no);
    let items: Result<_, Refusal> = rows.iter().map(|(no, row)| whole(&lookup, *no, row)).collect();
    Ok(Page { items: items?, before })
}

/// One delegation with its timeline.
///
/// # Errors
/// `unknown-delegation`, or when the store fails.
pub fn delegation(reader: &Reader, no: DelegationNo) -> Result<Delegation, Refusal> {
    let lookup = Lookup::new(reader);
    let row = reader.rows().get(DELEGATIONS, &no)?.ok_or_else(|| unknown(no))?;
    let mut delegation = whole(&lookup, no, &row)?;
    delegation.timeline = timeline::events(&lookup, no, &row)?;
    delegation.clock = Some(clock::delegation_clock(reader, no, &row)?);
    Ok(delegation)
}

/// The number behind what a person typed: the id of 32 hexadecimal digits, or this desk's number.
///
/// # Errors
/// `unknown-delegation`, or when the store fails.
pub fn find_delegation(reader: &Reader, text: &str) -> Result<DelegationNo, Refusal> {
    if let Some(id) = DelegationId::from_hex(text) {
        return reader.delegation_by_id(&id)?.ok_or_else(|| unknown(quoted(text)));
    }
    let no = text.parse().map(DelegationNo).map_err(|_| unknown(quoted(text)))?;
    reader.rows().get(DELEGATIONS, &no)?.map(|_| no).ok_or_else(|| unknown(no))
}

/// A delegation without its timeline.
pub(super) fn brief(lookup: &Lookup<'_>, no: DelegationNo) -> Result<Delegation, Refusal> {
    whole(lookup, no, &*lookup.delegation(no)?)
}

fn unknown(name: impl std::fmt::Display) -> Refusal {
    Refusal::unknown("delegation", name, "deskwire delegation list")
}

fn passes(
    lookup: &Lookup<'_>,
    filter: &DelegationFilter,
    no: DelegationNo,
    row: &DelegationRow,
) -> Result<bool, Refusal> {
    if let Some(wanted) = filter.due {
        let due = clock::shown_due(lookup.reader, no)?;
        if !due.is_some_and(|shown| wanted.takes(shown.state)) {
            return Ok(false);
        }
    }
    let role = filter.role.is_none_or(|role| role == row.case.role());
    let link = filter.link.is_none_or(|link| link == row.link);
    if !role || !link || filter.states.is_empty() {
        return Ok(role && link);
    }
    let state = row.case.view(lookup.stream(row.link)?.in_length).state;
    Ok(filter.states.contains(&state))
}

fn whole(lookup: &Lookup<'_>, no: DelegationNo, row: &DelegationRow) -> Result<Delegation, Refusal> {
    let stream = lookup.stream(row.link)?;
    let view = row.case.view(stream.in_length);
    let current = Current::of(lookup.reader, no, row, &view)?;
    let mapped = lookup.partner(row.link)?.row.accord.mapping.is_some();
    let reading = Some(current.here).filter(|_| mapped && row.case.role() == Role::Contractor);
    let question = if view.question.is_some() { question(lookup, no)? } else { None };
    Ok(Delegation {
        no,
        id: row.id,
        role: row.case.role(),
        confirms: confirms(lookup, no, row)?,
        here: here(lookup, row, &view)?,
        partner: lookup.partner(row.link)?,
        ticket: row.ticket,
        allowed: row.case.allowed(row.case.role()),
        offer: current.offer,
        reading,
        changes: current.pending,
        question,
        created: row.created,
        updated: last_event(lookup, no)?.unwrap_or(row.created),
        undelivered: undelivered(lookup, no, row, &stream)?,
        withdrawn: view.state == State::Unoffered && withdrawn(lookup, no, row)?,
        timeline: Vec::new(),
        due: clock::shown_due(lookup.reader, no)?,
        clock: None,
        view,
    })
}

/// When a resolution confirms itself by the terms of the link.
fn confirms(
    lookup: &Lookup<'_>,
    no: DelegationNo,
    row: &DelegationRow,
) -> Result<Option<Timestamp>, Refusal> {
    let after = lookup.partner(row.link)?.terms.auto_confirm;
    let Some((since, after)) = row.resolved.zip(after) else { return Ok(None) };
    let counted = History::load(lookup.reader, no, row)?.resolved();
    Ok(Some(counted.unwrap_or(since).plus(after)))
}

/// What this desk calls the status that the partner has told.
fn here(lookup: &Lookup<'_>, row: &DelegationRow, view: &View) -> Result<Option<Code>, Refusal> {
    let partner = lookup.partner(row.link)?;
    if partner.row.accord.mapping.is_none() {
        return Ok(None);
    }
    let theirs = match row.case.role() {
        Role::Principal => &view.contractor.status,
        Role::Contractor => &view.principal.status,
    };
    Ok(accord::mapping(lookup.reader, &partner.row)?.status_here(theirs).cloned())
}

fn last_event(lookup: &Lookup<'_>, no: DelegationNo) -> Result<Option<Timestamp>, Refusal> {
    let mut last = None;
    lookup.reader.rows().scan(DELEGATION_EVENTS, &no, None, Direction::Backward, &mut |_, row| {
        last = Some(row.stored);
        Ok(ControlFlow::Break(()))
    })?;
    Ok(last)
}

/// The words of the newest question that has effect.
fn question(lookup: &Lookup<'_>, no: DelegationNo) -> Result<Option<Prose>, Refusal> {
    let mut newest = None;
    lookup.reader.rows().scan(DELEGATION_EVENTS, &no, None, Direction::Backward, &mut |(_, at), row| {
        let effective = matches!(&row.effect, Effect::Fate { fate, .. } if fate.is_effective());
        if row.kind == EventKind::Ask && effective {
            newest = Some(at);
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let Some(at) = newest else { return Ok(None) };
    Ok(Message::read(lookup.reader, at)?.body().and_then(|body| written(body).1))
}

/// What of this desk's own has not reached the partner, comments and files included.
fn undelivered(
    lookup: &Lookup<'_>,
    no: DelegationNo,
    row: &DelegationRow,
    stream: &Rc<StreamRow>,
) -> Result<Option<Undelivered>, Refusal> {
    if stream.waiting == 0 && stream.parked == 0 && stream.acked >= stream.out_length {
        return Ok(None);
    }
    let mut open: Option<Undelivered> = None;
    for (_, entry) in lookup.reader.rows().list(THREADS, &row.ticket, usize::MAX)? {
        for shared in entry.shared.iter().filter(|shared| shared.delegation == no) {
            let parked = match delivery::state(lookup, shared)? {
                DeliveryState::Waiting | DeliveryState::Sent => 0,
                DeliveryState::Parked(..) => 1,
                DeliveryState::Delivered
                | DeliveryState::Lost(_)
                | DeliveryState::Refused(_)
                | DeliveryState::Unsupported(_) => continue,
            };
            let known = open.unwrap_or(Undelivered { items: 0, parked: 0, since: entry.at, late: false });
            let since = known.since.min(entry.at);
            let late = lookup.reader.now().since(since) >= LATE_AFTER;
            open = Some(Undelivered { items: known.items + 1, parked: known.parked + parked, since, late });
        }
    }
    Ok(open)
}

/// Whether the offer was dropped before it was sent.
fn withdrawn(lookup: &Lookup<'_>, no: DelegationNo, row: &DelegationRow) -> Result<bool, Refusal> {
    if row.case.role() == Role::Contractor {
        return Ok(false);
    }
    let offer = lookup.reader.rows().get(DELEGATION_EVENTS, &(no, row.offer))?;
    Ok(offer.is_some_and(|offer| matches!(offer.effect, Effect::Dropped(_))))
}
