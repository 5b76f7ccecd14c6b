//! Rows that grow from a snapshot by folding the journal over them, in bounded memory.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use super::{Snapshot, SnapshotWriter};
use crate::{Batch, Direction, Error, Layer, Position, Result, View, VisitRow};

/// A snapshot, or nothing, and over it what has been folded since.
pub struct FoldView {
    base: Option<Snapshot>,
    layer: RwLock<Layer>,
    position: Mutex<Option<Position>>,
}

impl FoldView {
    /// Begins at a snapshot, or with no rows.
    pub fn new(base: Option<Snapshot>) -> Self {
        let position = Mutex::new(base.as_ref().map(Snapshot::position));
        Self { base, layer: RwLock::default(), position }
    }

    /// What was folded since the snapshot takes of memory, bytes, roughly.
    pub fn layer_bytes(&self) -> usize {
        self.layer().bytes()
    }

    /// Writes all rows into a new snapshot. The pace is told of bytes written and may end it: `false` then.
    ///
    /// # Errors
    /// [`Error::SnapshotDamaged`] when the base does not verify; [`Error::Full`], and whatever else the disk says.
    pub fn write_to(
        &self,
        writer: &mut SnapshotWriter,
        mut pace: impl FnMut(u64) -> ControlFlow<()>,
    ) -> Result<bool> {
        let mut failure = None;
        let (mut ended, mut told) = (false, 0);
        self.scan(&[1], None, Direction::Forward, &mut |key, value| {
            if let Err(error) = writer.put(key, value) {
                failure = Some(error);
                return ControlFlow::Break(());
            }
            if writer.bytes() - told >= 1 << 20 {
                ended = pace(writer.bytes() - told).is_break();
                told = writer.bytes();
            }
            if ended { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        failure.map_or(Ok(!ended), Err)
    }

    fn layer(&self) -> RwLockReadGuard<'_, Layer> {
        self.layer.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View for FoldView {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match (self.layer().get(key), &self.base) {
            (Some(value), _) => Ok(value.map(<[u8]>::to_vec)),
            (None, Some(base)) => base.get(key),
            (None, None) => Ok(None),
        }
    }

    fn scan(
        &self,
        start: &[u8],
        end: Option<&[u8]>,
        direction: Direction,
        visit: &mut VisitRow<'_>,
    ) -> Result<()> {
        let below = |visit: &mut VisitRow<'_>| match &self.base {
            Some(base) => base.scan(start, end, direction, visit),
            None => Ok(()),
        };
        self.layer().scan_over((start, end), direction, below, visit)
    }

    fn apply(&self, batch: &Batch, position: &Position) -> Result<()> {
        batch.check()?;
        self.layer.write().unwrap_or_else(PoisonError::into_inner).apply(batch);
        *self.position.lock().unwrap_or_else(PoisonError::into_inner) = Some(*position);
        Ok(())
    }

    fn position(&self) -> Result<Option<Position>> {
        Ok(*self.position.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn clear(&self) -> Result<()> {
        Err(Error::Closed)
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }
}
