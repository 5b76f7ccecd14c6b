//! Keeps the segments of a journal: hands them out for backups, erases texts in them, drops old ones.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::entry::{EntryRef, Position};
use super::format::{ENTRY_HEADER, EntryHeader, EntrySlices, Place, SECTOR, TextState};
use super::mend::Correction;
use super::scan::{Found, Scan, Window};
use super::segments::{Extent, Log, file_name, open, unfinished_name};
use crate::disk::read_fully;
use crate::error::sync_failed;
use crate::{Archive, BlobFile, DiskFile, Error, Result, SegmentInfo};

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

    /// Erases texts in one closed segment.
    fn erase_in(&self, number: u64, entries: &BTreeSet<EntryRef>) -> Result<usize> {
        let missing = |at: &EntryRef| Error::NoEntry { segment: at.segment, offset: at.offset };
        let Some(extent) = self.log.extent(number) else {
            return entries.first().map_or(Ok(0), |at| Err(missing(at)));
        };
        let old = open(self.log.disk().as_ref(), number)?;
        let mut window = Window::new(old.clone(), number, extent.end);
        let mut erased = Vec::new();
        for at in entries {
            if at.offset < SECTOR || at.offset > extent.end.saturating_sub(ENTRY_HEADER as u64) {
                return Err(missing(at));
            }
            erased.extend(erased_entry(&mut window, Place { id: self.log.id(), at: *at })?);
        }
        if erased.is_empty() {
            return Ok(0);
        }
        let rewrite = || {
            let new = self.log.disk().create(&unfinished_name(number))?;
            copy(old.as_ref(), new.as_ref(), extent.end)?;
            for (offset, bytes) in &erased {
                new.write_at(bytes, *offset)?;
            }
            new.sync_all().map_err(sync_failed)?;
            Ok(new)
        };
        let new = rewrite().map_err(|error| self.give_up(number, Error::io(erasing(number), error)))?;
        self.verify(new, extent).map_err(|error| self.give_up(number, error))?;
        self.log.replace(number).map_err(|error| Error::io(erasing(number), error))?;
        Ok(erased.len())
    }

    /// A rewritten segment must hold the same chain before it may take the place of the old one.
    fn verify(&self, file: Arc<dyn DiskFile>, extent: Extent) -> Result<()> {
        let number = extent.start.segment;
        let mut scan = Scan::new(Window::new(file, number, extent.end), self.log.id(), extent.start);
        while scan.at.offset < extent.end {
            if let Found::Bad(bad) = scan.next()? {
                return Err(bad.damage.into());
            }
        }
        let next: Option<Position> = self.log.extent(number + 1).map(|next| next.start);
        if next.is_some_and(|next| next != scan.at) {
            return Err(Place::new(self.log.id(), number, extent.end)
                .damage("the chain ends otherwise")
                .into());
        }
        Ok(())
    }

    /// Deletes a rewritten segment that cannot be used. The reason matters more than the file.
    fn give_up(&self, number: u64, reason: Error) -> Error {
        let _ = self.log.disk().remove(&unfinished_name(number));
        reason
    }
}

impl Archive for LogArchive {
    fn segments(&self) -> Vec<SegmentInfo> {
        let (extents, tail) = self.log.extents_from(0);
        let info = |extent: Extent| SegmentInfo {
            number: extent.start.segment,
            start: extent.start,
            bytes: extent.end,
            closed: extent.start.segment < tail.segment,
        };
        extents.into_iter().map(info).collect()
    }

    fn open_segment(&self, number: u64) -> Result<Arc<dyn BlobFile>> {
        let extent = self.log.extent(number).ok_or(Error::NoEntry { segment: number, offset: 0 })?;
        let file = open(self.log.disk().as_ref(), number)?;
        Ok(Arc::new(Committed { file, number, bytes: extent.end }))
    }

    fn erase(&self, entries: &[EntryRef]) -> Result<usize> {
        let _one = self.log.change();
        let mut by_segment: BTreeMap<u64, BTreeSet<EntryRef>> = BTreeMap::new();
        for at in entries {
            by_segment.entry(at.segment).or_default().insert(*at);
        }
        if let Some(segment) = by_segment.keys().copied().find(|segment| !self.log.is_closed(*segment)) {
            return Err(Error::SegmentOpen { segment });
        }
        by_segment.into_iter().map(|(number, entries)| self.erase_in(number, &entries)).sum()
    }

    fn drop_before(&self, segment: u64) -> Result<()> {
        let _one = self.log.change();
        self.log.drop_before(segment)
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
    let file = open(log.disk().as_ref(), number)?;
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

/// Where an entry lies and how it looks with its text erased; `None` if there is no text to erase.
fn erased_entry(window: &mut Window, place: Place) -> Result<Option<(u64, Vec<u8>)>> {
    let no_entry = || place.damage("no entry begins here, or its header is damaged");
    let header =
        EntryHeader::decode(window.get(place.at.offset, ENTRY_HEADER as u64)?, place).ok_or_else(no_entry)?;
    let entry = window.get(place.at.offset, ENTRY_HEADER as u64 + header.body())?;
    let entry = EntrySlices::parse(entry, place)?;
    if header.state != TextState::Kept {
        return Ok(None);
    }
    let zeros = vec![0; entry.text.len()];
    let header = EntryHeader { state: TextState::Erased, text_checksum: crc32c::crc32c(&zeros), ..header };
    Ok(Some((place.at.offset, [&header.encode(place), entry.facts, &zeros].concat())))
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

fn erasing(number: u64) -> String {
    format!("erase texts in {}", file_name(number))
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
