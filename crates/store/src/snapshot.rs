//! Snapshots: all rows at one point of the journal, folded from journal files alone and never taken from the view.
//!
//! A snapshot is a file `snapshots/<group>.snap` (20 decimal digits: the last group it reflects) of format version 1.
//! Integers are big-endian, checksums are CRC-32C and cover the bytes before them.
//!
//! | part | content |
//! |---|---|
//! | header, 92 bytes | magic `DWSNAPSH`; format version (4); schema of the rows (4); the position (56); zeros (16); checksum (4) |
//! | blocks | length of the rows (4), their checksum (4), the rows |
//! | a row | length of the key (2), length of the value (4), key, value |
//! | index | number of blocks (8); for each: offset (8), length of the rows (4), length of the first key (2), first key |
//! | tables | number of tables (2); for each: prefix (1), number of rows (8), SHA-256 of its rows as they stand (32) |
//! | footer, 40 bytes | magic `DWSNAPND`; offset of the index (8); its length (8); length of the tables (8); checksum of index and tables (4); checksum of the 36 bytes before (4) |
//!
//! Rows are in the order of their keys; a block holds about 16 KiB of them, and one row at least. A snapshot is written
//! under a temporary name, synced, renamed, and the folder synced: one that has its name is whole. What does not verify
//! is ignored and told: the fold can always begin further back.

mod fold;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::io;
use std::sync::Arc;

use crate::error::sync_failed;
use crate::{Disk, Error, Position, Result};

pub use fold::FoldView;
pub use read::Snapshot;
pub use write::SnapshotWriter;

/// The folder of the snapshots.
const FOLDER: &str = "snapshots";

/// What the name of a snapshot ends with, and that of one being made.
const SUFFIX: &str = ".snap";
const UNFINISHED: &str = ".new";

/// The format version written, and the newest one known.
pub const SNAPSHOT_VERSION: u32 = 1;

const HEAD_MAGIC: &[u8; 8] = b"DWSNAPSH";
const FOOT_MAGIC: &[u8; 8] = b"DWSNAPND";
const HEADER: usize = 92;
const FOOTER: usize = 40;

/// Rows of one block, bytes, roughly.
const BLOCK: usize = 16 << 10;

/// What one table of a snapshot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSum {
    /// The prefix of its keys.
    pub prefix: u8,
    /// How many rows.
    pub rows: u64,
    /// SHA-256 of the rows as they stand in the file.
    pub sum: [u8; 32],
}

/// A snapshot that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// The last group that its name says it reflects.
    pub group: u64,
    /// Why it cannot be used.
    pub reason: String,
    /// What kind of reason that is.
    pub kind: Unfit,
}

impl Unusable {
    /// Whether its content does not verify.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.kind == Unfit::Damaged
    }
}

/// What kind of reason there is not to use a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// Its content does not verify.
    Damaged,
    /// It is of another format version or schema.
    Version,
    /// The disk or the system does not let it be read; what it holds is not known.
    Unread,
}

/// The snapshots of a store.
pub struct Snapshots {
    disk: Arc<dyn Disk>,
}

impl Snapshots {
    /// The snapshots on a disk. Nothing is touched before one is made.
    pub fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk }
    }

    /// The groups that snapshots reflect, newest first.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn groups(&self) -> Result<Vec<u64>> {
        let names = self.disk.list(FOLDER).map_err(|error| Error::io(format!("list {FOLDER}"), error))?;
        let mut groups: Vec<u64> =
            names.iter().filter_map(|name| name.strip_suffix(SUFFIX)?.parse().ok()).collect();
        groups.sort_unstable_by(|one, other| other.cmp(one));
        Ok(groups)
    }

    /// Opens a snapshot; its header, index and footer are verified, its rows when they are read.
    ///
    /// # Errors
    /// Why it cannot be used with rows of this schema.
    pub fn open(&self, group: u64, schema: u32) -> Result<Snapshot, Unusable> {
        let unusable = |(reason, kind)| Unusable { group, reason, kind };
        let name = file_name(group);
        let file = self
            .disk
            .open(&name)
            .map_err(|error| unusable((format!("it cannot be opened: {error}"), Unfit::Unread)))?;
        let snapshot = Snapshot::read(file, schema).map_err(unusable)?;
        match snapshot.position().group {
            found if found == group => Ok(snapshot),
            found => Err(unusable((format!("it reflects group {found}"), Unfit::Damaged))),
        }
    }

    /// Begins a snapshot of the rows at a position.
    ///
    /// # Errors
    /// [`Error::Full`], and whatever else the disk says.
    pub fn create(&self, schema: u32, position: Position) -> Result<SnapshotWriter> {
        let begin = || {
            self.disk.create_folder(FOLDER)?;
            self.disk.create(&unfinished_name(position.group))
        };
        let file = begin().map_err(|error| Error::io("create a snapshot", error))?;
        SnapshotWriter::begin(file, schema, position)
    }

    /// Completes a snapshot, durably.
    ///
    /// # Errors
    /// [`Error::Full`], and whatever else the disk says; the snapshot is not there then.
    pub fn seal(&self, writer: SnapshotWriter) -> Result<()> {
        let group = writer.position().group;
        let file = writer.finish()?;
        let place = || {
            file.sync_all().map_err(sync_failed)?;
            self.disk.rename(&unfinished_name(group), &file_name(group))?;
            self.disk.sync_folder(FOLDER).map_err(sync_failed)
        };
        place().map_err(|error| Error::io(format!("store {}", file_name(group)), error))
    }

    /// Deletes all but the newest few, and what was begun and not completed.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn keep(&self, newest: usize) -> Result<()> {
        for group in self.groups()?.into_iter().skip(newest) {
            self.remove(group)?;
        }
        self.tidy()
    }

    /// Deletes what was begun and not completed. Nothing may be in the making.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn tidy(&self) -> Result<()> {
        let names = self.disk.list(FOLDER).map_err(|error| Error::io(format!("list {FOLDER}"), error))?;
        names.iter().filter(|name| name.ends_with(UNFINISHED)).try_for_each(|name| {
            let name = format!("{FOLDER}/{name}");
            self.disk.remove(&name).map_err(|error| Error::io(format!("delete {name}"), error))
        })
    }

    /// Deletes one, durably.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn remove(&self, group: u64) -> Result<()> {
        let name = file_name(group);
        let remove = || match self.disk.remove(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.disk.sync_folder(FOLDER).map_err(sync_failed),
        };
        remove().map_err(|error| Error::io(format!("delete {name}"), error))
    }
}

/// The name of a snapshot's file.
pub(crate) fn file_name(group: u64) -> String {
    format!("{FOLDER}/{group:020}{SUFFIX}")
}

fn unfinished_name(group: u64) -> String {
    format!("{}{UNFINISHED}", file_name(group))
}
