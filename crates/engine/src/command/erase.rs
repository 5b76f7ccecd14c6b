//! Erasure: what a person wrote goes from everywhere on this disk; signatures, chains and facts stay.
//!
//! [`Erase`] says what, and blanks the rows at once. The rest is done beside the desk's work, by
//! [`Custody::erase_ordered`](crate::custody::Custody::erase_ordered), and survives every crash, as the order is in the
//! journal; [`ErasureDone`] ends it. Until then the order stands in the table `ERASING`.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use deskwire_proto::time::Timestamp;
use deskwire_store::local::{FileNo, TicketNumber};
use deskwire_store::record::{KeepRecord, Record};
use deskwire_store::row::ThreadKind;
use deskwire_store::table::{
    DELEGATION_EVENTS, DELEGATIONS, ERASING, FILES, PARKED, Rows, SENT, STREAMS, THREADS, TICKET_DELEGATIONS,
    TICKETS, WAITING,
};
use deskwire_store::{Direction, EntryRef, Result};

use crate::{Command, Refusal, Step};

/// Most records that one order names.
pub const AT_ONCE: usize = 100_000;

/// What has to go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erase {
    /// The records whose texts go. Of a ticket made here the title goes with them.
    pub entries: Vec<EntryRef>,
    /// Tickets whose titles go from the lists.
    pub tickets: Vec<TicketNumber>,
    /// Files whose bytes go.
    pub files: Vec<FileNo>,
}

impl Erase {
    /// Whether there is nothing to erase.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.tickets.is_empty() && self.files.is_empty()
    }
}

impl Command for Erase {
    /// The order, under which it stands in `ERASING` until all is gone.
    type Reply = EntryRef;

    fn run(self, step: &mut Step<'_>) -> Result<EntryRef, Refusal> {
        erase(step, self)
    }
}

/// Orders an erasure within another command.
///
/// # Errors
/// When the store fails, or more than [`AT_ONCE`] records are named.
pub fn erase(step: &mut Step<'_>, what: Erase) -> Result<EntryRef, Refusal> {
    if what.entries.len() > AT_ONCE {
        return Err(Refusal::invalid("entries", format_args!("at most {AT_ONCE} records at once")));
    }
    let Erase { entries, tickets, files } = what;
    let erased = KeepRecord::Erased { entries, tickets, files, at: step.now };
    step.record(&Record::Keep(erased), None)
}

/// Everything that can be erased of a ticket, at this desk: what its people wrote and what came from partners. What has
/// not been acknowledged by a partner yet stays, as it still has to be sent; ask again when it has been.
///
/// # Errors
/// Whatever the rows say.
pub fn of_ticket(rows: &impl Rows, ticket: TicketNumber) -> Result<Erase> {
    let mut entries = BTreeSet::new();
    let mut files = BTreeSet::new();
    entries.extend(rows.get(TICKETS, &ticket)?.map(|row| row.body));
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
    let mut links = BTreeSet::new();
    for ((_, delegation), ()) in rows.list(TICKET_DELEGATIONS, &ticket, usize::MAX)? {
        let Some(row) = rows.get(DELEGATIONS, &delegation)? else { continue };
        links.insert(row.link);
        entries.insert(row.offer);
        for ((_, at), _) in rows.list(DELEGATION_EVENTS, &delegation, usize::MAX)? {
            entries.insert(at);
        }
    }
    for link in links {
        let acked = rows.get(STREAMS, &link)?.map_or(0, |row| row.acked);
        let mut unsent = BTreeSet::new();
        rows.scan(SENT, &link, None, Direction::Forward, &mut |(_, seq), row| {
            if seq > acked {
                unsent.insert(row.item);
            } else if row.thread.is_some_and(|(of, _)| of == ticket) {
                entries.insert(row.item);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        unsent.extend(rows.list(WAITING, &link, usize::MAX)?.into_iter().map(|(_, row)| row.entry));
        unsent.extend(rows.list(PARKED, &link, usize::MAX)?.into_iter().map(|(_, row)| row.item.entry));
        entries.retain(|at| !unsent.contains(at));
    }
    let (entries, files) = (entries.into_iter().collect(), files.into_iter().collect());
    Ok(Erase { entries, tickets: vec![ticket], files })
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
                let done = KeepRecord::ErasureDone { order, at: step.now };
                step.record(&Record::Keep(done), None)?;
            }
        }
        Ok(step.now)
    }
}
