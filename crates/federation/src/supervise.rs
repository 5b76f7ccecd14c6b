//! Keeps one courier and one fetcher for each link (and, where partners cannot reach this desk, one puller and one
//! bringer), one asker for each desk added by hand, and the ticker. Carries the engine's effects to them. Whoever fails is
//! started again, and keeps nobody else from it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
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
use crate::tick::tick;

/// A task that failed is started again after this.
const AGAIN: Duration = Duration::from_secs(60);
/// A task that ends sooner has not done anything.
const MOMENT: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Job {
    Courier(LinkNo),
    Fetcher(LinkNo),
    Puller(LinkNo),
    Bringer(LinkNo),
    Asker(DeskId),
    /// The one that tells the engine how time goes by.
    Ticker,
}

/// Runs everything until the stop; then gives what is in flight `grace` to land.
pub(crate) async fn supervise(shared: Arc<Shared>, effects: Effects, mut stop: Shutdown, grace: Duration) {
    let mut staff = Staff {
        shared,
        stop: stop.clone(),
        tasks: JoinSet::new(),
        jobs: HashMap::new(),
        away: Away::default(),
    };
    staff.hire();
    loop {
        let again = staff.away.next();
        tokio::select! {
            () = stop.requested() => break,
            heard = effects.heard() => staff.carry(&heard),
            Some(ended) = staff.tasks.join_next_with_id() => {
                staff.dismiss(ended);
                staff.hire();
            }
            () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => staff.hire(),
        }
    }
    staff.end(grace).await;
}

struct Staff {
    shared: Arc<Shared>,
    stop: Shutdown,
    tasks: JoinSet<()>,
    jobs: HashMap<Id, (Job, Instant)>,
    away: Away,
}

/// Tasks that failed, or ended almost at once: each is started again a while later, whatever the others do.
#[derive(Debug, Default)]
struct Away {
    until: BTreeMap<Job, Instant>,
    /// The links could not be read: they are looked at again then.
    blind: Option<Instant>,
}

impl Away {
    /// Whether a task is not to be started yet.
    fn holds(&mut self, job: Job, now: Instant) -> bool {
        self.until.retain(|_, until| *until > now);
        self.until.contains_key(&job)
    }

    /// When there is somebody to be started.
    fn next(&self) -> Option<Instant> {
        self.until.values().copied().chain(self.blind).min()
    }
}

impl Staff {
    /// Starts every task that there should be and is not, unless it failed a moment ago.
    fn hire(&mut self) {
        let now = Instant::now();
        let wanted = match self.wanted() {
            Ok(wanted) => wanted,
            Err(refusal) => {
                tracing::error!(
                    code = refusal.code,
                    "the links cannot be read; their couriers start a minute later"
                );
                self.away.blind = Some(now + AGAIN);
                return;
            }
        };
        self.away.blind = None;
        let there: BTreeSet<Job> = self.jobs.values().map(|(job, _)| *job).collect();
        for job in wanted.difference(&there) {
            if !self.away.holds(*job, now) {
                self.start(*job);
            }
        }
        // What is wanted no more is not waited for.
        self.away.until.retain(|job, until| *until > now && wanted.contains(job));
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
        let askers = to_ask(reader)?.into_iter().map(Job::Asker);
        Ok(links.chain(askers).chain(std::iter::once(Job::Ticker)).collect())
    }

    fn start(&mut self, job: Job) {
        let (shared, stop) = (&self.shared, self.stop.clone());
        let handle = match job {
            Job::Courier(link) => self.tasks.spawn(Courier::new(shared, link, stop).run()),
            Job::Fetcher(link) => self.tasks.spawn(Fetcher::new(shared, link, stop).run()),
            Job::Puller(link) => self.tasks.spawn(Puller::new(shared, link, stop).run()),
            Job::Bringer(link) => self.tasks.spawn(Bringer::new(shared, link, stop).run()),
            Job::Asker(desk) => self.tasks.spawn(ask(Arc::clone(shared), desk, stop)),
            Job::Ticker => self.tasks.spawn(tick(Arc::clone(shared), stop)),
        };
        self.jobs.insert(handle.id(), (job, Instant::now()));
    }

    /// Notes the end of a task. One that failed, or that ended as soon as it had begun, is started again a minute later if
    /// it is wanted then.
    fn dismiss(&mut self, ended: Result<(Id, ()), JoinError>) {
        let (id, failed) = match ended {
            Ok((id, ())) => (id, false),
            Err(error) => (error.id(), true),
        };
        let Some((job, begun)) = self.jobs.remove(&id) else { return };
        if failed {
            tracing::error!(
                ?job,
                "a courier failed and is started again in a minute; the panic's own message is in the log"
            );
        }
        let now = Instant::now();
        if failed || now.duration_since(begun) < MOMENT {
            self.away.until.insert(job, now + AGAIN);
        }
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

#[cfg(test)]
mod tests {
    //! A task that fails again and again is started again each time, and does not keep the others from it.
    use super::*;

    #[test]
    fn whoever_failed_comes_back_after_a_minute_however_often_others_fail() {
        let (mut away, begin) = (Away::default(), Instant::now());
        let (one, other) = (Job::Courier(LinkNo(1)), Job::Puller(LinkNo(2)));
        away.until.insert(one, begin + AGAIN);
        for second in 0..60 {
            // Another one fails all the time.
            let now = begin + Duration::from_secs(second);
            away.until.insert(other, now + AGAIN);
            assert!(away.holds(one, now) && away.holds(other, now));
            assert_eq!(away.next(), Some(begin + AGAIN), "that of the other one changes nothing");
        }
        let now = begin + AGAIN;
        assert!(!away.holds(one, now) && away.holds(other, now));
        assert_eq!(away.next(), Some(now + AGAIN - Duration::from_secs(1)));
    }

    #[test]
    fn links_that_cannot_be_read_are_looked_at_again() {
        let now = Instant::now();
        let away = Away { blind: Some(now), ..Away::default() };
        assert_eq!(away.next(), Some(now));
        assert_eq!(Away::default().next(), None);
    }
}
