//! Reads committed entries, one by one or all in order.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::entry::{Entry, EntryRef, Position};
use super::format::{ENTRY_HEADER, EntryHeader, EntrySlices, Place, SECTOR};
use super::scan::{Bad, Found, Scan, Window};
use super::segments::{self, Extent, Log, file_name};
use crate::disk::read_fully;
use crate::{Damage, DiskFile, Error, JournalReader, Replayed, Result};

/// How much of an entry is read at once before its length is known, bytes.
const FIRST_READ: u64 = 4096;

/// The reading end of a journal.
pub(crate) struct LogReader {
    log: Arc<Log>,
}

type Visit<'a> = &'a mut dyn FnMut(Replayed) -> ControlFlow<()>;

impl LogReader {
    pub(crate) fn new(log: Arc<Log>) -> Self {
        Self { log }
    }

    /// Whether groups follow a position that the caller has from elsewhere, and where they begin.
    fn resolve(&self, after: Position) -> Result<Option<Position>> {
        let (start, tail) = (self.log.start(), self.log.tail());
        if after == tail {
            return Ok(None);
        }
        if after == start {
            return Ok(Some(start));
        }
        let unknown = |reason: &str| Error::NoPosition { group: after.group, reason: reason.into() };
        if after.group >= tail.group {
            return Err(unknown("it is of another history, or newer than the journal"));
        }
        if after.group < start.group {
            return Err(unknown("the segment it lies in is gone"));
        }
        let Some(extent) = self.log.extent(after.segment) else {
            return Err(unknown("its segment is not there"));
        };
        if after.offset < SECTOR || !after.offset.is_multiple_of(SECTOR) || after.offset > extent.end {
            return Err(unknown("no group ends there"));
        }
        if after.offset < extent.end {
            return Ok(Some(after));
        }
        let next = self.log.extent(after.segment + 1).map(|next| next.start);
        next.filter(|next| *next == after).map(Some).ok_or_else(|| unknown("it is of another history"))
    }

    /// Visits the groups of one segment from `from` up to `end`.
    fn replay_segment(
        &self,
        from: Position,
        end: u64,
        first: bool,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<Position, Position>> {
        let file: Arc<dyn DiskFile> = segments::open(self.log.disk().as_ref(), from.segment)?;
        let mut scan = Scan::new(Window::new(file.clone(), from.segment, end), self.log.id(), from);
        while scan.at.offset < end {
            let before = scan.at;
            let (header, place, end) = match scan.next()? {
                Found::Group { header, place, end } => (header, place, end),
                Found::Bad(_) if self.log.mend(&file, before, end)? => {
                    let window = Window::new(file.clone(), from.segment, scan.window.end());
                    scan = Scan::new(window, self.log.id(), before);
                    continue;
                }
                Found::Bad(bad) => return Err(explain(bad, first && before == from, from)),
            };
            let mut flow = ControlFlow::Continue(());
            scan.entries(&header, place, |at, entry| {
                if flow.is_continue() && !entry.is_dropped() {
                    flow = visit(Replayed::Entry(at, entry.to_entry()));
                }
            })?;
            if flow.is_break() {
                return Ok(ControlFlow::Break(before));
            }
            if visit(Replayed::GroupEnd(end)).is_break() {
                return Ok(ControlFlow::Break(end));
            }
        }
        if scan.at.offset > end {
            let reason = "a group reaches beyond the end of its segment".into();
            return Err(Damage { segment: from.segment, offset: end, reason }.into());
        }
        Ok(ControlFlow::Continue(scan.at))
    }
}

impl JournalReader for LogReader {
    fn read(&self, at: EntryRef) -> Result<Entry> {
        match self.read_once(at) {
            // The group that it belongs to is corrected, if that can be done.
            Err(damaged @ Error::Damaged(_)) => {
                match super::archive::verify(&self.log, at.segment, &mut go_on) {
                    Ok(()) => self.read_once(at),
                    Err(_) => Err(damaged),
                }
            }
            result => result,
        }
    }

    fn replay(&self, after: Option<Position>, visit: Visit<'_>) -> Result<Position> {
        self.replay_from(after, visit)
    }

    fn tail(&self) -> Position {
        self.log.tail()
    }

    fn start(&self) -> Position {
        self.log.start()
    }
}

fn go_on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

impl LogReader {
    fn read_once(&self, at: EntryRef) -> Result<Entry> {
        let missing = || Error::NoEntry { segment: at.segment, offset: at.offset };
        let Extent { end, .. } = self.log.extent(at.segment).ok_or_else(missing)?;
        if at.offset < SECTOR || at.offset >= end {
            return Err(missing());
        }
        let place = Place { id: self.log.id(), at };
        let file = self.log.file(at.segment)?;
        if file.is_given_back(at.offset) {
            return Err(missing());
        }
        let read = |length: u64| {
            let mut bytes = vec![0; length.min(end - at.offset) as usize];
            read_fully(file.as_ref(), &mut bytes, at.offset)
                .map_err(|error| Error::io(format!("read {}", file_name(at.segment)), error))?;
            Ok::<_, Error>(bytes)
        };
        let mut bytes = read(FIRST_READ)?;
        let header = EntryHeader::decode(&bytes, place)
            .ok_or_else(|| place.damage("no entry begins here, or its header is damaged"))?;
        let length = ENTRY_HEADER as u64 + header.body();
        if length > bytes.len() as u64 {
            bytes = read(length)?;
        }
        let entry = EntrySlices::parse(&bytes, place)?;
        if entry.is_dropped() { Err(missing()) } else { Ok(entry.to_entry()) }
    }

    fn replay_from(&self, after: Option<Position>, visit: Visit<'_>) -> Result<Position> {
        let from = match after {
            None => self.log.start(),
            Some(after) => match self.resolve(after)? {
                Some(from) => from,
                None => return Ok(after),
            },
        };
        let (extents, tail) = self.log.extents_from(from.segment);
        let mut at = from;
        for (index, extent) in extents.into_iter().enumerate() {
            if index > 0 {
                check_joint(at, extent.start)?;
                at = extent.start;
            }
            match self.replay_segment(at, extent.end, index == 0 && after.is_some(), visit)? {
                ControlFlow::Continue(end) => at = end,
                ControlFlow::Break(end) => return Ok(end),
            }
        }
        if at != tail {
            return Err(Damage {
                segment: at.segment,
                offset: at.offset,
                reason: "the journal ends too early".into(),
            }
            .into());
        }
        Ok(at)
    }
}

/// A segment must begin where the one before it ended.
fn check_joint(end: Position, start: Position) -> Result<()> {
    if end == start {
        return Ok(());
    }
    let reason = "the hash chain does not continue from the segment before".into();
    Err(Damage { segment: start.segment, offset: 0, reason }.into())
}

/// What is wrong at a frame. Directly after a position from elsewhere it is the position that does not fit.
fn explain(bad: Bad, after_given: bool, from: Position) -> Error {
    if after_given && (bad.only_chain || bad.header.is_none()) {
        return Error::NoPosition { group: from.group, reason: bad.damage.reason };
    }
    bad.damage.into()
}
