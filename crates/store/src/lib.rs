//! What a desk stores and how: the journal that is the truth, the view folded from it, the blobs beside them.
//!
//! Everything here deals in bytes. A backend supplies a [`Disk`] and a [`View`]; the journal's format, its recovery
//! after a power cut and the blob store are written once, over [`Disk`], and run unchanged over real files and over
//! the simulated disk of [`memory`].

mod backend;
mod batch;
mod blob;
mod compact;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod disk;
mod error;
pub mod journal;
mod layer;
pub mod local;
pub mod memory;
pub mod record;
pub mod row;
mod snapshot;
pub mod table;

pub use backend::{
    Archive, Direction, JournalReader, Keeper, Opened, RebuildReason, Replayed, SegmentInfo, Sink, View,
    ViewState, VisitRow, WriteError, check_beginning,
};
pub use batch::{Batch, MAX_KEY, MAX_VALUE};
pub use blob::{BlobFile, BlobId, Blobs, DiskBlobs, PartialBlob};
pub use disk::{Disk, DiskFile};
pub use error::{Damage, Error, Result};
pub use journal::{Entry, EntryRef, JournalId, Mark, Position, SealedGroup, Stage, Text};
pub use layer::{Layer, merge_over};
pub use snapshot::{
    FoldView, SNAPSHOT_VERSION, Snapshot, SnapshotWriter, Snapshots, TableSum, Unfit, Unusable,
};
