//! Tells the engine how time goes by.

use std::sync::Arc;
use std::time::Duration;

use deskwire_engine::Engine;
use deskwire_engine::command::due::Clocks;
use deskwire_engine::command::tick::Tick;
use deskwire_http::server::Shutdown;
use tokio::time::sleep;

use crate::shared::Shared;

/// The longest pause: clocks jump, and what came meanwhile has its own times.
const LONGEST: Duration = Duration::from_secs(3_600);
/// The shortest one, whatever the clock does.
const SHORTEST: Duration = Duration::from_secs(1);
/// Between two looks at the clocks of delegations to which something has happened.
const CLOCKS: Duration = Duration::from_secs(10);
/// After a failure of this desk itself, such as a full disk.
const OWN_FAILURE: Duration = Duration::from_secs(60);

/// Calls [`Tick`] whenever something is due, and at least once an hour, until the stop.
pub(crate) async fn tick(shared: Arc<Shared>, mut stop: Shutdown) {
    let engine = &shared.engine;
    while !stop.is_requested() {
        let pause = match engine.call(Tick).await {
            Ok(next) => next.map_or(LONGEST, |next| Duration::from_millis(next.since(engine.now()))),
            Err(refusal) => {
                tracing::warn!(code = refusal.code, "what is due cannot be done now");
                OWN_FAILURE
            }
        };
        tokio::select! {
            () = stop.requested() => return,
            () = shared.due.notified() => {}
            () = sleep(pause.clamp(SHORTEST, LONGEST)) => {}
            () = clocks(engine) => {}
        }
    }
}

/// Looks at the clocks of delegations again and again.
async fn clocks(engine: &Engine) {
    loop {
        sleep(CLOCKS).await;
        if let Err(refusal) = engine.call(Clocks).await {
            tracing::warn!(code = refusal.code, "the clocks of delegations cannot be looked at now");
        }
    }
}
