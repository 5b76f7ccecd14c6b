//! Digests of partners are compared with what this desk sees, and answered. proto-spec, section 6.24.

use deskwire_engine::command::digest::{KeepComparison, SayDigest};
use deskwire_engine::{Engine, Refusal, query};
use deskwire_store::local::DelegationNo;
use tokio::runtime::Handle;

/// How many are looked at before something else has its turn.
const AT_ONCE: usize = 4;

/// Compares what has come since the last time.
pub(super) fn compare(engine: &Engine, runtime: &Handle) {
    let waiting = match query::to_compare(engine.reader(), AT_ONCE) {
        Ok(waiting) => waiting,
        Err(refusal) => return tracing::warn!(%refusal, "the digests of partners cannot be read"),
    };
    for delegation in waiting {
        if let Err(refusal) = one(engine, runtime, delegation) {
            tracing::warn!(%delegation, %refusal, "a partner's digest cannot be compared");
        }
    }
}

fn one(engine: &Engine, runtime: &Handle, delegation: DelegationNo) -> Result<(), Refusal> {
    let Some(found) = query::agreement(engine.reader(), delegation)? else { return Ok(()) };
    let details = found.details();
    let keep = KeepComparison { delegation, heard: found.heard, differs: found.differs, details };
    runtime.block_on(engine.call(keep))?;
    if found.answered {
        return Ok(());
    }
    let facts = query::own_digest(engine.reader(), delegation)?;
    runtime.block_on(engine.call(SayDigest { delegation, facts })).map(drop)
}
