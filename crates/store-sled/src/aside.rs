//! Views that were set aside because they cannot be trusted.

use std::fs;
use std::io;
use std::path::Path;

use deskwire_store::{Error, Result};

use crate::disk::{free_bytes, sync_folder};
use crate::marker::Marker;
use crate::view::FOLDER;

const ASIDE: &str = "view.aside";

/// Room that must remain beside a view that is kept and the one rebuilt, bytes.
const MARGIN: u64 = 64 << 20;

/// Moves the view out of the way. Only the newest one set aside is kept, and that only if the disk has room for it
/// beside the one that takes its place.
pub(crate) fn set_aside(folder: &Path) -> Result<()> {
    Marker::new(folder).remove()?;
    delete_set_aside(folder)?;
    let view = folder.join(FOLDER);
    if !view.exists() {
        return Ok(());
    }
    let doing = |error| Error::io(format!("set {} aside", view.display()), error);
    let size = fs::metadata(view.join("db")).map_or(0, |db| db.len());
    if free_bytes(folder).map_err(doing)? < size + MARGIN {
        return delete(&view);
    }
    fs::rename(&view, folder.join(ASIDE)).map_err(doing)
}

/// Deletes a view in whose place there is another, at once.
pub(crate) fn retire(folder: &Path, view: &Path) -> Result<()> {
    delete_set_aside(folder)?;
    let rename = || {
        fs::rename(view, folder.join(ASIDE))?;
        sync_folder(folder)
    };
    rename().map_err(|error| Error::io(format!("set {} aside", view.display()), error))?;
    delete_set_aside(folder)
}

/// Whether there is a view set aside, so that the one in its place is not complete.
pub(crate) fn has_set_aside(folder: &Path) -> bool {
    folder.join(ASIDE).exists()
}

/// Deletes the view set aside, if there is one.
pub(crate) fn delete_set_aside(folder: &Path) -> Result<()> {
    delete(&folder.join(ASIDE))
}

/// Deletes what salvages cut off the journal.
pub(crate) fn delete_damaged(folder: &Path) -> Result<()> {
    let doing = |error| Error::io(format!("list {}", folder.display()), error);
    for entry in fs::read_dir(folder).map_err(doing)? {
        let entry = entry.map_err(doing)?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with("journal.damaged")) {
            delete(&entry.path())?;
        }
    }
    Ok(())
}

pub(crate) fn delete(path: &Path) -> Result<()> {
    let deleted = match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => fs::remove_file(path),
        result => result,
    };
    match deleted {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io(format!("delete {}", path.display()), error))
        }
        _ => Ok(()),
    }
}
