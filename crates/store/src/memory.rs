//! The whole store in memory, for simulations: the real journal and blob code over a disk that can crash and fail.

mod disk;
mod file;
mod random;
#[cfg(test)]
mod tests;
mod view;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::journal::{Cut, Journal, JournalConfig};
use crate::{
    DiskBlobs, Error, JournalId, JournalReader, Keeper, Opened, RebuildReason, Result, Snapshots, ViewState,
    check_beginning,
};
use view::{MemoryView, Rows};

pub use disk::{SimDisk, SimSession};

/// A store in memory that outlives the sessions opened on it. Clones are the same store.
#[derive(Clone)]
pub struct MemoryStore {
    disk: SimDisk,
    config: JournalConfig,
    id: JournalId,
    rows: Rows,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The schema of the rows; `None` when there is no view.
    schema: Option<u32>,
    /// Whether the rows were closed cleanly, so that they survive a power cut.
    clean: bool,
    power_was_cut: bool,
    session: Weak<()>,
    cut: Option<Cut>,
}

impl MemoryStore {
    /// An empty store. The seed gives the journal its id.
    pub fn new(seed: u64) -> Self {
        Self::with_config(seed, JournalConfig { segment_bytes: 256 << 10, reserve_bytes: 16 << 10 })
    }

    /// An empty store with journal segments of another size.
    pub fn with_config(seed: u64, config: JournalConfig) -> Self {
        let mut random = random::Random::new(seed);
        let mut id = [0; 16];
        id[..8].copy_from_slice(&random.next().to_be_bytes());
        id[8..].copy_from_slice(&random.next().to_be_bytes());
        let (disk, rows, state) = (SimDisk::default(), Rows::default(), Arc::default());
        Self { disk, config, id: JournalId(id), rows, state }
    }

    /// Opens the store with the view's schema version.
    ///
    /// # Errors
    /// [`Error::Locked`] while parts of an earlier opening are in use and were not [killed](Self::kill), and whatever
    /// opening the journal gives.
    pub fn open(&self, schema: u32) -> Result<Opened> {
        if self.state().session.strong_count() > 0 {
            return Err(Error::Locked { folder: "in memory".into(), holder: "an earlier session".into() });
        }
        let session = self.disk.session();
        let journal = Journal::open(Arc::new(session.clone()), self.config, Some(self.id))?;
        let snapshots = Snapshots::new(Arc::new(session.clone()));
        check_beginning(journal.reader.as_ref(), &snapshots, schema)?;
        let view_state = self.judge_view(schema, journal.reader.as_ref())?;
        if view_state != ViewState::Intact {
            self.rows.clear();
        }
        let alive = Arc::new(());
        let mut state = self.state();
        state.schema = Some(schema);
        (state.clean, state.power_was_cut, state.cut) = (false, false, journal.cut);
        state.session = Arc::downgrade(&alive);
        Ok(Opened {
            stage: journal.stage,
            sink: journal.sink,
            reader: journal.reader,
            archive: journal.archive,
            view: Arc::new(MemoryView { rows: self.rows.clone(), session: session.clone() }),
            view_state,
            blobs: Arc::new(DiskBlobs::open(Arc::new(session.clone()))?),
            snapshots: Arc::new(snapshots),
            keeper: Arc::new(MemoryKeeper { store: self.clone(), session, schema, _alive: alive }),
        })
    }

    /// Ends the process: every part opened fails from now on. What it wrote stays, but of the view's last batches so
    /// many are lost.
    pub fn kill(&self, batches_lost: usize) {
        self.disk.kill();
        self.rows.take_back(batches_lost);
        self.state().session = Weak::new();
    }

    /// Cuts the power: as [`MemoryStore::kill`], and what was not synced is kept or lost by chance, which the seed
    /// decides.
    pub fn power_cut(&self, seed: u64) {
        self.disk.power_cut(seed);
        let mut state = self.state();
        state.session = Weak::new();
        state.power_was_cut = true;
    }

    /// Lets the view fail: every operation on it is refused until the store is opened again, with an empty one.
    pub fn fail_view(&self) {
        self.rows.fail();
    }

    /// The disk below, to fill it, to let it fail or to damage it.
    pub fn disk(&self) -> &SimDisk {
        &self.disk
    }

    /// What the last opening cut off the journal's end.
    pub fn last_cut(&self) -> Option<Cut> {
        self.state().cut.clone()
    }

    fn judge_view(&self, schema: u32, journal: &dyn JournalReader) -> Result<ViewState> {
        let state = self.state();
        let reason = match state.schema {
            None => Some(RebuildReason::Missing),
            Some(found) if found != schema => Some(RebuildReason::Schema { found, wanted: schema }),
            Some(_) if state.power_was_cut && !state.clean => Some(RebuildReason::PowerCut),
            Some(_) if self.rows.has_failed() => {
                Some(RebuildReason::Unreadable("a simulated failure".into()))
            }
            Some(_) => RebuildReason::of_position(journal, self.rows.position())?,
        };
        Ok(reason.map_or(ViewState::Intact, ViewState::NeedsRebuild))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct MemoryKeeper {
    store: MemoryStore,
    session: SimSession,
    schema: u32,
    _alive: Arc<()>,
}

impl MemoryKeeper {
    fn alive(&self) -> Result<()> {
        if self.session.is_alive() { Ok(()) } else { Err(Error::Closed) }
    }
}

impl Keeper for MemoryKeeper {
    fn free_bytes(&self) -> Result<u64> {
        self.alive()?;
        Ok(self.store.disk.free().unwrap_or(u64::MAX))
    }

    fn release_reserve(&self) -> Result<()> {
        self.alive()
    }

    fn restore_reserve(&self) -> Result<bool> {
        self.alive()?;
        Ok(true)
    }

    fn view_rebuilt(&self) -> Result<()> {
        self.alive()?;
        self.store.state().schema = Some(self.schema);
        Ok(())
    }

    fn view_loading(&self) -> Result<()> {
        self.forget_view()
    }

    fn forget_view(&self) -> Result<()> {
        self.alive()?;
        self.store.state().schema = None;
        Ok(())
    }

    fn close(&self) -> Result<()> {
        self.alive()?;
        self.store.disk.kill();
        let mut state = self.store.state();
        state.clean = true;
        state.session = Weak::new();
        Ok(())
    }
}
