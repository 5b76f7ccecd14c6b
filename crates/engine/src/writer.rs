//! The writer's threads: one builds the next group while the other makes the last one durable; answers wait for theirs.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use deskwire_proto::time::Timestamp;
use deskwire_store::{Position, SealedGroup, Sink, WriteError};
use tokio::sync::oneshot;

use crate::Refusal;
use crate::core::Core;
use crate::gauge::{Gauges, Moment, SharedGauges};
use crate::identity::Identity;
use crate::port::{Clock, Notifier};
use crate::quota::Room;
use crate::reader::Reader;
use crate::step::Command;

/// Most commands of one group, and the size at which a group takes no more, bytes.
const GROUP_COMMANDS: usize = 1_024;
const GROUP_BYTES: u64 = 8 * 1024 * 1024;

/// Commands that wait for the writer; whoever can come again is turned away above.
const QUEUE: usize = 4_096;

/// Gives the answer away, or the reason why there is none, once the fate of the group is known.
type Release = Box<dyn FnOnce(Result<(), Refusal>) + Send>;
type Job = Box<dyn FnOnce(&mut Core, Timestamp) -> Release + Send>;

enum Order {
    Run(Job),
    /// The syncing thread is done with the group that it was given.
    Landed(Result<Position, WriteError>),
    Stop,
}

/// The handle of the one writer. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    queue: mpsc::Sender<Order>,
    reader: Reader,
    clock: Arc<dyn Clock>,
    gauges: SharedGauges,
    /// How many commands wait for the writer.
    waiting: Arc<AtomicUsize>,
    room: Arc<Room>,
}

/// The running writer, to be joined at the end.
pub struct Running {
    queue: mpsc::Sender<Order>,
    thread: JoinHandle<Result<(), WriteError>>,
    syncing: JoinHandle<()>,
}

impl Engine {
    /// Starts the writer over an opened core.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn start(
        mut core: Core,
        clock: Arc<dyn Clock>,
        notifier: Box<dyn Notifier>,
    ) -> std::io::Result<(Self, Running)> {
        let (queue, orders) = mpsc::channel();
        let reader = Reader::new(&core, Arc::clone(&clock));
        let room = core.room();
        let gauges = core.gauges();
        let sink = core.take_sink().ok_or_else(|| std::io::Error::other("this core has a writer already"))?;
        let (groups, sealed) = mpsc::channel();
        let landed = queue.clone();
        let syncing =
            std::thread::Builder::new().name("sync".into()).spawn(move || sync(sink, &sealed, &landed))?;
        let mut writer = Writer {
            core,
            orders,
            groups,
            clock: Arc::clone(&clock),
            notifier,
            backlog: VecDeque::new(),
            building: Vec::new(),
            syncing: Vec::new(),
            gauges: Arc::clone(&gauges),
            sealed: None,
            stopping: false,
        };
        let thread = std::thread::Builder::new().name("writer".into()).spawn(move || writer.run())?;
        let waiting = Arc::default();
        Ok((
            Self { queue: queue.clone(), reader, clock, gauges, waiting, room },
            Running { queue, thread, syncing },
        ))
    }

    /// Runs a command and waits until its group is on stable storage.
    ///
    /// # Errors
    /// The command's [`Refusal`], [`Refusal::busy`], [`Refusal::disk_full`], or [`Refusal::stopping`].
    pub async fn call<C: Command>(&self, command: C) -> Result<C::Reply, Refusal> {
        if C::CAN_COME_AGAIN && self.waiting.load(Ordering::Relaxed) >= QUEUE {
            return Err(Refusal::busy());
        }
        let (answer, answered) = oneshot::channel();
        let waiting = Arc::clone(&self.waiting);
        waiting.fetch_add(1, Ordering::Relaxed);
        let (gauges, asked) = (Arc::clone(&self.gauges), Moment::now());
        let job: Job = Box::new(move |core, now| {
            waiting.fetch_sub(1, Ordering::Relaxed);
            gauges.queued.took(asked.elapsed());
            let outcome = core.step(now, command);
            Box::new(move |fate: Result<(), Refusal>| {
                // Nobody waits any more when the caller has gone away.
                let _ = answer.send(fate.and(outcome));
            })
        });
        self.queue.send(Order::Run(job)).map_err(|_| Refusal::stopping())?;
        answered.await.map_err(|_| Refusal::stopping())?
    }

    /// What the engine measures of itself.
    #[must_use]
    pub fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    /// What is committed.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Who this desk is.
    #[must_use]
    pub fn identity(&self) -> &Arc<Identity> {
        self.reader.identity()
    }

    /// Whether there is room on the disk for new work.
    ///
    /// # Errors
    /// `disk-full`, as long as there is less than has to stay free.
    pub fn has_room(&self) -> Result<(), Refusal> {
        self.room.check(self.now())
    }

    /// Now, by the engine's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Running {
    /// Lets the writer finish what is queued, closes the store, and waits for the thread.
    ///
    /// # Errors
    /// The write error that ended the writer early.
    pub fn stop(self) -> Result<(), WriteError> {
        // The writer may have ended already.
        let _ = self.queue.send(Order::Stop);
        let ended =
            self.thread.join().unwrap_or_else(|_| Err(WriteError::Fatal("the writer panicked".into())));
        // With the writer its queue of groups is gone, so this thread ends too; only then is the store let go.
        let synced = self.syncing.join().map_err(|_| WriteError::Fatal("the syncing thread panicked".into()));
        ended.and(synced)
    }

    /// Whether the writer has ended, which it does by itself only after a fatal error.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }
}

/// Makes groups durable, one after the other, and says so to the writer.
fn sync(mut sink: Box<dyn Sink>, groups: &mpsc::Receiver<Arc<SealedGroup>>, landed: &mpsc::Sender<Order>) {
    // If writing panics, the writer must not wait for ever.
    let _lost = Lost(landed);
    while let Ok(group) = groups.recv() {
        // A panic here must end the writer too: whoever waits for this group would wait for ever.
        let writing = AssertUnwindSafe(|| sink.write(std::slice::from_ref(group.as_ref())));
        let written = catch_unwind(writing)
            .unwrap_or_else(|_| Err(WriteError::Fatal("writing the journal panicked".into())));
        if landed.send(Order::Landed(written)).is_err() {
            return;
        }
    }
}

/// Tells the writer that nobody syncs any more.
struct Lost<'a>(&'a mpsc::Sender<Order>);

impl Drop for Lost<'_> {
    fn drop(&mut self) {
        // A writer that has ended does not need to know.
        let _ = self.0.send(Order::Landed(Err(WriteError::Fatal("the syncing thread has ended".into()))));
    }
}

struct Writer {
    core: Core,
    orders: mpsc::Receiver<Order>,
    groups: mpsc::Sender<Arc<SealedGroup>>,
    clock: Arc<dyn Clock>,
    notifier: Box<dyn Notifier>,
    /// Jobs for which the group being built had no room.
    backlog: VecDeque<Job>,
    /// Answers of the group being built, and of the one being synced.
    building: Vec<Release>,
    syncing: Vec<Release>,
    gauges: SharedGauges,
    /// When the group that is being synced was sealed.
    sealed: Option<Moment>,
    stopping: bool,
}

impl Writer {
    fn run(&mut self) -> Result<(), WriteError> {
        loop {
            if !self.core.is_syncing() {
                self.launch()?;
                let idle = !self.core.is_syncing();
                if idle && !self.backlog.is_empty() {
                    continue;
                }
                if self.stopping && idle {
                    break;
                }
            }
            let Ok(order) = self.orders.recv() else { break };
            self.take(order)?;
            while self.has_room() {
                match self.orders.try_recv() {
                    Ok(order) => self.take(order)?,
                    Err(_) => break,
                }
            }
        }
        close(&self.core);
        Ok(())
    }

    fn take(&mut self, order: Order) -> Result<(), WriteError> {
        match order {
            Order::Run(job) if self.has_room() && self.backlog.is_empty() => self.step(job),
            Order::Run(job) => self.backlog.push_back(job),
            Order::Landed(written) => self.landed(written)?,
            Order::Stop => self.stopping = true,
        }
        Ok(())
    }

    fn has_room(&self) -> bool {
        self.building.len() < GROUP_COMMANDS && self.core.group_bytes() < GROUP_BYTES
    }

    fn step(&mut self, job: Job) {
        let now = self.clock.now();
        let release = job(&mut self.core, now);
        self.building.push(release);
    }

    /// Sends the group that was built to be synced. What recorded nothing is answered at once: there is nothing that
    /// it could rest on and that is not durable.
    fn launch(&mut self) -> Result<(), WriteError> {
        while self.has_room() {
            let Some(job) = self.backlog.pop_front() else { break };
            self.step(job);
        }
        let releases = std::mem::take(&mut self.building);
        let Some(group) = self.core.seal() else {
            let effects = self.core.take_effects();
            releases.into_iter().for_each(|release| release(Ok(())));
            effects.iter().for_each(|effect| self.notifier.notify(effect));
            return Ok(());
        };
        self.gauges.group.observe(releases.len() as u64);
        self.sealed = Some(Moment::now());
        self.syncing = releases;
        self.groups.send(group).map_err(|_| WriteError::Fatal("the syncing thread has ended".into()))
    }

    fn landed(&mut self, written: Result<Position, WriteError>) -> Result<(), WriteError> {
        match self.core.land(written) {
            Ok(effects) => {
                if let Some(sealed) = self.sealed.take() {
                    self.gauges.sync.took(sealed.elapsed());
                }
                self.syncing.drain(..).for_each(|release| release(Ok(())));
                effects.iter().for_each(|effect| self.notifier.notify(effect));
                Ok(())
            }
            Err(WriteError::Full(why)) => {
                tracing::warn!(%why, "the disk is full: new work is refused");
                let lost = self.syncing.drain(..).chain(self.building.drain(..));
                lost.for_each(|release| release(Err(Refusal::disk_full())));
                Ok(())
            }
            Err(fatal @ WriteError::Fatal(_)) => {
                // Nobody is answered: what is on the disk is unknown until the next start.
                tracing::error!(error = %fatal, "the journal failed: the desk stops");
                Err(fatal)
            }
        }
    }
}

fn close(core: &Core) {
    if let Err(error) = core.keeper().close() {
        tracing::warn!(%error, "the store could not be closed cleanly; the view will be folded anew if need be");
    }
}
