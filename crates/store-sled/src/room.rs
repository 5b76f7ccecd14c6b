//! Keeps the view supplied with room, so that a full disk is met by the journal, which can refuse, and not by sled,
//! which cannot.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use deskwire_store::{Error, Position, Result, SealedGroup, Sink, WriteError};

use crate::disk::{allocate, allocate_behind, free_bytes};
use crate::steady::SteadyView;
use crate::view::SledView;

/// What sled buffers before it writes, and writes at once: the file's length lags behind by this much.
const SEGMENT: u64 = 512 << 10;

/// With less free on the disk, room that sled gave away is taken back at once.
const SCARCE: u64 = 1 << 30;

/// How often the room is looked at while the disk is nearly full, and otherwise.
const LOOK_OFTEN: Duration = Duration::from_millis(10);
const LOOK_SELDOM: Duration = Duration::from_millis(250);

/// Room reserved behind the end of sled's file, and as much in a file of its own: sled cuts the end of its file off
/// when that is free, with all that is reserved behind it, and what else writes to the disk may take it meanwhile.
pub(crate) struct ViewRoom {
    file: File,
    spare: PathBuf,
    folder: PathBuf,
    bytes: u64,
    taking: Mutex<()>,
}

impl ViewRoom {
    /// Looks after the database in a folder, which must be there.
    pub(crate) fn open(view: &Path, bytes: u64) -> Result<Self> {
        let path = view.join("db");
        let open = File::options().write(true).open(&path);
        let file = open.map_err(|error| Error::io(format!("open {}", path.display()), error))?;
        let folder = view.parent().unwrap_or(view).to_owned();
        let spare = folder.join("view.spare");
        Ok(Self { file, spare, folder, bytes: bytes.max(3 * SEGMENT), taking: Mutex::new(()) })
    }

    /// Makes sure that sled can write what groups to come will make it write.
    pub(crate) fn ensure(&self) -> Result<()> {
        self.ensure_bytes(self.bytes)
    }

    /// Makes sure that sled can write one batch; always true after [`ViewRoom::ensure`].
    pub(crate) fn ensure_batch(&self) -> Result<()> {
        self.ensure_bytes(2 * SEGMENT)
    }

    fn ensure_bytes(&self, bytes: u64) -> Result<()> {
        let measure = || {
            if self.has(bytes)? {
                return Ok(());
            }
            let _one = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
            self.take(bytes)
        };
        match measure().map_err(|error| Error::io("reserve room for the view", error)) {
            Err(error) if !error.is_full() => {
                // For sled to meet, or not.
                tracing::warn!(%error, "no room could be reserved for the view");
                Ok(())
            }
            result => result,
        }
    }

    /// Whether so much is reserved behind the end. It counts as blocks of the file.
    fn has(&self, bytes: u64) -> io::Result<bool> {
        let metadata = self.file.metadata()?;
        Ok(metadata.blocks().saturating_mul(512) >= metadata.len().saturating_add(bytes))
    }

    /// Reserves room, at last at the cost of the spare one.
    fn take(&self, bytes: u64) -> io::Result<()> {
        let end = self.file.metadata()?.len();
        if allocate_behind(&self.file, end.saturating_add(self.bytes + SEGMENT)).is_ok() {
            return self.restore_spare();
        }
        let mut tried = allocate_behind(&self.file, end.saturating_add(bytes));
        while tried.is_err() && self.give_spare()? {
            tried = allocate_behind(&self.file, end.saturating_add(bytes));
        }
        tried
    }

    /// Gives a piece of the spare room up. `false` when there is none left.
    fn give_spare(&self) -> io::Result<bool> {
        let spare = match OpenOptions::new().write(true).open(&self.spare) {
            Ok(spare) => spare,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        match spare.metadata()?.len() {
            0 => fs::remove_file(&self.spare).map(|()| false),
            length => spare.set_len(length.saturating_sub(SEGMENT)).map(|()| true),
        }
    }

    /// Takes the spare room, unless the disk does not have it.
    fn restore_spare(&self) -> io::Result<()> {
        if fs::metadata(&self.spare).is_ok_and(|spare| spare.len() >= self.bytes) {
            return Ok(());
        }
        let spare = OpenOptions::new().write(true).create(true).truncate(false).open(&self.spare)?;
        // Without it the desk is a little less sure of its view, no more.
        let _ = allocate(&spare, self.bytes);
        Ok(())
    }

    /// How long the room may be left alone.
    fn patience(&self) -> Duration {
        match free_bytes(&self.folder) {
            Ok(free) if free > SCARCE => LOOK_SELDOM,
            _ => LOOK_OFTEN,
        }
    }
}

/// Takes room back whenever sled has given it away, until the view is dropped.
pub(crate) fn watch(view: Weak<SledView>) -> io::Result<()> {
    let look = move || {
        while let Some(view) = view.upgrade() {
            // A disk without room is told to whoever wants to write.
            let rows = view.rows();
            let _ = rows.room().ensure();
            let patience = rows.room().patience();
            drop(rows);
            drop(view);
            thread::sleep(patience);
        }
    };
    thread::Builder::new().name("view-room".into()).spawn(look).map(drop)
}

/// A sink that takes nothing unless the view has room for what follows from it.
pub(crate) struct RoomySink {
    journal: Box<dyn Sink>,
    view: Arc<SteadyView>,
}

impl RoomySink {
    pub(crate) fn new(journal: Box<dyn Sink>, view: Arc<SteadyView>) -> Self {
        Self { journal, view }
    }
}

impl Sink for RoomySink {
    fn write(&mut self, groups: &[SealedGroup]) -> Result<Position, WriteError> {
        self.view.ensure_room().map_err(|full| WriteError::Full(full.to_string()))?;
        let written = self.journal.write(groups);
        if matches!(written, Err(WriteError::Fatal(_)))
            // The disk that failed the journal may have failed the view as well, which is told of it by nobody.
            && let Err(error) = self.view.sled().marker().remove()
        {
            tracing::warn!(%error, "the view may be trusted although the journal failed beside it");
        }
        written
    }
}

#[cfg(test)]
mod tests {
    //! What is trusted after a failed disk is what everybody sees.
    use super::*;

    struct Failing;

    impl Sink for Failing {
        fn write(&mut self, _: &[SealedGroup]) -> Result<Position, WriteError> {
            Err(WriteError::Fatal("a sync failed".into()))
        }
    }

    /// A desk that goes on in the same boot must fold its view anew after its journal failed.
    #[test]
    fn after_a_fatal_error_of_the_journal_the_view_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Arc::new(crate::folder::FolderLock::take(folder.path()).unwrap());
        let sled = SledView::open(folder.path(), crate::Options::new(1), lock).unwrap();
        let marker = crate::marker::Marker::new(folder.path());
        marker.write_in_use(1).unwrap();
        let judge = || marker.judge(1, &folder.path().join(crate::view::FOLDER)).unwrap();
        assert_eq!(judge(), None, "a mere crash of the process costs no fold");
        let mut sink = RoomySink::new(Box::new(Failing), Arc::new(SteadyView::new(Arc::new(sled))));
        assert!(matches!(sink.write(&[]), Err(WriteError::Fatal(_))));
        assert_eq!(judge(), Some(deskwire_store::RebuildReason::Missing));
    }
}
