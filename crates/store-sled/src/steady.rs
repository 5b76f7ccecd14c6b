//! The view as the desk uses it: what sled cannot take now stays in memory, so that a full disk that sled met first
//! costs no row and ends nothing.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use deskwire_store::{Batch, Direction, Error, Layer, Position, Result, View, VisitRow};

use crate::view::SledView;

/// Most bytes of rows kept in memory while the disk has no room for them.
const PARKED_BYTES: usize = 1 << 20;

/// Most bytes of rows kept in memory over a view that has failed; then the desk takes no new work until it is
/// started again.
const LIMPING_BYTES: usize = 64 << 20;

/// sled, and over it what it does not have.
pub(crate) struct SteadyView {
    sled: Arc<SledView>,
    late: RwLock<Late>,
}

/// What was applied and is not in sled.
#[derive(Default)]
struct Late {
    rows: Layer,
    /// What the rows and these together reflect, while there are any.
    position: Option<Position>,
    /// Whether sled has failed: it is read, and nothing is written to it any more.
    failed: bool,
}

impl SteadyView {
    pub(crate) fn new(sled: Arc<SledView>) -> Self {
        Self { sled, late: RwLock::default() }
    }

    /// The view below.
    pub(crate) fn sled(&self) -> &SledView {
        &self.sled
    }

    /// Makes sure that what a group to come changes can be taken.
    ///
    /// # Errors
    /// [`Error::Full`] when it can not.
    pub(crate) fn ensure_room(&self) -> Result<()> {
        {
            let late = self.read();
            if late.failed {
                return match late.rows.bytes() < LIMPING_BYTES {
                    true => Ok(()),
                    false => {
                        Err(Error::Full { doing: "keeping rows in memory beside a view that failed".into() })
                    }
                };
            }
        }
        self.sled.rows().room().ensure()?;
        self.pour(&mut self.write())
    }

    /// Whether sled holds everything, and nothing failed.
    pub(crate) fn is_whole(&self) -> bool {
        let late = self.read();
        !late.failed && late.rows.is_empty()
    }

    /// Gives sled what was kept in memory while there was no room.
    ///
    /// # Errors
    /// [`Error::Full`] when there still is none.
    fn pour(&self, late: &mut Late) -> Result<()> {
        let Some(position) = late.position.filter(|_| !late.failed) else { return Ok(()) };
        let mut batch = Batch::new();
        for (key, value) in late.rows.changes() {
            match value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            }
        }
        match self.sled.apply(&batch, &position) {
            Ok(()) => {
                *late = Late::default();
                Ok(())
            }
            Err(Error::ViewFailed(_)) => {
                late.failed = true;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Writes what can be written, for the end of the session.
    pub(crate) fn pour_all(&self) -> Result<()> {
        self.pour(&mut self.write())
    }

    fn read(&self) -> RwLockReadGuard<'_, Late> {
        self.late.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Late> {
        self.late.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Late {
    fn keep(&mut self, batch: &Batch, position: &Position) {
        self.rows.apply(batch);
        self.position = Some(*position);
    }
}

impl View for SteadyView {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        if let Some(value) = self.read().rows.get(key) {
            return Ok(value.map(<[u8]>::to_vec));
        }
        self.sled.get(key)
    }

    fn scan(
        &self,
        start: &[u8],
        end: Option<&[u8]>,
        direction: Direction,
        visit: &mut VisitRow<'_>,
    ) -> Result<()> {
        let rows = {
            let late = self.read();
            if late.rows.is_empty() { None } else { Some(late.rows.within(start, end)) }
        };
        match rows {
            None => self.sled.scan(start, end, direction, visit),
            Some(rows) => {
                let below = |visit: &mut VisitRow<'_>| self.sled.scan(start, end, direction, visit);
                rows.scan_over((start, end), direction, below, visit)
            }
        }
    }

    fn apply(&self, batch: &Batch, position: &Position) -> Result<()> {
        batch.check()?;
        let mut late = self.write();
        if !late.failed {
            let poured = self.pour(&mut late);
            let applied = match poured {
                Ok(()) if !late.failed => self.sled.apply(batch, position),
                Ok(()) => Err(Error::ViewFailed("it has just failed".into())),
                Err(error) => Err(error),
            };
            match applied {
                Err(Error::ViewFailed(_)) => late.failed = true,
                Err(Error::Full { .. }) if late.rows.bytes() < PARKED_BYTES => {}
                result => return result,
            }
        }
        late.keep(batch, position);
        Ok(())
    }

    fn position(&self) -> Result<Option<Position>> {
        match self.read().position {
            Some(position) => Ok(Some(position)),
            None => self.sled.position(),
        }
    }

    fn clear(&self) -> Result<()> {
        let mut late = self.write();
        self.sled.clear()?;
        *late = Late::default();
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        if self.read().failed {
            return Ok(());
        }
        match self.sled.flush() {
            // Its rows can still be read, and the next start folds them anew.
            Err(Error::ViewFailed(_)) => {
                self.write().failed = true;
                Ok(())
            }
            result => result,
        }
    }
}
