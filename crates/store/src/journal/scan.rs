//! Walks the frames of one segment, verifying each against its predecessor.

use std::sync::Arc;

use super::entry::{EntryRef, JournalId, Position};
use super::format::{Check, EntrySlices, FRAME_HEADER, FrameHeader, Place, SECTOR, walk_entries};
use super::segments::file_name;
use crate::disk::read_fully;
use crate::{Damage, DiskFile, Error, Result};

/// How much is read ahead, bytes.
const READ_AHEAD: u64 = 256 << 10;

/// A segment's bytes through a read-ahead buffer. Beyond its end everything reads as zero.
pub(crate) struct Window {
    file: Arc<dyn DiskFile>,
    segment: u64,
    end: u64,
    buffer: Vec<u8>,
    begin: u64,
}

impl Window {
    pub(crate) fn new(file: Arc<dyn DiskFile>, segment: u64, end: u64) -> Self {
        Self { file, segment, end, buffer: Vec::new(), begin: 0 }
    }

    /// Where the segment's bytes end.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// The bytes at an offset, exactly so many.
    pub(crate) fn get(&mut self, offset: u64, length: u64) -> Result<&[u8]> {
        let held = self.begin + self.buffer.len() as u64;
        if offset < self.begin || offset + length > held {
            self.begin = offset;
            self.buffer.resize(length.max(READ_AHEAD.min(self.end.saturating_sub(offset))) as usize, 0);
            read_fully(self.file.as_ref(), &mut self.buffer, offset)
                .map_err(|error| Error::io(format!("read {}", file_name(self.segment)), error))?;
        }
        let skip = (offset - self.begin) as usize;
        Ok(&self.buffer[skip..skip + length as usize])
    }
}

/// A walk over the groups of one segment.
pub(crate) struct Scan {
    pub(crate) window: Window,
    id: JournalId,
    /// The end of the last group that verified.
    pub(crate) at: Position,
}

/// What stands at the present place of a walk.
pub(crate) enum Found {
    /// A whole group.
    Group {
        /// The header of its frame.
        header: FrameHeader,
        /// Where its frame begins.
        place: Place,
        /// The point after it.
        end: Position,
    },
    /// Something else, or nothing.
    Bad(Bad),
}

/// A frame that does not verify.
pub(crate) struct Bad {
    /// Where and why.
    pub(crate) damage: Damage,
    /// Its header, when at least that verifies and is the expected one.
    pub(crate) header: Option<FrameHeader>,
    /// Whether everything else verifies, so that it is of another history or was replaced.
    pub(crate) only_chain: bool,
}

impl Scan {
    pub(crate) fn new(window: Window, id: JournalId, at: Position) -> Self {
        Self { window, id, at }
    }

    pub(crate) fn id(&self) -> JournalId {
        self.id
    }

    /// Verifies the next frame and steps over it if it is whole.
    pub(crate) fn next(&mut self) -> Result<Found> {
        let place = Place::new(self.id, self.at.segment, self.at.offset);
        let bad = |damage, header, only_chain| Ok(Found::Bad(Bad { damage, header, only_chain }));
        let Some(header) = FrameHeader::decode(self.window.get(self.at.offset, FRAME_HEADER as u64)?, place)
        else {
            return bad(place.damage("there is no valid group header"), None, false);
        };
        let group = self.at.group + 1;
        if header.group != group {
            return bad(
                place.damage(format!("group {} stands where group {group} belongs", header.group)),
                None,
                true,
            );
        }
        let mut check = Check::new(&self.at.chain, &header);
        let frame = self.window.get(self.at.offset, header.padded())?;
        if let Err(damage) = walk_entries(frame, &header, place, |_, entry| check.entry(&entry)) {
            return bad(damage, Some(header), false);
        }
        if !check.holds(&header) {
            return bad(place.damage("the hash chain does not hold"), Some(header), true);
        }
        let offset = self.at.offset + header.padded();
        let end = Position { group, segment: self.at.segment, offset, chain: header.chain };
        self.at = end;
        Ok(Found::Group { header, place, end })
    }

    /// Visits the entries of a group that has just been found.
    pub(crate) fn entries(
        &mut self,
        header: &FrameHeader,
        place: Place,
        visit: impl FnMut(EntryRef, EntrySlices<'_>),
    ) -> Result<()> {
        let frame = self.window.get(place.at.offset, header.padded())?;
        Ok(walk_entries(frame, header, place, visit)?)
    }

    /// Whether everything from an offset to the end of the segment is zero.
    pub(crate) fn is_zero_from(&mut self, offset: u64) -> Result<bool> {
        Ok(self.bits_from(offset, 0)? == 0)
    }

    /// How many bits are set from an offset to the end of the segment; not all are counted if they are more than
    /// `most`.
    pub(crate) fn bits_from(&mut self, mut offset: u64, most: u32) -> Result<u32> {
        let mut bits = 0;
        while offset < self.window.end() && bits <= most {
            let length = READ_AHEAD.min(self.window.end() - offset);
            let set = self.window.get(offset, length)?.iter().filter(|&&byte| byte != 0);
            bits += set.take(most as usize + 1).map(|byte| byte.count_ones()).sum::<u32>();
            offset += length;
        }
        Ok(bits)
    }

    /// The header that stands at a place further on, if one does.
    pub(crate) fn header_at(&mut self, offset: u64) -> Result<Option<FrameHeader>> {
        let place = Place::new(self.id, self.at.segment, offset);
        Ok(FrameHeader::decode(self.window.get(offset, SECTOR)?, place))
    }
}
