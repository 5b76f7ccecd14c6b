//! The events of a delegation with their times and the terms that hold for each: what its clock is read from.
//! proto-spec, sections 6.4 and 8.6.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use deskwire_machine::account::Times;
use deskwire_machine::clock::{self, Calendar, Counted, Timed};
use deskwire_machine::delegation::{Event, EventKind, Place, Role};
use deskwire_proto::envelope::read_head;
use deskwire_proto::id::ItemId;
use deskwire_proto::message::{Facts, Kind};
use deskwire_proto::number::Stars;
use deskwire_proto::terms::Terms;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, LinkNo};
use deskwire_store::record::{ItemMade, Received, Record};
use deskwire_store::row::{AgreedRow, DelegationEventRow, DelegationRow, Effect};
use deskwire_store::table::{
    DELEGATION_EVENTS, LINKS, RECEIPTS, RECEIVED, Rows, SENT, STREAMS, THREADS, VERSIONS, WAITING,
};
use deskwire_store::{Direction, Entry, EntryRef};

use super::super::lookup::broken;
use crate::identity::Identity;
use crate::project::kept;
use crate::project::stream::read_receipt;
use crate::project::terms::proposed;
use crate::{Reader, Refusal, Step};

/// Rows and records: the committed ones, or those of a step.
pub(crate) trait Source {
    /// The rows.
    fn source_rows(&self) -> &impl Rows;

    /// An entry of the journal.
    fn source_entry(&self, at: EntryRef) -> Result<Entry, Refusal>;

    /// Who this desk is.
    fn source_identity(&self) -> &Identity;

    /// What time it is.
    fn source_now(&self) -> Timestamp;

    /// How much of the time is left when people are warned of a deadline, percent.
    fn source_warn(&self) -> u8 {
        self.source_identity().warn()
    }

    /// The record of an entry.
    fn source_record(&self, at: EntryRef) -> Result<Record, Refusal> {
        Ok(Record::read(&self.source_entry(at)?)?)
    }
}

impl Source for Reader {
    fn source_rows(&self) -> &impl Rows {
        self.rows()
    }

    fn source_entry(&self, at: EntryRef) -> Result<Entry, Refusal> {
        Ok(self.entry(at)?)
    }

    fn source_identity(&self) -> &Identity {
        self.identity()
    }

    fn source_now(&self) -> Timestamp {
        self.now()
    }
}

impl Source for Step<'_> {
    fn source_rows(&self) -> &impl Rows {
        self.rows()
    }

    fn source_entry(&self, at: EntryRef) -> Result<Entry, Refusal> {
        self.entry(at)
    }

    fn source_identity(&self) -> &Identity {
        self.identity
    }

    fn source_now(&self) -> Timestamp {
        self.now
    }
}

/// Which events a clock is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Everything that is known.
    All,
    /// What nothing can change: for reports, ratings and statements.
    Settled,
}

/// The events of a delegation with their times, in the order of chapter 7.
pub(crate) struct History {
    events: Vec<Known>,
    terms: Vec<Arc<Terms>>,
    /// How much of the time is left when people are warned of a deadline, percent.
    warn: u8,
}

/// One event.
struct Known {
    item: ItemId,
    author: Role,
    place: Place,
    seen: u64,
    event: Event,
    refused: bool,
    effective: bool,
    settled: bool,
    time: Timestamp,
    committed: Option<Timestamp>,
    respond: Option<Timestamp>,
    resolve: Option<Timestamp>,
    stars: Option<Stars>,
    /// Which of the terms hold for it.
    terms: usize,
}

impl History {
    /// Reads a delegation's events.
    pub(crate) fn load(source: &impl Source, no: DelegationNo, row: &DelegationRow) -> Result<Self, Refusal> {
        let agreements = Agreements::load(source, row.link)?;
        let mut events = Vec::new();
        for ((_, at), event) in source.source_rows().list(DELEGATION_EVENTS, &no, usize::MAX)? {
            let known = match &event.effect {
                Effect::Dropped(_) | Effect::Parked(_) => None,
                Effect::Fate { .. } | Effect::Refused(_) => known(source, (no, row), at, &event)?,
            };
            events.extend(known);
        }
        let seen = |known: &Known| if known.refused { None } else { Some(known.seen) };
        let mut events = clock::order(events, |known: &Known| (known.author, known.place, seen(known)));
        number_updates(&mut events, row.case.role());
        mark_open(source, row, &mut events)?;
        own_commits(source, row, &mut events)?;
        let mut terms = Vec::new();
        for known in &mut events {
            known.terms = agreements.place(source, known, row.case.role(), &mut terms)?;
        }
        let terms = terms.into_iter().map(|(_, terms)| terms).collect();
        Ok(Self { events, terms, warn: source.source_warn() })
    }

    /// The clock at `now`.
    pub(crate) fn read(&self, now: Timestamp, part: Part) -> clock::Clock<'_> {
        clock::Clock::read(&self.timed(part), now, self.warn)
    }

    /// The item of each event, in the same order.
    pub(super) fn items(&self) -> impl Iterator<Item = ItemId> {
        self.events.iter().map(|known| known.item)
    }

    /// Whether one of them can still be refused or come elsewhere.
    pub(super) fn is_provisional(&self) -> bool {
        self.events.iter().any(|known| !known.settled)
    }

    /// When the newest settled resolution counts.
    pub(crate) fn resolved(&self) -> Option<Timestamp> {
        let timed = self.timed(Part::Settled);
        let counted = clock::count(&timed);
        let resolved = |(event, _): &(&Timed<'_>, &Counted)| event.event == Event::Resolve && !event.refused;
        timed.iter().zip(&counted).rev().find(resolved).map(|(_, counted)| counted.at)
    }

    /// What is settled, with the times that count, as figures over many delegations need it.
    pub(crate) fn times(&self, now: Timestamp) -> Times {
        let timed = self.timed(Part::Settled);
        let clock = clock::Clock::read(&timed, now, self.warn);
        let mut times = Times {
            response_kept: clock.respond.and_then(kept),
            resolution_kept: clock.resolve.and_then(kept),
            ..Times::default()
        };
        let counted = timed.iter().zip(&clock.counted).zip(&self.events);
        for ((event, counted), known) in counted.filter(|(_, known)| known.effective) {
            match event.event.kind() {
                EventKind::Offer => times.offered = counted.at,
                EventKind::Accept => times.accepted = Some(counted.at),
                EventKind::Decline => times.declined = Some(counted.at),
                EventKind::Resolve => times.resolved = times.resolved.or(Some(counted.at)),
                EventKind::Reopen => times.reopened += 1,
                EventKind::Rate => {
                    times.stars = known.stars.map(|stars| u8::try_from(stars.get()).unwrap_or(u8::MAX));
                }
                EventKind::Return
                | EventKind::Recall
                | EventKind::Status
                | EventKind::StatusInProgress
                | EventKind::StatusWaitingThird
                | EventKind::Confirm
                | EventKind::Update
                | EventKind::ChangeTake
                | EventKind::ChangeDecline
                | EventKind::Ask
                | EventKind::Answer
                | EventKind::AnswerNotNeeded
                | EventKind::LinkClose => {}
            }
        }
        times
    }

    /// The rating that the principal gave last.
    pub(crate) fn stars(&self) -> Option<Stars> {
        self.events.iter().rev().filter(|known| !known.refused).find_map(|known| known.stars)
    }

    /// The terms for the newest event.
    pub(crate) fn newest_terms(&self) -> Option<&Terms> {
        self.events.last().and_then(|known| self.terms.get(known.terms)).map(AsRef::as_ref)
    }

    fn timed(&self, part: Part) -> Vec<Timed<'_>> {
        let settled = |known: &&Known| part == Part::All || known.settled;
        let timed = |known: &Known| {
            let terms = &self.terms[known.terms];
            Timed {
                author: known.author,
                place: known.place,
                seen: known.seen,
                event: known.event,
                refused: known.refused,
                time: known.time,
                committed: known.committed,
                tolerance: terms.tolerance.unwrap_or(Terms::TOLERANCE),
                calendar: Calendar::of(terms),
                respond: known.respond,
                resolve: known.resolve,
            }
        };
        self.events.iter().take_while(settled).map(timed).collect()
    }
}

fn known(
    source: &impl Source,
    (no, row): (DelegationNo, &DelegationRow),
    at: EntryRef,
    event: &DelegationEventRow,
) -> Result<Option<Known>, Refusal> {
    match source.source_record(at)? {
        Record::Received(received) => theirs(source, row, &received, event).map(Some),
        Record::ItemMade(made) => own(source, (no, row), at, (&made, event)),
        _ => Err(broken("an event of a delegation is another record")),
    }
}

fn theirs(
    source: &impl Source,
    row: &DelegationRow,
    received: &Received,
    event: &DelegationEventRow,
) -> Result<Known, Refusal> {
    let head = read_head(&received.signed).map_err(|_| broken("a stored message has no head"))?;
    let told = source.source_rows().get(RECEIVED, &(row.link, received.seq))?;
    let facts = facts(head.kind.as_str(), &head.facts);
    Ok(Known {
        item: head.item,
        author: event.by,
        place: Place::Numbered(received.seq),
        seen: received.seen,
        event: received.event.as_ref().map_or(Event::LinkClose, |event| event.0),
        refused: is_refused(event),
        effective: matches!(&event.effect, Effect::Fate { fate, .. } if fate.is_effective()),
        settled: true,
        time: head.time,
        committed: Some(told.map_or(received.at, |told| told.at)),
        respond: facts.respond,
        resolve: facts.resolve,
        stars: facts.stars,
        terms: 0,
    })
}

fn own(
    source: &impl Source,
    (no, row): (DelegationNo, &DelegationRow),
    at: EntryRef,
    (made, event): (&ItemMade, &DelegationEventRow),
) -> Result<Option<Known>, Refusal> {
    let thread = source.source_rows().get(THREADS, &(row.ticket, at))?;
    let shared =
        thread.as_ref().and_then(|thread| thread.shared.iter().find(|shared| shared.delegation == no));
    let order = shared.map_or(made.order, |shared| shared.order);
    let length = |row: deskwire_store::row::StreamRow| (row.out_length, row.in_length);
    let stream = source.source_rows().get(STREAMS, &row.link)?.map(length);
    let (sent, cursor) = stream.ok_or_else(|| broken("a link without streams"))?;
    let (place, seen) = match numbered(source, row.link, order, sent)? {
        Some((seq, seen)) => (Place::Numbered(seq), seen),
        None if source.source_rows().get(WAITING, &(row.link, order))?.is_some() => {
            (Place::Waiting(order.0), cursor)
        }
        None => return Ok(None),
    };
    let facts = facts(made.kind.as_str(), &made.facts);
    Ok(Some(Known {
        item: made.item,
        author: event.by,
        place,
        seen,
        event: made.event.as_ref().map_or(Event::LinkClose, |event| event.0),
        refused: is_refused(event),
        effective: matches!(&event.effect, Effect::Fate { fate, .. } if fate.is_effective()),
        settled: true,
        time: made.at,
        committed: None,
        respond: facts.respond,
        resolve: facts.resolve,
        stars: facts.stars,
        terms: 0,
    }))
}

/// Number and `seen` of the item in this place. Items are numbered in their order, so it is found by halving.
fn numbered(
    source: &impl Source,
    link: LinkNo,
    order: deskwire_store::local::Order,
    length: u64,
) -> Result<Option<(u64, u64)>, Refusal> {
    let (mut low, mut high) = (1, length);
    while low <= high {
        let middle = low + (high - low) / 2;
        let row = source.source_rows().get(SENT, &(link, middle))?;
        let row = row.ok_or_else(|| broken("a message of an own stream has no row"))?;
        match row.order.cmp(&order) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle - 1,
            std::cmp::Ordering::Equal => {
                return match source.source_record(row.signed)? {
                    Record::Numbered { seen, .. } => Ok(Some((middle, seen))),
                    _ => Err(broken("a numbered message is another record")),
                };
            }
        }
    }
    Ok(None)
}

fn is_refused(event: &DelegationEventRow) -> bool {
    match &event.effect {
        Effect::Fate { fate, settled: _ } => *fate == deskwire_machine::delegation::Fate::Refused,
        Effect::Refused(_) | Effect::Dropped(_) | Effect::Parked(_) => true,
    }
}

/// What of facts concerns the clock.
#[derive(Default)]
struct Told {
    respond: Option<Timestamp>,
    resolve: Option<Timestamp>,
    stars: Option<Stars>,
}

fn facts(kind: &str, facts: &[u8]) -> Told {
    let Some(kind @ (Kind::Offer | Kind::Update | Kind::Rate)) = Kind::from_name(kind) else {
        return Told::default();
    };
    match Facts::decode(kind, facts) {
        Ok(Facts::Offer(facts)) => Told { respond: facts.respond, resolve: facts.resolve, stars: None },
        Ok(Facts::Update(facts)) => Told { respond: facts.respond, resolve: facts.resolve, stars: None },
        Ok(Facts::Rate(facts)) => Told { stars: Some(facts.stars), ..Told::default() },
        Ok(_) | Err(_) => Told::default(),
    }
}

/// Own updates get their versions one behind the other as they are numbered, whatever becomes of them.
fn number_updates(events: &mut [Known], ours: Role) {
    let mut version = 1;
    for known in events.iter_mut().filter(|known| known.author == ours) {
        if let Event::Update { version: own, binding: _ } = &mut known.event {
            version += 1;
            *own = version;
        }
    }
}

/// Messages that are no events of this delegation settle too, and do not write its rows: so the fold is asked.
fn mark_open(source: &impl Source, row: &DelegationRow, events: &mut [Known]) -> Result<(), Refusal> {
    let stream =
        source.source_rows().get(STREAMS, &row.link)?.ok_or_else(|| broken("a link without streams"))?;
    let mut case = row.case.clone();
    case.settle(stream.in_length);
    for known in events {
        known.settled =
            !case.open().iter().any(|open| open.author == known.author && open.place == known.place);
    }
    Ok(())
}

/// When the partner first committed our events, as far as its receipts tell.
fn own_commits(source: &impl Source, row: &DelegationRow, events: &mut [Known]) -> Result<(), Refusal> {
    let ours = row.case.role();
    let mut read: BTreeMap<u64, BTreeMap<u64, Timestamp>> = BTreeMap::new();
    for known in events.iter_mut().filter(|known| known.author == ours) {
        let Place::Numbered(seq) = known.place else { continue };
        let Some((upto, at)) = covering(source, row.link, seq)? else { continue };
        if let std::collections::btree_map::Entry::Vacant(e) = read.entry(upto) {
            e.insert(commit_times(source, at)?);
        }
        known.committed = read.get(&upto).and_then(|times| times.get(&seq)).copied();
    }
    Ok(())
}

/// The first receipt that covers our message.
fn covering(source: &impl Source, link: LinkNo, seq: u64) -> Result<Option<(u64, EntryRef)>, Refusal> {
    let mut found = None;
    let mut first = |(_, upto): (LinkNo, u64), at: EntryRef| {
        found = Some((upto, at));
        Ok(ControlFlow::Break(()))
    };
    source.source_rows().scan(RECEIPTS, &link, Some(&(link, seq)), Direction::Forward, &mut first)?;
    Ok(found)
}

fn commit_times(source: &impl Source, at: EntryRef) -> Result<BTreeMap<u64, Timestamp>, Refusal> {
    let Record::ReceiptTaken { receipt, .. } = source.source_record(at)? else {
        return Err(broken("a receipt that is another record"));
    };
    let receipt = read_receipt(&receipt).ok_or_else(|| broken("a receipt that was taken"))?;
    Ok(receipt.commit_times().collect())
}

/// The terms of a link, one after the other. proto-spec, section 6.4.
struct Agreements {
    first: EntryRef,
    later: Vec<(AgreedRow, EntryRef)>,
}

impl Agreements {
    fn load(source: &impl Source, link: LinkNo) -> Result<Self, Refusal> {
        let rows = source.source_rows();
        let row = rows.get(LINKS, &link)?.ok_or_else(|| broken("a row names a link that is not there"))?;
        let later = rows.list(VERSIONS, &link, usize::MAX)?;
        let later = later.into_iter().map(|(_, row)| (row.agreed, row.terms)).collect();
        Ok(Self { first: row.accord.first.unwrap_or(row.terms), later })
    }

    /// The place in `read` of the terms for a message: the newest that its author knew to be agreed.
    fn place(
        &self,
        source: &impl Source,
        known: &Known,
        ours: Role,
        read: &mut Vec<(EntryRef, Arc<Terms>)>,
    ) -> Result<usize, Refusal> {
        let own = known.author == ours;
        let knew = |agreed: &AgreedRow| match known.place {
            Place::Waiting(_) => true,
            Place::Numbered(seq) if agreed.ours == own => agreed.seq < seq,
            Place::Numbered(_) => agreed.seq <= known.seen,
        };
        let newest = self.later.iter().rev().find(|(agreed, _)| knew(agreed));
        let at = newest.map_or(self.first, |(_, at)| *at);
        if let Some(place) = read.iter().position(|(known, _)| *known == at) {
            return Ok(place);
        }
        read.push((at, Arc::new(terms(source, at)?)));
        Ok(read.len() - 1)
    }
}

/// The terms that a record holds: that of linking, or a proposal.
pub(crate) fn terms(source: &impl Source, at: EntryRef) -> Result<Terms, Refusal> {
    let signed = match source.source_record(at)? {
        Record::LinkOpened(opened) => return Ok(opened.terms),
        Record::Received(received) => received.signed,
        Record::Numbered { signed, .. } => signed,
        _ => return Err(broken("a link's terms are another record")),
    };
    proposed(&signed).ok_or_else(|| broken("terms that cannot be read"))
}
