//! The view in memory, with the last batches kept so that a crash can take them back.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::disk::SimSession;
use crate::{Batch, Direction, Error, Position, Result, View, VisitRow};

/// How many batches a crash of the process can take back.
const UNDOABLE: usize = 32;

/// The rows, shared by the handles of all sessions.
#[derive(Clone, Default)]
pub(super) struct Rows(Arc<RwLock<Data>>);

#[derive(Default)]
struct Data {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    position: Option<Position>,
    undo: VecDeque<Undo>,
    failed: bool,
}

/// What one batch replaced.
struct Undo {
    rows: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    position: Option<Position>,
}

impl Rows {
    /// Takes back up to so many of the batches that were not flushed.
    pub(super) fn take_back(&self, batches: usize) {
        let mut data = self.write();
        for _ in 0..batches {
            let Some(undo) = data.undo.pop_back() else { return };
            for (key, value) in undo.rows.into_iter().rev() {
                data.set(key, value);
            }
            data.position = undo.position;
        }
    }

    /// Lets every operation fail until the rows are cleared from outside.
    pub(super) fn fail(&self) {
        self.write().failed = true;
    }

    pub(super) fn has_failed(&self) -> bool {
        self.read().failed
    }

    pub(super) fn clear(&self) {
        *self.write() = Data::default();
    }

    pub(super) fn position(&self) -> Option<Position> {
        self.read().position
    }

    fn read(&self) -> RwLockReadGuard<'_, Data> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Data> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Data {
    fn set(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> Option<Vec<u8>> {
        match value {
            Some(value) => self.rows.insert(key, value),
            None => self.rows.remove(&key),
        }
    }

    /// The first or last row within the bounds.
    fn next(
        &self,
        from: &Bound<Vec<u8>>,
        until: &Bound<Vec<u8>>,
        direction: Direction,
    ) -> Option<(Vec<u8>, Vec<u8>)> {
        if is_empty(from, until) {
            return None;
        }
        let mut rows = self.rows.range((from.clone(), until.clone()));
        let row = match direction {
            Direction::Forward => rows.next(),
            Direction::Backward => rows.next_back(),
        };
        row.map(|(key, value)| (key.clone(), value.clone()))
    }
}

/// The view as one session sees it.
pub(super) struct MemoryView {
    pub(super) rows: Rows,
    pub(super) session: SimSession,
}

impl MemoryView {
    fn alive(&self) -> Result<&Rows> {
        match self.session.is_alive() {
            false => Err(Error::Closed),
            true if self.rows.has_failed() => Err(Error::ViewFailed("a simulated failure".into())),
            true => Ok(&self.rows),
        }
    }
}

impl View for MemoryView {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.alive()?.read().rows.get(key).cloned())
    }

    fn scan(
        &self,
        start: &[u8],
        end: Option<&[u8]>,
        direction: Direction,
        visit: &mut VisitRow<'_>,
    ) -> Result<()> {
        let rows = self.alive()?;
        let mut from = Bound::Included(start.to_vec());
        let mut until = end.map_or(Bound::Unbounded, |end| Bound::Excluded(end.to_vec()));
        // Row by row: the callback may read the view itself, so nothing stays locked while it runs.
        while let Some((key, value)) = rows.read().next(&from, &until, direction) {
            if visit(&key, &value).is_break() {
                break;
            }
            match direction {
                Direction::Forward => from = Bound::Excluded(key),
                Direction::Backward => until = Bound::Excluded(key),
            }
        }
        Ok(())
    }

    fn apply(&self, batch: &Batch, position: &Position) -> Result<()> {
        batch.check()?;
        let mut data = self.alive()?.write();
        let mut undo = Undo { rows: Vec::with_capacity(batch.len()), position: data.position };
        for (key, value) in batch.changes() {
            let before = data.set(key.to_vec(), value.map(<[u8]>::to_vec));
            undo.rows.push((key.to_vec(), before));
        }
        data.position = Some(*position);
        data.undo.push_back(undo);
        if data.undo.len() > UNDOABLE {
            data.undo.pop_front();
        }
        Ok(())
    }

    fn position(&self) -> Result<Option<Position>> {
        Ok(self.alive()?.position())
    }

    fn clear(&self) -> Result<()> {
        self.alive()?.clear();
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        self.alive()?.write().undo.clear();
        Ok(())
    }
}

/// Whether nothing can lie between the bounds; a map refuses to be asked for such a range.
fn is_empty(from: &Bound<Vec<u8>>, until: &Bound<Vec<u8>>) -> bool {
    match (from, until) {
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(until) | Bound::Excluded(until)) => {
            from >= until
        }
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
    }
}
