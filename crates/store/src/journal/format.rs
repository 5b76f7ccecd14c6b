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

/// The format version of segments as they are written.
pub(crate) const VERSION: u32 = 1;

/// The format version of rewritten segments, and the newest one known.
pub(crate) const REWRITTEN: u32 = 2;

const SEGMENT_MAGIC: &[u8; 8] = b"DWJRNSEG";
const FRAME_MAGIC: &[u8; 4] = b"DWGR";
const THINNED_MAGIC: &[u8; 4] = b"DWGT";
const CHAIN_DOMAIN: &[u8] = b"deskwire journal 1";
const SEAL_DOMAIN: &[u8] = b"deskwire journal 2 kept";
const SEGMENT_CHECKED: usize = 88;
const REWRITTEN_CHECKED: usize = 124;

/// The bytes of a segment's header that mean anything.
pub(crate) const SEGMENT_HEADER: usize = 128;

/// The most bytes that may be left empty behind what is kept of an entry.
pub(crate) const MAX_SLACK: u32 = (1 << 24) - 1;

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
    /// How it was rewritten, if it was.
    pub(crate) rewritten: Option<Rewriting>,
}

/// What the header of a rewritten segment says beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rewriting {
    /// The address at which its groups end.
    pub(crate) end: u64,
    /// Where the list of runs stands in the file; 0 when every byte stands at its address.
    pub(crate) list_at: u64,
    /// How many runs the list has.
    pub(crate) runs: u32,
    /// The checksum of the list.
    pub(crate) list_checksum: u32,
    /// The last group of the journal when it was decided what is kept.
    pub(crate) judged: u64,
}

impl SegmentHeader {
    /// The point at which the segment's own groups begin.
    pub(crate) fn start(&self) -> Position {
        Position { group: self.last_group, segment: self.number, offset: SECTOR, chain: self.chain }
    }

    pub(crate) fn encode(&self) -> [u8; SECTOR as usize] {
        let mut sector = [0; SECTOR as usize];
        let version = if self.rewritten.is_some() { REWRITTEN } else { VERSION };
        sector[0..8].copy_from_slice(SEGMENT_MAGIC);
        sector[8..12].copy_from_slice(&version.to_be_bytes());
        sector[16..32].copy_from_slice(&self.id.0);
        sector[32..40].copy_from_slice(&self.number.to_be_bytes());
        sector[40..48].copy_from_slice(&self.previous_end.to_be_bytes());
        sector[48..56].copy_from_slice(&self.last_group.to_be_bytes());
        sector[56..88].copy_from_slice(&self.chain);
        if let Some(rewriting) = &self.rewritten {
            sector[88..96].copy_from_slice(&rewriting.end.to_be_bytes());
            sector[96..104].copy_from_slice(&rewriting.list_at.to_be_bytes());
            sector[104..108].copy_from_slice(&rewriting.runs.to_be_bytes());
            sector[108..112].copy_from_slice(&rewriting.list_checksum.to_be_bytes());
            sector[112..120].copy_from_slice(&rewriting.judged.to_be_bytes());
        }
        let checked = if self.rewritten.is_some() { REWRITTEN_CHECKED } else { SEGMENT_CHECKED };
        let checksum = crc32c::crc32c(&sector[..checked]);
        sector[checked..checked + 4].copy_from_slice(&checksum.to_be_bytes());
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
        let mut header = Self {
            id: JournalId(fields.array()),
            number: fields.u64(),
            previous_end: fields.u64(),
            last_group: fields.u64(),
            chain: fields.array(),
            rewritten: None,
        };
        let mut checked = SEGMENT_CHECKED;
        if version == REWRITTEN {
            checked = REWRITTEN_CHECKED;
            header.rewritten = Some(Rewriting {
                end: fields.u64(),
                list_at: fields.u64(),
                runs: fields.u32(),
                list_checksum: fields.u32(),
                judged: fields.u64(),
            });
            fields.take(4);
        }
        let checksum = fields.u32();
        if crc32c::crc32c(sector.get(..checked).unwrap_or_default()) != checksum {
            return Err("the checksum of the segment's header does not hold".into());
        }
        if version != VERSION && version != REWRITTEN {
            return Err(format!("the segment has format version {version}, this program knows {REWRITTEN}"));
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
    /// Where facts were given back, so that the chain hash cannot be computed from what is left: what was kept.
    pub(crate) seal: Option<u64>,
}

impl FrameHeader {
    pub(crate) fn encode(&self, place: Place) -> [u8; FRAME_HEADER] {
        let mut bytes = [0; FRAME_HEADER];
        bytes[0..4].copy_from_slice(if self.seal.is_some() { THINNED_MAGIC } else { FRAME_MAGIC });
        bytes[4..8].copy_from_slice(&self.length.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.group.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.seal.unwrap_or(self.first_of_write).to_be_bytes());
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
        let magic = fields.take(4);
        if magic != FRAME_MAGIC && magic != THINNED_MAGIC {
            return None;
        }
        let (length, group, third, entries) = (fields.u32(), fields.u64(), fields.u64(), fields.u32());
        let checksum = fields.u32();
        let (first_of_write, seal) =
            if magic == THINNED_MAGIC { (group, Some(third)) } else { (third, None) };
        let header = Self { length, group, first_of_write, entries, chain: fields.array(), seal };
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
    /// Bytes that follow and were given back.
    pub(crate) slack: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextState {
    None = 0,
    Kept = 1,
    Erased = 2,
    /// The entries that stood here, one or several, were given back.
    Dropped = 3,
}

impl EntryHeader {
    pub(crate) fn encode(&self, place: Place) -> [u8; ENTRY_HEADER] {
        let mut bytes = [0; ENTRY_HEADER];
        bytes[0..4].copy_from_slice(&self.facts.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.text.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.slack.to_be_bytes());
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
        let rest = fields.u32();
        let state = match rest >> 24 {
            0 if text == 0 => TextState::None,
            1 => TextState::Kept,
            2 => TextState::Erased,
            3 if facts == 0 && text == 0 => TextState::Dropped,
            _ => return None,
        };
        let (facts_checksum, text_checksum) = (fields.u32(), fields.u32());
        let slack = rest & MAX_SLACK;
        let header = Self { facts, text, state, facts_checksum, text_checksum, slack };
        let sane = header.body() <= MAX_ENTRY;
        (sane && place.checksum(&[&bytes[..20]]) == fields.u32()).then_some(header)
    }

    /// The bytes of facts and text together.
    pub(crate) fn body(&self) -> u64 {
        u64::from(self.facts) + u64::from(self.text)
    }

    /// Whether what stood here was given back.
    pub(crate) fn is_dropped(&self) -> bool {
        self.state == TextState::Dropped
    }

    /// The bytes from the entry's first one to the next entry.
    pub(crate) fn extent(&self) -> u64 {
        ENTRY_HEADER as u64 + self.body() + u64::from(self.slack)
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

    /// Whether what stood here was given back.
    pub(crate) fn is_dropped(&self) -> bool {
        self.header.is_dropped()
    }

    pub(crate) fn to_entry(self) -> Entry {
        let text = match self.header.state {
            TextState::None | TextState::Dropped => Text::None,
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
        slack: 0,
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

/// Checks a group against its header while its entries are walked: by the chain hash, or by the seal over what was
/// kept of it.
pub(crate) enum Check {
    Chain(Chain),
    Seal(Sha256),
}

impl Check {
    pub(crate) fn new(previous: &[u8; 32], header: &FrameHeader) -> Self {
        match header.seal {
            None => Self::Chain(Chain::new(previous, header.group, header.entries)),
            Some(_) => Self::sealing(previous, header),
        }
    }

    /// Computes the seal of a group of which something is given back.
    pub(crate) fn sealing(previous: &[u8; 32], header: &FrameHeader) -> Self {
        let mut hash = Sha256::new();
        hash.update(SEAL_DOMAIN);
        hash.update(previous);
        hash.update(header.chain);
        hash.update(header.group.to_be_bytes());
        hash.update(header.entries.to_be_bytes());
        Self::Seal(hash)
    }

    pub(crate) fn entry(&mut self, entry: &EntrySlices<'_>) {
        match self {
            Self::Chain(chain) => chain.entry(entry),
            Self::Seal(hash) => {
                let (head, has_text) = (&entry.header, entry.header.state != TextState::None);
                let mut bytes = [0; 14];
                bytes[0..4].copy_from_slice(&head.facts.to_be_bytes());
                bytes[4] = u8::from(has_text);
                bytes[5..9].copy_from_slice(&head.text.to_be_bytes());
                bytes[9] = u8::from(entry.is_dropped());
                bytes[10..14].copy_from_slice(&head.slack.to_be_bytes());
                hash.update(bytes);
                hash.update(entry.facts);
            }
        }
    }

    /// Whether the entries walked are those of the header.
    pub(crate) fn holds(self, header: &FrameHeader) -> bool {
        match self {
            Self::Chain(chain) => chain.finish() == header.chain,
            Self::Seal(hash) => header.seal == Some(first_eight(hash)),
        }
    }

    /// The seal over the entries walked.
    pub(crate) fn seal(self) -> Option<u64> {
        match self {
            Self::Chain(_) => None,
            Self::Seal(hash) => Some(first_eight(hash)),
        }
    }
}

fn first_eight(hash: Sha256) -> u64 {
    let hash: [u8; 32] = hash.finalize().into();
    Fields::new(&hash).u64()
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
        if entry.header.slack > 0 && header.seal.is_none() {
            return Err(place.damage("something was given back in a group that is said to be whole"));
        }
        offset += entry.header.extent() as usize;
        visit(place.at, entry);
    }
    if offset != content.len() {
        return Err(place.damage("a group is longer than its entries"));
    }
    if *end_mark != END_MARK && header.seal.is_none() {
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
