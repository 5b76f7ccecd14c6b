//! What one connection is busy with, so that idle and stalled ones can be told from those that wait for us.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The requests in work on one connection, from their head to the last piece of their response.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    next: u64,
    /// Since when the client owes us the taking of a piece of the response; `None` while we owe it one.
    in_work: HashMap<u64, Option<Instant>>,
    quiet_since: Instant,
    served: bool,
}

/// The time limits of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) first_request: Duration,
    pub(super) idle: Duration,
    pub(super) stall: Duration,
}

impl Patience {
    /// How often to look: what begins right after a look is found at the next but one.
    pub(super) fn shortest(&self) -> Duration {
        self.first_request.min(self.idle).min(self.stall)
    }
}

/// What to do with a connection now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing; look again at this time.
    Keep(Instant),
    /// No request in work for too long.
    Idle,
    /// The client does not take its response.
    Stalled,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            next: 0,
            in_work: HashMap::new(),
            quiet_since: Instant::now(),
            served: false,
        })))
    }

    /// Notes the head of a request; it is in work until the ticket is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Ticket {
        let mut state = self.state();
        let id = state.next;
        state.next += 1;
        state.served = true;
        state.in_work.insert(id, None);
        Ticket { activity: Arc::clone(self), id }
    }

    pub(super) fn verdict(&self, now: Instant, patience: Patience) -> Verdict {
        let state = self.state();
        if state.in_work.is_empty() {
            let limit = if state.served { patience.idle } else { patience.first_request };
            return due(state.quiet_since + limit, now, Verdict::Idle);
        }
        match state.in_work.values().flatten().min() {
            Some(oldest) => due(*oldest + patience.stall, now, Verdict::Stalled),
            None => Verdict::Keep(now + patience.shortest()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn due(at: Instant, now: Instant, verdict: Verdict) -> Verdict {
    if now >= at { verdict } else { Verdict::Keep(at) }
}

/// One request in work.
#[derive(Debug)]
pub(super) struct Ticket {
    activity: Arc<Activity>,
    id: u64,
}

impl Ticket {
    /// We have nothing for the client at the moment.
    pub(super) fn owed_by_us(&self) {
        self.activity.state().in_work.insert(self.id, None);
    }

    /// The client has a piece to take before it gets the next.
    pub(super) fn owed_by_client(&self) {
        self.activity.state().in_work.insert(self.id, Some(Instant::now()));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        state.in_work.remove(&self.id);
        if state.in_work.is_empty() {
            state.quiet_since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        first_request: Duration::from_secs(5),
        idle: Duration::from_secs(60),
        stall: Duration::from_secs(10),
    };

    fn after(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    /// A client that connects and says nothing must lose its place sooner than one that is known to work.
    #[tokio::test(start_paused = true)]
    async fn a_silent_newcomer_is_idle_sooner() {
        let activity = Activity::new();
        assert_eq!(activity.verdict(after(5), PATIENCE), Verdict::Idle);
        drop(activity.begin());
        assert_eq!(activity.verdict(after(5), PATIENCE), Verdict::Keep(after(60)));
        assert_eq!(activity.verdict(after(60), PATIENCE), Verdict::Idle);
    }

    /// A long poll waits for us, and must not be taken for a client that does not read.
    #[tokio::test(start_paused = true)]
    async fn only_a_client_that_owes_us_stalls() {
        let activity = Activity::new();
        let poll = activity.begin();
        let download = activity.begin();
        assert!(matches!(activity.verdict(after(3600), PATIENCE), Verdict::Keep(_)));
        download.owed_by_client();
        assert_eq!(activity.verdict(after(9), PATIENCE), Verdict::Keep(after(10)));
        assert_eq!(activity.verdict(after(10), PATIENCE), Verdict::Stalled);
        download.owed_by_us();
        assert!(matches!(activity.verdict(after(3600), PATIENCE), Verdict::Keep(_)));
        drop((poll, download));
        assert_eq!(activity.verdict(after(60), PATIENCE), Verdict::Idle);
    }
}
