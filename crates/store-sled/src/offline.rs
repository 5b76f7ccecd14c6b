//! A data folder looked at and mended from outside, while no desk runs on it: works when the desk itself cannot be
//! opened.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deskwire_store::{Disk, Error, RebuildReason, Result, Snapshots};

use crate::disk::OsDisk;
use crate::folder::{FolderLock, Format, NO_FORMAT, check_format, without_format};
use crate::marker::Marker;
use crate::open::LOSS;
use crate::view::FOLDER as VIEW;

/// A data folder, locked.
pub struct Offline {
    folder: PathBuf,
    disk: Arc<dyn Disk>,
}

impl Offline {
    /// Locks a data folder, which must be there. Nothing else is touched.
    ///
    /// # Errors
    /// [`Locked`](deskwire_store::Error::Locked) when a desk runs on it;
    /// [`NewerFormat`](deskwire_store::Error::NewerFormat) and [`NotAStore`](deskwire_store::Error::NotAStore) for
    /// folders that are not for this program; whatever the system says.
    pub fn open(folder: &Path) -> Result<Self> {
        let not_there =
            |reason: &str| Error::NotAStore { folder: folder.display().to_string(), reason: reason.into() };
        if !folder.is_dir() {
            return Err(not_there("it does not exist"));
        }
        let lock = Arc::new(FolderLock::take(folder)?);
        if check_format(folder)? == Format::Fresh && folder.join("journal").exists() {
            return Err(without_format(folder, NO_FORMAT));
        }
        Ok(Self { folder: folder.to_owned(), disk: Arc::new(OsDisk::new(folder, lock)) })
    }

    /// Its files.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// Its snapshots.
    pub fn snapshots(&self) -> Snapshots {
        Snapshots::new(self.disk.clone())
    }

    /// Why the next start will rebuild the view, as far as can be seen without opening it.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn view_state(&self, schema: u32) -> Result<Option<RebuildReason>> {
        Marker::new(&self.folder).judge(schema, &self.folder.join(VIEW))
    }

    /// What an opening found to be lost of the journal, in words, and the file in which they stand until somebody
    /// deletes it.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn loss(&self) -> Result<Option<(PathBuf, String)>> {
        let path = self.folder.join(LOSS);
        match fs::read(&path) {
            Ok(words) => Ok(Some((path, String::from_utf8_lossy(&words).trim().to_owned()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(format!("read {}", path.display()), error)),
        }
    }

    /// Lets the next opening rebuild the view.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn forget_view(&self) -> Result<()> {
        Marker::new(&self.folder).remove()
    }

    /// Files and folders of the store that this process may not read and write.
    pub fn forbidden(&self) -> Vec<(PathBuf, io::Error)> {
        let mut found = Vec::new();
        look(&self.folder, &mut found);
        found
    }
}

fn look(folder: &Path, found: &mut Vec<(PathBuf, io::Error)>) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return found.push((folder.to_owned(), error)),
    };
    for entry in entries {
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(error) => {
                found.push((folder.to_owned(), error));
                continue;
            }
        };
        if path.is_dir() {
            look(&path, found);
        } else if let Err(error) = fs::File::options().read(true).write(true).open(&path) {
            found.push((path, error));
        }
    }
}
