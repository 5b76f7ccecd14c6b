//! Blobs: files named by the SHA-256 of their content.

mod files;
mod lists;

use std::fmt;
use std::io::{IoSlice, Read};
use std::ops::ControlFlow;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::Result;

pub use files::DiskBlobs;

/// How much is hashed at once, bytes.
const PIECE: usize = 256 << 10;

/// The name of a blob: the SHA-256 of its content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(pub [u8; 32]);

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobId({self})")
    }
}

/// Content-addressed files. A blob is there as a whole, verified and durable, or it is not there.
///
/// What arrives in pieces is collected in a partial file, which survives a crash with some of its pieces; which ones
/// is for the caller to find out, by hashing what [`PartialBlob::read_at`] gives. One caller works on a partial at a
/// time.
pub trait Blobs: Send + Sync {
    /// Begins to collect a blob of so many bytes, or goes on with a partial file of that size. One of another size is
    /// started over. Room for all of it is reserved at once.
    fn begin(&self, id: &BlobId, size: u64) -> Result<Arc<dyn PartialBlob>>;

    /// The partial file of a blob, if one was begun.
    fn partial(&self, id: &BlobId) -> Result<Option<Arc<dyn PartialBlob>>>;

    /// All blobs begun and not finished.
    fn partials(&self) -> Result<Vec<BlobId>>;

    /// Verifies a partial file as a whole and makes it the blob, durably. Returns the size. A whole blob that is
    /// already there is left as it is, and a partial file of it discarded; a damaged one is replaced.
    ///
    /// # Errors
    /// [`Error::NoBlob`](crate::Error::NoBlob) when it was not begun;
    /// [`Error::BlobMismatch`](crate::Error::BlobMismatch) when the content has another hash: the partial file stays,
    /// the wrong pieces can be written again. After a sync that failed the partial file is gone.
    fn finish(&self, id: &BlobId) -> Result<u64> {
        self.finish_as(id, id)
    }

    /// As [`Blobs::finish`], for a partial file that was begun under a key of its own: bytes that two partners announce
    /// under one hash are collected apart, so that one who announces them wrongly harms itself alone.
    ///
    /// # Errors
    /// As [`Blobs::finish`].
    fn finish_as(&self, key: &BlobId, id: &BlobId) -> Result<u64>;

    /// As [`Blobs::finish_as`], where whoever wrote the pieces has hashed all of them, one behind the other, and found
    /// `found`. Nothing is read again.
    ///
    /// # Errors
    /// As [`Blobs::finish`].
    fn finish_hashed(&self, key: &BlobId, id: &BlobId, found: &BlobId) -> Result<u64>;

    /// The size of a blob that may be here already, after its name was made durable: a kill may have come between. `None`
    /// when it is not here.
    fn settle(&self, id: &BlobId) -> Result<Option<u64>>;

    /// Deletes a partial file, if there is one.
    fn discard(&self, id: &BlobId) -> Result<()>;

    /// Takes in a whole blob, durably, in the place of a damaged one too, and returns its name and size. Whether the source changed while it was read is
    /// for the caller to check.
    fn import(&self, source: &mut dyn Read) -> Result<(BlobId, u64)>;

    /// As [`Blobs::import`], of a source that hashes what is read of it: `hashed` tells the hash once the source has ended.
    ///
    /// # Errors
    /// When `hashed` tells nothing, or as [`Blobs::import`].
    fn import_hashed(
        &self,
        source: &mut dyn Read,
        hashed: &dyn Fn() -> Option<BlobId>,
    ) -> Result<(BlobId, u64)>;

    /// Remembers the chunk list of a blob for as long as there is room in memory, so that nobody reads the blob to make it.
    fn note_chunks(&self, id: &BlobId, list: Arc<[u8]>);

    /// The chunk list that was noted for a blob, if it is still known.
    fn noted_chunks(&self, id: &BlobId) -> Option<Arc<[u8]>>;

    /// Opens a blob for reading.
    fn open(&self, id: &BlobId) -> Result<Option<Arc<dyn BlobFile>>>;

    /// The size of a blob, bytes; `None` when it is not here.
    fn size(&self, id: &BlobId) -> Result<Option<u64>>;

    /// Whether a blob is here.
    fn exists(&self, id: &BlobId) -> Result<bool> {
        Ok(self.size(id)?.is_some())
    }

    /// Deletes a blob, durably, and a damaged copy that was set aside. `false` when it was not here.
    fn remove(&self, id: &BlobId) -> Result<bool>;

    /// Deletes a blob that belongs to nobody, durably, unless somebody brought it or asked for it since
    /// [`Blobs::forget_wants`]: it is about to belong to somebody then. `false` when it was not deleted.
    fn remove_unwanted(&self, id: &BlobId) -> Result<bool>;

    /// Ends a look for what is nobody's: what was brought before it belongs to somebody at the next one, or to nobody.
    fn forget_wants(&self);

    /// Takes a damaged blob out of the way, durably, and keeps its bytes until the blob is here again. `false` when it
    /// was not here.
    fn set_aside(&self, id: &BlobId) -> Result<bool>;

    /// All blobs, for finding those that nothing refers to.
    fn list(&self) -> Result<Vec<BlobId>>;
}

/// A blob being collected.
pub trait PartialBlob: Send + Sync {
    /// The size it will have, bytes.
    fn size(&self) -> u64;

    /// Writes one piece. Durable with [`Blobs::finish`] only.
    ///
    /// # Errors
    /// [`Error::BlobMismatch`](crate::Error::BlobMismatch) for a piece that reaches beyond the size.
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()>;

    /// As [`PartialBlob::write_at`], for pieces that follow each other.
    ///
    /// # Errors
    /// As [`PartialBlob::write_at`].
    fn write_pieces_at(&self, pieces: &mut [IoSlice<'_>], offset: u64) -> Result<()>;

    /// Has the disk begin to take what was written of a part, without waiting for it; what it has taken already need not
    /// stay in memory.
    fn begin_sync(&self, offset: u64, size: u64);

    /// Reads what is there, zeros where nothing was written; fewer bytes than asked for only at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize>;
}

/// A blob open for reading.
pub trait BlobFile: Send + Sync {
    /// The size, bytes.
    fn size(&self) -> u64;

    /// Reads at an offset; fewer bytes than asked for only at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize>;

    /// Reads what is in memory of a part, from its beginning on; `None` where the disk would have to be waited for.
    fn read_at_once(&self, _buffer: &mut [u8], _offset: u64) -> Result<Option<usize>> {
        Ok(None)
    }

    /// What its bytes hash to: its name, unless it is damaged. `pace` is called with each few bytes that were read; `None`
    /// when it ended that.
    fn hash(&self, pace: &mut dyn FnMut(u64) -> ControlFlow<()>) -> Result<Option<BlobId>> {
        let (mut hash, mut offset, mut buffer) = (Sha256::new(), 0, vec![0; PIECE]);
        loop {
            match self.read_at(&mut buffer, offset)? {
                0 => return Ok(Some(BlobId(hash.finalize().into()))),
                count => {
                    hash.update(&buffer[..count]);
                    offset += count as u64;
                    if pace(count as u64).is_break() {
                        return Ok(None);
                    }
                }
            }
        }
    }
}
