//! A file whose room is given up when the disk is full: opening and tidying need some.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use deskwire_store::{Error, Result};

use crate::disk::allocate;

pub(crate) struct Reserve {
    path: PathBuf,
    bytes: u64,
}

impl Reserve {
    pub(crate) fn new(folder: &Path, bytes: u64) -> Self {
        Self { path: folder.join("reserve"), bytes }
    }

    /// Gives the room up. `false` when there was none.
    pub(crate) fn release(&self) -> Result<bool> {
        match fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Takes the room, unless the disk does not have it.
    pub(crate) fn restore(&self) -> Result<bool> {
        let take = || {
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&self.path)?;
            allocate(&file, self.bytes)
        };
        match take().map_err(|error| self.failed(error)) {
            Ok(()) => Ok(true),
            Err(Error::Full { .. }) => self.release().map(|_| false),
            Err(error) => Err(error),
        }
    }

    /// How many bytes are missing of it.
    pub(crate) fn missing(&self) -> Result<u64> {
        match fs::metadata(&self.path) {
            Ok(metadata) => Ok(self.bytes.saturating_sub(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(self.bytes),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::io(format!("keep a reserve in {}", self.path.display()), error)
    }
}
