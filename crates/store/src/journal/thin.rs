//! The file of a segment: every byte at its address, or, where it was rewritten, only what was kept, and a list of the
//! addresses that it belongs at.

use std::io;
use std::sync::Arc;

use super::format::{Rewriting, SECTOR, SEGMENT_HEADER, SegmentHeader};
use super::mend::{self, Correction};
use super::segments::file_name;
use crate::disk::read_fully;
use crate::{Damage, DiskFile, Error, Result};

/// The bytes of one run in the list: address and length.
const RUN: usize = 8;

/// A gap that is not worth a run of its own, bytes.
const SMALL_GAP: u64 = 8;

/// How much is gathered before it is written, bytes.
const PIECE: usize = 1 << 20;

/// A segment's file, read and written by addresses. What was given back reads as zero, and cannot be written.
pub(crate) struct SegmentFile {
    raw: Arc<dyn DiskFile>,
    runs: Option<Runs>,
}

struct Runs {
    list: Vec<Run>,
    end: u64,
    /// A flipped bit of the list, which counts as corrected here.
    flipped: Option<Correction>,
}

/// Bytes that were kept: where they belong, and where they stand.
#[derive(Debug, Clone, Copy)]
struct Run {
    at: u64,
    length: u64,
    place: u64,
}

impl SegmentFile {
    /// Finds out how a segment's file is to be read.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the list of what was kept does not verify. A header that cannot be read is not judged
    /// here.
    pub(crate) fn open(raw: Arc<dyn DiskFile>, number: u64) -> Result<Self> {
        let mut sector = [0; SECTOR as usize];
        let doing = |error| Error::io(format!("read {}", file_name(number)), error);
        read_fully(raw.as_ref(), &mut sector, 0).map_err(doing)?;
        let header = SegmentHeader::decode(&sector, number)
            .ok()
            .or_else(|| mend::find_in_segment_header(&sector, number).map(|found| found.0));
        let rewriting = header.and_then(|header| header.rewritten).filter(|rewriting| rewriting.list_at > 0);
        let Some(rewriting) = rewriting else { return Ok(Self { raw, runs: None }) };
        let mut list = vec![0; rewriting.runs as usize * RUN];
        read_fully(raw.as_ref(), &mut list, rewriting.list_at).map_err(doing)?;
        let flipped = mend_list(&mut list, &rewriting, number);
        let runs = read_list(&list, &rewriting).ok_or_else(|| Damage {
            segment: number,
            offset: 0,
            reason: "the list of what was kept of the segment does not verify".into(),
        })?;
        Ok(Self { raw, runs: Some(Runs { list: runs, end: rewriting.end, flipped }) })
    }

    /// Whether only a part of the bytes stands in the file.
    pub(crate) fn is_thinned(&self) -> bool {
        self.runs.is_some()
    }

    /// Whether the byte at an address was given back.
    pub(crate) fn is_given_back(&self, offset: u64) -> bool {
        let Some(runs) = &self.runs else { return false };
        let before = runs.list.partition_point(|run| run.at <= offset);
        runs.list[..before].last().is_none_or(|run| offset >= run.at + run.length)
    }

    /// The bytes that the file takes on the disk.
    pub(crate) fn stored(&self) -> io::Result<u64> {
        self.raw.size()
    }

    /// The flipped bit of the list, if there is one.
    pub(crate) fn flipped(&self) -> Option<Correction> {
        self.runs.as_ref().and_then(|runs| runs.flipped)
    }

    /// The file itself.
    pub(crate) fn raw(&self) -> &Arc<dyn DiskFile> {
        &self.raw
    }

    /// Writes the flipped bit of the list as it was, durably.
    pub(crate) fn correct_list(&self) -> io::Result<()> {
        let Some(correction) = self.flipped() else { return Ok(()) };
        let mut byte = [0];
        self.raw.read_at(&mut byte, correction.offset)?;
        byte[0] ^= 1 << correction.bit;
        self.raw.write_at(&byte, correction.offset)?;
        self.raw.sync_data().map_err(crate::error::sync_failed)
    }
}

/// Corrects one flipped bit of a list. What is wrong with more stays as it is.
fn mend_list(list: &mut [u8], rewriting: &Rewriting, number: u64) -> Option<Correction> {
    let syndrome = crc32c::crc32c(list) ^ rewriting.list_checksum;
    let (byte, bit) = mend::locate(syndrome, list.len()).filter(|_| syndrome != 0)?;
    list[byte] ^= 1 << bit;
    Some(Correction { segment: number, offset: rewriting.list_at + byte as u64, bit, group: 0 })
}

fn read_list(list: &[u8], rewriting: &Rewriting) -> Option<Vec<Run>> {
    if crc32c::crc32c(list) != rewriting.list_checksum {
        return None;
    }
    // The header stands where it always does.
    let mut runs = vec![Run { at: 0, length: SECTOR, place: 0 }];
    let mut place = SECTOR;
    for bytes in list.chunks_exact(RUN) {
        let (at, length) = bytes.split_at(4);
        let at = u64::from(u32::from_be_bytes(at.try_into().ok()?));
        let length = u64::from(u32::from_be_bytes(length.try_into().ok()?));
        let before = runs.last().map_or(0, |run| run.at + run.length);
        if at < before || at + length > rewriting.end {
            return None;
        }
        runs.push(Run { at, length, place });
        place += length;
    }
    (place == rewriting.list_at).then_some(runs)
}

impl Runs {
    /// The runs that have bytes of a range.
    fn within(&self, offset: u64, length: u64) -> &[Run] {
        let first = self.list.partition_point(|run| run.at + run.length <= offset);
        let rest = &self.list[first..];
        &rest[..rest.partition_point(|run| run.at < offset + length)]
    }

    /// Which bytes of a range stand in a run: their address, and where they stand.
    fn overlap(run: &Run, offset: u64, length: u64) -> (u64, u64, usize) {
        let from = run.at.max(offset);
        let to = (run.at + run.length).min(offset + length);
        (from, run.place + (from - run.at), (to - from) as usize)
    }
}

impl DiskFile for SegmentFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let Some(runs) = &self.runs else { return self.raw.read_at(buffer, offset) };
        let length = (buffer.len() as u64).min(runs.end.saturating_sub(offset));
        let buffer = &mut buffer[..length as usize];
        buffer.fill(0);
        let within = runs.within(offset, length);
        let (Some(first), Some(last)) = (within.first(), within.last()) else { return Ok(buffer.len()) };
        // What was kept stands side by side: one look gets all of it.
        let (_, begin, _) = Runs::overlap(first, offset, length);
        let (_, place, count) = Runs::overlap(last, offset, length);
        let mut bytes = vec![0; (place - begin) as usize + count];
        read_fully(self.raw.as_ref(), &mut bytes, begin)?;
        for run in within {
            let (from, place, count) = Runs::overlap(run, offset, length);
            let (to, stands) = ((from - offset) as usize, (place - begin) as usize);
            buffer[to..to + count].copy_from_slice(&bytes[stands..stands + count]);
        }
        Ok(buffer.len())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let Some(runs) = &self.runs else { return self.raw.write_at(bytes, offset) };
        let length = bytes.len() as u64;
        for run in runs.within(offset, length) {
            let (from, place, count) = Runs::overlap(run, offset, length);
            let skip = (from - offset) as usize;
            self.raw.write_at(&bytes[skip..skip + count], place)?;
        }
        Ok(())
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        if self.is_thinned() { Err(rewritten()) } else { self.raw.allocate(size) }
    }

    fn set_len(&self, size: u64) -> io::Result<()> {
        if self.is_thinned() { Err(rewritten()) } else { self.raw.set_len(size) }
    }

    fn size(&self) -> io::Result<u64> {
        self.runs.as_ref().map_or_else(|| self.raw.size(), |runs| Ok(runs.end))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.raw.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.raw.sync_all()
    }
}

fn rewritten() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "a rewritten segment does not grow")
}

/// Writes what is kept of a segment, or only counts it.
pub(crate) struct Thinning {
    file: Option<Arc<dyn DiskFile>>,
    runs: Vec<(u64, u64)>,
    pending: Vec<u8>,
    /// Where the next byte goes in the file.
    place: u64,
}

impl Thinning {
    /// Into a new file; into none to count.
    pub(crate) fn new(file: Option<Arc<dyn DiskFile>>) -> Self {
        Self { file, runs: Vec::new(), pending: Vec::new(), place: SECTOR }
    }

    /// The size that the file will have, bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.place + (self.runs.len() * RUN) as u64
    }

    /// Adds bytes at an address behind those before.
    pub(crate) fn keep(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let length = bytes.len() as u64;
        match self.runs.last_mut() {
            Some(run) if at - (run.0 + run.1) <= SMALL_GAP => {
                let gap = at - (run.0 + run.1);
                run.1 += gap + length;
                self.append(&[0; SMALL_GAP as usize][..gap as usize])?;
            }
            Some(_) | None => self.runs.push((at, length)),
        }
        self.append(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.place += bytes.len() as u64;
        if self.file.is_some() {
            self.pending.extend_from_slice(bytes);
        }
        if self.pending.len() >= PIECE { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> io::Result<()> {
        let from = self.place - self.pending.len() as u64;
        if let Some(file) = &self.file {
            file.write_at(&self.pending, from)?;
        }
        self.pending.clear();
        Ok(())
    }

    /// Writes list and header, and syncs all of it.
    pub(crate) fn finish(
        mut self,
        header: SegmentHeader,
        (end, judged): (u64, u64),
    ) -> io::Result<SegmentHeader> {
        self.write()?;
        let mut list = Vec::with_capacity(self.runs.len() * RUN);
        for (at, length) in &self.runs {
            list.extend_from_slice(&(*at as u32).to_be_bytes());
            list.extend_from_slice(&(*length as u32).to_be_bytes());
        }
        let (runs, list_checksum) = (self.runs.len() as u32, crc32c::crc32c(&list));
        let rewriting = Rewriting { end, list_at: self.place, runs, list_checksum, judged };
        let header = SegmentHeader { rewritten: Some(rewriting), ..header };
        if let Some(file) = &self.file {
            file.write_at(&list, self.place)?;
            file.write_at(&header.encode(), 0)?;
            file.sync_all().map_err(crate::error::sync_failed)?;
        }
        Ok(header)
    }
}

/// The addresses that a list can name end here.
pub(crate) const MOST: u64 = u32::MAX as u64;

const _: () = assert!(SEGMENT_HEADER as u64 <= SECTOR);
