//! The embedded storage backend: journal and blobs in files, the view in sled.
//!
//! A data folder holds
//!
//! | name | what |
//! |---|---|
//! | `format` | the version of this layout; a newer one is refused |
//! | `lock` | held by the process that uses the folder, with its process id |
//! | `journal/` | the segments, see [`deskwire_store::journal`] |
//! | `blobs/` | files by their SHA-256, partial ones in `blobs/partial` |
//! | `view/` | the sled database; can be deleted at any time, it is rebuilt |
//! | `view.spare` | room for the view, beside what is reserved behind the end of its file |
//! | `view.state` | what says whether `view/` can be trusted |
//! | `view.renewed/` | a view that takes the place of the other, until that is deleted |
//! | `view.aside/` | a view that was set aside, until the rebuild is complete |
//! | `snapshots/` | rows at points of the journal, from which a rebuild begins |
//! | `journal.loss` | what a start found to be lost of the journal, in words |
//! | `journal.damaged-*/` | what a salvage cut off the journal |
//! | `reserve` | room to give up when the disk is full |
//!
//! sled syncs less than it promises and does not survive a power cut or a flipped bit; it is trusted only after a
//! clean stop, when the checksum taken then still holds, or when nothing but the process ended since it was opened
//! (the kernel's boot id says so).

mod aside;
mod disk;
mod folder;
mod fresh;
mod keeper;
mod marker;
mod offline;
mod open;
mod pages;
mod renew;
mod reserve;
mod room;
mod rows;
mod steady;
mod sum;
#[cfg(test)]
mod tests;
mod view;

use std::path::Path;

use deskwire_store::journal::JournalConfig;
use deskwire_store::{Opened, Result};

pub use offline::Offline;

/// The sizes the backend works with. They may differ from one opening to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The version of the fold that fills the view; a view of another one is set aside.
    pub schema: u32,
    /// Sizes of the journal.
    pub journal: JournalConfig,
    /// Room kept on the disk to be given up when it is full, bytes.
    pub reserve_bytes: u64,
    /// Room kept for the view beyond its present size, bytes: more than a few groups can fill.
    pub view_room_bytes: u64,
    /// What sled keeps in memory of the view, bytes.
    pub cache_bytes: u64,
    /// First bytes of keys whose rows share pages in sled. It must not differ as long as the schema is the same.
    pub packed: &'static [u8],
}

impl Options {
    /// The usual sizes.
    pub fn new(schema: u32) -> Self {
        Self {
            schema,
            journal: JournalConfig::default(),
            reserve_bytes: 16 << 20,
            view_room_bytes: 8 << 20,
            cache_bytes: 16 << 20,
            packed: deskwire_store::table::PACKED,
        }
    }
}

/// Opens the store in a folder, creating what is not there yet.
///
/// # Errors
/// [`Locked`](deskwire_store::Error::Locked) when another process uses the folder;
/// [`NewerFormat`](deskwire_store::Error::NewerFormat) and [`NotAStore`](deskwire_store::Error::NotAStore) for folders
/// that are not for this program; [`Damaged`](deskwire_store::Error::Damaged) when the journal's end does not verify.
/// A view that cannot be used is no error: it is set aside, see [`Opened::view_state`].
pub fn open(folder: &Path, options: Options) -> Result<Opened> {
    open::open(folder, options)
}
