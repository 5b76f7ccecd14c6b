//! Real files: the [`Disk`] below the journal and the blobs.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut};
use std::num::NonZeroU64;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use deskwire_store::{Disk, DiskFile};
use rustix::fs::{Advice, FallocateFlags};
use rustix::io::{Errno, ReadWriteFlags};

use crate::folder::FolderLock;

/// The files below one folder, held for as long as any part of the store is in use.
pub(crate) struct OsDisk {
    root: PathBuf,
    /// Folders whose names are known to be durable.
    durable_folders: Mutex<BTreeSet<String>>,
    _lock: Arc<FolderLock>,
}

impl OsDisk {
    pub(crate) fn new(root: &Path, lock: Arc<FolderLock>) -> Self {
        Self { root: root.to_owned(), durable_folders: Mutex::default(), _lock: lock }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

impl Disk for OsDisk {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        Ok(Arc::new(OsFile(options.open(self.path(name))?)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(OsFile(OpenOptions::new().read(true).write(true).open(self.path(name))?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.path(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        // Names that are not UTF-8 are nobody's here.
        entries
            .filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose())
            .collect()
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        let known = |set: &Mutex<BTreeSet<String>>| {
            set.lock().unwrap_or_else(PoisonError::into_inner).contains(folder)
        };
        if known(&self.durable_folders) {
            return Ok(());
        }
        let path = self.path(folder);
        create_private_folder(&path)?;
        // Also for a folder that is there: the process that made it may have died before this.
        sync_folder(path.parent().unwrap_or(&self.root))?;
        self.durable_folders.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned());
        Ok(())
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        sync_folder(&self.path(folder))
    }
}

/// Creates a folder, where it is missing, that only this user may enter: it holds what customers wrote.
pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Bytes free for this process on the disk of a folder.
pub(crate) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(folder)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Reserves room in a file up to a size, which becomes its length if it is shorter. Where the file system cannot,
/// nothing happens.
pub(crate) fn allocate(file: &File, size: u64) -> io::Result<()> {
    fallocate(file, FallocateFlags::empty(), size)
}

/// Reserves room in a file and behind its end, up to a size, with the length as it is.
pub(crate) fn allocate_behind(file: &File, size: u64) -> io::Result<()> {
    fallocate(file, FallocateFlags::KEEP_SIZE, size)
}

fn fallocate(file: &File, flags: FallocateFlags, size: u64) -> io::Result<()> {
    if size == 0 {
        return Ok(());
    }
    match rustix::io::retry_on_intr(|| rustix::fs::fallocate(file, flags, 0, size)) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
        result => Ok(result?),
    }
}

/// Pieces that Linux takes in one call (`IOV_MAX`).
const TOGETHER: usize = 1_024;

struct OsFile(File);

impl DiskFile for OsFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn read_at_once(&self, buffer: &mut [u8], offset: u64) -> io::Result<Option<usize>> {
        let mut buffer = [IoSliceMut::new(buffer)];
        match rustix::io::preadv2(&self.0, &mut buffer, offset, ReadWriteFlags::NOWAIT) {
            Ok(count) => Ok(Some(count)),
            // The last two: this file system, or this kernel, cannot say.
            Err(Errno::AGAIN | Errno::INTR | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn write_pieces_at(&self, mut pieces: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
        while !pieces.is_empty() {
            let together = &pieces[..pieces.len().min(TOGETHER)];
            let written = rustix::io::retry_on_intr(|| rustix::io::pwritev(&self.0, together, offset))?;
            if written == 0 && together.iter().any(|piece| !piece.is_empty()) {
                return Err(io::ErrorKind::WriteZero.into());
            }
            IoSlice::advance_slices(&mut pieces, written);
            offset += written as u64;
        }
        Ok(())
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        allocate(&self.0, size)
    }

    fn set_len(&self, size: u64) -> io::Result<()> {
        self.0.set_len(size)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn begin_sync(&self, offset: u64, size: u64) {
        // What is not needed in memory any more, and not written yet, Linux begins to write at once. If that does not work,
        // the sync has more to do.
        let _ = rustix::fs::fadvise(&self.0, offset, NonZeroU64::new(size), Advice::DontNeed);
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}

#[cfg(test)]
mod tests {
    //! A partner gets the bytes of a file, whether memory has them or not.
    use super::*;

    #[test]
    fn what_is_read_at_once_is_what_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Arc::new(FolderLock::take(folder.path()).unwrap());
        let file = OsDisk::new(folder.path(), lock).create("photo").unwrap();
        let content: Vec<u8> = (0..300_000_u32).map(|place| (place % 251) as u8).collect();
        file.write_at(&content, 0).unwrap();
        for start in [0, 1, 4_096, 299_999, 300_000] {
            let mut buffer = vec![0; 100_000];
            // Some file systems cannot say what is in memory.
            let Some(count) = file.read_at_once(&mut buffer, start as u64).unwrap() else { continue };
            assert_eq!(buffer[..count], content[start..][..count]);
            assert_eq!(count == 0, start == content.len());
        }
    }
}
