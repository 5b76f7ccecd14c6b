//! Keeps the segments of a journal: hands them out for backups, erases texts in them, drops old ones.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::entry::{Entry, EntryRef};
use super::format::Place;
use super::mend::Correction;
use super::rewrite::{Judge, Rewrite, Rewritten, Verdict, is_worth_it, no_pace};
use super::scan::{Found, Scan, Window};
use super::segments::{Extent, Log, file_name, open};
use crate::disk::read_fully;
use crate::{Archive, BlobFile, DiskFile, Error, Result, SegmentInfo};

/// What work on a segment calls with bytes read; `Break` ends it.
pub(crate) type Pace<'a> = &'a mut dyn FnMut(u64) -> ControlFlow<()>;

/// How much is copied at once, bytes.
const PIECE: u64 = 1 << 20;

/// The keeper of a journal's segments.
pub(crate) struct LogArchive {
    log: Arc<Log>,
}

impl LogArchive {
    pub(crate) fn new(log: Arc<Log>) -> Self {
        Self { log }
    }

    /// Rewrites one closed segment; with `always` also where that gives little back.
    fn rewrite_one(
        &self,
        number: u64,
        judged: u64,
        judge: Judge<'_>,
        pace: Pace<'_>,
        always: bool,
    ) -> Result<Option<Rewritten>> {
        let Some(extent) = self.log.extent(number) else {
            return Err(Error::NoEntry { segment: number, offset: 0 });
        };
        if !self.log.is_closed(number) {
            return Err(Error::SegmentOpen { segment: number });
        }
        let rewrite = Rewrite { log: &self.log, extent, judged };
        match rewrite.plan(judge, pace)? {
            Some(plan) if always && plan.erased + plan.dropped + plan.replaced == 0 => Ok(None),
            Some(plan) if always || is_worth_it(&plan) => rewrite.run(judge, pace),
            Some(_) | None => Ok(None),
        }
    }

    /// Erases texts in one closed segment.
    fn erase_in(&self, number: u64, entries: &BTreeSet<EntryRef>) -> Result<usize> {
        let Some(file) = self.log.extent(number).map(|_| self.log.file(number)).transpose()? else {
            return entries.first().map_or(Ok(0), |at| Err(missing(at)));
        };
        if let Some(at) = entries.iter().find(|at| file.is_given_back(at.offset)) {
            return Err(missing(at));
        }
        let mut found = BTreeSet::new();
        let judge = &mut |at: EntryRef, _: &Entry| {
            let chosen = entries.contains(&at);
            if chosen {
                found.insert(at);
            }
            Ok(if chosen { Verdict::Erase } else { Verdict::Keep })
        };
        let plan = Rewrite { log: &self.log, extent: self.extent(number)?, judged: 0 };
        let planned = plan.plan(judge, &mut no_pace)?.unwrap_or_default();
        if let Some(at) = entries.iter().find(|at| !found.contains(at)) {
            return Err(missing(at));
        }
        if planned.erased == 0 {
            return Ok(0);
        }
        let judged = self.log.header(number).and_then(|header| header.rewritten);
        let judged = judged.map_or(0, |rewriting| rewriting.judged);
        let judge = &mut |at: EntryRef, _: &Entry| {
            Ok(if entries.contains(&at) { Verdict::Erase } else { Verdict::Keep })
        };
        let rewrite = Rewrite { log: &self.log, extent: self.extent(number)?, judged };
        Ok(rewrite.run(judge, &mut no_pace)?.map_or(0, |done| done.erased as usize))
    }

    fn extent(&self, number: u64) -> Result<Extent> {
        self.log.extent(number).ok_or(Error::NoEntry { segment: number, offset: 0 })
    }
}

fn missing(at: &EntryRef) -> Error {
    Error::NoEntry { segment: at.segment, offset: at.offset }
}

impl Archive for LogArchive {
    fn segments(&self) -> Vec<SegmentInfo> {
        let (extents, tail) = self.log.extents_from(0);
        let info = |extent: Extent| {
            let number = extent.start.segment;
            let rewriting = self.log.header(number).and_then(|header| header.rewritten);
            let thinned = rewriting.filter(|rewriting| rewriting.list_at > 0);
            SegmentInfo {
                number,
                start: extent.start,
                bytes: extent.end,
                stored: thinned.map_or(extent.end, |thinned| thinned.list_at + u64::from(thinned.runs) * 8),
                judged: rewriting.map(|rewriting| rewriting.judged),
                closed: number < tail.segment,
            }
        };
        extents.into_iter().map(info).collect()
    }

    fn open_segment(&self, number: u64) -> Result<Arc<dyn BlobFile>> {
        let extent = self.log.extent(number).ok_or(Error::NoEntry { segment: number, offset: 0 })?;
        let file = open(self.log.disk().as_ref(), number)?;
        let stored =
            file.stored().map_err(|error| Error::io(format!("read {}", file_name(number)), error))?;
        let bytes = if file.is_thinned() { stored } else { extent.end };
        Ok(Arc::new(Committed { file: file.raw().clone(), number, bytes }))
    }

    fn rewrite(
        &self,
        segment: u64,
        judged: u64,
        judge: Judge<'_>,
        pace: Pace<'_>,
    ) -> Result<Option<Rewritten>> {
        let _one = self.log.rewriting()?;
        self.rewrite_one(segment, judged, judge, pace, false)
    }

    fn purge(&self, segment: u64, judge: Judge<'_>, pace: Pace<'_>) -> Result<Option<Rewritten>> {
        let _one = self.log.rewriting()?;
        let judged = self.log.header(segment).and_then(|header| header.rewritten);
        self.rewrite_one(segment, judged.map_or(0, |rewriting| rewriting.judged), judge, pace, true)
    }

    fn erase(&self, entries: &[EntryRef]) -> Result<usize> {
        let _one = self.log.rewriting()?;
        let mut by_segment: BTreeMap<u64, BTreeSet<EntryRef>> = BTreeMap::new();
        for at in entries {
            by_segment.entry(at.segment).or_default().insert(*at);
        }
        if let Some(segment) = by_segment.keys().copied().find(|segment| !self.log.is_closed(*segment)) {
            return Err(Error::SegmentOpen { segment });
        }
        by_segment.into_iter().map(|(number, entries)| self.erase_in(number, &entries)).sum()
    }

    fn forget_cut(&self) -> Result<()> {
        super::torn::forget(self.log.disk().as_ref())
    }

    fn verify(&self, number: u64, pace: &mut dyn FnMut(u64) -> ControlFlow<()>) -> Result<()> {
        verify(&self.log, number, pace)
    }

    fn corrections(&self) -> Vec<Correction> {
        self.log.take_corrections()
    }
}

/// Verifies the committed part of a segment, correcting flipped bits.
pub(crate) fn verify(log: &Log, number: u64, pace: &mut dyn FnMut(u64) -> ControlFlow<()>) -> Result<()> {
    let Some(extent) = log.extent(number) else { return Ok(()) };
    log.correct_list(number)?;
    let file: Arc<dyn DiskFile> = open(log.disk().as_ref(), number)?;
    let scan = |at| Scan::new(Window::new(file.clone(), number, extent.end), log.id(), at);
    let mut walk = scan(extent.start);
    while walk.at.offset < extent.end {
        let at = walk.at;
        match walk.next()? {
            Found::Group { header, .. } => {
                if pace(header.padded()).is_break() {
                    return Ok(());
                }
            }
            Found::Bad(_) if log.mend(&file, at, extent.end)? => walk = scan(at),
            Found::Bad(bad) => return Err(bad.damage.into()),
        }
    }
    let next = log.extent(number + 1).map(|next| next.start);
    if next.is_some_and(|next| next != walk.at) {
        let place = Place::new(log.id(), number, extent.end);
        return Err(place.damage("the chain ends otherwise than the next segment says").into());
    }
    Ok(())
}

pub(crate) fn copy(from: &dyn DiskFile, to: &dyn DiskFile, bytes: u64) -> io::Result<()> {
    to.allocate(bytes)?;
    let mut buffer = vec![0; PIECE.min(bytes) as usize];
    let mut offset = 0;
    while offset < bytes {
        let piece = &mut buffer[..PIECE.min(bytes - offset) as usize];
        read_fully(from, piece, offset)?;
        to.write_at(piece, offset)?;
        offset += piece.len() as u64;
    }
    Ok(())
}

/// The committed bytes of a segment.
struct Committed {
    file: Arc<dyn DiskFile>,
    number: u64,
    bytes: u64,
}

impl BlobFile for Committed {
    fn size(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let count = (buffer.len() as u64).min(self.bytes.saturating_sub(offset)) as usize;
        self.file
            .read_at(&mut buffer[..count], offset)
            .map_err(|error| Error::io(format!("read {}", file_name(self.number)), error))
    }
}
