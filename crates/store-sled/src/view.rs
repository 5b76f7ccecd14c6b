//! The view: rows in sled, with those that sled does not have yet before them.

use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use deskwire_store::{Batch, Direction, Error, Position, Result, View, VisitRow};

use crate::Options;
use crate::folder::FolderLock;
use crate::fresh::{Change, Cursor, Fresh};
use crate::marker::Marker;
use crate::renew::{self, Below};
use crate::rows::{SledRange, SledRows};

pub(crate) use crate::rows::FOLDER;

/// The first key a caller can have.
const FIRST_KEY: &[u8] = &[1];

/// The rows in sled, and those gathered for it.
pub(crate) struct SledView {
    below: Arc<Below>,
    fresh: Arc<Fresh>,
    /// Hands over what was gathered.
    carrier: Mutex<Option<JoinHandle<()>>>,
    store: PathBuf,
    options: Options,
    marker: Marker,
    _lock: Arc<FolderLock>,
}

impl SledView {
    /// Opens or creates the database of a store.
    ///
    /// # Errors
    /// [`Error::Full`] when there is no room, [`Error::ViewFailed`] for everything else sled objects to.
    pub(crate) fn open(store: &Path, options: Options, lock: Arc<FolderLock>) -> Result<Self> {
        let below = Arc::new(Below::new(Arc::new(SledRows::open(store, FOLDER, options)?)));
        let fresh = Arc::new(Fresh::new(options.view_room_bytes));
        let (to, from) = (Arc::clone(&below), Arc::clone(&fresh));
        let carrier = thread::Builder::new().name("view".into()).spawn(move || carry(&from, &to));
        let carrier = carrier.map_err(|error| Error::io("start the thread of the view", error))?;
        let (carrier, marker) = (Mutex::new(Some(carrier)), Marker::new(store));
        Ok(Self { below, fresh, carrier, store: store.to_owned(), options, marker, _lock: lock })
    }

    /// Copies all rows into a new database, which takes the place of this one, while both are read and written on. The
    /// former one is deleted with whatever its old pages still held.
    ///
    /// # Errors
    /// [`Error::Full`] when there is no room for both, [`Error::ViewFailed`] when one of them failed: the present one
    /// stays.
    pub(crate) fn renew(&self) -> Result<()> {
        self.fresh.drain();
        renew::renew(&self.below, &self.store, self.options)
    }

    /// Writes everything to the disk and lets go of it. `false` when somebody was still reading after a while, so
    /// that it is not certain that nothing will be written any more.
    pub(crate) fn close(&self) -> Result<bool> {
        self.fresh.drain();
        self.end();
        // Whoever reads on is told that it is closed.
        self.fresh.clear();
        self.below.rows().close()
    }

    /// Whether it is as new. Rows gathered for a new view go with the process when that is killed.
    pub(crate) fn is_blank(&self) -> Result<bool> {
        self.below.rows().is_blank()
    }

    /// The rows in sled.
    pub(crate) fn rows(&self) -> Arc<SledRows> {
        self.below.rows()
    }

    /// The marker beside the view.
    pub(crate) fn marker(&self) -> &Marker {
        &self.marker
    }

    /// Ends the thread, whatever it has not handed over.
    fn end(&self) {
        self.fresh.stop();
        let carrier = self.carrier.lock().unwrap_or_else(PoisonError::into_inner).take();
        // It catches sled's panics itself, and has none of its own.
        let _ = carrier.map(JoinHandle::join);
    }
}

impl Drop for SledView {
    fn drop(&mut self) {
        self.end();
    }
}

/// Hands layer after layer to sled. What cannot be handed over stays where it is, to be read.
fn carry(fresh: &Fresh, below: &Below) {
    while let Some((layer, position)) = fresh.next() {
        while below.rows().room().ensure_batch().is_err() {
            if fresh.stays_stuck() {
                return fresh.failed();
            }
        }
        match below.apply(&layer, &position) {
            Ok(()) => fresh.landed(),
            Err(error) => {
                tracing::error!(%error, "what the view had gathered cannot be written");
                return fresh.failed();
            }
        }
    }
}

impl View for SledView {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        if key.first() == Some(&0) {
            return Ok(None);
        }
        match self.fresh.get(key) {
            Some(change) => Ok(change),
            None => self.below.rows().get(key),
        }
    }

    fn scan(
        &self,
        start: &[u8],
        end: Option<&[u8]>,
        direction: Direction,
        visit: &mut VisitRow<'_>,
    ) -> Result<()> {
        let start = start.max(FIRST_KEY);
        if end.is_some_and(|end| end <= start) {
            return Ok(());
        }
        // In this order: what moves from the layers to sled meanwhile is seen in one of them at least.
        let layers = self.fresh.cursors(start, end, direction);
        let rows = self.below.rows();
        let sled = rows.range(start, end, direction)?;
        Merge { layers, sled, ahead: None, direction }.each(visit)
    }

    fn apply(&self, batch: &Batch, position: &Position) -> Result<()> {
        batch.check()?;
        let rows = self.below.rows();
        rows.check()?;
        rows.room().ensure_batch()?;
        if self.fresh.add(batch, position) { Ok(()) } else { rows.check().and(Err(Error::Closed)) }
    }

    fn position(&self) -> Result<Option<Position>> {
        match self.fresh.position() {
            Some(position) => Ok(Some(position)),
            None => self.below.rows().position(),
        }
    }

    fn clear(&self) -> Result<()> {
        self.fresh.clear();
        self.below.rows().clear()
    }

    fn flush(&self) -> Result<()> {
        self.fresh.drain();
        self.below.rows().flush()
    }
}

/// The rows of the layers and of sled in one order. Of several with one key the first counts, and what is deleted
/// there is not shown.
struct Merge<'a> {
    layers: Vec<Cursor>,
    sled: SledRange<'a>,
    /// The next row of sled; `None` where that is not known.
    ahead: Option<Option<(sled::IVec, sled::IVec)>>,
    direction: Direction,
}

impl Merge<'_> {
    /// Shows row after row.
    fn each(&mut self, visit: &mut VisitRow<'_>) -> Result<()> {
        loop {
            self.layers.iter_mut().for_each(Cursor::fill);
            if self.ahead.is_none() {
                self.ahead = Some(self.sled.next()?);
            }
            let Some((first, stored)) = self.first() else { return Ok(()) };
            let stored = if stored { self.ahead.take().flatten() } else { None };
            let newest = first.and_then(|first| self.take(first));
            let shown = match (&newest, &stored) {
                (Some((key, Some(value))), _) => visit(key, value),
                (None, Some((key, value))) => visit(key, value),
                (Some((_, None)), _) | (None, None) => ControlFlow::Continue(()),
            };
            if shown.is_break() {
                return Ok(());
            }
        }
    }

    /// Which layer has the row that comes first, and whether sled has it; `None` at the end.
    fn first(&self) -> Option<(Option<usize>, bool)> {
        let stored = self.ahead.as_ref().and_then(Option::as_ref).map(|(key, _)| key.as_ref());
        let mut first = stored.map(|key| (key, None, true));
        for (place, layer) in self.layers.iter().enumerate() {
            let Some(key) = layer.first() else { continue };
            let order = first.map_or(Ordering::Less, |(other, ..)| match self.direction {
                Direction::Forward => key.cmp(other),
                Direction::Backward => other.cmp(key),
            });
            first = match (order, first) {
                (Ordering::Less, _) => Some((key, Some(place), false)),
                (Ordering::Equal, Some((key, layer, stored))) => Some((key, layer.or(Some(place)), stored)),
                (Ordering::Equal | Ordering::Greater, first) => first,
            };
        }
        first.map(|(_, layer, stored)| (layer, stored))
    }

    /// Takes the next row of a layer, and passes over it in the layers behind.
    fn take(&mut self, first: usize) -> Option<(Vec<u8>, Change)> {
        let (key, change) = self.layers[first].pop()?;
        for layer in &mut self.layers[first + 1..] {
            if layer.first() == Some(key.as_slice()) {
                layer.pop();
            }
        }
        Some((key, change))
    }
}
