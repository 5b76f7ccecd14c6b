//! The journal: an append-only chain of groups, the truth of a desk. Its byte format, version 1.
//!
//! A journal is a folder of segment files `journal/<number>.seg` (20 decimal digits, from 1, without a gap). A segment
//! is a header followed by frames; a frame is one group; a group is one atomic commit of one or more entries. Headers
//! and frames begin at multiples of [`SECTOR`] (512 bytes), and what follows a frame up to the next multiple is zero:
//! no write ever touches a sector that holds committed bytes. Integers are big-endian, checksums are CRC-32C, every
//! checksum of a header is seeded with the journal's random id and the place (segment, offset) the header stands at.
//! Hence bytes that somebody sent to be stored cannot pose as a header, nor can a header in the wrong place.
//!
//! Segment header, one sector, the rest zero:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic `DWJRNSEG` |
//! | 8 | 4 | format version, 1 |
//! | 12 | 4 | zero |
//! | 16 | 16 | journal id, random, the same in all segments |
//! | 32 | 8 | number of this segment |
//! | 40 | 8 | where the previous segment ends; 0 in the first |
//! | 48 | 8 | number of the last group before this segment; 0 if none |
//! | 56 | 32 | chain hash after that group |
//! | 88 | 4 | checksum of bytes 0..88 |
//!
//! Frame header, followed by the entries and the end mark, one byte `ff`:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | magic `DWGR` |
//! | 4 | 4 | length of header, entries and end mark, without the padding |
//! | 8 | 8 | group number, from 1, without a gap |
//! | 16 | 8 | number of the first group of the same write: every lower group was durable before this write began |
//! | 24 | 4 | number of entries |
//! | 28 | 4 | checksum of the other 60 bytes |
//! | 32 | 32 | chain hash after this group |
//!
//! Entry; an [`EntryRef`] is the place of its first byte:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | length of the facts, F |
//! | 4 | 4 | length of the text, T |
//! | 8 | 1 | state of the text: 0 there is none, 1 kept, 2 erased |
//! | 9 | 3 | zero |
//! | 12 | 4 | checksum of the facts |
//! | 16 | 4 | checksum of the text |
//! | 20 | 4 | checksum of bytes 0..20 |
//! | 24 | F | facts |
//! | 24+F | T | text |
//!
//! The chain hash of group *n* is SHA-256 over `deskwire journal 1`, the chain hash of group *n*-1, *n* (8 bytes), the
//! number of entries (4), and for each entry: F (4), whether there is a text (1), T (4), the facts. Before group 1 it
//! is SHA-256 over `deskwire journal 1` and the journal id. It covers facts and the *length* of a text, not the text.
//! **Erasing** a text overwrites its T bytes with zeros, sets its state to 2 and renews the entry's two checksums:
//! all addresses, the chain and the frame headers stay as they are, and an erased text is never taken for damage, nor
//! damage for an erased text.
//!
//! **After a power cut** a sector of the last write holds either its old content, which is zeros, or the new one (or,
//! after a mere crash of the process, the new one up to some byte and zeros from there); everything before that write
//! was durable. Opening therefore walks the last segment and, at the first frame that does not verify, decides
//! between two cases. It was *torn* when no later frame says (bytes 16..24) that it had been durable, and what fails
//! is explained by zeros where something should be: a header cut short, a missing end mark, a whole sector. Then
//! the journal is cut there, what follows is zeroed, and the cut is reported. Otherwise it is *damaged*: opening fails
//! and names the place, and nothing is changed. A segment is complete before the next one is created, so in all
//! segments but the last everything that does not verify is damage.
//!
//! Opening also writes the groups of the last write once more and syncs them: they may have been in memory only, and
//! a sync that failed before leaves no trace.
//!
//! **A single flipped bit** is corrected by the checksum that it breaks (see `mend.rs`), wherever a group is verified:
//! when the journal is opened, replayed, read or looked over. Everything in the group must verify then, the chain
//! included; the sector is written again in its place.
//!
//! Segments are created under a temporary name with header and reserved room, synced, renamed, and the folder synced.
//! What opening cuts off is kept beside them for a while (`<segment>-<offset>.torn`).
//!
//! # Rewritten segments, version 2
//!
//! A closed segment can be written anew without what is not needed any more ([`Archive::rewrite`](crate::Archive)). What
//! stays keeps its address, so every [`EntryRef`] and every [`Position`] stays good, and the chain hash of each group
//! stays what it was. In the addresses of the segment, version 2 differs from version 1 thus:
//!
//! - **An entry that was given back**, with those behind it that were, is one entry of state 3, without facts and text.
//!   Bytes 9..12 of an entry's header are its *slack*: so many bytes behind it were given back, too. The next entry
//!   begins behind them. Facts that were replaced by shorter ones leave slack behind the text.
//! - **A group in which facts were given back** has the magic `DWGT`. Its number of entries is that of those that are
//!   left, its chain hash the one it had, which cannot be computed from what is left. At offset 16 stand instead the first
//!   8 bytes of SHA-256 over `deskwire journal 2 kept`, the chain hash before, the chain hash, the group number (8), the
//!   number of entries (4), and for each: F (4), whether there is a text (1), T (4), whether it was given back (1), slack
//!   (4), the facts. It has no end mark.
//!
//! The file holds the bytes that mean something, side by side, and a list of the addresses that they belong at:
//!
//! | part | content |
//! |---|---|
//! | 0..512 | the header |
//! | 512.. | the runs, one behind the other |
//! | the list | for each run its address (4) and length (4), in order |
//!
//! The header has version 2, and after byte 88:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 88 | 8 | the address at which its groups end |
//! | 96 | 8 | where the list stands in the file; 0 when there is none and every byte stands at its address |
//! | 104 | 4 | number of runs |
//! | 108 | 4 | checksum of the list |
//! | 112 | 8 | number of the last group of the journal when it was decided what is kept |
//! | 120 | 4 | zero |
//! | 124 | 4 | checksum of bytes 0..124 |
//!
//! Everything else reads as zero: the room between groups, erased texts, what was given back. The new file is written
//! under a temporary name, synced, and verified as a whole before it takes the old one's name and the folder is synced:
//! at every moment there is the old segment or the new one. A sync of the folder that failed is never tried again; until
//! the next start nothing is rewritten. A rewritten segment that becomes the last one, because what came behind it was
//! lost, is spread over its addresses again before anything is appended.

mod archive;
mod entry;
mod format;
mod mend;
mod outline;
mod reader;
mod recover;
mod rewrite;
mod scan;
mod segments;
mod sink;
mod stage;
mod survey;
#[cfg(test)]
mod tests;
mod thin;
mod torn;

use std::sync::Arc;

use crate::{Archive, Disk, JournalReader, Result, Sink};

pub use entry::{Entry, EntryRef, JournalId, Position, Text};
pub use format::{MAX_ENTRY, MAX_GROUP, SECTOR};
pub use mend::Correction;
pub use outline::Outline;
pub use recover::Cut;
pub use rewrite::{Judge, Rewritten, Verdict};
pub use stage::{Mark, SealedGroup, Stage};
pub use survey::{Problem, ProblemKind, SegmentReport, Survey, cut_off, survey};

/// The sizes a journal works with. They may differ from one opening to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalConfig {
    /// A segment that has reached this many bytes gets no further group.
    pub segment_bytes: u64,
    /// Room is reserved on the disk in steps of this many bytes.
    pub reserve_bytes: u64,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, reserve_bytes: 1 << 20 }
    }
}

/// A journal that has been opened.
pub struct Journal {
    /// Lays out the next groups.
    pub stage: Stage,
    /// Writes them.
    pub sink: Box<dyn Sink>,
    /// Reads them.
    pub reader: Arc<dyn JournalReader>,
    /// Keeps its segments.
    pub archive: Arc<dyn Archive>,
    /// What opening had to cut off behind the last whole group; worth a line in the log.
    pub cut: Option<Cut>,
}

impl Journal {
    /// Opens the journal on a disk, cutting a torn tail. A journal that is not there is created when `create` gives
    /// it an id.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged) for damage in the last segment or a missing segment: nothing has been
    /// changed. [`Error::NotAStore`](crate::Error::NotAStore) when there is no journal and none may be created.
    pub fn open(disk: Arc<dyn Disk>, config: JournalConfig, create: Option<JournalId>) -> Result<Self> {
        let recovered = recover::recover(disk, config, create)?;
        let log = Arc::new(recovered.log);
        let tail = log.tail();
        Ok(Self {
            stage: Stage::new(log.id(), config.segment_bytes, tail),
            sink: Box::new(sink::FileSink::new(log.clone(), config, recovered.last, tail)),
            archive: Arc::new(archive::LogArchive::new(log.clone())),
            reader: Arc::new(reader::LogReader::new(log)),
            cut: recovered.cut,
        })
    }
}
