//! Entries of the journal, and the addresses and positions that name places in it.

use serde::{Deserialize, Serialize};

/// One record of the journal: facts, which stay for ever, and a text, which can be erased later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What the chain hash covers.
    pub facts: Vec<u8>,
    /// What a person may have a right to see gone.
    pub text: Text,
}

impl Entry {
    /// An entry without a text.
    pub fn new(facts: impl Into<Vec<u8>>) -> Self {
        Self { facts: facts.into(), text: Text::None }
    }

    /// An entry with a text.
    pub fn with_text(facts: impl Into<Vec<u8>>, text: impl Into<Vec<u8>>) -> Self {
        Self { facts: facts.into(), text: Text::Kept(text.into()) }
    }
}

/// The erasable part of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// The entry was written without a text.
    None,
    /// The text as written.
    Kept(Vec<u8>),
    /// There was a text of so many bytes; it has been erased.
    Erased(u32),
}

impl Text {
    /// The bytes of a text that is there.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Kept(bytes) => Some(bytes),
            Self::None | Self::Erased(_) => None,
        }
    }

    /// The bytes of a text that is there, taken out.
    pub fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Kept(bytes) => Some(bytes),
            Self::None | Self::Erased(_) => None,
        }
    }
}

/// The address of an entry, known when it is staged and good for as long as its segment is kept. Ordered as the
/// entries are. In serde it is the pair of its two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub struct EntryRef {
    /// Number of the segment.
    pub segment: u64,
    /// Byte offset of the entry in the segment.
    pub offset: u64,
}

impl From<(u64, u64)> for EntryRef {
    fn from((segment, offset): (u64, u64)) -> Self {
        Self { segment, offset }
    }
}

impl From<EntryRef> for (u64, u64) {
    fn from(at: EntryRef) -> Self {
        (at.segment, at.offset)
    }
}

impl std::fmt::Display for EntryRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.segment, self.offset)
    }
}

/// A point between two groups: everything up to and including `group`.
///
/// Two positions are equal when group and chain are: the end of a full segment and the beginning of the next one are
/// the same point. Compare ages by [`Position::group`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Position {
    /// Number of the last group before this point; 0 before the first.
    pub group: u64,
    /// The segment it ends in.
    pub segment: u64,
    /// The byte offset at which the next frame goes, if it goes into the same segment; a multiple of 512.
    pub offset: u64,
    /// The chain hash after that group.
    #[serde(with = "serde_bytes")]
    pub chain: [u8; 32],
}

impl Position {
    /// The length of [`Position::to_bytes`].
    pub const BYTES: usize = 56;

    /// A fixed form for view rows: group, segment, offset, chain, big-endian.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0..8].copy_from_slice(&self.group.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.segment.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.offset.to_be_bytes());
        bytes[24..].copy_from_slice(&self.chain);
        bytes
    }

    /// The inverse of [`Position::to_bytes`]; `None` for bytes of another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().ok()?;
        let (numbers, chain) = bytes.split_first_chunk::<24>()?;
        let number = |at: usize| Some(u64::from_be_bytes(numbers.get(at..at + 8)?.try_into().ok()?));
        Some(Self {
            group: number(0)?,
            segment: number(8)?,
            offset: number(16)?,
            chain: chain.try_into().ok()?,
        })
    }
}

impl PartialEq for Position {
    fn eq(&self, other: &Self) -> bool {
        self.group == other.group && self.chain == other.chain
    }
}

impl Eq for Position {}

/// The random identity of a journal, drawn once when it is created. Not secret from the operator, unknown to peers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct JournalId(pub [u8; 16]);

impl std::fmt::Debug for JournalId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JournalId({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}
