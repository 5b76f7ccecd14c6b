//! Gives back what the desk does not need any more: rewrites closed segments of the journal, and finds cases whose texts
//! are kept longer than the desk wants to.

use std::ops::ControlFlow;
use std::sync::Arc;

use deskwire_machine::delegation::State;
use deskwire_proto::time::Timestamp;
use deskwire_store::journal::Verdict;
use deskwire_store::local::{DelegationNo, LinkNo, TicketNumber};
use deskwire_store::record::Record;
use deskwire_store::row::{DelegationRow, Effect, Erased, LinkState};
use deskwire_store::table::{
    Committed, DELEGATION_EVENTS, DELEGATIONS, HANDLED, LINKS, PARKED_OF, Rows, THREADS, TICKET_DELEGATIONS,
    TICKETS,
};
use deskwire_store::{Direction, EntryRef, Error, JournalReader, Replayed, Result, SegmentInfo};

use super::digest::Digest;
use super::{Custody, Pace};
use crate::Reader;
use crate::command::erase::of_ticket;

/// How long acknowledged messages are kept for partners that restore an old backup, milliseconds: 400 days. proto-spec,
/// section 12.3.
pub const HORIZON: u64 = 400 * 24 * 60 * 60 * 1_000;

/// Most tickets that are named at once.
const AT_ONCE: usize = 200;

/// What was given back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GivenBack {
    /// Segments that were looked at.
    pub looked: u64,
    /// Segments that were rewritten.
    pub segments: u64,
    /// Bytes that their files got smaller.
    pub bytes: u64,
    /// Records that were dropped.
    pub records: u64,
}

impl Custody {
    /// Rewrites those closed segments that are asked for without what is not needed any more, as far as that is worth it.
    /// With less than `floor` bytes left beside the new file, none.
    ///
    /// # Errors
    /// Damage of the journal, and whatever else the disk says. What was rewritten before stays so.
    pub fn give_back(
        &self,
        which: &mut dyn FnMut(&SegmentInfo) -> bool,
        floor: u64,
        pace: Pace<'_>,
    ) -> Result<GivenBack> {
        let mut done = GivenBack::default();
        let rows = Committed(Arc::clone(&self.view));
        for segment in self.archive.segments().into_iter().filter(|segment| segment.closed) {
            if !which(&segment) {
                continue;
            }
            if self.keeper.free_bytes()? < floor.saturating_add(segment.stored) {
                return Err(Error::Full {
                    doing: format!("rewrite segment {} of the journal", segment.number),
                });
            }
            // Whatever is superseded as the rows stand now is so for ever.
            let judged = self.journal.tail().group;
            let mut digest = Digest::new(&rows, self.swept_before(&segment)?);
            if !self.read_segment(&segment, &mut digest, pace)? {
                return Ok(done);
            }
            let verdicts = digest.finish();
            let mut judge = |at, _: &_| Ok(verdicts.get(&at).cloned().unwrap_or(Verdict::Keep));
            done.looked += 1;
            if let Some(rewritten) = self.archive.rewrite(segment.number, judged, &mut judge, &mut *pace)? {
                done.segments += 1;
                done.bytes += rewritten.before.saturating_sub(rewritten.after);
                done.records += rewritten.dropped;
            }
            if pace(0).is_break() {
                break;
            }
        }
        Ok(done)
    }

    /// Whether all segments before one were rewritten after it had been closed: what its records take off the rows is not
    /// in them any more, and in no snapshot that is older.
    fn swept_before(&self, of: &SegmentInfo) -> Result<bool> {
        let segments = self.archive.segments();
        let Some(next) = segments.iter().find(|segment| segment.number > of.number) else { return Ok(false) };
        let mut earlier = segments.iter().filter(|segment| segment.number < of.number);
        let judged = earlier.all(|segment| segment.judged.is_some_and(|judged| judged >= next.start.group));
        Ok(judged && self.snapshots.groups()?.into_iter().all(|group| group >= next.start.group))
    }

    /// Shows a segment's records to the digest. `false` when the pace ended it.
    fn read_segment(&self, segment: &SegmentInfo, digest: &mut Digest<'_>, pace: Pace<'_>) -> Result<bool> {
        let (mut whole, mut failure, mut told) = (true, None, segment.start.offset);
        self.journal.replay(Some(segment.start), &mut |replayed| {
            let step = match replayed {
                Replayed::Entry(at, _) if at.segment != segment.number => return ControlFlow::Break(()),
                Replayed::Entry(at, entry) => Record::read(&entry).and_then(|record| digest.look(at, record)),
                Replayed::GroupEnd(end) => {
                    whole = pace(end.offset.saturating_sub(told)).is_continue();
                    told = end.offset;
                    if !whole {
                        return ControlFlow::Break(());
                    }
                    Ok(())
                }
            };
            match step {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        failure.map_or(Ok(whole), Err)
    }

    /// Tickets whose delegations all came to their end, or were never accepted, and on which nothing happened since so many
    /// milliseconds, at least [`HORIZON`] and as long as was agreed with each partner who works on it, which `agreed` tells:
    /// what was written on them has been kept long enough. Some of them at a time, behind `after`, and none of which nothing is left.
    ///
    /// # Errors
    /// Whatever the view says.
    pub fn expired(
        &self,
        now: Timestamp,
        retention: u64,
        agreed: &dyn Fn(LinkNo) -> Result<u64>,
        after: Option<TicketNumber>,
    ) -> Result<Vec<TicketNumber>> {
        let rows = Committed(Arc::clone(&self.view));
        let least = retention.max(HORIZON);
        let mut found = Vec::new();
        rows.scan(TICKETS, &(), after.as_ref(), Direction::Forward, &mut |ticket, row| {
            let rests = Rests { rows: &rows, journal: self.journal.as_ref(), now, least };
            let candidate = Some(ticket) != after
                && rests.old(row.created, least)
                && rests.old(row.changed, least)
                && rests.is_over(ticket, agreed)?
                && (row.erased.map_or(Ok(true), |erased| rests.has_more(ticket, erased)))?;
            if candidate {
                found.push(ticket);
            }
            Ok(if found.len() < AT_ONCE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(found)
    }
}

/// For how long this desk has agreed with a partner to keep texts, milliseconds. proto-spec, section 3.2.
///
/// # Errors
/// Whatever the store says.
pub fn agreed_retention(reader: &Reader, no: LinkNo) -> Result<u64> {
    let days = reader.partner(no)?.and_then(|partner| partner.terms.retention);
    Ok(days.unwrap_or(0).saturating_mul(24 * 60 * 60 * 1_000))
}

/// How long tickets rest.
struct Rests<'a> {
    rows: &'a Committed,
    journal: &'a dyn JournalReader,
    now: Timestamp,
    least: u64,
}

impl Rests<'_> {
    fn old(&self, at: Timestamp, kept: u64) -> bool {
        self.now.since(at) > kept
    }

    /// Whether a ticket was handed over, came back from everywhere, and rests for as long as was agreed.
    fn is_over(&self, ticket: TicketNumber, agreed: &dyn Fn(LinkNo) -> Result<u64>) -> Result<bool> {
        let delegations = self.rows.list(TICKET_DELEGATIONS, &ticket, usize::MAX)?;
        let (mut kept, mut ended) = (self.least, Vec::new());
        for ((_, delegation), ()) in &delegations {
            let Some(row) = self.rows.get(DELEGATIONS, delegation)? else { return Ok(false) };
            let Some(at) = self.ended(*delegation, &row)? else { return Ok(false) };
            kept = kept.max(agreed(row.link)?);
            ended.push(at);
        }
        let rests =
            self.rows.list(THREADS, &ticket, usize::MAX)?.iter().all(|(_, row)| self.old(row.at, kept));
        Ok(rests && !ended.is_empty() && ended.into_iter().all(|at| self.old(at, kept)))
    }

    /// When a delegation came to its end, or its offer was refused or dropped before anybody accepted it, or its link
    /// ended: nothing more comes of it. Nothing while it is not over.
    fn ended(&self, delegation: DelegationNo, row: &DelegationRow) -> Result<Option<Timestamp>> {
        let state = row.case.settled().state;
        // An offer that waits or is on its way is an open event; one that is parked may still be sent.
        let never = state == State::Unoffered
            && row.case.open().is_empty()
            && self.rows.list(PARKED_OF, &delegation, 1)?.is_empty();
        let gone = self.rows.get(LINKS, &row.link)?.is_none_or(|link| link.state == LinkState::Closed);
        if !state.is_terminal() && !never && !gone {
            return Ok(None);
        }
        let mut last = row.created;
        for ((_, at), event) in self.rows.list(DELEGATION_EVENTS, &delegation, usize::MAX)? {
            // What was refused ended when the partner said so.
            last = last.max(event.stored).max(event.committed.unwrap_or(event.stored));
            if matches!(event.effect, Effect::Dropped(_)) {
                last = last.max(self.dropped(row, at)?.unwrap_or(last));
            }
        }
        Ok(Some(last))
    }

    /// When an event of ours was dropped; nothing where that is not known any more.
    fn dropped(&self, row: &DelegationRow, at: EntryRef) -> Result<Option<Timestamp>> {
        let shown = self.rows.get(THREADS, &(row.ticket, at))?;
        let Some(order) = shown.and_then(|shown| shown.shared.first().map(|shared| shared.order)) else {
            return Ok(None);
        };
        let Some(record) = self.rows.get(HANDLED, &(row.link, order))? else { return Ok(None) };
        Ok(match Record::read(&self.journal.read(record)?)? {
            Record::Dropped { at, .. } => Some(at),
            _ => None,
        })
    }

    /// Whether a ticket that was erased once has texts since, or had some that were left and can go now.
    fn has_more(&self, ticket: TicketNumber, erased: Erased) -> Result<bool> {
        if erased.left {
            for at in of_ticket(self.rows, ticket)?.entries {
                if self.journal.read(at)?.text.bytes().is_some() {
                    return Ok(true);
                }
            }
        }
        for ((_, delegation), ()) in self.rows.list(TICKET_DELEGATIONS, &ticket, usize::MAX)? {
            let events = self.rows.list(DELEGATION_EVENTS, &delegation, usize::MAX)?;
            if events.iter().any(|(_, event)| event.stored > erased.at) {
                return Ok(true);
            }
        }
        Ok(self.rows.list(THREADS, &ticket, usize::MAX)?.iter().any(|(_, row)| row.at > erased.at))
    }
}
