//! The clock of a delegation: which times count, who has had it in hand how long, how its deadlines stand, and what
//! desks further down reported. proto-spec, sections 6.36 and 8.6.

mod history;

use deskwire_machine::clock::{self, Breach, Counted, Due, DueKind, Split, Verdict};
use deskwire_machine::delegation::EventKind;
use deskwire_machine::disclosure::Choice;
use deskwire_proto::envelope::read_head;
use deskwire_proto::id::ItemId;
use deskwire_proto::message::chain_report::Hop;
use deskwire_proto::message::common::Priority;
use deskwire_proto::message::{Facts, Kind};
use deskwire_proto::terms::{FieldName, Terms};
use deskwire_proto::time::Timestamp;
use deskwire_store::EntryRef;
use deskwire_store::local::{DelegationNo, LinkNo, TicketNumber};
use deskwire_store::record::{ChainRecord, Record};
use deskwire_store::row::{DelegationRow, Hours, ThreadRow, TicketRow};
use deskwire_store::table::{
    CLOCK_DUE, CLOCKS, DELEGATIONS, HOURS, RECEIVED, REPORTS, RESERVES, Rows, TICKET_DELEGATIONS,
};

pub(crate) use self::history::{History, Part, Source, terms};
use super::lookup::{Lookup, broken};
use super::thread::{self, Happened, What};
use crate::command::typed;
use crate::{Reader, Refusal};

/// The clock of one delegation as this desk knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegationClock {
    /// When it was read.
    pub now: Timestamp,
    /// The times of each event that has one, by item.
    pub counted: Vec<(ItemId, Counted)>,
    /// Time in hand inside the business hours of the terms.
    pub time: Split,
    /// The same by the clock on the wall.
    pub wall: Split,
    /// When it has to be answered.
    pub respond: Option<Due>,
    /// When it has to be resolved.
    pub resolve: Option<Due>,
    /// Deadlines that passed.
    pub breaches: Vec<Breach>,
    /// Whether something of this can still come out otherwise.
    pub provisional: bool,
    /// What the contractor reported of itself and the desks below it, nearest first.
    pub hops: Vec<Hop>,
    /// When it said so.
    pub reported: Option<Timestamp>,
}

/// How a deadline stands at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DueState {
    /// It has passed, and nothing that was said counts as in time.
    Overdue,
    /// A warning is due.
    Near,
    /// There is time.
    Open,
    /// It was done in time.
    Met,
    /// It was done late.
    Breached,
    /// It ended before it was due.
    Void,
}

impl DueState {
    /// Of this deadline now.
    #[must_use]
    pub fn of(due: &Due, now: Timestamp) -> Self {
        match due.verdict {
            Verdict::Open if due.stands => Self::Open,
            Verdict::Open if now > due.at => Self::Overdue,
            Verdict::Open if due.is_near(now) => Self::Near,
            Verdict::Open => Self::Open,
            Verdict::Breached(_) if due.done.is_some() => Self::Breached,
            Verdict::Breached(_) => Self::Overdue,
            Verdict::Met(_) => Self::Met,
            Verdict::Void => Self::Void,
        }
    }
}

/// A deadline as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownDue {
    /// Which.
    pub kind: DueKind,
    /// The deadline.
    pub due: Due,
    /// How it stands.
    pub state: DueState,
}

/// Which deadlines a list is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueFilter {
    /// Those that are near and those that have passed.
    Near,
    /// Those that have passed.
    Overdue,
}

impl DueFilter {
    /// Whether a deadline that stands so is meant.
    #[must_use]
    pub fn takes(self, state: DueState) -> bool {
        match self {
            Self::Near => state <= DueState::Near,
            Self::Overdue => state == DueState::Overdue,
        }
    }
}

/// The deadline of a delegation that people look at now: the one to answer until it is answered, then the one to resolve.
///
/// # Errors
/// When the store fails.
pub fn shown_due(reader: &Reader, no: DelegationNo) -> Result<Option<ShownDue>, Refusal> {
    let (respond, resolve) = dues(reader, no)?;
    let shown = |kind, due: Due| ShownDue { kind, due, state: DueState::of(&due, reader.now()) };
    let respond = respond.map(|due| shown(DueKind::Respond, due));
    let respond = respond.filter(|shown| shown.state <= DueState::Open);
    Ok(respond.or(resolve.map(|due| shown(DueKind::Resolve, due))))
}

/// The two deadlines as the clock was looked at last, or now where something has happened since.
fn dues(reader: &Reader, no: DelegationNo) -> Result<(Option<Due>, Option<Due>), Refusal> {
    if reader.rows().get(CLOCK_DUE, &(0, no))?.is_some()
        && let Some(row) = reader.rows().get(DELEGATIONS, &no)?
    {
        let history = History::load(reader, no, &row)?;
        let clock = history.read(reader.now(), Part::All);
        return Ok((clock.respond, clock.resolve));
    }
    Ok(reader.rows().get(CLOCKS, &no)?.map_or((None, None), |row| (row.respond, row.resolve)))
}

/// The deadline of a ticket that is due first: of its delegations, and of the one by which it came.
///
/// # Errors
/// When the store fails.
pub fn ticket_due(reader: &Reader, ticket: TicketNumber) -> Result<Option<ShownDue>, Refusal> {
    let mut first: Option<ShownDue> = None;
    for ((_, no), ()) in reader.rows().list(TICKET_DELEGATIONS, &ticket, usize::MAX)? {
        let due = shown_due(reader, no)?;
        let due = due.filter(|shown| shown.state <= DueState::Open);
        first = match (first, due) {
            (Some(one), Some(other)) => Some(if other.due.at < one.due.at { other } else { one }),
            (one, other) => one.or(other),
        };
    }
    Ok(first)
}

/// The clock of a delegation now, with everything that is known, provisional events included.
///
/// # Errors
/// When the store fails.
pub fn delegation_clock(
    reader: &Reader,
    no: DelegationNo,
    row: &DelegationRow,
) -> Result<DelegationClock, Refusal> {
    let history = History::load(reader, no, row)?;
    let clock = history.read(reader.now(), Part::All);
    let report = report(reader, no, row)?;
    Ok(DelegationClock {
        now: reader.now(),
        counted: history.items().zip(clock.counted.iter().copied()).collect(),
        time: clock.time,
        wall: clock.wall,
        respond: clock.respond,
        resolve: clock.resolve,
        breaches: clock.breaches.clone(),
        provisional: history.is_provisional(),
        reported: report.as_ref().map(|(said, _)| *said),
        hops: report.map(|(_, hops)| hops).unwrap_or_default(),
    })
}

/// The contractor's newest report of the desks below, if it stands.
pub(crate) fn reported(
    source: &impl Source,
    no: DelegationNo,
    row: &DelegationRow,
) -> Result<Vec<Hop>, Refusal> {
    Ok(report(source, no, row)?.map(|(_, hops)| hops).unwrap_or_default())
}

/// The same, with the time at which it was said.
fn report(
    source: &impl Source,
    no: DelegationNo,
    row: &DelegationRow,
) -> Result<Option<(Timestamp, Vec<Hop>)>, Refusal> {
    let report = source.source_rows().get(REPORTS, &no)?.and_then(|row| row.theirs);
    let Some((at, seq)) = report else { return Ok(None) };
    let stands = source.source_rows().get(RECEIVED, &(row.link, seq))?;
    if !stands.is_some_and(|row| row.entry == at && row.refused.is_none() && row.aside.is_none()) {
        return Ok(None);
    }
    let Record::Received(received) = source.source_record(at)? else {
        return Err(broken("a report that is another record"));
    };
    let head = read_head(&received.signed).map_err(|_| broken("a stored message has no head"))?;
    match Facts::decode(Kind::ChainReport, &head.facts) {
        Ok(Facts::ChainReport(facts)) => Ok(Some((head.time, facts.hops.into_vec()))),
        Ok(_) | Err(_) => Ok(None),
    }
}

/// The business hours of this desk; none when it is always open.
///
/// # Errors
/// When the store fails.
pub fn hours(reader: &Reader) -> Result<Option<Hours>, Refusal> {
    own_hours(reader)
}

/// As [`hours`], also within a step.
pub(crate) fn own_hours(source: &impl Source) -> Result<Option<Hours>, Refusal> {
    let Some(at) = source.source_rows().get(HOURS, &())? else { return Ok(None) };
    match source.source_record(at)? {
        Record::Chain(ChainRecord::Hours { hours, .. }) => Ok(hours.map(|hours| *hours)),
        _ => Err(broken("business hours that are another record")),
    }
}

/// What decides the deadlines of an offer beside what a person chose.
pub(crate) struct Offered<'a> {
    /// The link that it goes over.
    pub(crate) link: LinkNo,
    /// Its terms.
    pub(crate) terms: &'a Terms,
    /// The ticket.
    pub(crate) ticket: &'a TicketRow,
    /// Its priority in the words of the link, if that travels.
    pub(crate) priority: Option<Priority>,
}

/// The deadlines of an offer: as chosen, or by the terms for its priority, and never later than what this desk promised
/// above, less the reserve (ms) that is chosen, or what is set for the link. Without `deadline` among the chosen fields
/// there are none but those given. A typed one that cannot be is refused.
pub(crate) fn with_deadlines(
    source: &impl Source,
    choice: &Choice,
    offered: &Offered<'_>,
    now: Timestamp,
) -> Result<Choice, Refusal> {
    typed::ahead(choice.respond, choice.resolve, now)?;
    let mut choice = choice.clone();
    let typed_reserve = choice.reserve;
    choice.reserve = choice.reserve.or(source.source_rows().get(RESERVES, &offered.link)?);
    if choice.fields.as_ref().is_some_and(|fields| !fields.contains(&FieldName::Deadline)) {
        typed::in_order(choice.respond, choice.resolve)?;
        return Ok(choice);
    }
    let agreed = clock::deadlines(offered.terms, offered.priority, now);
    let own = choice.resolve.or(agreed.map(|agreed| agreed.resolve));
    let above = offered.ticket.origin.map_or(Ok(None), |origin| promised(source, origin, now))?;
    if let (Some(reserve), Some(above)) = (typed_reserve, above) {
        typed::reserve(reserve, above, now)?;
    }
    choice.resolve = clock::inherit(own, above, choice.reserve.unwrap_or(0), now);
    typed::in_order(choice.respond, choice.resolve)?;
    let by_terms = agreed.map(|agreed| choice.resolve.map_or(agreed.respond, |end| agreed.respond.min(end)));
    choice.respond = choice.respond.or(by_terms);
    Ok(choice)
}

/// When this desk has to be done with what it got, moved by what it has waited for.
fn promised(source: &impl Source, no: DelegationNo, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    let row = source.source_rows().get(DELEGATIONS, &no)?;
    let row = row.ok_or_else(|| broken("a ticket without its delegation"))?;
    let history = History::load(source, no, &row)?;
    Ok(history.read(now, Part::All).resolve.map(|due| due.at))
}

/// How long before its own promise this desk wants work done that it hands over on this link, ms.
///
/// # Errors
/// When the store fails.
pub fn reserve(reader: &Reader, link: LinkNo) -> Result<Option<u64>, Refusal> {
    Ok(reader.rows().get(RESERVES, &link)?)
}

/// What people were told of a deadline.
pub(super) fn happened(
    lookup: &Lookup<'_>,
    at: EntryRef,
    no: DelegationNo,
    row: &ThreadRow,
) -> Result<Happened, Refusal> {
    let Record::Chain(ChainRecord::Due { kind, due, by, .. }) = lookup.reader.record(at)? else {
        return Err(broken("a deadline that is another record"));
    };
    let delegation = lookup.delegation(no)?;
    Ok(Happened {
        time: row.at,
        what: What::Due { kind, due, by },
        by: None,
        partner: Some(lookup.partner(delegation.link)?.row.partner_name.clone()),
        theirs: false,
        delegation: Some(delegation.id),
        refused: None,
        delivery: None,
        audience: thread::seen_by(lookup, &row.audience)?,
    })
}

/// Whether an event of this kind can change when something is due.
pub(crate) fn sets_deadlines(kind: EventKind) -> bool {
    kind == EventKind::Offer || kind == EventKind::Update
}
