//! Keeps the view supplied with room, so that a full disk is met by the journal, which can refuse, and not by sled,
//! which cannot.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use deskwire_store::{Error, Position, Result, SealedGroup, Sink, WriteError};

use crate::disk::allocate_behind;
use crate::view::SledView;

/// Room reserved behind the end of sled's file.
pub(crate) struct ViewRoom {
    file: File,
    bytes: u64,
}

impl ViewRoom {
    /// Looks after the database in a folder, which must be there.
    pub(crate) fn open(view: &Path, bytes: u64) -> Result<Self> {
        let path = view.join("db");
        let open = File::options().write(true).open(&path);
        let file = open.map_err(|error| Error::io(format!("open {}", path.display()), error))?;
        Ok(Self { file, bytes })
    }

    /// Makes sure that sled can write what groups to come will make it write.
    pub(crate) fn ensure(&self) -> Result<()> {
        self.ensure_bytes(self.bytes)
    }

    /// Makes sure that sled can write one batch; always true after [`ViewRoom::ensure`].
    pub(crate) fn ensure_batch(&self) -> Result<()> {
        self.ensure_bytes(self.bytes / 4)
    }

    fn ensure_bytes(&self, bytes: u64) -> Result<()> {
        let measure = || {
            let metadata = self.file.metadata()?;
            // What is reserved behind the end counts as blocks of the file. sled may cut its file and lose some.
            if metadata.blocks().saturating_mul(512) >= metadata.len().saturating_add(bytes) {
                return Ok(());
            }
            allocate_behind(&self.file, metadata.len().saturating_add(self.bytes.saturating_mul(2)))
        };
        match measure().map_err(|error| Error::io("reserve room for the view", error)) {
            Err(error) if !error.is_full() => {
                // For sled to meet, or not.
                tracing::warn!(%error, "no room could be reserved for the view");
                Ok(())
            }
            result => result,
        }
    }
}

/// A sink that takes nothing unless the view has room for what follows from it.
pub(crate) struct RoomySink {
    journal: Box<dyn Sink>,
    view: Arc<SledView>,
}

impl RoomySink {
    pub(crate) fn new(journal: Box<dyn Sink>, view: Arc<SledView>) -> Self {
        Self { journal, view }
    }
}

impl Sink for RoomySink {
    fn write(&mut self, groups: &[SealedGroup]) -> Result<Position, WriteError> {
        self.view.room().ensure().map_err(|full| WriteError::Full(full.to_string()))?;
        self.journal.write(groups)
    }
}
