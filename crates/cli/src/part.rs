//! A file of this machine that appears under its name only when it is whole.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::failure::{self, Done, Failure};

/// A file under a temporary name beside its place; gone unless it was finished.
pub(crate) struct Part {
    file: File,
    path: PathBuf,
}

impl Part {
    /// Refuses a place where there is a file already, unless it shall be replaced.
    pub(crate) fn room(path: &Path, force: bool) -> Done {
        if !path.exists() || force {
            return Ok(());
        }
        let detail = format!("{} is already there.", path.display());
        let next = "Choose another place with -o, or replace it with --force.";
        Err(failure::refused("file-exists", "The file is already there", detail, next))
    }

    /// Begins it.
    pub(crate) fn create(target: &Path) -> Result<Self, Failure> {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        if name.is_empty() {
            return Err(failure::usage(format!("{} names a folder: add a file name", target.display())));
        }
        name.push(format!(".{}.part", std::process::id()));
        let path = target.with_file_name(name);
        let file =
            File::create_new(&path).map_err(|error| failure::local(&path.display().to_string(), &error))?;
        Ok(Self { file, path })
    }

    /// Appends to it.
    pub(crate) fn write(&self, piece: &[u8]) -> Done {
        let mut file = &self.file;
        file.write_all(piece).map_err(|error| failure::local(&self.path.display().to_string(), &error))
    }

    /// Gives it its name, once it is on stable storage.
    pub(crate) fn finish(self, target: &Path) -> Done {
        let done = self.file.sync_all().and_then(|()| fs::rename(&self.path, target));
        done.map_err(|error| failure::local(&target.display().to_string(), &error))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After a rename there is nothing left under this name.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_file_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("log.txt");
        drop(Part::create(&target).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        Part::create(&target).unwrap().finish(&target).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(target.exists());
    }
}
