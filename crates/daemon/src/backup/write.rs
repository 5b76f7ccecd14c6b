//! The archive being written: entries with their hashes, the manifest, and the seal around all of it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::manifest::{FileEntry, MANIFEST, Manifest};
use crate::sealed::Sealing;

/// Reads through a hash.
pub(crate) struct Hashing<R> {
    from: R,
    hash: Sha256,
    read: u64,
}

impl<R> Hashing<R> {
    pub(crate) fn new(from: R) -> Self {
        Self { from, hash: Sha256::new(), read: 0 }
    }

    /// Bytes read so far.
    pub(crate) fn read_bytes(&self) -> u64 {
        self.read
    }

    /// SHA-256 of what was read, as hexadecimal digits.
    pub(crate) fn hex(self) -> String {
        HEXLOWER.encode(&self.hash.finalize())
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.read += count as u64;
        Ok(count)
    }
}

/// Where the archive goes.
enum Target {
    Plain(BufWriter<File>),
    Sealed(Box<Sealing<BufWriter<File>>>),
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Sealed(sealing) => sealing.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Sealed(sealing) => sealing.flush(),
        }
    }
}

/// An archive being written.
pub(super) struct Archive {
    tar: tar::Builder<Target>,
    files: Vec<FileEntry>,
}

impl Archive {
    /// Begins a new file that nobody else may read.
    pub(super) fn create(path: &Path, passphrase: Option<&[u8]>) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let file = BufWriter::with_capacity(1 << 20, file);
        let target = match passphrase {
            Some(passphrase) => Target::Sealed(Box::new(Sealing::new(file, passphrase)?)),
            None => Target::Plain(file),
        };
        Ok(Self { tar: tar::Builder::new(target), files: Vec::new() })
    }

    /// How many entries there are.
    pub(super) fn entries(&self) -> u64 {
        self.files.len() as u64
    }

    /// Adds bytes under a name.
    pub(super) fn bytes(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.entry(name, bytes.len() as u64, bytes)
    }

    /// Adds a file under a name; it does not change any more.
    pub(super) fn file(&mut self, name: &str, file: File) -> io::Result<()> {
        let size = file.metadata()?.len();
        self.entry(name, size, file)
    }

    fn entry(&mut self, name: &str, size: u64, content: impl Read) -> io::Result<()> {
        let mut content = Hashing::new(content);
        self.append(name, size, &mut content)?;
        if content.read_bytes() != size {
            return Err(io::Error::other(format!("{name} changed while it was copied")));
        }
        self.files.push(FileEntry { name: name.to_owned(), size, sha256: content.hex() });
        Ok(())
    }

    fn append(&mut self, name: &str, size: u64, content: impl Read) -> io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o600);
        header.set_size(size);
        self.tar.append_data(&mut header, name, content)
    }

    /// Adds the manifest and makes the archive durable. Returns its size in bytes.
    pub(super) fn finish(mut self, manifest: Manifest) -> io::Result<u64> {
        let manifest = Manifest { files: std::mem::take(&mut self.files), ..manifest };
        let text = serde_json::to_vec_pretty(&manifest).map_err(io::Error::other)?;
        self.append(MANIFEST, text.len() as u64, text.as_slice())?;
        let file = match self.tar.into_inner()? {
            Target::Plain(file) => file,
            Target::Sealed(sealing) => sealing.finish()?,
        };
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(file.metadata()?.len())
    }
}
