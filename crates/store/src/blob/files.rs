//! Blobs as files on a [`Disk`]: `blobs/<aa>/<bb>/<sha256>`, partial ones in `blobs/partial`, damaged ones that wait for
//! another copy in `blobs/damaged`.

use std::collections::HashSet;
use std::io::{self, IoSlice, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::lists::Lists;
use super::{BlobFile, BlobId, Blobs, PartialBlob};
use crate::error::sync_failed;
use crate::{Disk, DiskFile, Error, Result};

const FOLDER: &str = "blobs";
const PARTIAL: &str = "blobs/partial";
const DAMAGED: &str = "blobs/damaged";

/// What the name of a file being imported begins with.
const IMPORT: &str = "import-";

/// How much is hashed or copied at once, bytes.
const PIECE: usize = 256 << 10;
/// After so many bytes the disk begins to take what was written.
const STRETCH: u64 = 8 << 20;

/// Blobs on a disk.
pub struct DiskBlobs {
    disk: Arc<dyn Disk>,
    imports: AtomicU64,
    /// What somebody brought or asked for since the last look for what is nobody's.
    wanted: Mutex<HashSet<BlobId>>,
    lists: Lists,
}

impl DiskBlobs {
    /// Opens the blobs on a disk, creating their folders and deleting what interrupted imports left.
    pub fn open(disk: Arc<dyn Disk>) -> Result<Self> {
        let blobs =
            Self { disk, imports: AtomicU64::new(0), wanted: Mutex::default(), lists: Lists::default() };
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

    /// Gives a written file the name of its blob, durably. A whole blob that is here already stays; a damaged one is
    /// replaced.
    fn install(&self, written: &Piecewise, id: &BlobId) -> Result<()> {
        self.want(id);
        if self.is_whole(written.size, id)? && self.settle(id)?.is_some() {
            self.delete(&written.name)?;
            return self.forget_damaged(id);
        }
        let failed = |error| Error::io(format!("store blob {id}"), error);
        if let Err(error) = written.file.sync_all() {
            // The system tells of it once and then takes the pages for written: what is here can not be trusted, and
            // trying again begins with nothing.
            let _ = self.disk.remove(&written.name);
            return Err(failed(sync_failed(error)));
        }
        let name = blob_name(id);
        let step = || {
            for folder in folders(id) {
                self.disk.create_folder(&folder)?;
            }
            self.disk.rename(&written.name, &name)?;
            let [_, folder] = folders(id);
            self.disk.sync_folder(&folder).map_err(sync_failed)
        };
        step().map_err(failed)?;
        self.forget_damaged(id)
    }

    /// Keeps a blob from being taken for nobody's. What is noted here before a look at the disk is seen by
    /// [`Blobs::remove_unwanted`], or the look finds that the blob is gone.
    fn want(&self, id: &BlobId) {
        self.wants().insert(*id);
    }

    fn wants(&self) -> MutexGuard<'_, HashSet<BlobId>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the blob is here as it was written. One that cannot be read is not.
    fn is_whole(&self, size: u64, id: &BlobId) -> Result<bool> {
        let Some(found) = self.find(&blob_name(id))? else { return Ok(false) };
        Ok(found.size == size && found.hash().is_ok_and(|hash| hash == *id))
    }

    /// Deletes the damaged copy of a blob that is here again.
    fn forget_damaged(&self, id: &BlobId) -> Result<()> {
        self.delete(&damaged_name(id)).map(drop)
    }

    /// Takes in what `fill` writes to a new file; it returns the name and the size of that.
    fn take_in(&self, fill: impl FnOnce(&dyn DiskFile) -> Result<(BlobId, u64)>) -> Result<(BlobId, u64)> {
        let name = format!("{PARTIAL}/{IMPORT}{}", self.imports.fetch_add(1, Ordering::Relaxed));
        let take = || {
            let file = self.disk.create(&name).map_err(importing)?;
            let (id, size) = fill(file.as_ref())?;
            self.install(&Piecewise { file, size, name: name.clone() }, &id)?;
            Ok((id, size))
        };
        let taken = take();
        if taken.is_err() {
            // The reason of the failure matters more than the file, which the next opening deletes.
            let _ = self.disk.remove(&name);
        }
        taken
    }
}

/// Writes all of a source to a file, and shows each piece. Returns the size.
fn copy(source: &mut dyn Read, file: &dyn DiskFile, mut seen: impl FnMut(&[u8])) -> Result<u64> {
    let (mut size, mut begun, mut buffer) = (0, 0, vec![0; PIECE]);
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) => return Ok(size),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(importing(error)),
        };
        seen(&buffer[..count]);
        file.write_at(&buffer[..count], size).map_err(importing)?;
        size += count as u64;
        if size - begun >= STRETCH {
            file.begin_sync(begun, size - begun);
            begun = size;
        }
    }
}

fn importing(error: io::Error) -> Error {
    Error::io("import a file", error)
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
        let found = self.find(&partial_name(key))?.map_or(Ok(*id), |partial| partial.hash())?;
        self.finish_hashed(key, id, &found)
    }

    fn finish_hashed(&self, key: &BlobId, id: &BlobId, found: &BlobId) -> Result<u64> {
        let Some(partial) = self.find(&partial_name(key))? else {
            return self.settle(id)?.ok_or(Error::NoBlob(*id));
        };
        if found != id {
            return Err(Error::BlobMismatch { id: *id, reason: format!("its content hashes to {found}") });
        }
        self.install(&partial, id)?;
        Ok(partial.size)
    }

    fn settle(&self, id: &BlobId) -> Result<Option<u64>> {
        self.want(id);
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
        self.take_in(|file| {
            let mut hash = Sha256::new();
            let size = copy(source, file, |piece| hash.update(piece))?;
            Ok((BlobId(hash.finalize().into()), size))
        })
    }

    fn import_hashed(
        &self,
        source: &mut dyn Read,
        hashed: &dyn Fn() -> Option<BlobId>,
    ) -> Result<(BlobId, u64)> {
        self.take_in(|file| {
            let size = copy(source, file, |_| {})?;
            let id = hashed().ok_or_else(|| importing(io::Error::other("its hash is not known")))?;
            Ok((id, size))
        })
    }

    fn note_chunks(&self, id: &BlobId, list: Arc<[u8]>) {
        self.lists.note(*id, list);
    }

    fn noted_chunks(&self, id: &BlobId) -> Option<Arc<[u8]>> {
        self.lists.get(id)
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
        if self.delete(&damaged_name(id))? {
            self.disk
                .sync_folder(DAMAGED)
                .map_err(|error| Error::io(format!("delete damaged blob {id}"), sync_failed(error)))?;
        }
        Ok(was_here)
    }

    fn remove_unwanted(&self, id: &BlobId) -> Result<bool> {
        let wants = self.wants();
        if wants.contains(id) {
            return Ok(false);
        }
        self.remove(id)
    }

    fn forget_wants(&self) {
        self.wants().clear();
    }

    fn set_aside(&self, id: &BlobId) -> Result<bool> {
        let [_, folder] = folders(id);
        let step = || {
            self.disk.create_folder(DAMAGED)?;
            self.disk.rename(&blob_name(id), &damaged_name(id))?;
            self.disk.sync_folder(DAMAGED).and_then(|()| self.disk.sync_folder(&folder)).map_err(sync_failed)
        };
        match step() {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io(format!("set blob {id} aside"), error)),
        }
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
        self.file.read_at(buffer, offset).map_err(|error| self.unread(error))
    }

    fn unread(&self, error: io::Error) -> Error {
        Error::io(format!("read {}", self.name), error)
    }
}

impl PartialBlob for Piecewise {
    fn size(&self) -> u64 {
        self.size
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.write_pieces_at(&mut [IoSlice::new(bytes)], offset)
    }

    fn write_pieces_at(&self, pieces: &mut [IoSlice<'_>], offset: u64) -> Result<()> {
        let size: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        if offset.checked_add(size).is_none_or(|end| end > self.size) {
            let id = parse_id(self.name.rsplit('/').next().unwrap_or_default());
            let reason = format!("a piece at {offset} reaches beyond its size of {} bytes", self.size);
            return Err(Error::BlobMismatch { id: id.unwrap_or(BlobId([0; 32])), reason });
        }
        let written = self.file.write_pieces_at(pieces, offset);
        written.map_err(|error| Error::io(format!("write {}", self.name), error))
    }

    fn begin_sync(&self, offset: u64, size: u64) {
        self.file.begin_sync(offset, size);
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

    fn read_at_once(&self, buffer: &mut [u8], offset: u64) -> Result<Option<usize>> {
        self.file.read_at_once(buffer, offset).map_err(|error| self.unread(error))
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

fn damaged_name(id: &BlobId) -> String {
    format!("{DAMAGED}/{id}")
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

#[cfg(test)]
mod tests {
    //! A file that a desk says it has is whole and stays.
    use super::*;
    use crate::memory::SimDisk;

    fn blobs(disk: &SimDisk) -> DiskBlobs {
        DiskBlobs::open(Arc::new(disk.session())).unwrap()
    }

    fn import(blobs: &DiskBlobs, content: &[u8]) -> BlobId {
        blobs.import(&mut &content[..]).unwrap().0
    }

    fn begun(blobs: &DiskBlobs, content: &[u8]) -> BlobId {
        let id = BlobId(Sha256::digest(content).into());
        blobs.begin(&id, content.len() as u64).unwrap().write_at(content, 0).unwrap();
        id
    }

    /// Who attaches a damaged file again, or fetches it again, has it whole then, also after a power cut.
    #[test]
    fn good_bytes_take_the_place_of_a_damaged_blob() {
        for rot in [b"a phot".as_slice(), b"a phoXo", b""] {
            for fetched in [false, true] {
                let disk = SimDisk::default();
                let blobs = blobs(&disk);
                let id = import(&blobs, b"a photo");
                disk.set_content(&blob_name(&id), rot.to_vec());
                if fetched {
                    begun(&blobs, b"a photo");
                    assert_eq!(blobs.finish(&id).unwrap(), 7);
                } else {
                    import(&blobs, b"a photo");
                }
                disk.power_cut(7);
                assert_eq!(disk.content(&blob_name(&id)).unwrap(), b"a photo");
            }
        }
    }

    /// What a failed sync may have lost must not be acknowledged because trying again finds it in memory.
    #[test]
    fn a_file_whose_sync_failed_is_collected_anew() {
        let disk = SimDisk::default();
        let blobs = blobs(&disk);
        let id = begun(&blobs, b"a photo");
        disk.fail_syncs(1);
        assert!(blobs.finish(&id).is_err());
        assert!(blobs.partial(&id).unwrap().is_none() && !blobs.exists(&id).unwrap());
        assert!(matches!(blobs.finish(&id), Err(Error::NoBlob(_))), "there is nothing to acknowledge");
        disk.fail_syncs(1);
        assert!(blobs.import(&mut b"a photo".as_slice()).is_err());
        assert!(!blobs.exists(&id).unwrap());
        import(&blobs, b"a photo");
        disk.power_cut(3);
        assert_eq!(disk.content(&blob_name(&id)).unwrap(), b"a photo");
    }

    /// The damaged copy is all there is until another is here.
    #[test]
    fn a_damaged_blob_is_kept_until_another_copy_is_here() {
        let disk = SimDisk::default();
        let blobs = blobs(&disk);
        let id = import(&blobs, b"a photo");
        disk.set_content(&blob_name(&id), b"a phoXo".to_vec());
        assert!(blobs.set_aside(&id).unwrap());
        assert!(!blobs.set_aside(&id).unwrap(), "it is aside already");
        disk.power_cut(1);
        let blobs = self::blobs(&disk);
        assert!(!blobs.exists(&id).unwrap() && blobs.list().unwrap().is_empty());
        assert_eq!(disk.content(&damaged_name(&id)).unwrap(), b"a phoXo");
        import(&blobs, b"a photo");
        assert_eq!(disk.content(&damaged_name(&id)), None);
        assert_eq!(disk.content(&blob_name(&id)).unwrap(), b"a photo");
    }

    /// What is deleted, as after an erasure, is gone whether it was damaged or not, and stays so after a power cut.
    #[test]
    fn a_damaged_blob_that_is_deleted_leaves_no_copy() {
        let disk = SimDisk::default();
        let blobs = blobs(&disk);
        let id = import(&blobs, b"a photo");
        assert!(blobs.set_aside(&id).unwrap());
        assert!(!blobs.remove(&id).unwrap(), "it was not here");
        disk.power_cut(1);
        let blobs = self::blobs(&disk);
        assert_eq!(disk.content(&damaged_name(&id)), None);
        assert!(!blobs.remove(&id).unwrap());
    }

    /// A file found to be nobody's and attached at that moment must not be deleted.
    #[test]
    fn a_blob_that_was_brought_again_is_not_nobodys() {
        let disk = SimDisk::default();
        let id = import(&blobs(&disk), b"a photo");
        let blobs = blobs(&disk);
        import(&blobs, b"a photo");
        assert!(!blobs.remove_unwanted(&id).unwrap() && blobs.exists(&id).unwrap());
        blobs.forget_wants();
        assert!(blobs.remove_unwanted(&id).unwrap() && !blobs.exists(&id).unwrap());
    }
}
