//! Bytes to headers and back: the layout described in the journal's module documentation, and nothing else.

use sha2::{Digest, Sha256};

use super::entry::{Entry, EntryRef, JournalId, Position, Text};
use crate::Damage;

/// What headers and frames are aligned to: the unit a disk writes whole or not at all.
pub const SECTOR: u64 = 512;

/// The largest entry, facts and text together, bytes.
pub const MAX_ENTRY: u64 = 8 << 20;

/// The largest frame, bytes.
pub const MAX_GROUP: u64 = 32 << 20;

/// The length of a frame's header, bytes.
pub(crate) const FRAME_HEADER: usize = 64;

/// The length of an entry's header, bytes.
pub(crate) const ENTRY_HEADER: usize = 24;

/// The last byte of every frame: a frame that was cut off anywhere ends in zero instead.
pub(crate) const END_MARK: u8 = 0xff;

/// The format version written, and the only one known.
pub(crate) const VERSION: u32 = 1;

const SEGMENT_MAGIC: &[u8; 8] = b"DWJRNSEG";
const FRAME_MAGIC: &[u8; 4] = b"DWGR";
const CHAIN_DOMAIN: &[u8] = b"deskwire journal 1";
const SEGMENT_CHECKED: usize = 88;

/// Rounds up to whole sectors.
pub(crate) fn sectors(bytes: u64) -> u64 {
    bytes.next_multiple_of(SECTOR)
}

/// The chain hash before the first group.
pub(crate) fn first_chain(id: JournalId) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(CHAIN_DOMAIN);
    hash.update(id.0);
    hash.finalize().into()
}

/// The first sector of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) id: JournalId,
    pub(crate) number: u64,
    pub(crate) previous_end: u64,
    pub(crate) last_group: u64,
    pub(crate) chain: [u8; 32],
}

impl SegmentHeader {
    /// The point at which the segment's own groups begin.
    pub(crate) fn start(&self) -> Position {
        Position { group: self.last_group, segment: self.number, offset: SECTOR, chain: self.chain }
    }

    pub(crate) fn encode(&self) -> [u8; SECTOR as usize] {
        let mut sector = [0; SECTOR as usize];
        sector[0..8].copy_from_slice(SEGMENT_MAGIC);
        sector[8..12].copy_from_slice(&VERSION.to_be_bytes());
        sector[16..32].copy_from_slice(&self.id.0);
        sector[32..40].copy_from_slice(&self.number.to_be_bytes());
        sector[40..48].copy_from_slice(&self.previous_end.to_be_bytes());
        sector[48..56].copy_from_slice(&self.last_group.to_be_bytes());
        sector[56..88].copy_from_slice(&self.chain);
        let checksum = crc32c::crc32c(&sector[..SEGMENT_CHECKED]);
        sector[88..92].copy_from_slice(&checksum.to_be_bytes());
        sector
    }

    /// Reads the header of segment `number`; the error is the reason it cannot be used.
    pub(crate) fn decode(sector: &[u8], number: u64) -> Result<Self, String> {
        let mut fields = Fields::new(sector);
        if fields.take(8) != SEGMENT_MAGIC {
            return Err("this is not the header of a segment".into());
        }
        let version = fields.u32();
        fields.take(4);
        let header = Self {
            id: JournalId(fields.array()),
            number: fields.u64(),
            previous_end: fields.u64(),
            last_group: fields.u64(),
            chain: fields.array(),
        };
        let checksum = fields.u32();
        if crc32c::crc32c(sector.get(..SEGMENT_CHECKED).unwrap_or_default()) != checksum {
            return Err("the checksum of the segment's header does not hold".into());
        }
        if version != VERSION {
            return Err(format!("the segment has format version {version}, this program knows {VERSION}"));
        }
        if header.number != number {
            return Err(format!("the file holds segment {}", header.number));
        }
        Ok(header)
    }
}

/// The header of a group's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Header and entries, without padding.
    pub(crate) length: u32,
    pub(crate) group: u64,
    pub(crate) first_of_write: u64,
    pub(crate) entries: u32,
    pub(crate) chain: [u8; 32],
}

impl FrameHeader {
    pub(crate) fn encode(&self, place: Place) -> [u8; FRAME_HEADER] {
        let mut bytes = [0; FRAME_HEADER];
        bytes[0..4].copy_from_slice(FRAME_MAGIC);
        bytes[4..8].copy_from_slice(&self.length.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.group.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.first_of_write.to_be_bytes());
        bytes[24..28].copy_from_slice(&self.entries.to_be_bytes());
        bytes[32..64].copy_from_slice(&self.chain);
        let checksum = place.checksum(&[&bytes[..28], &bytes[32..]]);
        bytes[28..32].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    /// `None` unless the bytes are a frame header written for this place.
    pub(crate) fn decode(bytes: &[u8], place: Place) -> Option<Self> {
        let bytes: &[u8; FRAME_HEADER] = bytes.first_chunk()?;
        let mut fields = Fields::new(bytes);
        if fields.take(4) != FRAME_MAGIC {
            return None;
        }
        let (length, group, first_of_write, entries) =
            (fields.u32(), fields.u64(), fields.u64(), fields.u32());
        let checksum = fields.u32();
        let header = Self { length, group, first_of_write, entries, chain: fields.array() };
        let sane = (FRAME_HEADER as u64..=MAX_GROUP).contains(&u64::from(length)) && first_of_write <= group;
        (sane && place.checksum(&[&bytes[..28], &bytes[32..]]) == checksum).then_some(header)
    }

    /// The bytes the frame takes in the segment, padding included.
    pub(crate) fn padded(&self) -> u64 {
        sectors(u64::from(self.length))
    }
}

/// Where a header stands, and in which journal: what its checksum is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) id: JournalId,
    pub(crate) at: EntryRef,
}

impl Place {
    pub(crate) fn new(id: JournalId, segment: u64, offset: u64) -> Self {
        Self { id, at: EntryRef { segment, offset } }
    }

    fn checksum(&self, parts: &[&[u8]]) -> u32 {
        let mut seed = [0; 32];
        seed[0..16].copy_from_slice(&self.id.0);
        seed[16..24].copy_from_slice(&self.at.segment.to_be_bytes());
        seed[24..32].copy_from_slice(&self.at.offset.to_be_bytes());
        parts.iter().fold(crc32c::crc32c(&seed), |crc, part| crc32c::crc32c_append(crc, part))
    }

    pub(crate) fn damage(&self, reason: impl Into<String>) -> Damage {
        Damage { segment: self.at.segment, offset: self.at.offset, reason: reason.into() }
    }
}

/// The header of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryHeader {
    pub(crate) facts: u32,
    pub(crate) text: u32,
    pub(crate) state: TextState,
    pub(crate) facts_checksum: u32,
    pub(crate) text_checksum: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextState {
    None = 0,
    Kept = 1,
    Erased = 2,
}

impl EntryHeader {
    pub(crate) fn encode(&self, place: Place) -> [u8; ENTRY_HEADER] {
        let mut bytes = [0; ENTRY_HEADER];
        bytes[0..4].copy_from_slice(&self.facts.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.text.to_be_bytes());
        bytes[8] = self.state as u8;
        bytes[12..16].copy_from_slice(&self.facts_checksum.to_be_bytes());
        bytes[16..20].copy_from_slice(&self.text_checksum.to_be_bytes());
        let checksum = place.checksum(&[&bytes[..20]]);
        bytes[20..24].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    /// `None` unless the bytes are an entry header written for this place.
    pub(crate) fn decode(bytes: &[u8], place: Place) -> Option<Self> {
        let bytes: &[u8; ENTRY_HEADER] = bytes.first_chunk()?;
        let mut fields = Fields::new(bytes);
        let (facts, text) = (fields.u32(), fields.u32());
        let state = match fields.take(4) {
            [0, 0, 0, 0] if text == 0 => TextState::None,
            [1, 0, 0, 0] => TextState::Kept,
            [2, 0, 0, 0] => TextState::Erased,
            _ => return None,
        };
        let header = Self { facts, text, state, facts_checksum: fields.u32(), text_checksum: fields.u32() };
        let sane = header.body() <= MAX_ENTRY;
        (sane && place.checksum(&[&bytes[..20]]) == fields.u32()).then_some(header)
    }

    /// The bytes of facts and text together.
    pub(crate) fn body(&self) -> u64 {
        u64::from(self.facts) + u64::from(self.text)
    }

    /// Splits a body into facts and text and checks both.
    pub(crate) fn split<'a>(&self, body: &'a [u8], place: Place) -> Result<EntrySlices<'a>, Damage> {
        let (facts, text) = body
            .get(..self.body() as usize)
            .and_then(|body| body.split_at_checked(self.facts as usize))
            .ok_or_else(|| place.damage("an entry reaches beyond its group"))?;
        if crc32c::crc32c(facts) != self.facts_checksum {
            return Err(place.damage("the checksum of an entry's facts does not hold"));
        }
        if crc32c::crc32c(text) != self.text_checksum {
            return Err(place.damage("the checksum of an entry's text does not hold"));
        }
        if self.state == TextState::Erased && text.iter().any(|&byte| byte != 0) {
            return Err(place.damage("an erased text is not zero"));
        }
        Ok(EntrySlices { header: *self, facts, text })
    }
}

/// A verified entry, still in the buffer it was read into.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EntrySlices<'a> {
    pub(crate) header: EntryHeader,
    pub(crate) facts: &'a [u8],
    pub(crate) text: &'a [u8],
}

impl<'a> EntrySlices<'a> {
    /// Reads and verifies the entry at the beginning of `bytes`.
    pub(crate) fn parse(bytes: &'a [u8], place: Place) -> Result<Self, Damage> {
        let header = EntryHeader::decode(bytes, place)
            .ok_or_else(|| place.damage("the header of an entry does not verify"))?;
        header.split(bytes.get(ENTRY_HEADER..).unwrap_or_default(), place)
    }

    /// The bytes of the entry, header included.
    pub(crate) fn len(&self) -> usize {
        ENTRY_HEADER + self.facts.len() + self.text.len()
    }

    pub(crate) fn to_entry(self) -> Entry {
        let text = match self.header.state {
            TextState::None => Text::None,
            TextState::Kept => Text::Kept(self.text.to_vec()),
            TextState::Erased => Text::Erased(self.header.text),
        };
        Entry { facts: self.facts.to_vec(), text }
    }
}

/// Appends an entry to a buffer that stands at `place`.
pub(crate) fn append_entry(buffer: &mut Vec<u8>, entry: &Entry, place: Place) {
    let zeros;
    let (state, text): (TextState, &[u8]) = match &entry.text {
        Text::None => (TextState::None, &[]),
        Text::Kept(bytes) => (TextState::Kept, bytes),
        Text::Erased(length) => {
            zeros = vec![0; *length as usize];
            (TextState::Erased, &zeros)
        }
    };
    let header = EntryHeader {
        facts: entry.facts.len() as u32,
        text: text.len() as u32,
        state,
        facts_checksum: crc32c::crc32c(&entry.facts),
        text_checksum: crc32c::crc32c(text),
    };
    buffer.extend_from_slice(&header.encode(place));
    buffer.extend_from_slice(&entry.facts);
    buffer.extend_from_slice(text);
}

/// Computes the chain hash of one group, entry by entry.
pub(crate) struct Chain(Sha256);

impl Chain {
    pub(crate) fn new(previous: &[u8; 32], group: u64, entries: u32) -> Self {
        let mut hash = Sha256::new();
        hash.update(CHAIN_DOMAIN);
        hash.update(previous);
        hash.update(group.to_be_bytes());
        hash.update(entries.to_be_bytes());
        Self(hash)
    }

    pub(crate) fn entry(&mut self, entry: &EntrySlices<'_>) {
        let mut head = [0; 9];
        head[0..4].copy_from_slice(&entry.header.facts.to_be_bytes());
        head[4] = u8::from(entry.header.state != TextState::None);
        head[5..9].copy_from_slice(&entry.header.text.to_be_bytes());
        self.0.update(head);
        self.0.update(entry.facts);
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Walks the verified entries of a frame whose header has been read. `frame` begins with that header.
pub(crate) fn walk_entries<'a>(
    frame: &'a [u8],
    header: &FrameHeader,
    place: Place,
    mut visit: impl FnMut(EntryRef, EntrySlices<'a>),
) -> Result<(), Damage> {
    let (end_mark, content) = frame
        .get(..header.length as usize)
        .and_then(<[u8]>::split_last)
        .ok_or_else(|| place.damage("a group reaches beyond its segment"))?;
    let mut offset = FRAME_HEADER;
    for _ in 0..header.entries {
        let place = Place::new(place.id, place.at.segment, place.at.offset + offset as u64);
        let entry = EntrySlices::parse(content.get(offset..).unwrap_or_default(), place)?;
        visit(place.at, entry);
        offset += entry.len();
    }
    if offset != content.len() {
        return Err(place.damage("a group is longer than its entries"));
    }
    if *end_mark != END_MARK {
        return Err(place.damage("the end of a group is missing"));
    }
    Ok(())
}

/// Reads fields one after the other; what lies beyond the end reads as nothing or zero, and fails the checksum.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at_checked(count).unwrap_or_default();
        self.0 = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().unwrap_or([0; N])
    }

    fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }
}
