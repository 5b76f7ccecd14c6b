//! The last entry of a backup: what has to be in it for it to be whole.

use data_encoding::HEXLOWER;
use deskwire_proto::id::DeskId;
use deskwire_store::{JournalId, Position};
use serde::{Deserialize, Serialize};

/// The name of the entry.
pub(crate) const MANIFEST: &str = "manifest.json";
/// The version of backups that this program writes, and the newest one it reads.
pub(crate) const FORMAT: u32 = 1;

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// [`FORMAT`].
    pub(crate) format: u32,
    /// Whose it is, 64 hexadecimal digits.
    pub(crate) desk: String,
    /// The journal's random id.
    pub(crate) journal: String,
    /// The number of the journal's last group in it.
    pub(crate) group: u64,
    /// The chain hash after that group.
    pub(crate) chain: String,
    /// The program that made it.
    pub(crate) program: String,
    /// Whether the secret keys are in it.
    pub(crate) keys: bool,
    /// Files of tickets that were damaged when it was made.
    pub(crate) damaged: Vec<String>,
    /// Every other entry, in order.
    pub(crate) files: Vec<FileEntry>,
}

/// One entry of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    /// Its name relative to the desk's folder.
    pub(crate) name: String,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// SHA-256 of its content.
    pub(crate) sha256: String,
}

impl Manifest {
    pub(crate) fn new(
        desk: DeskId,
        journal: JournalId,
        tail: &Position,
        keys: bool,
        damaged: Vec<String>,
    ) -> Self {
        Self {
            format: FORMAT,
            desk: desk.to_hex(),
            journal: HEXLOWER.encode(&journal.0),
            group: tail.group,
            chain: HEXLOWER.encode(&tail.chain),
            program: concat!("deskwire ", env!("CARGO_PKG_VERSION")).to_owned(),
            keys,
            damaged,
            files: Vec::new(),
        }
    }
}
