//! The engine without its thread: opens a store, runs commands one after the other, commits groups.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use deskwire_proto::id::InstanceId;
use deskwire_proto::time::Timestamp;
use deskwire_store::record::Record;
use deskwire_store::{
    Blobs, JournalReader, Keeper, Opened, Position, Replayed, Sink, Stage, View, ViewState, WriteError,
};

use crate::Refusal;
use crate::identity::Identity;
use crate::memory::Memory;
use crate::overlay::Overlay;
use crate::port::{Effect, Entropy};
use crate::project::project;
use crate::step::{Command, Step};

/// How far a rebuild of the view has come.
pub type Progress<'a> = &'a mut dyn FnMut(u64);

/// The writer's state: the store, and the group being built.
pub struct Core {
    identity: Arc<Identity>,
    memory: Memory,
    stage: Stage,
    sink: Box<dyn Sink>,
    journal: Arc<dyn JournalReader>,
    view: Arc<dyn View>,
    blobs: Arc<dyn Blobs>,
    keeper: Arc<dyn Keeper>,
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
        opened: Opened,
        identity: Arc<Identity>,
        mut entropy: Box<dyn Entropy>,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Self, Refusal> {
        let Opened { stage, sink, reader, view, view_state, blobs, keeper, archive: _ } = opened;
        let from = match &view_state {
            ViewState::Intact => view.position()?,
            ViewState::NeedsRebuild(_) => None,
        };
        replay(&view, reader.as_ref(), from, progress)?;
        if let ViewState::NeedsRebuild(reason) = view_state {
            tracing::info!(%reason, "the view was folded anew from the journal");
            keeper.view_rebuilt()?;
        }
        let mut instance = [0; InstanceId::SIZE];
        entropy.fill(&mut instance);
        let instance = InstanceId::new(instance);
        let mut core = Self {
            identity,
            memory: Memory::new(instance),
            stage,
            sink,
            journal: reader,
            overlay: Overlay::new(Arc::clone(&view)),
            view,
            blobs,
            keeper,
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
        let mark = self.stage.mark();
        let mut step = Step {
            now,
            identity: &self.identity,
            memory: &mut self.memory,
            overlay: &mut self.overlay,
            stage: &mut self.stage,
            journal: &self.journal,
            entropy: self.entropy.as_mut(),
            effects: BTreeSet::new(),
            key: None,
        };
        match command.run(&mut step) {
            Ok(reply) => {
                self.effects.append(&mut step.effects);
                self.overlay.keep();
                Ok(reply)
            }
            Err(refusal) => {
                self.overlay.undo();
                self.stage.rollback(mark);
                Err(refusal)
            }
        }
    }

    /// Bytes of the group being built.
    pub fn group_bytes(&self) -> u64 {
        self.stage.bytes()
    }

    /// Makes the group durable, then visible. Returns the effects that may now be released.
    ///
    /// # Errors
    /// [`WriteError::Full`]: the group is gone and was never seen; the engine goes on.
    /// [`WriteError::Fatal`]: the process must end.
    pub fn commit(&mut self) -> Result<BTreeSet<Effect>, WriteError> {
        let batch = self.overlay.take();
        let effects = std::mem::take(&mut self.effects);
        let Some(group) = self.stage.seal() else {
            return Ok(effects);
        };
        match self.sink.write(std::slice::from_ref(&group)) {
            Ok(position) => {
                self.view.apply(&batch, &position).map_err(|error| WriteError::Fatal(error.to_string()))?;
                Ok(effects)
            }
            Err(WriteError::Full(why)) => {
                self.stage.reset(self.journal.tail());
                // What commands noted in memory may rest on the lost group: sessions are cheap to open again.
                self.memory.sessions.clear();
                Err(WriteError::Full(why))
            }
            Err(fatal @ WriteError::Fatal(_)) => Err(fatal),
        }
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

    /// The files.
    pub fn blobs(&self) -> &Arc<dyn Blobs> {
        &self.blobs
    }

    /// Disk space and the end of the session.
    pub fn keeper(&self) -> &Arc<dyn Keeper> {
        &self.keeper
    }

    /// Who this desk is.
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }
}

/// Folds the journal behind `from` into the view, group by group.
fn replay(
    view: &Arc<dyn View>,
    journal: &dyn JournalReader,
    from: Option<Position>,
    progress: Progress<'_>,
) -> Result<(), Refusal> {
    let mut overlay = Overlay::new(Arc::clone(view));
    let mut failure = None;
    let mut groups = 0u64;
    journal.replay(from, &mut |replayed| {
        let done = match replayed {
            Replayed::Entry(at, entry) => {
                Record::read(&entry).and_then(|record| project(&mut overlay, at, &record, entry.text.bytes()))
            }
            Replayed::GroupEnd(position) => {
                groups += 1;
                if groups.is_multiple_of(1_000) {
                    progress(groups);
                }
                overlay.keep();
                view.apply(&overlay.take(), &position)
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
    failure.map_or(Ok(()), |error| Err(error.into()))
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
        Ok(())
    }
}
