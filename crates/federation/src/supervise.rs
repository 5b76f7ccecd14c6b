//! Keeps one courier and one fetcher for each link (and, where partners cannot reach this desk, one puller and one
//! bringer), one asker for each desk added by hand, and carries the engine's
//! effects to them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use deskwire_engine::Refusal;
use deskwire_engine::port::Effect;
use deskwire_http::server::Shutdown;
use deskwire_proto::id::DeskId;
use deskwire_store::local::LinkNo;
use deskwire_store::row::LinkState;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use crate::ask::{ask, to_ask};
use crate::bell::Effects;
use crate::bring::Bringer;
use crate::courier::Courier;
use crate::fetch::Fetcher;
use crate::pull::Puller;
use crate::shared::Shared;

/// A task that failed is started again after this.
const AGAIN: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Job {
    Courier(LinkNo),
    Fetcher(LinkNo),
    Puller(LinkNo),
    Bringer(LinkNo),
    Asker(DeskId),
}

/// Runs everything until the stop; then gives what is in flight `grace` to land.
pub(crate) async fn supervise(shared: Arc<Shared>, effects: Effects, mut stop: Shutdown, grace: Duration) {
    let mut staff = Staff { shared, stop: stop.clone(), tasks: JoinSet::new(), jobs: HashMap::new() };
    staff.hire();
    let mut again: Option<Instant> = None;
    loop {
        tokio::select! {
            () = stop.requested() => break,
            heard = effects.heard() => staff.carry(&heard),
            Some(ended) = staff.tasks.join_next_with_id() => {
                if staff.dismiss(ended) {
                    staff.hire();
                } else {
                    again = Some(Instant::now() + AGAIN);
                }
            }
            () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => {
                again = None;
                staff.hire();
            }
        }
    }
    staff.end(grace).await;
}

struct Staff {
    shared: Arc<Shared>,
    stop: Shutdown,
    tasks: JoinSet<()>,
    jobs: HashMap<Id, Job>,
}

impl Staff {
    /// Starts every task that there should be and is not.
    fn hire(&mut self) {
        let wanted = match self.wanted() {
            Ok(wanted) => wanted,
            Err(refusal) => {
                tracing::error!(code = refusal.code, "the links cannot be read; their couriers do not start");
                return;
            }
        };
        let there: BTreeSet<Job> = self.jobs.values().copied().collect();
        for job in wanted.difference(&there) {
            self.start(*job);
        }
    }

    fn wanted(&self) -> Result<BTreeSet<Job>, Refusal> {
        let reader = self.shared.engine.reader();
        let partners = reader.partners()?;
        let open = partners.iter().filter(|partner| partner.row.state != LinkState::Closed);
        // A desk that partners cannot reach goes to them for everything.
        let goes = !self.shared.is_reachable();
        let links = open.flat_map(|partner| {
            let always = [Job::Courier(partner.no), Job::Fetcher(partner.no)];
            let going = [Job::Puller(partner.no), Job::Bringer(partner.no)];
            always.into_iter().chain(going.into_iter().filter(move |_| goes))
        });
        Ok(links.chain(to_ask(reader)?.into_iter().map(Job::Asker)).collect())
    }

    fn start(&mut self, job: Job) {
        let (shared, stop) = (&self.shared, self.stop.clone());
        let handle = match job {
            Job::Courier(link) => self.tasks.spawn(Courier::new(shared, link, stop).run()),
            Job::Fetcher(link) => self.tasks.spawn(Fetcher::new(shared, link, stop).run()),
            Job::Puller(link) => self.tasks.spawn(Puller::new(shared, link, stop).run()),
            Job::Bringer(link) => self.tasks.spawn(Bringer::new(shared, link, stop).run()),
            Job::Asker(desk) => self.tasks.spawn(ask(Arc::clone(shared), desk, stop)),
        };
        self.jobs.insert(handle.id(), job);
    }

    /// Notes the end of a task; `false` when it failed.
    fn dismiss(&mut self, ended: Result<(Id, ()), JoinError>) -> bool {
        let (id, fine) = match ended {
            Ok((id, ())) => (id, true),
            Err(error) => (error.id(), false),
        };
        let job = self.jobs.remove(&id);
        if !fine {
            tracing::error!(
                ?job,
                "a courier failed and is started again; the panic's own message is in the log"
            );
        }
        fine
    }

    fn carry(&mut self, heard: &BTreeSet<Effect>) {
        for effect in heard {
            match effect {
                Effect::Wake(link) => {
                    let lane = self.shared.lanes.of(*link);
                    lane.wake.notify_one();
                    lane.bell.send_modify(|times| *times += 1);
                }
                Effect::Fetch(link) => self.shared.lanes.of(*link).fetch.notify_one(),
                Effect::Advanced(link) => {
                    self.shared.lanes.of(*link).advanced.send_modify(|times| *times += 1)
                }
                Effect::Due => self.shared.due.notify_one(),
                Effect::Links => {
                    self.shared.askers.changed();
                    self.hire();
                }
            }
        }
    }

    async fn end(mut self, grace: Duration) {
        let landed = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(grace, landed).await.is_err() {
            tracing::info!(
                cut = self.tasks.len(),
                "requests in flight were given up; they are repeated at the next start"
            );
        }
        self.tasks.shutdown().await;
    }
}
