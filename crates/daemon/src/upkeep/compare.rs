//! Digests of partners are compared with what this desk sees, and answered. proto-spec, section 6.24.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use deskwire_engine::command::digest::{KeepComparison, SayDigest};
use deskwire_engine::{Engine, Refusal, query};
use deskwire_store::local::DelegationNo;
use tokio::runtime::Handle;

/// How many are looked at before something else has its turn.
const AT_ONCE: usize = 4;
/// So many times as long as a look has taken, nothing is looked at again: the thread has other work.
const PAUSE: u32 = 9;
/// When one that could not be compared is looked at again.
const AGAIN: Duration = Duration::from_secs(60 * 60);

/// What partners ask, and when it is looked at.
#[derive(Debug, Default)]
pub(super) struct Comparing {
    /// Nothing is looked at before that.
    rests: Option<Instant>,
    /// Those that could not be compared, and since when.
    failed: BTreeMap<DelegationNo, Instant>,
}

impl Comparing {
    /// Compares what has come since the last time, at a pace of its own: it ends when that says so.
    pub(super) fn look(
        &mut self,
        engine: &Engine,
        runtime: &Handle,
        pace: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) {
        let begin = Instant::now();
        if self.rests.is_some_and(|until| begin < until) {
            return;
        }
        self.failed.retain(|_, since| since.elapsed() < AGAIN);
        let later = |delegation| self.failed.contains_key(&delegation);
        let waiting = match query::to_compare(engine.reader(), AT_ONCE, later) {
            Ok(waiting) => waiting,
            Err(refusal) => return tracing::warn!(%refusal, "the digests of partners cannot be read"),
        };
        for delegation in waiting {
            if let Err(refusal) = one(engine, runtime, delegation, pace) {
                tracing::warn!(%delegation, %refusal, "a partner's digest cannot be compared");
                self.failed.insert(delegation, Instant::now());
            }
            if pace(0).is_break() {
                return;
            }
        }
        self.rests = Some(Instant::now() + begin.elapsed() * PAUSE);
    }
}

fn one(
    engine: &Engine,
    runtime: &Handle,
    delegation: DelegationNo,
    pace: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<(), Refusal> {
    let Some(found) = query::answer(engine.reader(), delegation, pace)? else { return Ok(()) };
    let (agreement, facts) = (found.agreement, found.own);
    let details = agreement.details();
    let keep = KeepComparison { delegation, heard: agreement.heard, differs: agreement.differs, details };
    runtime.block_on(engine.call(keep))?;
    if agreement.answered {
        return Ok(());
    }
    runtime.block_on(engine.call(SayDigest { delegation, facts })).map(drop)
}
