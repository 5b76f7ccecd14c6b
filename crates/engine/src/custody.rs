//! Care of what is stored, beside the desk's work: snapshots, and the look at every byte from time to time.

mod digest;
mod erase;
mod listed;
mod retain;
mod scrub;
mod snapshot;
mod sweep;
mod unshown;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use deskwire_store::{Archive, BlobId, Blobs, JournalReader, Keeper, Opened, Result, Snapshots, View};

pub use erase::Erasure;
pub use listed::{ErasedLine, Listed, ListedRequest, NoErasedLine};
pub use retain::{GivenBack, HORIZON, agreed_retention};
pub use scrub::{Finding, Scrubbed};
pub use snapshot::SnapshotMade;
pub use unshown::{ExpiredTexts, Unshown, expired_texts};

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
    /// The care of a store that was opened, whose view is up to date.
    #[must_use]
    pub fn new(opened: &Opened) -> Self {
        Self {
            journal: Arc::clone(&opened.reader),
            archive: Arc::clone(&opened.archive),
            snapshots: Arc::clone(&opened.snapshots),
            view: Arc::clone(&opened.view),
            blobs: Arc::clone(&opened.blobs),
            keeper: Arc::clone(&opened.keeper),
        }
    }

    /// Takes a damaged file out of the way, so that it can be fetched again; its bytes are kept until that is done.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn set_blob_aside(&self, id: &BlobId) -> Result<()> {
        self.blobs.set_aside(id).map(drop)
    }

    /// Deletes those files that are among [`Custody::orphans`] for the second time, unless somebody has brought them
    /// again since the first. Which are gone.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn remove_orphans(&self, twice: &[BlobId]) -> Result<Vec<BlobId>> {
        let mut gone = Vec::new();
        for id in twice {
            if self.blobs.remove_unwanted(id)? {
                gone.push(*id);
            }
        }
        self.blobs.forget_wants();
        Ok(gone)
    }

    /// The segments of the journal that were rewritten: what is not needed any more may be missing in them.
    #[must_use]
    pub fn rewritten(&self) -> BTreeSet<u64> {
        let segments = self.archive.segments().into_iter();
        segments.filter(|segment| segment.judged.is_some()).map(|segment| segment.number).collect()
    }

    /// What this start found to be lost of the journal.
    #[must_use]
    pub fn lost(&self) -> Vec<Finding> {
        self.keeper.loss().map(Finding::Lost).into_iter().collect()
    }

    /// Takes the room again that was given up when the disk was full, once the disk has plenty. Whether it has been
    /// taken by this.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn restore_reserve(&self) -> Result<bool> {
        self.keeper.restore_lost_reserve()
    }
}
