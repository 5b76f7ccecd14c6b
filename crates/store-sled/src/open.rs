//! Opening a data folder, step by step.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use deskwire_store::journal::Journal;
use deskwire_store::{
    Disk, DiskBlobs, Error, JournalId, JournalReader, Opened, RebuildReason, Result, Snapshots, View,
    ViewState, check_beginning,
};

use crate::Options;
use crate::aside::{has_set_aside, set_aside};
use crate::disk::OsDisk;
use crate::folder::{
    FolderLock, Format, NO_FORMAT, check_format, without_format, write_durably, write_format,
};
use crate::keeper::SledKeeper;
use crate::marker::Marker;
use crate::renew;
use crate::reserve::Reserve;
use crate::room::{RoomySink, watch};
use crate::steady::SteadyView;
use crate::view::{FOLDER, SledView};

/// What was found to be lost of the journal, for people.
pub(crate) const LOSS: &str = "journal.loss";

pub(crate) fn open(folder: &Path, options: Options) -> Result<Opened> {
    let lock = Arc::new(FolderLock::take(folder)?);
    let reserve = Reserve::new(folder, options.reserve_bytes);
    let opened = match open_locked(folder, options, &lock) {
        // On a full disk even opening may need room.
        Err(full @ Error::Full { .. }) => {
            if !reserve.release()? {
                return Err(full);
            }
            tracing::warn!("the disk is full; the reserve was given up to open the store");
            open_locked(folder, options, &lock)?
        }
        result => {
            let opened = result?;
            if !reserve.restore()? {
                tracing::warn!("the disk has no room for the reserve of {} bytes", options.reserve_bytes);
            }
            opened
        }
    };
    let loss = match &opened.view_state {
        ViewState::NeedsRebuild(reason) if reason.proves_loss() => Some(tell_loss(folder, reason)),
        ViewState::NeedsRebuild(_) | ViewState::Intact => None,
    };
    let keeper = SledKeeper::new(folder, reserve, opened.view.clone(), options.schema, loss);
    Ok(Opened {
        stage: opened.journal.stage,
        sink: Box::new(RoomySink::new(opened.journal.sink, opened.view.clone())),
        reader: opened.journal.reader,
        archive: opened.journal.archive,
        view: opened.view,
        view_state: opened.view_state,
        blobs: Arc::new(opened.blobs),
        snapshots: Arc::new(opened.snapshots),
        keeper: Arc::new(keeper),
    })
}

/// What a folder holds, opened.
struct Parts {
    journal: Journal,
    view: Arc<SteadyView>,
    view_state: ViewState,
    blobs: DiskBlobs,
    snapshots: Snapshots,
}

fn open_locked(folder: &Path, options: Options, lock: &Arc<FolderLock>) -> Result<Parts> {
    let disk: Arc<dyn Disk> = Arc::new(OsDisk::new(folder, lock.clone()));
    let journal = open_journal(folder, disk.clone(), options)?;
    let snapshots = Snapshots::new(disk.clone());
    snapshots.tidy()?;
    check_beginning(journal.reader.as_ref(), &snapshots, options.schema)?;
    let blobs = DiskBlobs::open(disk)?;
    let (view, view_state) = open_view(folder, options, lock, journal.reader.as_ref())?;
    let view = Arc::new(view);
    watch(Arc::downgrade(&view)).map_err(|error| Error::io("start the thread that keeps room", error))?;
    Ok(Parts { journal, view: Arc::new(SteadyView::new(view)), view_state, blobs, snapshots })
}

/// Opens the journal. A folder is marked as a store only when its journal is there, so that one whose journal was
/// lost does not pass for a new one, nor one whose first start was interrupted for a broken one.
fn open_journal(folder: &Path, disk: Arc<dyn Disk>, options: Options) -> Result<Journal> {
    let format = check_format(folder)?;
    let create = match format {
        Format::Fresh => Some(new_id()?),
        Format::Older | Format::Present => None,
    };
    let journal = Journal::open(disk, options.journal, create)?;
    if let Some(cut) = &journal.cut {
        let (group, segment, offset) = (cut.at.group, cut.at.segment, cut.at.offset);
        tracing::warn!(group, segment, offset, reason = %cut.reason, "a last write that was not complete was cut off the journal");
    }
    if format == Format::Fresh {
        if journal.reader.tail().group > 0 {
            return Err(without_format(folder, NO_FORMAT));
        }
        write_format(folder)?;
    }
    if format == Format::Older {
        // From here on segments may be rewritten, which an older program cannot read.
        write_format(folder)?;
        tracing::info!("the store is of the present format now; older programs refuse it");
    }
    Ok(journal)
}

fn new_id() -> Result<JournalId> {
    let mut id = [0; 16];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut id))
        .map_err(|error| Error::io("draw a journal id from /dev/urandom", error))?;
    Ok(JournalId(id))
}

/// Opens the view if it can be trusted; otherwise sets it aside and opens an empty one.
fn open_view(
    folder: &Path,
    options: Options,
    lock: &Arc<FolderLock>,
    journal: &dyn JournalReader,
) -> Result<(SledView, ViewState)> {
    renew::settle(folder)?;
    let try_open = || {
        Marker::new(folder).write_in_use(options.schema)?;
        SledView::open(folder, options, lock.clone())
    };
    let reason = match Marker::new(folder).judge(options.schema, &folder.join(FOLDER))? {
        Some(reason) => reason,
        None => match try_open().and_then(|view| Ok((unfit(folder, journal, &view)?, view))) {
            Ok((None, view)) => return Ok((view, ViewState::Intact)),
            Ok((Some(reason), view)) => {
                drop(view);
                reason
            }
            Err(Error::ViewFailed(reason)) => RebuildReason::Unreadable(reason),
            Err(error) => return Err(error),
        },
    };
    if !reason.proves_loss() {
        tracing::info!(%reason, "the view is rebuilt from the journal");
    }
    set_aside(folder)?;
    Ok((try_open()?, ViewState::NeedsRebuild(reason)))
}

/// Says loudly that acknowledged groups are gone, and leaves word of it for a check.
fn tell_loss(folder: &Path, reason: &RebuildReason) -> String {
    let words = format!(
        "The journal lost groups that had been acknowledged ({reason}): what they said is gone from this desk. Look at the disk, restore a newer backup if there is one, and compare with the partners."
    );
    tracing::warn!("{words}");
    if let Err(error) = write_durably(&folder.join(LOSS), &format!("{words}\n")) {
        tracing::warn!(%error, "no word of this could be left in the store");
    }
    words
}

/// Why a view that could be opened cannot be brought up to date. One to which nothing was handed over yet can, from the
/// beginning, if the journal has that; unless it was to take the place of one that was set aside.
fn unfit(folder: &Path, journal: &dyn JournalReader, view: &SledView) -> Result<Option<RebuildReason>> {
    if journal.start().group == 0 && view.is_blank()? && !has_set_aside(folder) {
        return Ok(None);
    }
    RebuildReason::of_position(journal, view.position()?)
}
