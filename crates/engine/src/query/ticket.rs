//! Tickets: pages of them, and one with all that happened on it.

use std::ops::ControlFlow;

use deskwire_machine::aggregate::{Turns, Whole, aggregate};
use deskwire_machine::delegation::Role;
use deskwire_machine::mapping::Lost;
use deskwire_proto::id::DelegationId;
use deskwire_proto::text::{Code, Label};
use deskwire_proto::time::Timestamp;
use deskwire_store::Direction;
use deskwire_store::local::TicketNumber;
use deskwire_store::record::{Record, TicketText, decode_text};
use deskwire_store::row::TicketRow;
use deskwire_store::table::{Rows, THREADS, TICKET_DELEGATIONS, TICKETS};

use super::clock::{DueFilter, ShownDue, ticket_due};
use super::delegation::{self, Delegation};
use super::lookup::{Lookup, broken};
use super::offer::Current;
use super::thread::{self, ThreadEntry};
use super::untold::{self, Untold};
use crate::{Reader, Refusal};

/// One ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Its number.
    pub number: TicketNumber,
    /// What lists show of it.
    pub row: TicketRow,
    /// What was said when it was made, and by whom, or the partner's offer as it stands; nothing once that was erased.
    pub text: Option<TicketText>,
    /// When the partner who handed it in wants it done.
    pub due: Option<Timestamp>,
    /// The first deadline that is still to be met, of its delegations both ways.
    pub next_due: Option<ShownDue>,
    /// When anything on it changed last.
    pub updated: Timestamp,
    /// The delegation by which a partner handed it in, and how that partner calls itself.
    pub origin: Option<(DelegationId, Label)>,
    /// Where the work stands that this desk has handed out, all of it as one, and who has to act.
    pub handed: (Whole, Turns),
    /// Values of the partner's offer without a counterpart at this desk: they stand here as the partner has them.
    pub unmapped: Vec<Lost>,
}

/// One ticket with everything on it.
#[derive(Debug, Clone)]
pub struct TicketDetail {
    /// The ticket.
    pub ticket: Ticket,
    /// What happened, oldest first.
    pub thread: Vec<ThreadEntry>,
    /// Its delegations in both roles, without their timelines, oldest first.
    pub delegations: Vec<Delegation>,
    /// Partners who were not told of what has changed since.
    pub untold: Vec<Untold>,
}

/// Which tickets a list shows.
#[derive(Debug, Clone, Default)]
pub struct TicketFilter {
    /// Only those with this status.
    pub status: Option<Code>,
    /// Only those with such a deadline.
    pub due: Option<DueFilter>,
    /// Only those with a lower number.
    pub before: Option<TicketNumber>,
    /// How many at most.
    pub limit: usize,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next page begins; nothing on the last.
    pub before: Option<C>,
}

/// A page of tickets, newest first.
///
/// # Errors
/// When the store fails.
pub fn tickets(reader: &Reader, filter: &TicketFilter) -> Result<Page<Ticket, TicketNumber>, Refusal> {
    let mut rows = Vec::new();
    let mut more = false;
    let mut failure = None;
    reader.rows().scan(TICKETS, &(), filter.before.as_ref(), Direction::Backward, &mut |number, row| {
        let wanted = match filter.due {
            Some(wanted) => match ticket_due(reader, number) {
                Ok(due) => due.is_some_and(|shown| wanted.takes(shown.state)),
                Err(refusal) => {
                    failure = Some(refusal);
                    return Ok(ControlFlow::Break(()));
                }
            },
            None => true,
        };
        if wanted && filter.status.as_ref().is_none_or(|status| *status == row.status) {
            if rows.len() == filter.limit {
                more = true;
                return Ok(ControlFlow::Break(()));
            }
            rows.push((number, row));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if let Some(refusal) = failure {
        return Err(refusal);
    }
    let before = rows.last().filter(|_| more).map(|(number, _)| *number);
    let lookup = Lookup::new(reader);
    let items: Result<_, Refusal> =
        rows.into_iter().map(|(number, row)| whole(&lookup, number, row)).collect();
    Ok(Page { items: items?, before })
}

/// One ticket.
///
/// # Errors
/// `unknown-ticket`, or when the store fails.
pub fn ticket(reader: &Reader, number: TicketNumber) -> Result<Ticket, Refusal> {
    whole(&Lookup::new(reader), number, row(reader, number)?)
}

/// One ticket with its thread and its delegations.
///
/// # Errors
/// `unknown-ticket`, or when the store fails.
pub fn ticket_detail(reader: &Reader, number: TicketNumber) -> Result<TicketDetail, Refusal> {
    let lookup = Lookup::new(reader);
    let ticket = whole(&lookup, number, row(reader, number)?)?;
    let thread = thread::entries(&lookup, &ticket)?;
    let keys = reader.rows().list(TICKET_DELEGATIONS, &number, usize::MAX)?;
    let delegations: Result<_, Refusal> =
        keys.into_iter().map(|((_, no), ())| delegation::brief(&lookup, no)).collect();
    let untold = untold::of(&lookup, &ticket.row, number)?;
    Ok(TicketDetail { ticket, thread, delegations: delegations?, untold })
}

/// The number behind what a person typed: `ACME-12`, in any case, or `12`.
///
/// # Errors
/// `unknown-ticket` for a text that no ticket of this desk can have, or a number that none has.
pub fn find_ticket(reader: &Reader, text: &str) -> Result<TicketNumber, Refusal> {
    let prefix = reader.identity().prefix();
    let digits = match text.rsplit_once('-') {
        Some((before, digits)) if before.eq_ignore_ascii_case(prefix) => Some(digits),
        Some(_) => None,
        None => Some(text),
    };
    let plain =
        digits.filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
    let number = plain.and_then(|digits| digits.parse().ok()).map(TicketNumber);
    let known = match number {
        Some(number) => reader.rows().get(TICKETS, &number)?.map(|_| number),
        None => None,
    };
    known.ok_or_else(|| unknown(&quoted(text)))
}

fn row(reader: &Reader, number: TicketNumber) -> Result<TicketRow, Refusal> {
    let row = reader.rows().get(TICKETS, &number)?;
    row.ok_or_else(|| unknown(reader.identity().ticket_label(number).as_str()))
}

fn unknown(name: &str) -> Refusal {
    Refusal::unknown("ticket", name, "deskwire ticket list")
}

/// What somebody typed, short and harmless enough to be repeated in a sentence.
pub(super) fn quoted(text: &str) -> String {
    let clean: String = text.chars().filter(|letter| !letter.is_control()).take(64).collect();
    format!("“{clean}”")
}

fn whole(lookup: &Lookup<'_>, number: TicketNumber, mut row: TicketRow) -> Result<Ticket, Refusal> {
    let (mut origin, mut due, mut unmapped) = (None, None, Vec::new());
    let text = match row.origin {
        Some(no) => {
            let delegation = lookup.delegation(no)?;
            let view = delegation.case.view(lookup.stream(delegation.link)?.in_length);
            let current = Current::of(lookup.reader, no, &delegation, &view)?;
            let partner = lookup.partner(delegation.link)?.row.partner_name.clone();
            origin = Some((delegation.id, partner));
            due = current.offer.resolve;
            unmapped.clone_from(&current.here.unmapped);
            Some(current.into_ticket(&mut row)).filter(|text| *text != TicketText::default())
        }
        None => text(lookup, &row)?,
    };
    let updated = last_entry(lookup, number)?.map_or(row.changed, |at| at.max(row.changed));
    let handed = handed(lookup, number)?;
    let next_due = ticket_due(lookup.reader, number)?;
    Ok(Ticket { number, row, text, due, next_due, updated, origin, handed, unmapped })
}

/// The delegations in which this desk is the principal, as one.
fn handed(lookup: &Lookup<'_>, number: TicketNumber) -> Result<(Whole, Turns), Refusal> {
    let mut states = Vec::new();
    for ((_, no), ()) in lookup.reader.rows().list(TICKET_DELEGATIONS, &number, usize::MAX)? {
        let row = lookup.delegation(no)?;
        if row.case.role() == Role::Principal {
            states.push(row.case.view(lookup.stream(row.link)?.in_length).state);
        }
    }
    Ok(aggregate(states))
}

fn last_entry(lookup: &Lookup<'_>, number: TicketNumber) -> Result<Option<Timestamp>, Refusal> {
    let mut last = None;
    lookup.reader.rows().scan(THREADS, &number, None, Direction::Backward, &mut |_, row| {
        last = Some(row.at);
        Ok(ControlFlow::Break(()))
    })?;
    Ok(last)
}

/// What was said when the ticket was made here.
fn text(lookup: &Lookup<'_>, row: &TicketRow) -> Result<Option<TicketText>, Refusal> {
    let entry = lookup.reader.entry(row.body)?;
    match Record::read(&entry)? {
        Record::TicketMade(_) => Ok(decode_text(&entry)?),
        _ => Err(broken("a ticket begins with another record")),
    }
}
