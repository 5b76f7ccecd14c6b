//! A folder for desks that are to vanish again.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::failure::{self, Failure};

/// A folder that vanishes with everything in it when this is dropped, unless it is to be kept.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    /// Whether the folder itself was made here, or only what is in it.
    made: bool,
    keep: bool,
}

impl Scratch {
    /// The folder that was asked for, which must be missing or empty, or one among the temporary files.
    pub(crate) fn new(wanted: Option<&Path>, prefix: &str) -> Result<Self, Failure> {
        let Some(path) = wanted else {
            let folder = tempfile::Builder::new()
                .prefix(prefix)
                .tempdir()
                .map_err(|error| failure::local("a folder among the temporary files", &error))?;
            return Ok(Self { path: folder.keep(), made: true, keep: false });
        };
        let fail = |error: io::Error| failure::local(&path.display().to_string(), &error);
        let made = !path.exists();
        fs::create_dir_all(path).map_err(fail)?;
        if fs::read_dir(path).map_err(fail)?.next().is_some() {
            let detail = format!("{} is not empty; nothing was changed.", path.display());
            let next = "Name a folder that is missing or empty.";
            return Err(failure::refused("folder-not-empty", "The folder is not empty", detail, next));
        }
        let path = path.canonicalize().map_err(fail)?;
        Ok(Self { path, made, keep: false })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it there.
    pub(crate) fn keep(&mut self) {
        self.keep = true;
    }

    fn remove(&self) -> io::Result<()> {
        if self.made {
            return fs::remove_dir_all(&self.path);
        }
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A daemon that was killed a moment ago may still put a file beside those that are being removed.
        let mut tries = if self.keep { 0 } else { 20 };
        while tries > 0 && self.remove().is_err() {
            std::thread::sleep(Duration::from_millis(50));
            tries -= 1;
        }
    }
}
