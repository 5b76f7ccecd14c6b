//! Texts about cases that no ticket shows, and that are kept longer than the desk wants to: of offers that were refused
//! when they came, of what was said about these, of what came after a case was erased.

use std::ops::ControlFlow;

use deskwire_proto::envelope::read_head;
use deskwire_proto::message::Kind;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{LinkNo, TicketNumber};
use deskwire_store::record::Record;
use deskwire_store::row::LinkState;
use deskwire_store::table::{LINKS, Rows, TICKETS, UNSHOWN};
use deskwire_store::{Direction, EntryRef, Error, Result};

use super::HORIZON;
use super::retain::agreed_retention;
use crate::Reader;
use crate::command::privacy::{Standing, standing};
use crate::project::privacy::NO_TICKET;

/// Most rows that are looked at together.
const AT_ONCE: usize = 1_000;

/// Where such a text stands: the ticket that it is about, 0 for none, and its record.
pub type Unshown = (TicketNumber, EntryRef);

/// Some of these texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpiredTexts {
    /// The records that have been kept long enough.
    pub entries: Vec<EntryRef>,
    /// Behind which place to look next; nothing when all were looked at.
    pub after: Option<Unshown>,
}

/// Records with texts about cases that no ticket shows, of which nothing has come for so many milliseconds, at least
/// [`HORIZON`] and as long as was agreed with the partner, since they came or were said. Of a ticket only those that came
/// when it had been erased: the others go with it. Some of them at a time, behind `after`.
///
/// # Errors
/// Whatever the store says.
pub fn expired_texts(
    reader: &Reader,
    now: Timestamp,
    retention: u64,
    after: Option<Unshown>,
) -> Result<ExpiredTexts> {
    let (rows, mut found, mut looked) = (reader.rows(), ExpiredTexts::default(), Vec::new());
    rows.scan(UNSHOWN, &(), after.as_ref(), Direction::Forward, &mut |place, ()| {
        if Some(place) != after {
            looked.push(place);
        }
        Ok(if looked.len() < AT_ONCE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    found.after = looked.last().copied().filter(|_| looked.len() == AT_ONCE);
    let least = retention.max(HORIZON);
    let mut erased = None;
    for (ticket, at) in looked {
        if erased.is_none_or(|(of, _)| of != ticket) {
            erased = Some((ticket, is_erased(rows, ticket)?));
        }
        if erased.is_some_and(|(_, erased)| erased) && is_over(reader, at, (now, least))? {
            found.entries.push(at);
        }
    }
    Ok(found)
}

/// Whether texts about a ticket go one by one: there is none, or its own are gone.
fn is_erased(rows: &impl Rows, ticket: TicketNumber) -> Result<bool> {
    Ok(ticket == NO_TICKET || rows.get(TICKETS, &ticket)?.is_none_or(|row| row.erased.is_some()))
}

/// Whether a record has a text about a case that has been kept for so long.
fn is_over(reader: &Reader, at: EntryRef, (now, least): (Timestamp, u64)) -> Result<bool> {
    let entry = reader.entry(at)?;
    if entry.text.bytes().is_none() {
        return Ok(false);
    }
    let old = |no: LinkNo, since: Timestamp| -> Result<bool> {
        let rests = now.since(since);
        Ok(rests > least && rests > agreed_retention(reader, no)?)
    };
    match Record::read(&entry)? {
        Record::Received(message) => {
            let head = read_head(&message.signed);
            let head = head.map_err(|_| Error::BadRow("a stored message cannot be read".into()))?;
            Ok(head.delegation.is_some() && old(message.no, message.at)?)
        }
        Record::ItemMade(made) => {
            let about = Kind::from_name(made.kind.as_str()).is_some_and(Kind::needs_delegation);
            if !about || !old(made.no, made.at)? {
                return Ok(false);
            }
            let ended = reader.rows().get(LINKS, &made.no)?.is_none_or(|row| row.state == LinkState::Closed);
            Ok(match standing(reader.rows(), made.no, at, made.order)? {
                Standing::Never => true,
                // The partner may still get it.
                Standing::Waits(_) => ended,
                Standing::Numbered(acked) => acked || ended,
            })
        }
        Record::Dropped { no, at, .. } | Record::Parked { no, at, .. } => old(no, at),
        // What is said about a link as a whole belongs to no case.
        _ => Ok(false),
    }
}
