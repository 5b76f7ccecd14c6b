//! Links by hand: asks a desk that the operator added, on the schedule, until it expects this one too.
//! proto-spec, sections 3.8 and 3.9.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use deskwire_engine::command::linking::{AskFailed, ComposedRequest};
use deskwire_engine::{Reader, Refusal};
use deskwire_http::server::Shutdown;
use deskwire_machine::retry::Failure;
use deskwire_proto::code::Code;
use deskwire_proto::endpoint::Endpoint;
use deskwire_proto::id::DeskId;
use deskwire_store::EntryRef;
use deskwire_store::row::ExpectedRow;
use deskwire_store::table::{EXPECTED, Rows};
use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio::time::sleep;

use crate::exchange::Exchange;
use crate::peer::Trouble;
use crate::shared::Shared;

/// The longest pause of the schedule; a longer one comes of a clock that jumped.
const LONGEST: Duration = Duration::from_secs(3_600);
const OWN_FAILURE: Duration = Duration::from_secs(30);
/// Before the row is looked at again: nothing is ever tried at once.
const AGAIN: Duration = Duration::from_secs(1);

/// How askers are woken.
#[derive(Default)]
pub(crate) struct Askers(std::sync::Mutex<HashMap<DeskId, Arc<Knocker>>>);

/// What asking one desk, and answering it, share: both sides may ask at the same time, and one request shall stand.
#[derive(Default)]
pub(crate) struct Knocker {
    changed: Notify,
    at_once: AtomicBool,
    /// A request of ours is on its way, or its answer is being recorded.
    asking: AtomicBool,
    /// A request of the other desk was answered since ours set out.
    answered: AtomicBool,
    /// Answering, and recording an answer, one at a time.
    turn: Mutex<()>,
}

impl Knocker {
    /// Waits for the turn to answer a request of the other desk.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Whether a request of ours is open.
    pub(crate) fn is_asking(&self) -> bool {
        self.asking.load(Ordering::Acquire)
    }

    /// The other desk's request was answered: it stands if theirs is the smaller id, and ours is dropped.
    pub(crate) fn has_answered(&self) {
        self.answered.store(true, Ordering::Release);
    }
}

impl Askers {
    fn of(&self, desk: DeskId) -> Arc<Knocker> {
        let mut askers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(askers.entry(desk).or_default())
    }

    /// What is shared with the asker of this desk, if there is one.
    pub(crate) fn known(&self, desk: DeskId) -> Option<Arc<Knocker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&desk).cloned()
    }

    /// Has the desk asked at once, whatever the schedule says.
    pub(crate) fn at_once(&self, desk: DeskId) {
        let knocker = self.of(desk);
        knocker.at_once.store(true, Ordering::Release);
        knocker.changed.notify_one();
    }

    /// The operator has changed something.
    pub(crate) fn changed(&self) {
        let askers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        askers.values().for_each(|knocker| knocker.changed.notify_one());
    }

    fn forget(&self, desk: DeskId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&desk);
    }
}

/// Asks until the desks are linked or the operator no longer wants it.
pub(crate) async fn ask(shared: Arc<Shared>, desk: DeskId, mut stop: Shutdown) {
    let knocker = shared.askers.of(desk);
    let mut asking = Asking { shared: &shared, desk, knocker: &knocker, composed: None };
    while !stop.is_requested() {
        let pause = match expected(shared.engine.reader(), desk) {
            Ok(Some((row, endpoint))) => {
                let left = Duration::from_millis(row.retry.next_at.since(shared.engine.now())).min(LONGEST);
                if left.is_zero() || knocker.at_once.swap(false, Ordering::AcqRel) {
                    asking.once(&row, endpoint).await
                } else {
                    left
                }
            }
            Ok(None) => break,
            Err(refusal) => own_failure(desk, &refusal),
        };
        tokio::select! {
            () = stop.requested() => return,
            () = knocker.changed.notified() => {}
            () = sleep(pause) => {}
        }
    }
    shared.askers.forget(desk);
}

/// A desk that was added by hand, and can be asked.
///
/// # Errors
/// When the store fails.
fn expected(reader: &Reader, desk: DeskId) -> Result<Option<(ExpectedRow, Endpoint)>, Refusal> {
    let Some(row) = reader.rows().get(EXPECTED, &desk)? else { return Ok(None) };
    let endpoint = row.endpoint.as_ref().and_then(|url| Endpoint::try_from(url).ok());
    Ok(endpoint.map(|endpoint| (row, endpoint)))
}

/// The desks to ask.
///
/// # Errors
/// When the store fails.
pub(crate) fn to_ask(reader: &Reader) -> Result<Vec<DeskId>, Refusal> {
    let expected = reader.expected()?;
    let reachable =
        |row: &ExpectedRow| row.endpoint.as_ref().is_some_and(|url| Endpoint::try_from(url).is_ok());
    Ok(expected.into_iter().filter(|(_, row)| reachable(row)).map(|(desk, _)| desk).collect())
}

/// Why a try ended.
enum Broken {
    /// The other side, or the way there.
    Peer(Trouble),
    /// This desk.
    Own(Refusal),
}

impl From<Refusal> for Broken {
    fn from(refusal: Refusal) -> Self {
        Self::Own(refusal)
    }
}

impl From<Trouble> for Broken {
    fn from(trouble: Trouble) -> Self {
        Self::Peer(trouble)
    }
}

struct Asking<'a> {
    shared: &'a Shared,
    desk: DeskId,
    knocker: &'a Knocker,
    /// The request as composed for what the operator entered; repeated byte for byte.
    composed: Option<(EntryRef, ComposedRequest)>,
}

impl Asking<'_> {
    /// One try; how long to wait before anything else.
    async fn once(&mut self, row: &ExpectedRow, endpoint: Endpoint) -> Duration {
        self.knocker.answered.store(false, Ordering::Release);
        self.knocker.asking.store(true, Ordering::Release);
        let outcome = self.attempt(row, endpoint).await;
        self.knocker.asking.store(false, Ordering::Release);
        match outcome {
            Ok(()) => AGAIN,
            Err(Broken::Own(refusal)) => own_failure(self.desk, &refusal),
            Err(Broken::Peer(trouble)) => self.failed(trouble).await,
        }
    }

    async fn attempt(&mut self, row: &ExpectedRow, endpoint: Endpoint) -> Result<(), Broken> {
        let terms = self.shared.engine.reader().expected_terms(row).map_err(Refusal::from)?;
        let exchange = Exchange { desk: self.desk, endpoint, terms, secret: None, name: row.name.clone() };
        let composed = match self.composed.take() {
            Some((entry, composed)) if entry == row.entry => composed,
            _ => exchange.compose(self.shared).await?,
        };
        let (_, composed) = self.composed.insert((row.entry, composed));
        let heard = exchange.converse(self.shared, composed).await?;
        let _turn = self.knocker.turn().await;
        if self.desk < self.shared.us() && self.knocker.answered.load(Ordering::Acquire) {
            let words = "The partner asked at the same time, and its request stands.".to_owned();
            let trouble = Trouble::new(Failure::Unreachable, Code::LinkCrossed.as_str(), words);
            return Err(Broken::Peer(trouble));
        }
        exchange.conclude(self.shared, composed, heard).await?;
        Ok(())
    }

    async fn failed(&self, trouble: Trouble) -> Duration {
        self.shared.counters.attempts_failed.one();
        tracing::info!(desk = %self.desk, code = trouble.code, "a desk added by hand cannot be linked with yet");
        let words = match trouble.wire() {
            Some(Code::NotExpected) => {
                "The partner's operator has not added this desk yet. Deskwire asks again by itself."
                    .to_owned()
            }
            Some(Code::NoEndpoint) => {
                "Neither desk tells an address at which the other could reach it. Give one of them a public address."
                    .to_owned()
            }
            Some(Code::LinkCrossed) => {
                "Both desks asked at once, and the partner's request stands. Deskwire waits for it."
                    .to_owned()
            }
            Some(Code::TermsDiffer) => {
                "The partner's operator entered other terms. Compare them and enter the same on both sides."
                    .to_owned()
            }
            _ => trouble.words,
        };
        let failed = AskFailed { desk: self.desk, code: trouble.code.to_owned(), words };
        match self.shared.engine.call(failed).await {
            // The schedule stands in the row.
            Ok(()) => AGAIN,
            Err(refusal) => own_failure(self.desk, &refusal),
        }
    }
}

fn own_failure(desk: DeskId, refusal: &Refusal) -> Duration {
    tracing::warn!(%desk, code = refusal.code, "a desk cannot be asked for a reason of this desk");
    OWN_FAILURE
}
