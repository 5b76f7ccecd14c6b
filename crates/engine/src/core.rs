//! The engine without its thread: opens a store, runs commands one after the other, commits groups.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use deskwire_proto::id::InstanceId;
use deskwire_proto::time::Timestamp;
use deskwire_store::record::{KeepRecord, Record};
use deskwire_store::table::{ERASING, Rows};
use deskwire_store::{
    Archive, Blobs, EntryRef, JournalReader, Keeper, Opened, Position, SealedGroup, Sink, Snapshots, Stage,
    View, WriteError,
};

use crate::Refusal;
use crate::command::{change, relay};
use crate::custody::Custody;
use crate::fold::catch_up;
use crate::identity::Identity;
use crate::memory::Memory;
use crate::overlay::Overlay;
use crate::port::{Effect, Entropy};
use crate::quota::{Quotas, Room};
use crate::sabotage::{self, Sabotage};
use crate::step::{Command, Step};

/// How far a rebuild of the view has come.
pub type Progress<'a> = &'a mut dyn FnMut(u64);

/// The writer's state: the store, and the group being built.
pub struct Core {
    identity: Arc<Identity>,
    memory: Memory,
    stage: Stage,
    /// The group that is being synced, with what happens once it is durable.
    syncing: Option<(Arc<SealedGroup>, BTreeSet<Effect>)>,
    /// Taken by the thread that syncs, if there is one.
    sink: Option<Box<dyn Sink>>,
    journal: Arc<dyn JournalReader>,
    view: Arc<dyn View>,
    blobs: Arc<dyn Blobs>,
    keeper: Arc<dyn Keeper>,
    archive: Arc<dyn Archive>,
    snapshots: Arc<Snapshots>,
    overlay: Overlay,
    entropy: Box<dyn Entropy>,
    effects: BTreeSet<Effect>,
}

impl Core {
    /// Takes an opened store over: folds what its view does not have yet, and records this start.
    ///
    /// # Errors
    /// When the journal is damaged or cannot be written.
    pub fn open(
        mut opened: Opened,
        identity: Arc<Identity>,
        mut entropy: Box<dyn Entropy>,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Self, Refusal> {
        catch_up(&mut opened, progress)?;
        let Opened { stage, sink, reader, view, blobs, keeper, archive, snapshots, .. } = opened;
        let mut instance = [0; InstanceId::SIZE];
        entropy.fill(&mut instance);
        let instance = InstanceId::new(instance);
        let mut core = Self {
            identity,
            memory: Memory::new(instance, Room::new(Some(Arc::clone(&keeper)))),
            stage,
            syncing: None,
            sink: Some(sink),
            journal: reader,
            overlay: Overlay::new(Arc::clone(&view)),
            view,
            blobs,
            keeper,
            archive,
            snapshots,
            entropy,
            effects: BTreeSet::new(),
        };
        core.step(now, Start { instance })?;
        core.commit().map_err(|error| not_written(&error))?;
        Ok(core)
    }

    /// Runs one command. Its reply must not be given away before [`Core::commit`] has returned.
    ///
    /// # Errors
    /// The command's refusal; nothing of it remains. This too must wait for the commit.
    pub fn step<C: Command>(&mut self, now: Timestamp, command: C) -> Result<C::Reply, Refusal> {
        if self.memory.hidden.is_none() {
            self.memory.hidden = Some(being_erased(&self.overlay, self.journal.as_ref())?);
        }
        let mark = self.stage.mark();
        let mut step = Step {
            now,
            identity: &self.identity,
            memory: &mut self.memory,
            overlay: &mut self.overlay,
            stage: &mut self.stage,
            syncing: self.syncing.as_ref().map(|(group, _)| group.as_ref()),
            journal: &self.journal,
            entropy: self.entropy.as_mut(),
            effects: BTreeSet::new(),
            notes: Vec::new(),
            key: None,
        };
        let outcome = command.run(&mut step);
        let (mut effects, notes) = (step.effects, step.notes);
        match outcome.and_then(|reply| Ok(self.overlay.check().map(|()| reply)?)) {
            Ok(reply) => {
                self.effects.append(&mut effects);
                self.overlay.keep();
                notes.into_iter().for_each(|note| note(&mut self.memory));
                Ok(reply)
            }
            Err(refusal) => {
                if sabotage::makes(Sabotage::UndoForgotten) {
                    self.overlay.keep();
                } else {
                    self.overlay.undo();
                }
                self.stage.rollback(mark);
                Err(refusal)
            }
        }
    }

    /// Sets what partners may cause here, and how many bytes of the disk stay free (0: as many as there are).
    pub fn limit(&mut self, quotas: Quotas, disk_floor: u64) {
        self.memory.usage.quotas = quotas;
        self.memory.usage.room.keep_free(disk_floor);
    }

    pub(crate) fn room(&self) -> Arc<Room> {
        Arc::clone(&self.memory.usage.room)
    }

    /// Bytes of the group being built.
    pub fn group_bytes(&self) -> u64 {
        self.stage.bytes()
    }

    /// Seals the group that was built, to be made durable while the next one is built over it. `None` if nothing was
    /// recorded. The group before must have landed.
    pub fn seal(&mut self) -> Option<Arc<SealedGroup>> {
        let group = Arc::new(self.stage.seal()?);
        self.overlay.seal();
        self.syncing = Some((Arc::clone(&group), std::mem::take(&mut self.effects)));
        Some(group)
    }

    /// What was written of the sealed group: makes it visible, and returns the effects that may now be released.
    ///
    /// # Errors
    /// [`WriteError::Full`]: that group is gone, and with it all that was built on it; the engine goes on.
    /// [`WriteError::Fatal`]: the process must end.
    pub fn land(&mut self, written: Result<Position, WriteError>) -> Result<BTreeSet<Effect>, WriteError> {
        match written {
            Ok(position) => {
                let batch = self.overlay.land();
                self.view.apply(&batch, &position).map_err(|error| WriteError::Fatal(error.to_string()))?;
                Ok(self.syncing.take().map(|(_, effects)| effects).unwrap_or_default())
            }
            Err(WriteError::Full(why)) => {
                self.overlay.clear();
                self.syncing = None;
                self.effects.clear();
                self.stage.reset(self.journal.tail());
                self.memory.forget();
                Err(WriteError::Full(why))
            }
            Err(fatal @ WriteError::Fatal(_)) => Err(fatal),
        }
    }

    /// Makes the group durable, then visible, in one go. Returns the effects that may now be released.
    ///
    /// # Errors
    /// As [`Core::land`].
    pub fn commit(&mut self) -> Result<BTreeSet<Effect>, WriteError> {
        let Some(group) = self.seal() else {
            return Ok(std::mem::take(&mut self.effects));
        };
        let sink = self.sink.as_mut().ok_or_else(|| WriteError::Fatal("another thread syncs".into()))?;
        let written = sink.write(std::slice::from_ref(group.as_ref()));
        self.land(written)
    }

    /// Hands out what makes groups durable, for a thread of its own.
    pub fn take_sink(&mut self) -> Option<Box<dyn Sink>> {
        self.sink.take()
    }

    /// Effects of commands that recorded nothing, and which wait for nothing.
    pub fn take_effects(&mut self) -> BTreeSet<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Whether anything was recorded since the last seal.
    pub fn has_group(&self) -> bool {
        self.stage.entries() > 0
    }

    /// Whether a group is being synced.
    pub fn is_syncing(&self) -> bool {
        self.syncing.is_some()
    }

    /// The committed rows.
    pub fn view(&self) -> &Arc<dyn View> {
        &self.view
    }

    /// The committed journal.
    pub fn journal(&self) -> &Arc<dyn JournalReader> {
        &self.journal
    }

    pub(crate) fn contacts(&self) -> crate::reader::Contacts {
        Arc::clone(&self.memory.contacts)
    }

    pub(crate) fn gauges(&self) -> crate::gauge::SharedGauges {
        Arc::clone(&self.memory.gauges)
    }

    pub(crate) fn skews(&self) -> crate::reader::Skews {
        Arc::clone(&self.memory.skews)
    }

    pub(crate) fn asked(&self) -> crate::reader::Contacts {
        Arc::clone(&self.memory.asked)
    }

    /// The files.
    pub fn blobs(&self) -> &Arc<dyn Blobs> {
        &self.blobs
    }

    /// Disk space and the end of the session.
    pub fn keeper(&self) -> &Arc<dyn Keeper> {
        &self.keeper
    }

    /// What wants care in the background.
    pub fn custody(&self) -> Custody {
        Custody {
            journal: Arc::clone(&self.journal),
            archive: Arc::clone(&self.archive),
            snapshots: Arc::clone(&self.snapshots),
            view: Arc::clone(&self.view),
            blobs: Arc::clone(&self.blobs),
            keeper: Arc::clone(&self.keeper),
        }
    }

    /// Who this desk is.
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }
}

/// The records whose texts are being erased.
fn being_erased(rows: &Overlay, journal: &dyn JournalReader) -> Result<HashSet<EntryRef>, Refusal> {
    let mut hidden = HashSet::new();
    for (order, ()) in rows.list(ERASING, &(), usize::MAX)? {
        if let Record::Keep(KeepRecord::Erased { entries, .. }) = Record::read(&journal.read(order)?)? {
            hidden.extend(entries);
        }
    }
    Ok(hidden)
}

fn not_written(error: &WriteError) -> Refusal {
    match error {
        WriteError::Full(_) => Refusal::disk_full(),
        WriteError::Fatal(why) => deskwire_store::Error::ViewFailed(why.clone()).into(),
    }
}

/// Records that the daemon has started.
struct Start {
    instance: InstanceId,
}

impl Command for Start {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let at = step.now;
        step.record(&Record::Started { instance: self.instance, at }, None)?;
        relay::draw_key(step)?;
        change::started(step)
    }
}
