//! What can go wrong in storage, in words for the operator and with a stable code for programs.

use std::fmt;
use std::io;

use crate::blob::BlobId;

/// The result of a storage operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a storage operation was refused or failed. [`Error::code`] is stable; the sentence may change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The disk has no room for what was asked. Nothing of it is visible; it may be tried again later.
    #[error("the disk is full while {doing}: free some space, the desk goes on by itself")]
    Full {
        /// What was being written.
        doing: String,
    },

    /// The operating system refused an operation on a file.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done, with the file's name.
        doing: String,
        /// What the operating system said.
        source: io::Error,
    },

    /// A checksum or the hash chain of the journal does not hold where it must.
    #[error("{0}")]
    Damaged(#[from] Damage),

    /// No committed entry lies at this address.
    #[error(
        "the journal holds no entry at segment {segment}, offset {offset}: the view may be of another journal, rebuild it"
    )]
    NoEntry {
        /// The segment asked for.
        segment: u64,
        /// The offset asked for.
        offset: u64,
    },

    /// A position that the journal does not contain, such as one older than its first segment.
    #[error("the journal does not contain group {group}: {reason}")]
    NoPosition {
        /// The group number of the position.
        group: u64,
        /// Why it is not there.
        reason: String,
    },

    /// Texts of the segment being written cannot be erased.
    #[error(
        "texts in segment {segment} cannot be erased while it is being written: begin the next one first"
    )]
    SegmentOpen {
        /// The segment.
        segment: u64,
    },

    /// An entry or a group beyond the limits of the journal.
    #[error("{what} of {size} bytes is over the limit of {limit} bytes")]
    TooLarge {
        /// What is too large: an entry, a group.
        what: &'static str,
        /// Its size, bytes.
        size: u64,
        /// The limit, bytes.
        limit: u64,
    },

    /// A view row that the view does not take: its key or its value is of a wrong length.
    #[error("the view refuses a row: {0}")]
    BadRow(String),

    /// The view failed and must not be used any more. The journal is not affected.
    #[error("the view cannot be used any more ({0}): restart the desk, it is rebuilt from the journal")]
    ViewFailed(String),

    /// Rows of a snapshot do not verify.
    #[error("the snapshot of group {group} is damaged: {reason}; it is ignored, and another is made")]
    SnapshotDamaged {
        /// The last group that it reflects.
        group: u64,
        /// What does not hold.
        reason: String,
    },

    /// A blob that is not stored here, or not begun.
    #[error("blob {0} is not here")]
    NoBlob(BlobId),

    /// The bytes received are not those that the blob's name promises.
    #[error("blob {id} is not what its name says: {reason}")]
    BlobMismatch {
        /// The name of the blob: the SHA-256 of its content.
        id: BlobId,
        /// What differs.
        reason: String,
    },

    /// Another process uses this folder.
    #[error("the folder {folder} is in use by {holder}: stop that one first, or choose another folder")]
    Locked {
        /// The data folder.
        folder: String,
        /// Who holds it.
        holder: String,
    },

    /// The folder was written by a newer version of this program.
    #[error(
        "the folder {folder} has storage format {found}, this program knows up to {known}: use the newer program, or restore a backup made by this one"
    )]
    NewerFormat {
        /// The data folder.
        folder: String,
        /// The format found.
        found: u64,
        /// The newest format known here.
        known: u64,
    },

    /// The folder does not have the layout of a store.
    #[error("the folder {folder} is not a whole store: {reason}")]
    NotAStore {
        /// The data folder.
        folder: String,
        /// What is missing or strange.
        reason: String,
    },

    /// The store was closed, or crashed in a simulation; this handle is of no use any more.
    #[error("the store is closed")]
    Closed,
}

impl Error {
    /// A stable name of this kind of error, for programs and for the manual.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Full { .. } => "store-disk-full",
            Self::Io { .. } => "store-io",
            Self::Damaged(_) => "store-journal-damaged",
            Self::NoEntry { .. } => "store-no-entry",
            Self::NoPosition { .. } => "store-no-position",
            Self::SegmentOpen { .. } => "store-segment-open",
            Self::TooLarge { .. } => "store-too-large",
            Self::BadRow(_) => "store-bad-row",
            Self::ViewFailed(_) => "store-view-failed",
            Self::SnapshotDamaged { .. } => "store-snapshot-damaged",
            Self::NoBlob(_) => "store-no-blob",
            Self::BlobMismatch { .. } => "store-blob-mismatch",
            Self::Locked { .. } => "store-locked",
            Self::NewerFormat { .. } => "store-newer-format",
            Self::NotAStore { .. } => "store-not-a-store",
            Self::Closed => "store-closed",
        }
    }

    /// Whether this says that the disk is full, which passes, unlike everything else.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }

    /// Wraps what the operating system said. A full disk or quota becomes [`Error::Full`].
    pub fn io(doing: impl Into<String>, source: io::Error) -> Self {
        let doing = doing.into();
        if is_full(&source) { Self::Full { doing } } else { Self::Io { doing, source } }
    }
}

/// Whether the operating system says that there is no room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// A sync that failed, whatever it gave as the reason: never a full disk that passes.
pub(crate) fn sync_failed(error: io::Error) -> io::Error {
    io::Error::other(format!("a sync failed: {error}"))
}

/// A place in the journal that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The segment's number.
    pub segment: u64,
    /// The byte offset in the segment at which the damaged structure begins.
    pub offset: u64,
    /// What does not hold.
    pub reason: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the journal is damaged at segment {}, offset {}: {}; nothing has been changed: `deskwire check` says what is affected, a backup brings it back, and `deskwire rebuild --salvage` goes on with what is readable",
            self.segment, self.offset, self.reason
        )
    }
}

impl std::error::Error for Damage {}
