//! Keeps the view supplied with room, so that a full disk is met by the journal, which can refuse, and not by sled,
//! which cannot.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use deskwire_store::{Error, Position, Result, SealedGroup, Sink, WriteError};

use crate::disk::allocate_behind;
use crate::view::FOLDER;

/// Room reserved behind the end of sled's file.
pub(crate) struct ViewRoom {
    file: File,
    bytes: u64,
}

impl ViewRoom {
    /// Looks after the database in a folder, which must be open.
    pub(crate) fn open(folder: &Path, bytes: u64) -> Result<Self> {
        let path = folder.join(FOLDER).join("db");
        let open = File::options().write(true).open(&path);
        let file = open.map_err(|error| Error::io(format!("open {}", path.display()), error))?;
        Ok(Self { file, bytes })
    }

    /// Makes sure that sled can write so many bytes more.
    fn ensure(&self) -> io::Result<()> {
        let metadata = self.file.metadata()?;
        // What is reserved behind the end counts as blocks of the file. sled may cut its file and lose some of it.
        if metadata.blocks().saturating_mul(512) >= metadata.len().saturating_add(self.bytes) {
            return Ok(());
        }
        allocate_behind(&self.file, metadata.len().saturating_add(self.bytes.saturating_mul(2)))
    }
}

/// A sink that takes nothing unless the view has room for what follows from it.
pub(crate) struct RoomySink {
    journal: Box<dyn Sink>,
    room: ViewRoom,
}

impl RoomySink {
    pub(crate) fn new(journal: Box<dyn Sink>, room: ViewRoom) -> Self {
        Self { journal, room }
    }
}

impl Sink for RoomySink {
    fn write(&mut self, groups: &[SealedGroup]) -> Result<Position, WriteError> {
        match self.room.ensure().map_err(|error| Error::io("reserve room for the view", error)) {
            Err(full) if full.is_full() => return Err(WriteError::Full(full.to_string())),
            // Anything else is for sled to meet, or not.
            Err(error) => tracing::warn!(%error, "no room could be reserved for the view"),
            Ok(()) => {}
        }
        self.journal.write(groups)
    }
}
