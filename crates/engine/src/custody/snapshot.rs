//! The next snapshot: the one before with the closed segments since folded over it, in bounded memory.

use std::ops::ControlFlow;
use std::sync::Arc;

use deskwire_store::table::SCHEMA;
use deskwire_store::{Error, FoldView, Position, RebuildReason, Result, Snapshot, Unfit, Unusable, View};

use super::{Custody, Pace};
use crate::fold::{fold, newest};
use crate::sabotage::{self, Sabotage};

/// Snapshots kept: should the newest be damaged, the fold begins at the other.
const KEPT: usize = 2;

/// What is folded in memory before it is written, bytes.
const LAYER_BYTES: usize = 48 << 20;

/// A snapshot that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotMade {
    /// What it reflects.
    pub position: Position,
    /// Its size, bytes.
    pub bytes: u64,
}

impl Custody {
    /// Whether so many bytes of closed segments, and at least half the size of the newest snapshot, came since that one.
    ///
    /// # Errors
    /// Whatever the disk and the journal say.
    pub fn snapshot_is_due(&self, bytes: u64) -> Result<bool> {
        let newest = newest(&self.snapshots, self.journal.as_ref())?;
        let (from, size) = newest.map_or((0, 0), |snapshot| (snapshot.position().segment, snapshot.bytes()));
        let closed = self.archive.segments().into_iter().filter(|segment| segment.closed);
        let since: u64 = closed.filter(|segment| segment.number > from).map(|segment| segment.bytes).sum();
        Ok(since > 0 && since >= bytes.max(size / 2))
    }

    /// Makes a snapshot of everything in closed segments. `None` when there is one already, nothing is closed, or the
    /// pace ended it.
    ///
    /// # Errors
    /// [`Error::Full`], damage of the journal, and whatever else the disk says.
    pub fn snapshot(&self, pace: Pace<'_>) -> Result<Option<SnapshotMade>> {
        self.snapshots.tidy()?;
        let mut made = None;
        loop {
            let base = newest(&self.snapshots, self.journal.as_ref())?;
            let group = base.as_ref().map_or(0, |base| base.position().group);
            match self.next(base, pace) {
                Ok(Some((next, whole))) => {
                    self.keep_usable(next.position.group)?;
                    made = Some(next);
                    if whole {
                        return Ok(made);
                    }
                }
                Ok(None) => {
                    self.snapshots.tidy()?;
                    return Ok(made);
                }
                Err(damaged @ Error::SnapshotDamaged { .. }) => {
                    tracing::warn!(error = %damaged, "a snapshot is damaged and is deleted");
                    self.snapshots.remove(group)?;
                }
                Err(error) => {
                    let _ = self.snapshots.tidy();
                    return Err(error);
                }
            }
        }
    }

    /// Deletes all but the newest few that this program can begin with. The one just made stays in any case; those of
    /// another schema or of another history take nobody's place and go.
    fn keep_usable(&self, made: u64) -> Result<()> {
        let mut kept = 0;
        for group in self.snapshots.groups()? {
            let usable = group == made
                || match self.snapshots.open(group, SCHEMA) {
                    Ok(old) => {
                        RebuildReason::of_position(self.journal.as_ref(), Some(old.position()))?.is_none()
                    }
                    Err(Unusable { kind: Unfit::Version, .. }) => false,
                    // The look at every byte tells of it, as long as it is not too old in any case.
                    Err(Unusable { kind: Unfit::Damaged | Unfit::Unread, .. }) if kept < KEPT => continue,
                    Err(_) => false,
                };
            kept += usize::from(usable);
            if !usable || (kept > KEPT && group != made) {
                self.snapshots.remove(group)?;
            }
        }
        self.snapshots.tidy()
    }

    /// One step: as much as fits into memory, over a snapshot. Whether that was all.
    fn next(&self, base: Option<Snapshot>, pace: Pace<'_>) -> Result<Option<(SnapshotMade, bool)>> {
        let Some(open) = self.archive.segments().last().copied() else { return Ok(None) };
        let from = base.as_ref().map(Snapshot::position);
        if open.start.group == 0 || from.is_some_and(|from| from.group >= open.start.group) {
            return Ok(None);
        }
        let rows = Arc::new(FoldView::new(base));
        let view: Arc<dyn View> = rows.clone();
        let (mut stopped, mut told) = (false, 0);
        let end = open.number - u64::from(sabotage::makes(Sabotage::SnapshotAhead));
        fold(&view, self.journal.as_ref(), from, Some(end), &mut |at| {
            stopped = pace(at.offset.saturating_sub(told)).is_break();
            told = at.offset;
            let full = rows.layer_bytes() >= LAYER_BYTES;
            if stopped || full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let Some(position) = rows.position()?.filter(|_| !stopped) else { return Ok(None) };
        let position = if sabotage::makes(Sabotage::SnapshotAhead) { open.start } else { position };
        let mut writer = self.snapshots.create(SCHEMA, position)?;
        if !rows.write_to(&mut writer, &mut *pace)? {
            return Ok(None);
        }
        let bytes = writer.bytes();
        self.snapshots.seal(writer)?;
        Ok(Some((SnapshotMade { position, bytes }, position == open.start)))
    }
}
