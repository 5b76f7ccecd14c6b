//! Rows of files.

use deskwire_proto::id::{Hash, ItemId};
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::stream::Refused;
use super::ticket::Author;
use crate::EntryRef;
use crate::local::TicketNumber;

/// Where the bytes of a file are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileState {
    /// On this desk's disk, whole and verified.
    Here,
    /// Announced by a partner and not yet fetched.
    Fetching,
    /// Given up: the reason.
    Failed(Refused),
}

/// One file of a ticket; its name and author stay in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRow {
    /// The ticket.
    pub ticket: TicketNumber,
    /// The item that announced it, or was made for it.
    pub item: ItemId,
    /// SHA-256 of the bytes.
    pub blob: Hash,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the chunk list.
    pub chunks: Hash,
    /// Whose it is.
    pub author: Author,
    /// The record with its name.
    pub entry: EntryRef,
    /// Where the bytes are.
    pub state: FileState,
    /// When it was announced or attached.
    pub at: Timestamp,
}
