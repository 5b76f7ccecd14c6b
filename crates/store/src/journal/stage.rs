//! Lays out groups in memory, so that addresses and chain hashes are known before anything is written.

use super::entry::{Entry, EntryRef, JournalId, Position};
use super::format::{
    Chain, END_MARK, ENTRY_HEADER, EntrySlices, FRAME_HEADER, FrameHeader, MAX_ENTRY, MAX_GROUP, Place,
    SECTOR, append_entry, sectors, walk_entries,
};
use crate::journal::Text;
use crate::{Error, Result};

/// Lays out the group being collected, and the ones after it, while earlier groups are still being written.
///
/// One per store, owned by its writer. It writes nothing; whatever is staged and not sealed and written is lost.
#[derive(Debug)]
pub struct Stage {
    id: JournalId,
    segment_bytes: u64,
    /// The end of the last group sealed.
    end: Position,
    /// The open group's frame from its header on; empty until an entry is staged.
    frame: Vec<u8>,
    entries: u32,
    /// Segment and offset of the open group: its entries have their addresses from there.
    open: Option<(u64, u64)>,
    /// The group that begins a new segment whatever the size of the current one.
    new_segment_at: Option<u64>,
}

/// A point within the open group to which it can be rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    group: u64,
    length: usize,
    entries: u32,
}

impl Stage {
    /// A stage whose next group comes after `end`. A group begins a new segment when the current one has reached
    /// `segment_bytes`.
    pub fn new(id: JournalId, segment_bytes: u64, end: Position) -> Self {
        Self { id, segment_bytes, end, frame: Vec::new(), entries: 0, open: None, new_segment_at: None }
    }

    /// Adds an entry to the open group and returns the address it will have.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for an entry over [`MAX_ENTRY`], or when the group would exceed [`MAX_GROUP`] with it: seal
    /// the group and stage the entry again. The group is unchanged.
    pub fn stage(&mut self, entry: &Entry) -> Result<EntryRef> {
        let body = body_bytes(entry);
        if body > MAX_ENTRY {
            return Err(Error::TooLarge { what: "an entry", size: body, limit: MAX_ENTRY });
        }
        let length = self.frame.len().max(FRAME_HEADER) as u64 + ENTRY_HEADER as u64 + body + 1;
        if length > MAX_GROUP {
            return Err(Error::TooLarge { what: "a group", size: length, limit: MAX_GROUP });
        }
        if self.frame.is_empty() {
            self.frame.resize(FRAME_HEADER, 0);
            self.open = Some(self.place_of_group());
        }
        let (segment, offset) = self.place_of_group();
        let at = EntryRef { segment, offset: offset + self.frame.len() as u64 };
        append_entry(&mut self.frame, entry, Place { id: self.id, at });
        self.entries += 1;
        Ok(at)
    }

    /// The present end of the open group.
    pub fn mark(&self) -> Mark {
        Mark { group: self.end.group + 1, length: self.frame.len(), entries: self.entries }
    }

    /// Takes back every entry staged since the mark; their addresses will be given to others.
    ///
    /// # Panics
    /// When the mark is of another group, or lies beyond the open group's end: the caller lost track of its groups.
    pub fn rollback(&mut self, mark: Mark) {
        assert!(
            mark.group == self.end.group + 1 && mark.length <= self.frame.len(),
            "a mark is rolled back within the group it was made in"
        );
        self.frame.truncate(mark.length);
        self.entries = mark.entries;
        if self.frame.is_empty() {
            self.open = None;
        }
    }

    /// Closes the open group; the next entry begins another. `None` when nothing is staged.
    pub fn seal(&mut self) -> Option<SealedGroup> {
        if self.entries == 0 {
            self.frame.clear();
            self.open = None;
            return None;
        }
        let (segment, offset) = self.place_of_group();
        self.open = None;
        let place = Place::new(self.id, segment, offset);
        let group = self.end.group + 1;
        let mut frame = std::mem::take(&mut self.frame);
        frame.push(END_MARK);
        let mut header = FrameHeader {
            length: frame.len() as u32,
            group,
            first_of_write: group,
            entries: self.entries,
            chain: [0; 32],
            seal: None,
        };
        let mut chain = Chain::new(&self.end.chain, group, self.entries);
        walk_entries(&frame, &header, place, |_, entry| chain.entry(&entry))
            .expect("a frame laid out here verifies");
        header.chain = chain.finish();
        frame.resize(sectors(frame.len() as u64) as usize, 0);
        frame[..FRAME_HEADER].copy_from_slice(&header.encode(place));
        let end = Position { group, segment, offset: offset + frame.len() as u64, chain: header.chain };
        let previous = std::mem::replace(&mut self.end, end);
        self.entries = 0;
        Some(SealedGroup { place, header, previous, end, frame })
    }

    /// Forgets the open group and every sealed one after `position`; the next group follows it. Used after a write
    /// that failed for want of room, with the tail of the journal.
    pub fn reset(&mut self, position: Position) {
        self.end = position;
        self.open = None;
        self.frame.clear();
        self.entries = 0;
    }

    /// Lets the next group begin a new segment, so that the present one is closed when that group is written. A group
    /// that is open stays where it is.
    pub fn begin_segment(&mut self) {
        self.new_segment_at = Some(self.end.group + if self.frame.is_empty() { 1 } else { 2 });
    }

    /// The end of the last group sealed.
    pub fn position(&self) -> Position {
        self.end
    }

    /// The number of entries in the open group.
    pub fn entries(&self) -> u32 {
        self.entries
    }

    /// The bytes of the open group so far; worth sealing long before [`MAX_GROUP`].
    pub fn bytes(&self) -> u64 {
        self.frame.len() as u64
    }

    /// Reads back an entry of the open group.
    pub fn get(&self, at: EntryRef) -> Option<Entry> {
        let (segment, offset) = self.place_of_group();
        read_staged(&self.frame, Place::new(self.id, segment, offset), at)
    }

    /// Where the open group's frame begins. Segments change only between groups.
    fn place_of_group(&self) -> (u64, u64) {
        if let Some(place) = self.open {
            return place;
        }
        let wanted = self.new_segment_at == Some(self.end.group + 1);
        if self.end.offset > SECTOR && (wanted || self.end.offset >= self.segment_bytes) {
            (self.end.segment + 1, SECTOR)
        } else {
            (self.end.segment, self.end.offset)
        }
    }
}

/// A group ready to be written: its frame, and where it goes.
#[derive(Debug, Clone)]
pub struct SealedGroup {
    place: Place,
    header: FrameHeader,
    previous: Position,
    end: Position,
    frame: Vec<u8>,
}

impl SealedGroup {
    /// The group's number.
    pub fn group(&self) -> u64 {
        self.end.group
    }

    /// The point it must be written at: the end of the group before.
    pub fn previous(&self) -> Position {
        self.previous
    }

    /// The point after it.
    pub fn end(&self) -> Position {
        self.end
    }

    /// Where its frame begins.
    pub fn start(&self) -> EntryRef {
        self.place.at
    }

    /// The bytes of the frame, padding included.
    pub fn bytes(&self) -> u64 {
        self.frame.len() as u64
    }

    /// Reads back an entry of this group.
    pub fn get(&self, at: EntryRef) -> Option<Entry> {
        read_staged(&self.frame, self.place, at)
    }

    /// Appends the frame to a buffer, marked as part of a write that begins with group `first_of_write`.
    pub fn append_to(&self, buffer: &mut Vec<u8>, first_of_write: u64) {
        let header = FrameHeader { first_of_write, ..self.header };
        buffer.extend_from_slice(&header.encode(self.place));
        buffer.extend_from_slice(&self.frame[FRAME_HEADER..]);
    }
}

fn body_bytes(entry: &Entry) -> u64 {
    let text = match &entry.text {
        Text::None => 0,
        Text::Kept(bytes) => bytes.len() as u64,
        Text::Erased(length) => u64::from(*length),
    };
    entry.facts.len() as u64 + text
}

fn read_staged(frame: &[u8], place: Place, at: EntryRef) -> Option<Entry> {
    if at.segment != place.at.segment {
        return None;
    }
    let skip = usize::try_from(at.offset.checked_sub(place.at.offset)?).ok()?;
    let bytes = frame.get(skip..)?;
    EntrySlices::parse(bytes, Place { id: place.id, at }).ok().map(EntrySlices::to_entry)
}
