//! Verifying the segments of a journal one after the other, as they lie in a backup or under a running desk.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::entry::{JournalId, Position};
use super::format::{SECTOR, SegmentHeader};
use super::mend;
use super::recover::Walk;
use super::scan::{Scan, Window};
use super::thin::SegmentFile;
use crate::{Damage, DiskFile, Error, Result};

/// A walk over whole segments in memory, in their order. Nothing is changed on any disk.
#[derive(Debug, Clone, Default)]
pub struct Outline {
    last: Option<(JournalId, Position)>,
}

impl Outline {
    /// Begins before the first segment.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The journal, and the end of the last group that verified.
    #[must_use]
    pub fn end(&self) -> Option<(JournalId, Position)> {
        self.last
    }

    /// Verifies the next segment: that it continues the one before, and each of its groups with the hash chain. Returns
    /// the position behind its last whole group, and its bytes up to there with flipped bits corrected. In the `last`
    /// one there may be room that was never used, or a write that was not complete, behind it.
    ///
    /// # Errors
    /// [`Error::Damaged`] for everything that does not verify.
    pub fn segment(&mut self, number: u64, bytes: Vec<u8>, last: bool) -> Result<(Position, Vec<u8>)> {
        let damage = |offset, reason: String| Error::from(Damage { segment: number, offset, reason });
        let sector: &[u8; SECTOR as usize] =
            bytes.first_chunk().ok_or_else(|| damage(0, "the segment is shorter than its header".into()))?;
        let header = SegmentHeader::decode(sector, number)
            .or_else(|reason| mend::find_in_segment_header(sector, number).map(|found| found.0).ok_or(reason))
            .map_err(|reason| damage(0, reason))?;
        let start = header.start();
        let follows = match self.last {
            Some((id, before)) => {
                (header.id, header.number, header.previous_end, header.last_group, header.chain)
                    == (id, before.segment + 1, before.offset, before.group, before.chain)
            }
            None => header.number == 1 && header.last_group == 0,
        };
        if !follows {
            return Err(damage(0, "the segment before it is missing or another one".into()));
        }
        let held = Arc::new(Held(Mutex::new(bytes)));
        let segment = SegmentFile::open(held.clone(), number)?;
        let thinned = segment.is_thinned();
        let held_list = segment.correct_list().and_then(|()| segment.size());
        let size = held_list.map_err(|error| Error::io("verify a segment", error))?;
        let file: Arc<dyn DiskFile> = Arc::new(segment);
        let mut walk = Walk::new(Scan::new(Window::new(file.clone(), number, size), header.id, start));
        if let Some(cut) = walk.run(&file, &mut Vec::new())?
            && !last
        {
            return Err(damage(cut.at.offset, cut.reason));
        }
        let at = walk.scan.at;
        self.last = Some((header.id, at));
        let mut bytes = std::mem::take(&mut *held.bytes());
        if thinned {
            if at.offset != size {
                return Err(damage(at.offset, "the rewritten segment ends too early".into()));
            }
        } else {
            bytes.truncate(usize::try_from(at.offset).unwrap_or(usize::MAX));
        }
        bytes[..SECTOR as usize].copy_from_slice(&header.encode());
        Ok((at, bytes))
    }
}

/// A file's bytes in memory.
struct Held(Mutex<Vec<u8>>);

impl Held {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DiskFile for Held {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let held = self.bytes();
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(held.len());
        let count = buffer.len().min(held.len() - from);
        buffer[..count].copy_from_slice(&held[from..from + count]);
        Ok(count)
    }

    /// Corrections are made in memory, within what is there.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut held = self.bytes();
        let place = held.get_mut(from..from.saturating_add(bytes.len())).ok_or_else(read_only)?;
        place.copy_from_slice(bytes);
        Ok(())
    }

    fn allocate(&self, _: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.bytes().len() as u64)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }
}

fn read_only() -> io::Error {
    io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "these bytes are looked at, not changed")
}
