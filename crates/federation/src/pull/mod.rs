//! Asking a partner for its stream, where this desk has no endpoint at which it could be brought. proto-spec, section 5.6.
//!
//! A puller asks while its link works. When it cannot, the courier finds out when the partner is back, on the one
//! schedule of the link, and the puller goes on.

mod answer;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deskwire_engine::command::link::{Contact, DeliveryFailed};
use deskwire_engine::command::pull::Ask;
use deskwire_engine::{Fault, Partner, Refusal};
use deskwire_http::server::Shutdown;
use deskwire_machine::retry::{Failure, Retry};
use deskwire_proto::code::Code;
use deskwire_proto::limits::BATCH_BYTES;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::LinkNo;
use deskwire_store::row::LinkState;
use tokio::time::{Instant, sleep};

use crate::fetch::jitter;
use crate::lane::Lane;
use crate::peer::{Call, Cause, Trouble, Wanted};
use crate::shared::Shared;

/// How long a partner may hold a request: under the minute after which many routers forget a quiet connection.
const HOLD: Duration = Duration::from_secs(55);
/// For the whole exchange.
const DEADLINE: Duration = Duration::from_secs(75);
/// After a failure of this desk itself, such as a full disk.
const OWN_FAILURE: Duration = Duration::from_secs(30);
/// Before a request that broke under way is repeated.
const AT_ONCE: Duration = Duration::from_millis(200);
/// The longest that a partner can have itself left alone for.
const LONGEST: Duration = Duration::from_secs(60);
/// Answers one after the other that bring nothing; a partner that gives more is asked less often.
const BARREN: u32 = 4;

/// What a puller does next.
enum Then {
    /// Asks again.
    Ask,
    /// Waits until the link changes.
    Bell,
    /// Asks again after this.
    Pause(Duration),
}

/// Why a request came to nothing.
enum Failed {
    /// The partner, or the way to it.
    Peer(Trouble),
    /// This desk.
    Own(Refusal),
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        match refusal.fault {
            Fault::Partner => Self::Peer(Trouble::new(Failure::Unreachable, refusal.code, refusal.words)),
            _ => Self::Own(refusal),
        }
    }
}

impl From<Trouble> for Failed {
    fn from(trouble: Trouble) -> Self {
        Self::Peer(trouble)
    }
}

/// What rides on the next request, until a request has got through.
#[derive(Default)]
struct Riders {
    receipt: Option<Vec<u8>>,
    welcome: Option<Vec<u8>>,
    /// What the restored partner has lost.
    page: Option<Vec<u8>>,
}

/// Asks one partner for its stream.
pub(crate) struct Puller {
    shared: Arc<Shared>,
    link: LinkNo,
    lane: Arc<Lane>,
    stop: Shutdown,
    riders: Riders,
    /// What the restored partner asked for last: the first message, and its cursor.
    handed: Option<(u64, u64)>,
    /// Answers since one brought something.
    barren: u32,
    /// The last request got through: one that breaks now may be repeated at once.
    through: bool,
    /// The pauses after failures to ask, as long as nothing was brought.
    retry: Retry,
}

impl Puller {
    pub(crate) fn new(shared: &Arc<Shared>, link: LinkNo, stop: Shutdown) -> Self {
        Self {
            shared: Arc::clone(shared),
            link,
            lane: shared.lanes.of(link),
            stop,
            riders: Riders::default(),
            handed: None,
            barren: 0,
            through: false,
            retry: Retry::reset(),
        }
    }

    /// Works until the stop, or until the link is gone.
    pub(crate) async fn run(mut self) {
        let mut bell = self.lane.bell.subscribe();
        let mut stop = self.stop.clone();
        while !stop.is_requested() {
            bell.mark_unchanged();
            let then = match self.shared.partner(self.link) {
                // A request that is held is given up at the stop; nothing is lost with it.
                Ok(Some(partner)) if self.may_ask(&partner) => tokio::select! {
                    () = stop.requested() => return,
                    then = self.round(&partner) => then,
                },
                Ok(Some(_)) => Then::Bell,
                Ok(None) => return,
                Err(refusal) => self.own_failure(&refusal),
            };
            let pause = match then {
                Then::Ask => continue,
                Then::Bell => None,
                Then::Pause(pause) => Some(pause),
            };
            tokio::select! {
                () = stop.requested() => return,
                // Also in a pause: the courier has found the partner again, or its operator wants it tried at once.
                _ = bell.changed() => {}
                () = sleep(pause.unwrap_or_default()), if pause.is_some() => {}
            }
        }
    }

    /// Whether there is somebody to ask. While the partner cannot be reached, or refuses, it is the courier that tries.
    /// One that is busy is there: it may take nothing before it was asked what it has lost. proto-spec, section 5.7.
    fn may_ask(&self, partner: &Partner) -> bool {
        let trouble = partner.row.trouble.as_ref();
        partner.row.state == LinkState::Active
            && trouble.is_none_or(|trouble| trouble.last.code.as_str() == Code::Busy.as_str())
            && !partner.endpoints().is_empty()
            && !self.shared.is_reachable()
    }

    async fn round(&mut self, partner: &Arc<Partner>) -> Then {
        match self.ask(partner).await {
            Ok(then) => then,
            Err(Failed::Own(refusal)) => self.own_failure(&refusal),
            Err(Failed::Peer(trouble)) => self.failed(trouble).await,
        }
    }

    async fn ask(&mut self, partner: &Arc<Partner>) -> Result<Then, Failed> {
        let begun = Instant::now();
        let answer = self.request().await?;
        // What rode on it has arrived.
        self.riders = Riders::default();
        let then = self.take(partner, &answer, begun.elapsed()).await?;
        if self.barren >= BARREN {
            self.barren = 0;
            let words = "The partner answers again and again and brings nothing new. Deskwire goes on asking, less often.";
            return Err(Trouble::new(Failure::Unreachable, "pull-barren", words.to_owned()).into());
        }
        self.through = true;
        if self.riders.page.is_none() {
            self.contact().await?;
        } else {
            // As long as it gets back what it lost, it takes nothing that is sent to it.
            self.retry = Retry::reset();
        }
        Ok(then)
    }

    async fn request(&self) -> Result<Bytes, Failed> {
        let now = self.shared.engine.now();
        match self.request_at(now).await {
            Err(Failed::Peer(Trouble { cause: Cause::Stale(time), .. })) => {
                self.request_at(Timestamp(time).max(now)).await
            }
            outcome => outcome,
        }
    }

    async fn request_at(&self, time: Timestamp) -> Result<Bytes, Failed> {
        let ask = Ask {
            link: self.link,
            wait: u64::try_from(HOLD.as_millis()).unwrap_or_default(),
            time: self.lane.time_for(time),
            receipt: self.riders.receipt.clone(),
            welcome: self.riders.welcome.clone(),
            page: self.riders.page.clone(),
        };
        let body = self.shared.engine.call(ask).await?.into();
        let wanted = Wanted::Document { max: BATCH_BYTES };
        let call = Call { path: "pull", body, wanted, deadline: DEADLINE };
        Ok(self.shared.call(self.link, &call).await?)
    }

    /// The partner has answered.
    async fn contact(&mut self) -> Result<(), Refusal> {
        self.retry = Retry::reset();
        self.shared.engine.call(Contact { link: self.link }).await
    }

    async fn failed(&mut self, trouble: Trouble) -> Then {
        if std::mem::take(&mut self.through) && trouble.reached && trouble.failure == Failure::Unreachable {
            // A connection that stood for long may break at any time.
            tracing::debug!(link = %self.link, code = trouble.code, "a request for messages broke; it is repeated");
            return Then::Pause(AT_ONCE);
        }
        let code = trouble.code;
        tracing::info!(link = %self.link, code, "the partner cannot be asked for its messages");
        self.shared.counters.attempts_failed.one();
        let now = self.shared.engine.now();
        self.retry = match trouble.failure {
            Failure::Busy { retry_after } => self.retry.busy(now, retry_after, jitter()),
            Failure::Unreachable | Failure::Refused => self.retry.failed(now, jitter()),
        };
        let pause = Duration::from_millis(self.retry.next_at.since(now));
        let failed = DeliveryFailed {
            link: self.link,
            failure: trouble.failure,
            code: code.to_owned(),
            words: trouble.words,
        };
        match self.shared.engine.call(failed).await {
            Ok(_) => {
                self.lane.wake.notify_one();
                Then::Pause(pause)
            }
            Err(refusal) => self.own_failure(&refusal),
        }
    }

    fn own_failure(&self, refusal: &Refusal) -> Then {
        tracing::warn!(link = %self.link, code = refusal.code, "messages cannot be asked for, for a reason of this desk");
        Then::Pause(OWN_FAILURE)
    }
}
