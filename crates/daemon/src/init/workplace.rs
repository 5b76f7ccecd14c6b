//! Where a new desk is put together until it is whole, and how it then takes its place.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;

use crate::error::StartError;
use crate::folder::{Folder, parent, sync_folder};

/// A folder that vanishes with this value unless it was published.
pub(crate) struct Workplace {
    path: PathBuf,
    /// Held so that another `init` does not take this one for the rest of a crash.
    _lock: File,
    published: bool,
}

/// Refuses a folder that holds anything.
pub(crate) fn check_free(folder: &Folder) -> Result<(), StartError> {
    let root = folder.root();
    let shown = root.display();
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            let words = format!("{shown} is not a folder.");
            return Err(StartError::new("not-a-folder", words, "Name a folder that is missing or empty."));
        }
        Err(error) => return Err(StartError::file("look into", root, &error)),
        Ok(entries) => entries,
    };
    if folder.config().exists() {
        return Err(StartError::new(
            "desk-exists",
            format!("There is a desk in {shown} already; nothing was changed."),
            format!("Start it with `deskwire serve --data {shown}`, or name another folder."),
        ));
    }
    let prefix = unfinished_prefix(root);
    // What the system puts into the root of a file system does not belong to anybody.
    let foreign = |name: &str| name != "lost+found" && !name.starts_with(&prefix);
    let mut names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    match names.find(|name| foreign(name)) {
        None => Ok(()),
        Some(name) => Err(StartError::new(
            "folder-not-empty",
            format!("{shown} is not empty: it holds {name}."),
            "Name a folder that is missing or empty.",
        )),
    }
}

impl Workplace {
    /// Begins beside the folder to be made, or inside it where that one exists: it may be the root of a file system of
    /// its own.
    pub(crate) fn begin(folder: &Folder) -> Result<Self, StartError> {
        let root = folder.root();
        let around = if root.exists() { root.to_owned() } else { parent(root) };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&around)
            .map_err(|error| StartError::file("make", &around, &error))?;
        let prefix = unfinished_prefix(root);
        remove_leftovers(&around, &prefix);
        let path = around.join(format!("{prefix}{}", HEXLOWER.encode(&super::random()?[..6])));
        let made = DirBuilder::new().mode(0o700).create(&path).and_then(|()| {
            let lock = File::open(&path)?;
            lock.lock()?;
            Ok(lock)
        });
        let lock = made.map_err(|error| StartError::file("make", &path, &error))?;
        Ok(Self { path, _lock: lock, published: false })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folder the desk's, durably.
    pub(crate) fn publish(mut self, folder: &Folder) -> Result<(), StartError> {
        let root = folder.root();
        let result = if self.path.starts_with(root) {
            self.move_into(folder)
        } else {
            fs::rename(&self.path, root).and_then(|()| sync_folder(&parent(root)))
        };
        result.map_err(|error| match error.kind() {
            io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => StartError::new(
                "folder-not-empty",
                format!("Somebody else has put something into {} meanwhile.", root.display()),
                "Name a folder that is missing or empty.",
            ),
            _ => StartError::file("make", root, &error),
        })?;
        self.published = true;
        Ok(())
    }

    /// Moves everything up, the settings last: without them a folder is no desk.
    fn move_into(&self, folder: &Folder) -> io::Result<()> {
        let root = folder.root();
        fs::set_permissions(root, Permissions::from_mode(0o700))?;
        let settings = folder.config();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let target = root.join(entry.file_name());
            if target != settings {
                fs::rename(entry.path(), target)?;
            }
        }
        sync_folder(root)?;
        fs::rename(Folder::new(&self.path).config(), settings)?;
        fs::remove_dir(&self.path)?;
        sync_folder(root)
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        if !self.published {
            // Nobody knows of it; what cannot be removed now, the next `init` removes.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn unfinished_prefix(root: &Path) -> String {
    let name = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    format!(".{}.unfinished-", name.trim_start_matches('.'))
}

/// Removes what crashes have left; what a running `init` works in is locked.
fn remove_leftovers(around: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(around) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(prefix) {
            continue;
        }
        let free = File::open(entry.path()).map(|folder| match folder.try_lock() {
            Ok(()) => Some(folder),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
        });
        if let Ok(Some(_lock)) = free {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
