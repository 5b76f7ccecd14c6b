//! The writer's thread: takes what has queued up, runs it as one group, commits, and only then answers.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use deskwire_proto::time::Timestamp;
use deskwire_store::WriteError;
use tokio::sync::oneshot;

use crate::Refusal;
use crate::core::Core;
use crate::identity::Identity;
use crate::port::{Clock, Notifier};
use crate::reader::Reader;
use crate::step::Command;

/// Most commands of one group, and the size at which a group is closed, bytes.
const GROUP_COMMANDS: usize = 1_024;
const GROUP_BYTES: u64 = 8 * 1024 * 1024;

/// Gives the answer away, or the reason why there is none, once the fate of the group is known.
type Release = Box<dyn FnOnce(Result<(), Refusal>) + Send>;
type Job = Box<dyn FnOnce(&mut Core, Timestamp) -> Release + Send>;

enum Order {
    Run(Job),
    Stop,
}

/// The handle of the one writer. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    queue: mpsc::Sender<Order>,
    reader: Reader,
    clock: Arc<dyn Clock>,
}

/// The running writer, to be joined at the end.
pub struct Running {
    queue: mpsc::Sender<Order>,
    thread: JoinHandle<Result<(), WriteError>>,
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
        let reader = Reader::new(&core);
        let writer_clock = Arc::clone(&clock);
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || write(&mut core, &orders, writer_clock.as_ref(), notifier.as_ref()))?;
        Ok((Self { queue: queue.clone(), reader, clock }, Running { queue, thread }))
    }

    /// Runs a command and waits until its group is on stable storage.
    ///
    /// # Errors
    /// The command's [`Refusal`], [`Refusal::disk_full`], or [`Refusal::stopping`].
    pub async fn call<C: Command>(&self, command: C) -> Result<C::Reply, Refusal> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |core, now| {
            let outcome = core.step(now, command);
            Box::new(move |fate: Result<(), Refusal>| {
                // Nobody waits any more when the caller has gone away.
                let _ = answer.send(fate.and(outcome));
            })
        });
        self.queue.send(Order::Run(job)).map_err(|_| Refusal::stopping())?;
        answered.await.map_err(|_| Refusal::stopping())?
    }

    /// What is committed.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Who this desk is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        self.reader.identity()
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
        self.thread.join().unwrap_or_else(|_| Err(WriteError::Fatal("the writer panicked".into())))
    }

    /// Whether the writer has ended, which it does by itself only after a fatal error.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }
}

fn write(
    core: &mut Core,
    orders: &mpsc::Receiver<Order>,
    clock: &dyn Clock,
    notifier: &dyn Notifier,
) -> Result<(), WriteError> {
    while let Ok(Order::Run(first)) = orders.recv() {
        let now = clock.now();
        let mut releases = vec![first(core, now)];
        let mut stop = false;
        while releases.len() < GROUP_COMMANDS && core.group_bytes() < GROUP_BYTES {
            match orders.try_recv() {
                Ok(Order::Run(job)) => releases.push(job(core, now)),
                Ok(Order::Stop) => {
                    stop = true;
                    break;
                }
                Err(_) => break,
            }
        }
        commit(core, releases, notifier)?;
        if stop {
            break;
        }
    }
    close(core);
    Ok(())
}

fn commit(core: &mut Core, releases: Vec<Release>, notifier: &dyn Notifier) -> Result<(), WriteError> {
    match core.commit() {
        Ok(effects) => {
            releases.into_iter().for_each(|release| release(Ok(())));
            effects.iter().for_each(|effect| notifier.notify(effect));
            Ok(())
        }
        Err(WriteError::Full(why)) => {
            tracing::warn!(%why, "the disk is full: new work is refused");
            releases.into_iter().for_each(|release| release(Err(Refusal::disk_full())));
            Ok(())
        }
        Err(fatal @ WriteError::Fatal(_)) => {
            // Nobody is answered: what is on the disk is unknown until the next start.
            tracing::error!(error = %fatal, "the journal failed: the desk stops");
            Err(fatal)
        }
    }
}

fn close(core: &Core) {
    if let Err(error) = core.keeper().close() {
        tracing::warn!(%error, "the store could not be closed cleanly; the view will be folded anew if need be");
    }
}
