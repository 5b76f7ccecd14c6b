//! Erasure: what a person wrote goes from everywhere on this disk; signatures, chains and facts stay.
//!
//! [`Erase`] says what, and blanks the rows at once. The rest is done beside the desk's work, by
//! [`Custody::erase_ordered`](crate::custody::Custody::erase_ordered), and survives every crash, as the order is in the
//! journal; [`ErasureDone`] ends it. Until then the order stands in the table `ERASING`.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use deskwire_proto::time::Timestamp;
use deskwire_store::local::{FileNo, LinkNo, TicketNumber};
use deskwire_store::record::{KeepRecord, Record};
use deskwire_store::row::{LinkState, ThreadKind};
use deskwire_store::table::{
    DELEGATION_EVENTS, DELEGATIONS, ERASING, FILES, LEFT_RECEIVED, LEFT_SENT, LINKS, PARKED, Rows, SENT,
    STREAMS, THREADS, TICKET_DELEGATIONS, TICKETS, UNSHOWN, WAITING,
};
use deskwire_store::{Direction, EntryRef, Result};

use crate::project::keep::titled_events;
use crate::{Command, Refusal, Step, paged};

/// Most records that one record of an order names.
const AT_ONCE: usize = 50_000;

/// What has to go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erase {
    /// The records whose texts go. Of a ticket made here the title goes with them.
    pub entries: Vec<EntryRef>,
    /// Tickets whose titles go from the lists.
    pub tickets: Vec<TicketNumber>,
    /// Files whose bytes go.
    pub files: Vec<FileNo>,
    /// Whether texts of the tickets are left, as they have still to reach a partner.
    pub left: bool,
    /// Tickets whose status loses its name, though their titles stay.
    pub statuses: Vec<TicketNumber>,
}

impl Erase {
    /// Whether there is nothing to erase.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
            && self.tickets.is_empty()
            && self.files.is_empty()
            && self.statuses.is_empty()
    }
}

impl Command for Erase {
    /// The orders, under which it stands in `ERASING` until all is gone.
    type Reply = Vec<EntryRef>;

    fn run(self, step: &mut Step<'_>) -> Result<Vec<EntryRef>, Refusal> {
        erase(step, self)
    }
}

/// Orders an erasure within another command: in as many records as it needs, titles and files with the last of them.
///
/// # Errors
/// When the store fails.
pub fn erase(step: &mut Step<'_>, what: Erase) -> Result<Vec<EntryRef>, Refusal> {
    if what.is_empty() {
        return Ok(Vec::new());
    }
    let Erase { entries, tickets, files, left, statuses } = what;
    let at = step.now;
    let hidden = entries.clone();
    step.once_kept(move |memory| memory.hide(hidden));
    let mut parts: Vec<_> = entries.chunks(AT_ONCE).map(<[EntryRef]>::to_vec).collect();
    let last = parts.pop().unwrap_or_default();
    let mut orders = Vec::new();
    for entries in parts {
        let (tickets, files, statuses) = Default::default();
        let part = KeepRecord::Erased { entries, tickets, files, at, left: false, statuses };
        orders.push(step.record(&Record::Keep(part), None)?);
    }
    let last = KeepRecord::Erased { entries: last, tickets, files, at, left, statuses };
    orders.push(step.record(&Record::Keep(last), None)?);
    Ok(orders)
}

/// Everything that can be erased of a ticket, at this desk: what its people wrote and what came from partners. What has
/// not been acknowledged by a partner yet stays, as it still has to be sent; ask again when it has been.
///
/// # Errors
/// Whatever the rows say.
pub fn of_ticket(rows: &impl Rows, ticket: TicketNumber) -> Result<Erase> {
    let mut entries = BTreeSet::new();
    let mut files = BTreeSet::new();
    if let Some(row) = rows.get(TICKETS, &ticket)? {
        entries.insert(row.body);
        entries.extend(titled_events(rows, ticket, &row.title)?.into_iter().map(|(_, at)| at));
    }
    rows.scan(THREADS, &ticket, None, Direction::Forward, &mut |(_, at), row| {
        entries.insert(at);
        if let ThreadKind::File(file) = row.kind {
            files.insert(file);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    for file in &files {
        entries.extend(rows.get(FILES, file)?.map(|row| row.entry));
    }
    entries.extend(hidden_of(rows, ticket)?);
    let mut links = BTreeSet::new();
    for ((_, delegation), ()) in rows.list(TICKET_DELEGATIONS, &ticket, usize::MAX)? {
        let Some(row) = rows.get(DELEGATIONS, &delegation)? else { continue };
        links.insert(row.link);
        entries.insert(row.offer);
        for ((_, at), _) in rows.list(DELEGATION_EVENTS, &delegation, usize::MAX)? {
            entries.insert(at);
        }
    }
    let mut left = false;
    for link in links {
        let unsent = unsent(rows, link, ticket, &mut entries)?;
        let before = entries.len();
        entries.retain(|at| !unsent.contains(at));
        left |= entries.len() < before;
    }
    let (entries, files) = (entries.into_iter().collect(), files.into_iter().collect());
    Ok(Erase { entries, tickets: vec![ticket], files, left, statuses: Vec::new() })
}

/// Records with texts of a ticket that it does not show: without effect, or of a branch that was left.
///
/// # Errors
/// Whatever the rows say.
pub(crate) fn hidden_of(rows: &impl Rows, ticket: TicketNumber) -> Result<BTreeSet<EntryRef>> {
    let mut found: BTreeSet<EntryRef> =
        rows.list(UNSHOWN, &ticket, usize::MAX)?.into_iter().map(|((_, at), ())| at).collect();
    for ((_, delegation), ()) in rows.list(TICKET_DELEGATIONS, &ticket, usize::MAX)? {
        let Some(link) = rows.get(DELEGATIONS, &delegation)?.map(|row| row.link) else { continue };
        let ours = rows.list(LEFT_SENT, &link, usize::MAX)?.into_iter();
        found.extend(
            ours.filter(|(_, row)| row.thread.is_some_and(|(of, _)| of == ticket)).map(|(_, row)| row.item),
        );
        let theirs = rows.list(LEFT_RECEIVED, &link, usize::MAX)?.into_iter();
        found.extend(theirs.filter(|(_, row)| row.about == Some(delegation)).map(|(_, row)| row.entry));
    }
    Ok(found)
}

/// The items of a link that a partner may still get; those of the ticket are added to the others, wherever they are. Nothing
/// reaches a partner any more whose link has ended.
fn unsent(
    rows: &impl Rows,
    link: LinkNo,
    ticket: TicketNumber,
    entries: &mut BTreeSet<EntryRef>,
) -> Result<BTreeSet<EntryRef>> {
    let ended = rows.get(LINKS, &link)?.is_none_or(|row| row.state == LinkState::Closed);
    let acked = rows.get(STREAMS, &link)?.map_or(0, |row| row.acked);
    let mut unsent = BTreeSet::new();
    let mut found = |at: EntryRef, thread: Option<(TicketNumber, EntryRef)>, on_its_way: bool| {
        if thread.is_some_and(|(of, _)| of == ticket) {
            entries.insert(at);
        }
        if on_its_way && !ended {
            unsent.insert(at);
        }
        Ok(ControlFlow::Continue(()))
    };
    paged::visit(rows, SENT, &link, None, &mut |(_, seq), row| found(row.item, row.thread, seq > acked))?;
    paged::visit(rows, WAITING, &link, None, &mut |_, row| found(row.entry, row.thread, true))?;
    paged::visit(rows, PARKED, &link, None, &mut |_, row| found(row.item.entry, row.item.thread, true))?;
    Ok(unsent)
}

/// Ends the segment of the journal that is being written, so that it can be rewritten. It may take two.
#[derive(Debug, Clone, Copy)]
pub struct EndSegment;

impl Command for EndSegment {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        step.stage.begin_segment();
        let at = step.now;
        step.record(&Record::Keep(KeepRecord::SegmentEnded { at }), None).map(drop)
    }
}

/// What these orders name is gone from everywhere.
#[derive(Debug, Clone)]
pub struct ErasureDone(pub Vec<EntryRef>);

impl Command for ErasureDone {
    type Reply = Timestamp;

    fn run(self, step: &mut Step<'_>) -> Result<Timestamp, Refusal> {
        for order in self.0 {
            if step.rows().get(ERASING, &order)?.is_some() {
                if let Record::Keep(KeepRecord::Erased { entries, .. }) = step.read(order)? {
                    step.once_kept(move |memory| memory.hide_no_more(&entries));
                }
                let done = KeepRecord::ErasureDone { order, at: step.now };
                step.record(&Record::Keep(done), None)?;
            }
        }
        Ok(step.now)
    }
}
