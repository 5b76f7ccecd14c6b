//! Care of what is stored, beside the desk's work: snapshots, and the look at every byte from time to time.

mod scrub;
mod snapshot;
mod sweep;

use std::ops::ControlFlow;
use std::sync::Arc;

use deskwire_store::{Archive, BlobId, Blobs, JournalReader, Keeper, Result, Snapshots, View};

pub use scrub::{Finding, Scrubbed};
pub use snapshot::SnapshotMade;

/// What work in the background calls with each few bytes that it has read or written; it may wait there, and `Break`
/// ends the work early.
pub type Pace<'a> = &'a mut dyn FnMut(u64) -> ControlFlow<()>;

/// The parts of a store that want care. Cheap to clone; everything here may be done while the desk works, one thing
/// at a time.
#[derive(Clone)]
pub struct Custody {
    pub(crate) journal: Arc<dyn JournalReader>,
    pub(crate) archive: Arc<dyn Archive>,
    pub(crate) snapshots: Arc<Snapshots>,
    pub(crate) view: Arc<dyn View>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) keeper: Arc<dyn Keeper>,
}

impl Custody {
    /// Deletes a damaged file, so that it can be fetched again.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn discard_blob(&self, id: &BlobId) -> Result<()> {
        self.blobs.remove(id).map(drop)
    }
}
