//! Blobs as files on a [`Disk`]: `blobs/<aa>/<bb>/<sha256>`, partial ones in `blobs/partial`.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use super::{BlobFile, BlobId, Blobs, PartialBlob};
use crate::error::sync_failed;
use crate::{Disk, DiskFile, Error, Result};

const FOLDER: &str = "blobs";
const PARTIAL: &str = "blobs/partial";

/// What the name of a file being imported begins with.
const IMPORT: &str = "import-";

/// How much is hashed or copied at once, bytes.
const PIECE: usize = 256 << 10;

/// Blobs on a disk.
pub struct DiskBlobs {
    disk: Arc<dyn Disk>,
    imports: AtomicU64,
}

impl DiskBlobs {
    /// Opens the blobs on a disk, creating their folders and deleting what interrupted imports left.
    pub fn open(disk: Arc<dyn Disk>) -> Result<Self> {
        let blobs = Self { disk, imports: AtomicU64::new(0) };
        for folder in [FOLDER, PARTIAL] {
            blobs.disk.create_folder(folder).map_err(|error| Error::io(format!("create {folder}"), error))?;
        }
        for name in blobs.names(PARTIAL)? {
            if name.starts_with(IMPORT) {
                blobs.delete(&format!("{PARTIAL}/{name}"))?;
            }
        }
        Ok(blobs)
    }

    fn names(&self, folder: &str) -> Result<Vec<String>> {
        self.disk.list(folder).map_err(|error| Error::io(format!("list {folder}"), error))
    }

    fn find(&self, name: &str) -> Result<Option<Piecewise>> {
        let doing = || format!("open {name}");
        match self.disk.open(name) {
            Ok(file) => {
                let size = file.size().map_err(|error| Error::io(doing(), error))?;
                Ok(Some(Piecewise { file, size, name: name.to_owned() }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(doing(), error)),
        }
    }

    /// Deletes a file; `false` when it was not there.
    fn delete(&self, name: &str) -> Result<bool> {
        match self.disk.remove(name) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io(format!("delete {name}"), error)),
        }
    }

    /// Gives a written file the name of its blob, durably, unless that blob is here already.
    fn install(&self, written: &Piecewise, id: &BlobId) -> Result<()> {
        if self.settle(id)?.is_some() {
            self.delete(&written.name)?;
            return Ok(());
        }
        let name = blob_name(id);
        let step = || {
            written.file.sync_all().map_err(sync_failed)?;
            for folder in folders(id) {
                self.disk.create_folder(&folder)?;
            }
            self.disk.rename(&written.name, &name)?;
            let [_, folder] = folders(id);
            self.disk.sync_folder(&folder).map_err(sync_failed)
        };
        step().map_err(|error| Error::io(format!("store blob {id}"), error))
    }

    fn copy_in(&self, name: &str, source: &mut dyn Read) -> Result<(Piecewise, BlobId)> {
        let doing = |error| Error::io("import a file", error);
        let file = self.disk.create(name).map_err(doing)?;
        let (mut hash, mut size, mut buffer) = (Sha256::new(), 0, vec![0; PIECE]);
        loop {
            let count = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(doing(error)),
            };
            hash.update(&buffer[..count]);
            file.write_at(&buffer[..count], size).map_err(doing)?;
            size += count as u64;
        }
        Ok((Piecewise { file, size, name: name.to_owned() }, BlobId(hash.finalize().into())))
    }
}

impl Blobs for DiskBlobs {
    fn begin(&self, id: &BlobId, size: u64) -> Result<Arc<dyn PartialBlob>> {
        let name = partial_name(id);
        if let Some(found) = self.find(&name)?.filter(|found| found.size == size) {
            return Ok(Arc::new(found));
        }
        let make = || {
            let file = self.disk.create(&name)?;
            file.allocate(size).and_then(|()| file.set_len(size)).map(|()| file)
        };
        match make() {
            Ok(file) => Ok(Arc::new(Piecewise { file, size, name })),
            Err(error) => {
                self.delete(&name)?;
                Err(Error::io(format!("reserve {size} bytes for blob {id}"), error))
            }
        }
    }

    fn partial(&self, id: &BlobId) -> Result<Option<Arc<dyn PartialBlob>>> {
        Ok(self.find(&partial_name(id))?.map(|found| Arc::new(found) as Arc<dyn PartialBlob>))
    }

    fn partials(&self) -> Result<Vec<BlobId>> {
        Ok(self.names(PARTIAL)?.iter().filter_map(|name| parse_id(name)).collect())
    }

    fn finish_as(&self, key: &BlobId, id: &BlobId) -> Result<u64> {
        let Some(partial) = self.find(&partial_name(key))? else {
            return self.settle(id)?.ok_or(Error::NoBlob(*id));
        };
        let found = partial.hash()?;
        if found != *id {
            return Err(Error::BlobMismatch { id: *id, reason: format!("its content hashes to {found}") });
        }
        self.install(&partial, id)?;
        Ok(partial.size)
    }

    fn settle(&self, id: &BlobId) -> Result<Option<u64>> {
        let Some(found) = self.find(&blob_name(id))? else { return Ok(None) };
        let step = || {
            for folder in folders(id) {
                self.disk.create_folder(&folder)?;
            }
            let [_, folder] = folders(id);
            self.disk.sync_folder(&folder).map_err(sync_failed)
        };
        step().map_err(|error| Error::io(format!("make blob {id} durable"), error))?;
        Ok(Some(found.size))
    }

    fn discard(&self, id: &BlobId) -> Result<()> {
        self.delete(&partial_name(id)).map(drop)
    }

    fn import(&self, source: &mut dyn Read) -> Result<(BlobId, u64)> {
        let name = format!("{PARTIAL}/{IMPORT}{}", self.imports.fetch_add(1, Ordering::Relaxed));
        let stored = self
            .copy_in(&name, source)
            .and_then(|(written, id)| self.install(&written, &id).map(|()| (id, written.size)));
        if stored.is_err() {
            // The reason of the failure matters more than the file, which the next opening deletes.
            let _ = self.disk.remove(&name);
        }
        stored
    }

    fn open(&self, id: &BlobId) -> Result<Option<Arc<dyn BlobFile>>> {
        Ok(self.find(&blob_name(id))?.map(|found| Arc::new(found) as Arc<dyn BlobFile>))
    }

    fn size(&self, id: &BlobId) -> Result<Option<u64>> {
        Ok(self.find(&blob_name(id))?.map(|found| found.size))
    }

    fn remove(&self, id: &BlobId) -> Result<bool> {
        let was_here = self.delete(&blob_name(id))?;
        if was_here {
            let [_, folder] = folders(id);
            self.disk
                .sync_folder(&folder)
                .map_err(|error| Error::io(format!("delete blob {id}"), sync_failed(error)))?;
        }
        Ok(was_here)
    }

    fn list(&self) -> Result<Vec<BlobId>> {
        let mut found = Vec::new();
        for outer in self.names(FOLDER)?.iter().filter(|name| name.len() == 2) {
            for inner in self.names(&format!("{FOLDER}/{outer}"))? {
                let names = self.names(&format!("{FOLDER}/{outer}/{inner}"))?;
                found.extend(names.iter().filter_map(|name| parse_id(name)));
            }
        }
        Ok(found)
    }
}

/// An open file, whole or partial.
struct Piecewise {
    file: Arc<dyn DiskFile>,
    size: u64,
    name: String,
}

impl Piecewise {
    fn hash(&self) -> Result<BlobId> {
        let (mut hash, mut offset, mut buffer) = (Sha256::new(), 0, vec![0; PIECE]);
        loop {
            let count = self.read(&mut buffer, offset)?;
            if count == 0 {
                return Ok(BlobId(hash.finalize().into()));
            }
            hash.update(&buffer[..count]);
            offset += count as u64;
        }
    }

    fn read(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        self.file.read_at(buffer, offset).map_err(|error| Error::io(format!("read {}", self.name), error))
    }
}

impl PartialBlob for Piecewise {
    fn size(&self) -> u64 {
        self.size
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        if offset.checked_add(bytes.len() as u64).is_none_or(|end| end > self.size) {
            let id = parse_id(self.name.rsplit('/').next().unwrap_or_default());
            let reason = format!("a piece at {offset} reaches beyond its size of {} bytes", self.size);
            return Err(Error::BlobMismatch { id: id.unwrap_or(BlobId([0; 32])), reason });
        }
        self.file.write_at(bytes, offset).map_err(|error| Error::io(format!("write {}", self.name), error))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        self.read(buffer, offset)
    }
}

impl BlobFile for Piecewise {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        self.read(buffer, offset)
    }
}

/// The outer and the inner folder of a blob.
fn folders(id: &BlobId) -> [String; 2] {
    let (outer, inner) = (id.0[0], id.0[1]);
    [format!("{FOLDER}/{outer:02x}"), format!("{FOLDER}/{outer:02x}/{inner:02x}")]
}

fn blob_name(id: &BlobId) -> String {
    let [_, folder] = folders(id);
    format!("{folder}/{id}")
}

fn partial_name(id: &BlobId) -> String {
    format!("{PARTIAL}/{id}")
}

fn parse_id(name: &str) -> Option<BlobId> {
    let mut id = [0; 32];
    if name.len() != 64 || !name.is_ascii() {
        return None;
    }
    for (byte, digits) in id.iter_mut().zip(name.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(BlobId(id))
}
