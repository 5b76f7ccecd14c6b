//! Verifying the segments of a journal one after the other, as they lie in a backup or under a running desk.

use std::io;
use std::sync::Arc;

use super::entry::{JournalId, Position};
use super::format::{SECTOR, SegmentHeader};
use super::scan::{Found, Scan, Window};
use crate::{Damage, DiskFile, Error, Result};

/// A walk over whole segments in memory, in their order. Nothing is changed.
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

    /// Verifies the next segment: that it continues the one before, and each of its groups with the hash chain.
    /// Returns the position behind its last whole group. In the `last` one there may be room that was never used, or
    /// a write that was not complete, behind it.
    ///
    /// # Errors
    /// [`Error::Damaged`] for everything that does not verify.
    pub fn segment(&mut self, number: u64, bytes: Vec<u8>, last: bool) -> Result<Position> {
        let damage = |offset, reason: String| Error::from(Damage { segment: number, offset, reason });
        let sector: &[u8; SECTOR as usize] =
            bytes.first_chunk().ok_or_else(|| damage(0, "the segment is shorter than its header".into()))?;
        let header = SegmentHeader::decode(sector, number).map_err(|reason| damage(0, reason))?;
        let start = header.start();
        if let Some((id, before)) = self.last {
            let follows = (header.id, header.number, header.previous_end, header.last_group, header.chain)
                == (id, before.segment + 1, before.offset, before.group, before.chain);
            if !follows {
                return Err(damage(0, "the segment does not continue the one before it".into()));
            }
        }
        let size = bytes.len() as u64;
        let window = Window::new(Arc::new(Held(bytes)), number, size);
        let mut scan = Scan::new(window, header.id, start);
        let at = loop {
            if scan.at.offset >= size {
                break scan.at;
            }
            match scan.next()? {
                Found::Group { .. } => {}
                Found::Bad(_) if last => break scan.at,
                Found::Bad(_) if scan.is_zero_from(scan.at.offset)? => break scan.at,
                Found::Bad(bad) => return Err(bad.damage.into()),
            }
        };
        self.last = Some((header.id, at));
        Ok(at)
    }
}

/// A file's bytes in memory.
struct Held(Vec<u8>);

impl DiskFile for Held {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let count = buffer.len().min(self.0.len() - from);
        buffer[..count].copy_from_slice(&self.0[from..from + count]);
        Ok(count)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn allocate(&self, _: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
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
