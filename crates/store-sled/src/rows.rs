//! The rows in one sled tree. sled panics where it should refuse; here that becomes an error, and the end of the view.

use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use deskwire_store::{Direction, Error, Position, Result};

use crate::Options;
use crate::disk::{create_private_folder, sync_folder};
use crate::fresh::Layer;
use crate::marker::Marker;
use crate::room::ViewRoom;

/// The folder of the database.
pub(crate) const FOLDER: &str = "view";

/// The key of the position; keys of callers do not begin with byte 0.
const POSITION: &[u8] = &[0];

/// How long to wait for sled's own lock, which outlives a killed process for a moment, and for readers at the end.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often sled's own thread writes what is buffered and frees room in its file; nothing else does the latter.
const TIDY_EVERY: Duration = Duration::from_millis(500);

/// The rows in sled.
pub(crate) struct SledRows {
    folder: PathBuf,
    room: ViewRoom,
    marker: Marker,
    /// `None` once closed.
    db: RwLock<Option<Arc<sled::Db>>>,
    /// Why it is of no use any more.
    failure: OnceLock<String>,
    /// More than a few flushes at a time hang in sled.
    flushing: Mutex<()>,
}

impl SledRows {
    /// Opens or creates the database of a store.
    ///
    /// # Errors
    /// [`Error::Full`] when there is no room, [`Error::ViewFailed`] for everything else sled objects to.
    pub(crate) fn open(store: &Path, options: Options) -> Result<Self> {
        let folder = store.join(FOLDER);
        create_private_folder(&folder)
            .map_err(|error| Error::io(format!("create {}", folder.display()), error))?;
        let config = sled::Config::new()
            .path(&folder)
            .cache_capacity(options.cache_bytes)
            .flush_every_ms(Some(TIDY_EVERY.as_millis() as u64));
        let begin = Instant::now();
        let db = loop {
            match guard(|| config.open()) {
                Err(Failure::Sled(error)) if is_locked(&error) && begin.elapsed() < PATIENCE => {
                    thread::sleep(Duration::from_millis(20));
                }
                Err(failure) => return Err(failure.into_error()),
                Ok(db) => break db,
            }
        };
        let room = ViewRoom::open(&folder, options.view_room_bytes)?;
        Ok(Self {
            folder,
            room,
            marker: Marker::new(store),
            db: RwLock::new(Some(Arc::new(db))),
            failure: OnceLock::new(),
            flushing: Mutex::new(()),
        })
    }

    /// Writes everything to the disk and lets go of it. `false` when somebody was still reading after a while, so
    /// that it is not certain that nothing will be written any more.
    pub(crate) fn close(&self) -> Result<bool> {
        if let Some(reason) = self.failure.get() {
            return Err(Error::ViewFailed(reason.clone()));
        }
        let Some(mut db) = self.db.write().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(false);
        };
        self.guard(|| db.flush())?;
        let begin = Instant::now();
        let last = loop {
            match Arc::try_unwrap(db) {
                Ok(last) => break last,
                Err(_) if begin.elapsed() > PATIENCE => return Ok(false),
                Err(shared) => db = shared,
            }
            thread::sleep(Duration::from_millis(5));
        };
        self.guard(|| {
            drop(last);
            Ok(())
        })?;
        sync_tree(&self.folder)
            .map_err(|error| Error::io(format!("sync {}", self.folder.display()), error))?;
        Ok(true)
    }

    /// The room kept for the view.
    pub(crate) fn room(&self) -> &ViewRoom {
        &self.room
    }

    /// The marker beside the view.
    pub(crate) fn marker(&self) -> &Marker {
        &self.marker
    }

    /// The database, for one change.
    fn db(&self) -> Result<Arc<sled::Db>> {
        if let Some(reason) = self.failure.get() {
            return Err(Error::ViewFailed(reason.clone()));
        }
        self.db_to_read()
    }

    /// The database, for one reading: what was there when a write failed can still be read.
    fn db_to_read(&self) -> Result<Arc<sled::Db>> {
        self.db.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(Error::Closed)
    }

    /// Runs an operation of sled. If it fails, the view is of no use any more, now and at the next start.
    fn guard<T>(&self, run: impl FnOnce() -> sled::Result<T>) -> Result<T> {
        guard(run).map_err(|failure| {
            let reason = failure.reason();
            tracing::error!(%reason, "the view failed; it is rebuilt from the journal at the next start");
            if self.failure.set(reason.clone()).is_ok()
                && let Err(error) = self.marker.remove()
            {
                tracing::warn!(%error, "the failed view could not be marked");
            }
            Error::ViewFailed(reason)
        })
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let db = self.db_to_read()?;
        Ok(self.guard(|| db.get(key))?.map(|value| value.to_vec()))
    }

    /// The rows within the bounds, one after the other.
    pub(crate) fn range(
        &self,
        start: &[u8],
        end: Option<&[u8]>,
        direction: Direction,
    ) -> Result<SledRange<'_>> {
        let db = self.db_to_read()?;
        let rows = self.guard(|| {
            Ok(match end {
                Some(end) => db.range(start..end),
                None => db.range(start..),
            })
        })?;
        Ok(SledRange { owner: self, rows, direction })
    }

    /// Applies a layer and the position that it reflects, as a whole.
    pub(crate) fn apply(&self, layer: &Layer, position: &Position) -> Result<()> {
        let mut writes = sled::Batch::default();
        layer.each(|key, value| match value {
            Some(value) => writes.insert(key, value),
            None => writes.remove(key),
        });
        writes.insert(POSITION, position.to_bytes().as_slice());
        let db = self.db()?;
        self.guard(|| db.apply_batch(writes))
    }

    /// The position of the last layer applied.
    pub(crate) fn position(&self) -> Result<Option<Position>> {
        let db = self.db_to_read()?;
        let Some(bytes) = self.guard(|| db.get(POSITION))? else { return Ok(None) };
        let position = Position::from_bytes(&bytes);
        self.guard(|| {
            position.ok_or_else(|| sled::Error::ReportableBug("the position has a wrong length".into()))
        })
        .map(Some)
    }

    /// Whether nothing was ever handed over: no rows, no position.
    pub(crate) fn is_blank(&self) -> Result<bool> {
        let db = self.db_to_read()?;
        self.guard(|| db.iter().next().transpose()).map(|row| row.is_none())
    }

    /// Deletes every row and the position.
    pub(crate) fn clear(&self) -> Result<()> {
        let db = self.db()?;
        // The position goes first: a view half cleared must not pass for one that reflects something.
        self.guard(|| db.remove(POSITION).and_then(|_| db.clear()))
    }

    /// Writes what sled buffers.
    pub(crate) fn flush(&self) -> Result<()> {
        let db = self.db()?;
        let _one = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        self.guard(|| db.flush()).map(drop)
    }

    /// Why the rows are of no use any more, if they are not.
    pub(crate) fn check(&self) -> Result<()> {
        self.failure.get().map_or(Ok(()), |reason| Err(Error::ViewFailed(reason.clone())))
    }
}

/// The rows of a range, as sled has them.
pub(crate) struct SledRange<'a> {
    owner: &'a SledRows,
    rows: sled::Iter,
    direction: Direction,
}

impl SledRange<'_> {
    /// The next row.
    pub(crate) fn next(&mut self) -> Result<Option<(sled::IVec, sled::IVec)>> {
        let Self { owner, rows, direction } = self;
        owner.guard(|| {
            match direction {
                Direction::Forward => rows.next(),
                Direction::Backward => rows.next_back(),
            }
            .transpose()
        })
    }
}

/// What sled did instead of its work.
enum Failure {
    Sled(sled::Error),
    Panic(String),
}

impl Failure {
    fn reason(&self) -> String {
        match self {
            Self::Sled(error) => error.to_string(),
            Self::Panic(text) => format!("sled panicked: {text}"),
        }
    }

    fn into_error(self) -> Error {
        match self {
            Self::Sled(sled::Error::Io(error)) if error.kind() == io::ErrorKind::StorageFull => {
                Error::io("open the view", error)
            }
            other => Error::ViewFailed(other.reason()),
        }
    }
}

fn guard<T>(run: impl FnOnce() -> sled::Result<T>) -> Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result.map_err(Failure::Sled),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(Failure::Panic(text.unwrap_or_else(|| "without a word".into())))
        }
    }
}

fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}

/// Syncs every file below a folder, and the folders.
fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sync_tree(&path)?;
        } else {
            File::open(&path)?.sync_all()?;
        }
    }
    sync_folder(folder)
}
