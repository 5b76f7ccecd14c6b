//! The file system as the journal and the blobs need it; implemented by real files and by the simulated disk.

use std::io::{self, IoSlice};
use std::sync::Arc;

/// A folder tree. Names are relative, `/`-separated and made by this crate alone.
pub trait Disk: Send + Sync {
    /// Creates an empty file, or empties an existing one, for reading and writing. Not durable before
    /// [`DiskFile::sync_all`] and [`Disk::sync_folder`].
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens an existing file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name, replacing what had it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Deletes a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// The names of the files and folders in a folder, without the folder's, unordered; none when it is missing.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;

    /// Creates a folder where it is missing, durably: its parent is synced. The parent must exist.
    fn create_folder(&self, folder: &str) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &str) -> io::Result<()>;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Reads at an offset; fewer bytes than asked for only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Reads what is in memory of a part, from its beginning on; `None` where the disk would have to be waited for.
    fn read_at_once(&self, _buffer: &mut [u8], _offset: u64) -> io::Result<Option<usize>> {
        Ok(None)
    }

    /// Writes all bytes at an offset.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Writes pieces one behind the other.
    fn write_pieces_at(&self, pieces: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
        for piece in pieces {
            self.write_at(piece, offset)?;
            offset += piece.len() as u64;
        }
        Ok(())
    }

    /// Reserves room up to `size` bytes, which read as zeros until written, and makes the file that long if it is
    /// shorter. Where the file system cannot do this, nothing happens.
    fn allocate(&self, size: u64) -> io::Result<()>;

    /// Cuts or extends the file; what is added reads as zeros.
    fn set_len(&self, size: u64) -> io::Result<()>;

    /// The length of the file, bytes.
    fn size(&self) -> io::Result<u64>;

    /// Has the system begin to bring a part of the content to the disk, and does not wait for it: a sync has less to do
    /// then. What is there already need not stay in memory. A hint, which promises nothing and cannot fail.
    fn begin_sync(&self, _offset: u64, _size: u64) {}

    /// Makes the content durable, with what is needed to read it (`fdatasync`).
    fn sync_data(&self) -> io::Result<()>;

    /// Makes the content and all of the file's attributes durable (`fsync`).
    fn sync_all(&self) -> io::Result<()>;
}

/// Fills a buffer from a file, with zeros where the file ends. Returns how many bytes the file had.
pub(crate) fn read_fully(file: &dyn DiskFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer[filled..].fill(0);
    Ok(filled)
}
