//! The rows in one sled tree. sled panics where it should refuse; here that becomes an error, and the end of the view.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::ops::Bound;
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
use crate::pages;
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
    /// Tables whose rows lie in pages.
    packed: &'static [u8],
}

impl SledRows {
    /// Opens or creates the database of a store.
    ///
    /// # Errors
    /// [`Error::Full`] when there is no room, [`Error::ViewFailed`] for everything else sled objects to.
    pub(crate) fn open(store: &Path, name: &str, options: Options) -> Result<Self> {
        let folder = store.join(name);
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
            packed: options.packed,
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
        if pages::is_packed(self.packed, key) {
            return self.guard(|| pages::get(&db, key));
        }
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
        let forward = match direction {
            Direction::Forward => Some(self.guard(|| {
                // The row to begin with may lie in a page that begins before it.
                let page = match pages::is_packed(self.packed, start) {
                    true => pages::covering(&db, start)?,
                    false => None,
                };
                let first = page.as_ref().map_or(start, |(first, _)| first.as_ref());
                let end = end.map_or(Bound::Unbounded, Bound::Excluded);
                Ok(db.range::<&[u8], _>((Bound::Included(first), end)))
            })?),
            Direction::Backward => None,
        };
        let (start, end) = (start.to_vec(), end.map(<[u8]>::to_vec));
        Ok(SledRange { owner: self, forward, start, end, ahead: VecDeque::new(), last: None, ended: false })
    }

    /// The folder of the database.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Applies a layer and the position that it reflects, as a whole; none as long as the rows are not complete.
    pub(crate) fn apply(&self, layer: &Layer, position: Option<&Position>) -> Result<()> {
        let db = self.db()?;
        self.guard(|| {
            let mut writes = sled::Batch::default();
            layer.read(|changes| pages::write(&db, self.packed, changes, &mut writes))?;
            if let Some(position) = position {
                writes.insert(POSITION, position.to_bytes().as_slice());
            }
            db.apply_batch(writes)
        })
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
    /// What sled shows next, forward.
    forward: Option<sled::Iter>,
    start: Vec<u8>,
    end: Option<Vec<u8>>,
    /// Rows of the page at which this is, the next one first.
    ahead: VecDeque<(sled::IVec, sled::IVec)>,
    /// The last row that was shown.
    last: Option<sled::IVec>,
    /// Nothing comes behind the rows ahead.
    ended: bool,
}

impl SledRange<'_> {
    /// The next row.
    pub(crate) fn next(&mut self) -> Result<Option<(sled::IVec, sled::IVec)>> {
        loop {
            if let Some(row) = self.ahead.pop_front() {
                self.last = Some(row.0.clone());
                return Ok(Some(row));
            }
            let Some((key, value)) = self.entry()? else { return Ok(None) };
            if pages::is_packed(self.owner.packed, &key) {
                self.ahead = self.owner.guard(|| Ok(self.rows(pages::rows(&key, &value)?)))?;
            } else {
                self.ahead.push_back((key, value));
            }
        }
    }

    /// The next entry of sled: a row, or a page of them.
    fn entry(&mut self) -> Result<Option<(sled::IVec, sled::IVec)>> {
        let owner = self.owner;
        if let Some(forward) = &mut self.forward {
            return owner.guard(|| forward.next().transpose());
        }
        let below = self.last.as_deref().or(self.end.as_deref());
        if self.ended || below.is_some_and(|below| below <= self.start.as_slice()) {
            return Ok(None);
        }
        let db = owner.db_to_read()?;
        let found = owner.guard(|| {
            let below = below.map_or(Bound::Unbounded, Bound::Excluded);
            db.range::<&[u8], _>((Bound::Unbounded, below)).next_back().transpose()
        })?;
        let Some((key, value)) = found else { return Ok(None) };
        if key.as_ref() < self.start.as_slice() {
            // Of a page that begins before the range the end may lie within it.
            self.ended = true;
            if !pages::is_packed(owner.packed, &key) || key.first() != self.start.first() {
                return Ok(None);
            }
        }
        Ok(Some((key, value)))
    }

    /// The rows of a page that are still to be shown, in their order.
    fn rows(&self, page: Vec<(&[u8], &[u8])>) -> VecDeque<(sled::IVec, sled::IVec)> {
        let forward = self.forward.is_some();
        let wanted = |key: &[u8]| {
            let within = key >= self.start.as_slice() && self.end.as_deref().is_none_or(|end| key < end);
            let new = self.last.as_deref().is_none_or(|last| if forward { key > last } else { key < last });
            within && new
        };
        let rows =
            page.into_iter().filter(|(key, _)| wanted(key)).map(|(key, value)| (key.into(), value.into()));
        if forward { rows.collect() } else { rows.rev().collect() }
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
