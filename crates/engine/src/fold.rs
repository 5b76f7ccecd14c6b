//! Folds the journal into rows: for the view, beginning at a snapshot where there is one, and for the next snapshot.

use std::ops::ControlFlow;
use std::sync::Arc;

use deskwire_proto::time::Timestamp;
use deskwire_store::record::Record;
use deskwire_store::table::{Committed, OWN_KEYS, Rows, SCHEMA};
use deskwire_store::{
    Batch, Direction, Error, JournalReader, Keeper, Opened, Position, RebuildReason, Replayed, Result,
    Snapshot, Snapshots, View, ViewState,
};

use crate::core::Progress;
use crate::overlay::Overlay;
use crate::project::project;
use crate::sabotage;

/// Rows of a snapshot that go into the view together.
const LOADED_TOGETHER: usize = 2_000;

/// Brings the view of an opened store up to date and closes the store again: what a start does, without a desk. Returns
/// how many groups were folded, and tells of every thousandth.
///
/// # Errors
/// Damage of the journal, and whatever the store says.
pub fn refold(mut opened: Opened, progress: Progress<'_>) -> Result<u64> {
    let groups = catch_up(&mut opened, progress)?;
    opened.keeper.close()?;
    Ok(groups)
}

/// Brings the view of an opened store up to date. Returns how many groups were folded, and tells of every thousandth.
///
/// # Errors
/// Damage of the journal, and whatever the store says.
pub fn catch_up(opened: &mut Opened, progress: Progress<'_>) -> Result<u64> {
    let Opened { reader, view, view_state, snapshots, keeper, .. } = opened;
    let from = match view_state {
        ViewState::Intact => view.position()?,
        ViewState::NeedsRebuild(_) => load(view, snapshots, reader.as_ref(), keeper.as_ref())?,
    };
    let mut groups = 0u64;
    fold(view, reader.as_ref(), from, None, &mut |_| {
        groups += 1;
        if groups.is_multiple_of(1_000) {
            progress(groups);
        }
        ControlFlow::Continue(())
    })?;
    if let ViewState::NeedsRebuild(reason) = std::mem::replace(view_state, ViewState::Intact) {
        tracing::info!(%reason, "the view was folded anew from the journal");
        keeper.view_rebuilt()?;
    }
    Ok(groups)
}

/// The highest version that a descriptor of this desk ever had, as far as its journal tells; none before its first start.
/// The view has to be up to date.
///
/// # Errors
/// Whatever the store says.
pub fn last_version(opened: &Opened) -> Result<Option<Timestamp>> {
    let rows = Committed(Arc::clone(&opened.view));
    Ok(rows.get(OWN_KEYS, &())?.map(|row| row.version))
}

/// Folds the journal behind `from` into rows, group by group, up to the segment `before` if one is given. Whoever looks
/// on after each group may end it.
///
/// # Errors
/// Damage of the journal, and whatever the rows say.
pub(crate) fn fold(
    view: &Arc<dyn View>,
    journal: &dyn JournalReader,
    from: Option<Position>,
    before: Option<u64>,
    each: &mut dyn FnMut(&Position) -> ControlFlow<()>,
) -> Result<()> {
    let mut overlay = Overlay::new(Arc::clone(view));
    let mut failure = None;
    journal.replay(from, &mut |replayed| {
        let done = match replayed {
            Replayed::Entry(at, _) if before.is_some_and(|before| at.segment >= before) => {
                return ControlFlow::Break(());
            }
            Replayed::Entry(at, entry) => Record::read(&entry).and_then(|mut record| {
                sabotage::decide_again(&mut record);
                project(&mut overlay, at, &record, entry.text.bytes())
            }),
            Replayed::GroupEnd(position) => {
                overlay.seal();
                match view.apply(&overlay.land(), &position) {
                    Ok(()) => return each(&position),
                    Err(error) => Err(error),
                }
            }
        };
        match done {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    failure.map_or(Ok(()), Err)
}

/// The newest snapshot that this journal continues, if there is one. Those that cannot be used are told.
///
/// # Errors
/// Whatever the disk and the journal say.
pub(crate) fn newest(snapshots: &Snapshots, journal: &dyn JournalReader) -> Result<Option<Snapshot>> {
    for group in snapshots.groups()? {
        let snapshot = match snapshots.open(group, SCHEMA) {
            Ok(snapshot) => snapshot,
            Err(unusable) => {
                tracing::warn!(group, reason = %unusable.reason, "a snapshot cannot be used and is passed over");
                continue;
            }
        };
        match RebuildReason::of_position(journal, Some(snapshot.position()))? {
            None => return Ok(Some(snapshot)),
            Some(reason) => {
                tracing::warn!(group, %reason, "a snapshot is not of this journal and is passed over")
            }
        }
    }
    Ok(None)
}

/// Fills an empty view from the newest snapshot that can be read. Returns what the view reflects then.
///
/// # Errors
/// Whatever the view, the disk and the journal say.
pub(crate) fn load(
    view: &Arc<dyn View>,
    snapshots: &Snapshots,
    journal: &dyn JournalReader,
    keeper: &dyn Keeper,
) -> Result<Option<Position>> {
    loop {
        let Some(snapshot) = newest(snapshots, journal)? else { return Ok(None) };
        keeper.view_loading()?;
        match load_from(view, &snapshot) {
            Ok(()) => {
                let group = snapshot.position().group;
                tracing::info!(group, "the view was filled from a snapshot");
                return Ok(Some(snapshot.position()));
            }
            Err(damaged @ Error::SnapshotDamaged { .. }) => {
                tracing::warn!(error = %damaged, "a snapshot is damaged and is deleted");
                view.clear()?;
                snapshots.remove(snapshot.position().group)?;
            }
            Err(error) => return Err(error),
        }
    }
}

fn load_from(view: &Arc<dyn View>, snapshot: &Snapshot) -> Result<()> {
    let mut batch = Batch::new();
    let mut failure = None;
    snapshot.scan(&[1], None, Direction::Forward, &mut |key, value| {
        batch.put(key, value);
        if batch.len() >= LOADED_TOGETHER
            && let Err(error) = view.apply(&std::mem::take(&mut batch), &snapshot.position())
        {
            failure = Some(error);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    failure.map_or_else(|| view.apply(&batch, &snapshot.position()), Err)
}
