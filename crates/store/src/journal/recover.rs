//! Opening a journal: finds the end of what was committed, and tells a torn tail from damage.

use std::sync::Arc;

use super::JournalConfig;
use super::entry::{JournalId, Position};
use super::format::{EntryHeader, FRAME_HEADER, FrameHeader, Place, SECTOR, SegmentHeader, first_chain};
use super::mend::{self, Correction};
use super::scan::{Bad, Found, Scan, Window};
use super::segments::{self, FOLDER, Log, file_name};
use super::torn;
use crate::{Damage, Disk, DiskFile, Error, Result};

/// What opening cut off: the remains of a last write that had not been acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The end of the last whole group.
    pub at: Position,
    /// How many bytes behind it, up to the end of the file, were dropped. Most of them are room never used.
    pub bytes: u64,
    /// Why the first frame dropped did not verify.
    pub reason: String,
}

pub(crate) struct Recovered {
    pub(crate) log: Log,
    /// The file of the last segment.
    pub(crate) last: Arc<dyn DiskFile>,
    pub(crate) cut: Option<Cut>,
}

/// Opens the files of a journal, creating the first one if that is asked for.
pub(crate) fn recover(
    disk: Arc<dyn Disk>,
    config: JournalConfig,
    create: Option<JournalId>,
) -> Result<Recovered> {
    let (mut headers, mut corrections) = segments::load_headers(disk.as_ref())?;
    if headers.is_empty() {
        let header = first_header(create.ok_or_else(|| Error::NotAStore {
            folder: FOLDER.into(),
            reason: "it has no journal: restore a backup".into(),
        })?);
        disk.create_folder(FOLDER)
            .and_then(|()| segments::create(disk.as_ref(), &header, config.reserve_bytes))
            .map_err(|error| Error::io("create the journal", error))?;
        headers.insert(header.number, header);
    }
    let (_, header) = headers.last_key_value().expect("there is at least one segment");
    let mut header = *header;
    if header.rewritten.is_some_and(|rewriting| rewriting.list_at > 0) {
        // What came behind it is gone: groups are appended to this one again.
        header = segments::spread(disk.as_ref(), &header, None)?;
        headers.insert(header.number, header);
    }
    let last: Arc<dyn DiskFile> = segments::open(disk.as_ref(), header.number)?;
    let doing = |what: &str| format!("{what} {}", file_name(header.number));
    let size = last.size().map_err(|error| Error::io(doing("measure"), error))?;
    let mut walk =
        Walk::new(Scan::new(Window::new(last.clone(), header.number, size), header.id, header.start()));
    let cut = walk.run(&last, &mut corrections)?;
    if let Some(cut) = &cut {
        torn::keep(disk.as_ref(), last.as_ref(), cut.at);
        last.set_len(cut.at.offset).map_err(|error| Error::io(doing("cut"), error))?;
    }
    walk.write_again(last.as_ref()).map_err(|error| Error::io(doing("sync"), error))?;
    disk.sync_folder(FOLDER).map_err(|error| Error::io(format!("sync {FOLDER}"), error))?;
    let log = Log::new(disk, headers, header.id, walk.scan.at);
    log.note(corrections);
    Ok(Recovered { log, last, cut })
}

fn first_header(id: JournalId) -> SegmentHeader {
    SegmentHeader { id, number: 1, previous_end: 0, last_group: 0, chain: first_chain(id), rewritten: None }
}

/// The walk over the last segment.
pub(crate) struct Walk {
    pub(crate) scan: Scan,
    /// Where the last write begins, as far as walked: everything before was durable.
    last_write: u64,
}

impl Walk {
    pub(crate) fn new(scan: Scan) -> Self {
        Self { last_write: scan.at.offset, scan }
    }

    /// Walks to the end of what was committed, correcting flipped bits.
    pub(crate) fn run(
        &mut self,
        file: &Arc<dyn DiskFile>,
        corrections: &mut Vec<Correction>,
    ) -> Result<Option<Cut>> {
        loop {
            match self.scan.next()? {
                Found::Group { header, place, .. } => {
                    if header.first_of_write == header.group {
                        self.last_write = place.at.offset;
                    }
                }
                Found::Bad(bad) => {
                    let (at, end) = (self.scan.at, self.scan.window.end());
                    // A flipped bit looks like a torn write when something near is zero; a torn write that differs
                    // from a whole one in a single bit is as good as whole.
                    let blank = bad.header.is_none() && self.scan.is_zero_from(at.offset)?;
                    let found = if blank { Vec::new() } else { mend::mend(file, self.scan.id(), at, end)? };
                    if found.is_empty() {
                        return self.judge(bad);
                    }
                    corrections.extend(found);
                    let window = Window::new(file.clone(), at.segment, end);
                    self.scan = Scan::new(window, self.scan.id(), at);
                }
            }
        }
    }

    /// Decides what a frame that does not verify means: the end, a torn write, or damage.
    pub(crate) fn judge(&mut self, bad: Bad) -> Result<Option<Cut>> {
        let at = self.scan.at;
        let bytes = self.scan.window.end().saturating_sub(at.offset);
        if bad.header.is_none() && !bad.only_chain && self.scan.is_zero_from(at.offset)? {
            return Ok(None);
        }
        if bad.header.is_none() && !bad.only_chain && self.scan.bits_from(at.offset, 1)? == 1 {
            return Ok(Some(Cut { at, bytes, reason: "a bit flipped in room that was never used".into() }));
        }
        if let Some(group) = self.later_group_after_sync(at)? {
            let reason =
                format!("{}, although it was durable before group {group} was written", bad.damage.reason);
            return Err(Damage { reason, ..bad.damage }.into());
        }
        if self.is_torn(&bad)? {
            Ok(Some(Cut { at, bytes, reason: bad.damage.reason }))
        } else {
            Err(bad.damage.into())
        }
    }

    /// A later group whose write began when the group expected at `at` was durable.
    fn later_group_after_sync(&mut self, at: Position) -> Result<Option<u64>> {
        let mut offset = at.offset + SECTOR;
        while offset < self.scan.window.end() {
            let later = self.scan.header_at(offset)?;
            if let Some(header) = later.filter(|header| header.first_of_write > at.group + 1) {
                return Ok(Some(header.group));
            }
            offset += SECTOR;
        }
        Ok(None)
    }

    /// Whether zeros explain why the frame does not verify.
    fn is_torn(&mut self, bad: &Bad) -> Result<bool> {
        if bad.only_chain {
            return Ok(false);
        }
        let begin = self.scan.at.offset;
        let Some(header) = bad.header else {
            let sector = self.scan.window.get(begin, SECTOR)?;
            return Ok(is_zero(&sector[FRAME_HEADER..]));
        };
        let failing = bad.damage.offset.saturating_sub(begin);
        let id = self.scan.id();
        let frame = self.scan.window.get(begin, header.padded())?;
        Ok(lacks_end(frame, &header)
            || has_zero_sector(frame, failing, Place::new(id, bad.damage.segment, bad.damage.offset)))
    }

    /// Writes the last write once more and syncs it.
    fn write_again(&mut self, file: &dyn DiskFile) -> std::io::Result<()> {
        let length = self.scan.at.offset - self.last_write;
        let bytes = self.scan.window.get(self.last_write, length).map_err(std::io::Error::other)?;
        file.write_at(bytes, self.last_write)?;
        file.sync_all()
    }
}

fn lacks_end(frame: &[u8], header: &FrameHeader) -> bool {
    frame.get((header.length as usize).saturating_sub(1)) == Some(&0)
}

/// Whether a whole sector is zero among those of the entry at `failing`, whose place is given; of all that follow
/// when the extent of that entry is not known.
fn has_zero_sector(frame: &[u8], failing: u64, place: Place) -> bool {
    let entry = frame.get(failing as usize..).unwrap_or_default();
    let length = EntryHeader::decode(entry, place).map_or(entry.len() as u64, |header| header.extent());
    let (first, last) = (failing / SECTOR, (failing + length).div_ceil(SECTOR));
    frame.chunks(SECTOR as usize).skip(first as usize).take((last - first) as usize).any(is_zero)
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}
