//! What belongs to a case, to a person, or to items that a partner names: every record with such a text, and every item
//! that took it anywhere. All of it is read beside the writer.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use deskwire_machine::delegation::{EventKind, Role};
use deskwire_proto::envelope::read_head;
use deskwire_proto::id::{DelegationId, ItemId};
use deskwire_proto::message::Kind;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{LinkNo, TicketNumber};
use deskwire_store::record::{ItemMade, Record, ThreadRecord};
use deskwire_store::row::{LinkState, ThreadKind};
use deskwire_store::table::{
    DELEGATION_EVENTS, DELEGATION_IDS, DELEGATIONS, FILES, LEFT_RECEIVED, LEFT_SENT, LINKS, PARKED, PASSED,
    RECEIVED, RECOVERED_ITEMS, REVISIONS, Rows, SENT, THREADS, TICKET_DELEGATIONS, TICKETS, UNSHOWN, WAITING,
};
use deskwire_store::{Direction, EntryRef, Text};

use super::{Found, Person, Shown};
use crate::command::erase::{hidden_of, of_ticket};
use crate::command::privacy::{Standing, item_at, standing, ticket_of};
use crate::project::privacy::NO_TICKET;
use crate::{Fault, Reader, Refusal};

/// Most records that one erasure takes.
const MOST: usize = 1_000_000;

/// After so many records of a look somebody is asked whether to leave off.
const STOP: u64 = 1_000;

/// Everything of a ticket, here and wherever it went.
///
/// # Errors
/// When the ticket does not exist, or it is too much for one erasure.
pub fn find_case(reader: &Reader, ticket: TicketNumber) -> Result<Found, Refusal> {
    let mut search = Search::new(reader);
    search.case(ticket)?;
    search.ended()
}

/// Everything in which a person is written: on these tickets, or on all of them when none is named.
///
/// # Errors
/// When it is too much for one erasure.
pub fn find_person(reader: &Reader, person: &Person, tickets: &[TicketNumber]) -> Result<Found, Refusal> {
    let mut tickets = tickets.to_vec();
    let mut records = BTreeSet::new();
    if tickets.is_empty() {
        records = hidden_of(reader.rows(), NO_TICKET)?;
        reader.rows().scan(TICKETS, &(), None, Direction::Forward, &mut |ticket, _| {
            tickets.push(ticket);
            Ok(ControlFlow::Continue(()))
        })?;
    }
    let mut search = Search::new(reader);
    for at in records {
        search.visit_if(person, at)?;
    }
    for ticket in tickets {
        for at in candidates(reader, ticket)? {
            search.visit_if(person, at)?;
        }
    }
    search.ended()
}

/// What a partner names, by the records here that its items are, and the delegations of which everything goes; nothing for
/// what is not known.
pub(super) fn find_items(
    reader: &Reader,
    no: LinkNo,
    here: impl Iterator<Item = EntryRef>,
    cases: &BTreeSet<DelegationId>,
) -> Result<Found, Refusal> {
    let mut search = Search::new(reader);
    for at in here {
        search.visit(at)?;
    }
    for id in cases {
        let known = reader.rows().get(DELEGATION_IDS, &(no, *id))?;
        let row = known.map(|known| reader.rows().get(DELEGATIONS, &known)).transpose()?.flatten();
        // Whoever works for the partner erases what it did for it; nobody else is told what becomes of a case.
        if let Some(row) = row.filter(|row| row.case.role() == Role::Contractor) {
            search.case(row.ticket)?;
        }
    }
    search.ended()
}

/// Every record of a ticket that can have a text.
fn candidates(reader: &Reader, ticket: TicketNumber) -> Result<BTreeSet<EntryRef>, Refusal> {
    let rows = reader.rows();
    let mut found = BTreeSet::new();
    found.extend(rows.get(TICKETS, &ticket)?.map(|row| row.body));
    for ((_, at), row) in rows.list(THREADS, &ticket, usize::MAX)? {
        found.insert(at);
        for shared in &row.shared {
            found.extend(item_at(rows, shared.link, shared.order)?);
        }
    }
    for ((_, delegation), ()) in rows.list(TICKET_DELEGATIONS, &ticket, usize::MAX)? {
        found.extend(rows.get(DELEGATIONS, &delegation)?.map(|row| row.offer));
        found.extend(
            rows.list(DELEGATION_EVENTS, &delegation, usize::MAX)?.into_iter().map(|((_, at), _)| at),
        );
    }
    found.extend(hidden_of(rows, ticket)?);
    Ok(found)
}

/// The records of items of either stream of a link; nothing when `stop` ended the look.
pub(super) fn records_of(
    reader: &Reader,
    no: LinkNo,
    items: BTreeSet<ItemId>,
    stop: &mut dyn FnMut() -> bool,
) -> Result<Option<BTreeMap<ItemId, EntryRef>>, Refusal> {
    let (rows, mut found, mut left) = (reader.rows(), BTreeMap::new(), items);
    let waiting = rows.list(WAITING, &no, usize::MAX)?.into_iter().map(|(_, row)| row);
    let parked = rows.list(PARKED, &no, usize::MAX)?.into_iter().map(|(_, row)| row.item);
    for row in waiting.chain(parked).filter(|row| left.remove(&row.item)) {
        found.insert(row.item, row.entry);
    }
    let (mut failure, mut stopped, mut looked) = (None, false, 0u64);
    let mut look = |at: EntryRef| {
        looked += 1;
        stopped = stopped || looked.is_multiple_of(STOP) && stop();
        let item = match reader.record(at) {
            Ok(record) => item_of(&record),
            Err(error) => {
                failure = Some(error);
                return ControlFlow::Break(());
            }
        };
        if let Some(item) = item.filter(|item| left.remove(item)) {
            found.insert(item, at);
        }
        if left.is_empty() || stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    // The newest first: what is erased is mostly not old.
    rows.scan(RECEIVED, &no, None, Direction::Backward, &mut |_, row| Ok(look(row.entry)))?;
    rows.scan(SENT, &no, None, Direction::Backward, &mut |_, row| Ok(look(row.item)))?;
    rows.scan(LEFT_RECEIVED, &no, None, Direction::Backward, &mut |_, row| Ok(look(row.entry)))?;
    rows.scan(LEFT_SENT, &no, None, Direction::Backward, &mut |_, row| Ok(look(row.item)))?;
    match failure {
        Some(error) => Err(error.into()),
        None => Ok((!stopped).then_some(found)),
    }
}

/// The item that a record is.
fn item_of(record: &Record) -> Option<ItemId> {
    match record {
        Record::ItemMade(made) => Some(made.item),
        Record::Received(message) => read_head(&message.signed).ok().map(|head| head.item),
        _ => None,
    }
}

/// Where records stand that are one item with another record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Beside {
    /// What the ticket does not show.
    Ticket(TicketNumber),
    /// What the link has left.
    Link(LinkNo),
}

struct Search<'a> {
    reader: &'a Reader,
    found: Found,
    seen: BTreeSet<EntryRef>,
    fields: BTreeSet<TicketNumber>,
    touched: BTreeSet<TicketNumber>,
    todo: Vec<EntryRef>,
    beside: BTreeMap<Beside, BTreeMap<ItemId, Vec<EntryRef>>>,
}

impl<'a> Search<'a> {
    fn new(reader: &'a Reader) -> Self {
        let (found, seen, fields, touched) = Default::default();
        Self { reader, found, seen, fields, touched, todo: Vec::new(), beside: BTreeMap::new() }
    }

    /// Takes everything of a ticket in, and what contractors made of it.
    fn case(&mut self, ticket: TicketNumber) -> Result<(), Refusal> {
        self.fields_of(ticket)?;
        for at in of_ticket(self.reader.rows(), ticket)?.entries {
            self.visit(at)?;
        }
        for at in candidates(self.reader, ticket)? {
            self.visit(at)?;
        }
        let rows = self.reader.rows();
        for ((_, delegation), ()) in rows.list(TICKET_DELEGATIONS, &ticket, usize::MAX)? {
            let row = rows.get(DELEGATIONS, &delegation)?;
            if let Some(row) = row.filter(|row| row.case.role() == Role::Principal) {
                self.found.cases.entry(row.link).or_default().insert(row.id);
            }
        }
        Ok(())
    }

    /// Takes a record in if the person is written in it.
    fn visit_if(&mut self, person: &Person, at: EntryRef) -> Result<(), Refusal> {
        let entry = self.reader.entry(at)?;
        if person.is_in(&entry, &Record::read(&entry)?) { self.visit(at) } else { Ok(()) }
    }

    /// Takes a record in, with all that carries the same text.
    fn visit(&mut self, at: EntryRef) -> Result<(), Refusal> {
        self.todo.push(at);
        while let Some(at) = self.todo.pop() {
            if !self.seen.insert(at) {
                continue;
            }
            if self.seen.len() > MOST {
                return Err(too_much());
            }
            self.one(at)?;
        }
        Ok(())
    }

    fn one(&mut self, at: EntryRef) -> Result<(), Refusal> {
        let entry = self.reader.entry(at)?;
        let (none, kept) = (entry.text == Text::None, entry.text.bytes().is_some());
        match Record::read(&entry)? {
            Record::Received(message) => {
                let head = read_head(&message.signed)?;
                let kind = Kind::from_name(head.kind.as_str());
                if !none {
                    self.item(message.no, head.item);
                    let shown = (message.local.ticket, head.kind.as_str(), Some(message.no), message.at);
                    self.text(at, kept, shown);
                }
                self.found.files.extend(message.local.file);
                self.copies((message.no, message.local.ticket), head.item)?;
                if let Some(ticket) = message.local.ticket {
                    self.fields_with(kind, ticket)?;
                    self.thread(ticket, at)?;
                }
            }
            Record::ItemMade(made) => self.own(at, &made, (none, kept))?,
            Record::CommentMade { ticket, at: when, .. } => {
                self.local((ticket, at), kept, "comment", when)?
            }
            Record::Thread(
                ThreadRecord::Edited { ticket, at: when, .. }
                | ThreadRecord::Retracted { ticket, at: when, .. }
                | ThreadRecord::Opened { ticket, at: when, .. },
            ) => self.local((ticket, at), kept, "comment", when)?,
            Record::FileMade(made) => {
                self.found.files.insert(made.file);
                self.local((made.ticket, at), kept, "file", made.at)?;
            }
            Record::TicketStatus { ticket, at: when, label, .. } => {
                let row = self.reader.rows().get(TICKETS, &ticket)?;
                if label.is_some() && row.is_some_and(|row| row.status_label == label) {
                    self.found.statuses.insert(ticket);
                }
                self.local((ticket, at), kept || label.is_some(), "status", when)?
            }
            Record::TicketMade(made) => {
                // Its title is no text of the record, and goes with the ticket.
                let kept = kept || made.title.as_str() != "-";
                self.text(at, kept, (Some(made.ticket), "ticket", None, made.at));
                self.fields_of(made.ticket)?;
            }
            // Who did something to an item that waited.
            Record::Dropped { no, at: when, .. } | Record::Parked { no, at: when, .. } => {
                self.text(at, kept, (None, "queue", Some(no), when));
            }
            _ => {
                if kept {
                    self.found.entries.insert(at);
                }
            }
        }
        Ok(())
    }

    /// An item of this desk.
    fn own(&mut self, at: EntryRef, made: &ItemMade, (none, kept): (bool, bool)) -> Result<(), Refusal> {
        let rows = self.reader.rows();
        let row = made.delegation.map(|(no, _)| rows.get(DELEGATIONS, &no)).transpose()?.flatten();
        let told = row.map(|row| row.ticket).or(made.thread.map(|(ticket, _)| ticket));
        let ticket = match told {
            Some(ticket) => Some(ticket),
            None => ticket_of(rows, made.no, at, made.order)?,
        };
        if !none {
            let shown = (ticket, made.kind.as_str(), Some(made.no), made.at);
            match standing(self.reader.rows(), made.no, at, made.order)? {
                Standing::Never => self.text(at, kept, shown),
                Standing::Waits(_) | Standing::Numbered(false) if !self.is_closed(made.no)? => {
                    self.found.unsent.insert(at);
                    self.show(shown);
                }
                Standing::Waits(_) => self.text(at, kept, shown),
                Standing::Numbered(_) => {
                    self.item(made.no, made.item);
                    self.text(at, kept, shown);
                }
            }
        }
        self.found.files.extend(made.file.map(|(file, _)| file));
        self.copies((made.no, ticket), made.item)?;
        if let Some(ticket) = ticket {
            self.fields_with(Kind::from_name(made.kind.as_str()), ticket)?;
            self.thread(ticket, made.thread.map_or(at, |(_, of)| of))?;
        }
        Ok(())
    }

    /// The same item may stand in several records: it came back after a restore, or stands on both branches of a fork.
    fn copies(&mut self, (no, ticket): (LinkNo, Option<TicketNumber>), item: ItemId) -> Result<(), Refusal> {
        let rows = self.reader.rows();
        if let Some(seq) = rows.get(RECOVERED_ITEMS, &(no, item))? {
            self.todo.extend(rows.get(SENT, &(no, seq))?.map(|row| row.item));
        }
        for place in [Beside::Ticket(ticket.unwrap_or(NO_TICKET)), Beside::Link(no)] {
            if !self.beside.contains_key(&place) {
                let records = beside(self.reader, place)?;
                self.beside.insert(place, records);
            }
            let copies = self.beside.get(&place).and_then(|records| records.get(&item));
            self.todo.extend(copies.into_iter().flatten());
        }
        Ok(())
    }

    fn item(&mut self, no: LinkNo, item: ItemId) {
        self.found.items.entry(no).or_default().insert(item);
    }

    fn text(
        &mut self,
        at: EntryRef,
        kept: bool,
        shown: (Option<TicketNumber>, &str, Option<LinkNo>, Timestamp),
    ) {
        if kept {
            self.found.entries.insert(at);
            self.show(shown);
        }
    }

    fn show(&mut self, (ticket, kind, link, at): (Option<TicketNumber>, &str, Option<LinkNo>, Timestamp)) {
        self.touched.extend(ticket);
        self.found.shown.push(Shown { ticket, kind: kind.to_owned(), link, at });
    }

    fn local(
        &mut self,
        (ticket, at): (TicketNumber, EntryRef),
        kept: bool,
        kind: &str,
        when: Timestamp,
    ) -> Result<(), Refusal> {
        self.text(at, kept, (Some(ticket), kind, None, when));
        self.thread(ticket, at)
    }

    /// What carries the contribution that stands here: items to partners, edits, the first version, the file.
    fn thread(&mut self, ticket: TicketNumber, at: EntryRef) -> Result<(), Refusal> {
        let rows = self.reader.rows();
        let passed = rows.list(PASSED, &(ticket, at), usize::MAX)?;
        self.todo.extend(passed.into_iter().map(|((_, (_, other)), ())| other));
        let Some(row) = rows.get(THREADS, &(ticket, at))? else { return Ok(()) };
        self.todo.push(at);
        match row.kind {
            ThreadKind::Revised(revised) => self.todo.push(revised.of),
            ThreadKind::File(file) => {
                self.found.files.insert(file);
                self.todo.extend(rows.get(FILES, &file)?.map(|row| row.entry));
            }
            ThreadKind::Comment
            | ThreadKind::Event(_)
            | ThreadKind::Status
            | ThreadKind::Work(_)
            | ThreadKind::Due(_) => {}
        }
        for shared in &row.shared {
            self.todo.extend(item_at(rows, shared.link, shared.order)?);
        }
        let revisions = rows.list(REVISIONS, &(ticket, at), usize::MAX)?;
        self.todo.extend(revisions.into_iter().map(|((_, (_, revision)), ())| revision));
        Ok(())
    }

    /// Offers and updates say what the fields of a ticket say.
    fn fields_with(&mut self, kind: Option<Kind>, ticket: TicketNumber) -> Result<(), Refusal> {
        match kind {
            Some(Kind::Offer | Kind::Update) => self.fields_of(ticket),
            Some(_) | None => Ok(()),
        }
    }

    /// The fields of a ticket, and every offer and update that told them.
    fn fields_of(&mut self, ticket: TicketNumber) -> Result<(), Refusal> {
        if !self.fields.insert(ticket) {
            return Ok(());
        }
        let rows = self.reader.rows();
        let row = rows.get(TICKETS, &ticket)?;
        let row = row.ok_or_else(|| Refusal::unknown("ticket", ticket, "deskwire ticket list"))?;
        self.touched.insert(ticket);
        self.found.tickets.insert(ticket);
        self.todo.push(row.body);
        for ((_, delegation), ()) in rows.list(TICKET_DELEGATIONS, &ticket, usize::MAX)? {
            self.todo.extend(rows.get(DELEGATIONS, &delegation)?.map(|row| row.offer));
            for ((_, at), event) in rows.list(DELEGATION_EVENTS, &delegation, usize::MAX)? {
                if matches!(event.kind, EventKind::Offer | EventKind::Update) {
                    self.todo.push(at);
                }
            }
        }
        Ok(())
    }

    /// Whether nothing leaves any more over a link.
    fn is_closed(&self, no: LinkNo) -> Result<bool, Refusal> {
        Ok(self.reader.rows().get(LINKS, &no)?.is_none_or(|row| row.state == LinkState::Closed))
    }

    fn ended(mut self) -> Result<Found, Refusal> {
        while let Some(at) = self.todo.pop() {
            self.visit(at)?;
        }
        let rows = self.reader.rows();
        for ticket in &self.touched {
            for ((_, delegation), ()) in rows.list(TICKET_DELEGATIONS, ticket, usize::MAX)? {
                let row = rows.get(DELEGATIONS, &delegation)?;
                if row.is_some_and(|row| !row.case.settled().state.is_terminal()) {
                    self.found.open.insert(*ticket);
                }
            }
        }
        self.found.shown.sort_by_key(|shown| (shown.ticket, shown.at));
        Ok(self.found)
    }
}

/// The records in such a place, by their items.
fn beside(reader: &Reader, place: Beside) -> Result<BTreeMap<ItemId, Vec<EntryRef>>, Refusal> {
    let rows = reader.rows();
    let entries: Vec<EntryRef> = match place {
        Beside::Ticket(ticket) => {
            rows.list(UNSHOWN, &ticket, usize::MAX)?.into_iter().map(|((_, at), ())| at).collect()
        }
        Beside::Link(no) => {
            let theirs = rows.list(LEFT_RECEIVED, &no, usize::MAX)?.into_iter().map(|(_, row)| row.entry);
            let ours = rows.list(LEFT_SENT, &no, usize::MAX)?.into_iter().map(|(_, row)| row.item);
            theirs.chain(ours).collect()
        }
    };
    let mut found: BTreeMap<ItemId, Vec<EntryRef>> = BTreeMap::new();
    for at in entries {
        if let Some(item) = item_of(&reader.record(at)?) {
            found.entry(item).or_default().push(at);
        }
    }
    Ok(found)
}

fn too_much() -> Refusal {
    Refusal::new(
        Fault::TooLarge,
        "too-much-to-erase",
        format!("More than {MOST} texts belong to this."),
        "Erase it in parts: name the tickets.",
    )
}
