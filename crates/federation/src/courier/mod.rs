//! The courier of one link: it sends what there is to send, in order, and waits out what cannot be sent now.
//!
//! Each link has its own; none waits for another. It sleeps until its next try is due or the bell rings, and does
//! nothing in between.

mod deliver;
mod plan;
mod recover;
mod reveal;

use std::sync::Arc;
use std::time::Duration;

use deskwire_engine::command::link::{Contact, DeliveryFailed, Resume};
use deskwire_engine::command::session::Opened;
use deskwire_engine::{Fault, Partner, Refusal};
use deskwire_http::server::Shutdown;
use deskwire_machine::retry::Failure;
use deskwire_store::local::LinkNo;
use tokio::time::{Instant, sleep};

use crate::lane::Lane;
use crate::peer::Trouble;
use crate::shared::Shared;
use plan::{Begun, LONGEST, Plan, plan};

/// After a failure of this desk itself, such as a full disk.
const OWN_FAILURE: Duration = Duration::from_secs(30);

/// What the courier waits for.
enum Wait {
    /// The bell alone.
    Bell,
    /// The bell, or so long.
    For(Duration),
}

/// Why a round ended early.
enum Setback {
    /// The partner gave no usable answer.
    Peer(Trouble),
    /// The partner asks for a new hello.
    Resync(Trouble),
    /// This desk could not go on.
    Own(Refusal),
    /// The link was paused.
    Halted,
}

impl From<Refusal> for Setback {
    fn from(refusal: Refusal) -> Self {
        match refusal.fault {
            // What the partner sent cannot be taken: as good as no answer.
            Fault::Partner => Self::Peer(Trouble::new(Failure::Unreachable, refusal.code, refusal.words)),
            _ => Self::Own(refusal),
        }
    }
}

pub(crate) struct Courier {
    shared: Arc<Shared>,
    link: LinkNo,
    lane: Arc<Lane>,
    stop: Shutdown,
    /// The open session of our stream.
    session: Option<Opened>,
    /// A wait was slept out, so that what it waited for is due whatever the clock says.
    overdue: bool,
    /// The pause of the schedule that is waited out.
    begun: Begun,
    /// When to ask again whether the partner's operator has approved.
    asking: reveal::Asking,
    /// When to say the daily hello to a partner that refuses this desk.
    knock: Option<Instant>,
}

impl Courier {
    pub(crate) fn new(shared: &Arc<Shared>, link: LinkNo, stop: Shutdown) -> Self {
        Self {
            shared: Arc::clone(shared),
            link,
            lane: shared.lanes.of(link),
            stop,
            session: None,
            overdue: false,
            begun: Begun::default(),
            asking: reveal::Asking::default(),
            knock: None,
        }
    }

    /// Works until the stop, or until the link is gone.
    pub(crate) async fn run(mut self) {
        while !self.stop.is_requested() {
            let wait = match self.shared.partner(self.link) {
                Ok(Some(partner)) => self.round(&partner).await,
                Ok(None) => return,
                Err(refusal) => own_failure(self.link, &refusal),
            };
            let pause = match wait {
                Wait::Bell => None,
                Wait::For(pause) => Some(pause.min(LONGEST)),
            };
            self.overdue = false;
            tokio::select! {
                () = self.stop.requested() => return,
                () = self.lane.wake.notified() => {}
                () = sleep(pause.unwrap_or_default()), if pause.is_some() => self.overdue = true,
            }
        }
    }

    /// Does what is due now; what to wait for next.
    async fn round(&mut self, partner: &Arc<Partner>) -> Wait {
        let next_at = partner.row.retry.next_at;
        let overdue = self.overdue || self.begun.is_over(next_at, Instant::now());
        match plan(&partner.row, !partner.endpoints().is_empty(), self.shared.engine.now(), overdue) {
            Plan::Rest => Wait::Bell,
            Plan::Later(pause) => Wait::For(self.begun.left(next_at, pause, Instant::now())),
            Plan::Reveal => self.reveal_if_due(partner).await,
            Plan::Deliver => {
                let outcome = self.deliver(partner).await;
                self.outcome(outcome, partner).await
            }
            Plan::Knock => self.knock_if_due(partner).await,
        }
    }

    /// A partner that refuses this desk gets one hello a day. proto-spec, section 5.12.
    async fn knock_if_due(&mut self, partner: &Arc<Partner>) -> Wait {
        const DAY: Duration = Duration::from_secs(24 * 3_600);
        let at = *self.knock.get_or_insert_with(|| Instant::now() + DAY);
        let left = at.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            return Wait::For(left);
        }
        self.knock = None;
        self.session = None;
        if self.open(partner).await.is_err() {
            return Wait::For(LONGEST);
        }
        tracing::info!(link = %self.link, "the partner takes this desk again");
        match self.shared.engine.call(Resume { link: self.link }).await {
            Ok(()) => Wait::For(Duration::ZERO),
            Err(refusal) => own_failure(self.link, &refusal),
        }
    }

    /// Tells the engine how a round ended.
    async fn outcome(&mut self, outcome: Result<(), Setback>, partner: &Partner) -> Wait {
        self.knock = None;
        match outcome {
            Ok(()) => Wait::Bell,
            Err(Setback::Halted) => Wait::For(Duration::ZERO),
            Err(Setback::Own(refusal)) => own_failure(self.link, &refusal),
            Err(Setback::Peer(trouble) | Setback::Resync(trouble)) => self.failed(trouble, partner).await,
        }
    }

    async fn failed(&mut self, trouble: Trouble, partner: &Partner) -> Wait {
        self.session = None;
        self.shared.counters.attempts_failed.one();
        let code = trouble.code;
        if partner.row.trouble.is_none() {
            tracing::info!(link = %self.link, code, "the partner cannot be reached or refuses");
        }
        let failed = DeliveryFailed {
            link: self.link,
            failure: trouble.failure,
            code: code.to_owned(),
            words: trouble.words,
        };
        let busy = matches!(trouble.failure, Failure::Busy { .. });
        match self.shared.engine.call(failed).await {
            Ok(Some(next)) => {
                if busy {
                    // It is there: what it has for this desk can be asked for.
                    self.lane.bell.send_modify(|times| *times += 1);
                }
                // Never at once, whatever the clock does.
                let left = Duration::from_millis(next.since(self.shared.engine.now()).max(1_000));
                self.begun = Begun::default();
                Wait::For(self.begun.left(next, left, Instant::now()))
            }
            Ok(None) => {
                tracing::warn!(link = %self.link, code, "the partner refuses this desk; nothing more is sent");
                Wait::For(Duration::from_secs(1))
            }
            Err(refusal) => own_failure(self.link, &refusal),
        }
    }

    /// The partner has answered: the trouble is over.
    async fn contact(&self) -> Result<(), Refusal> {
        let troubled = self.shared.partner(self.link)?.is_some_and(|partner| partner.row.trouble.is_some());
        if troubled {
            self.shared.engine.call(Contact { link: self.link }).await?;
            tracing::info!(link = %self.link, "the partner answers again");
            self.lane.fetch.notify_one();
        }
        Ok(())
    }
}

fn own_failure(link: LinkNo, refusal: &Refusal) -> Wait {
    tracing::warn!(%link, code = refusal.code, "a courier cannot go on for a reason of this desk");
    Wait::For(OWN_FAILURE)
}
