//! The peer endpoint and the courier: streams, sessions, receipts and files over HTTPS.
//!
//! Takes the engine's effects from a [`bell`], which is made before the engine starts. Everything that
//! arrives is verified before the engine sees it; everything that leaves was committed before.

mod ask;
mod bell;
mod bring;
mod courier;
mod endpoint;
mod exchange;
mod fetch;
mod lane;
mod linking;
mod memory;
mod numbers;
mod peer;
mod pull;
mod rate;
mod shared;
mod supervise;
mod tick;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use deskwire_engine::Engine;
use deskwire_engine::port::Linker;
use deskwire_http::address::AllowedRange;
use deskwire_http::server::ShutdownTrigger;
use tokio::task::JoinHandle;

pub use bell::{Bell, Effects, bell};
pub use numbers::Numbers;

use shared::Shared;

/// What the operator configures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Addresses that may be dialled besides public ones, loopback included.
    pub allowed_ranges: Vec<AllowedRange>,
    /// How long requests in flight may go on after the stop. Default 5 s.
    pub grace: Duration,
    /// Room on the disk that no file of a partner may take, bytes. Default 256 MiB.
    pub disk_floor: u64,
    /// Requests of partners without an endpoint that may be held at once, over all links. Default 1024.
    pub polls_held: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allowed_ranges: Vec::new(),
            grace: Duration::from_secs(5),
            disk_floor: 256 << 20,
            polls_held: 1_024,
        }
    }
}

/// The running federation of one desk.
pub struct Federation {
    shared: Arc<Shared>,
    stop: ShutdownTrigger,
    supervisor: JoinHandle<()>,
}

impl Federation {
    /// Starts the couriers of all links. Must be called inside a tokio runtime.
    #[must_use]
    pub fn start(engine: Engine, effects: Effects, config: Config) -> Self {
        let shared = Arc::new(Shared::new(engine, &config));
        let stop = ShutdownTrigger::new();
        let work = supervise::supervise(Arc::clone(&shared), effects, stop.subscribe(), config.grace);
        Self { shared, stop, supervisor: tokio::spawn(work) }
    }

    /// The routes of the peer listener, to be served by [`deskwire_http::server::Listener`] over TLS.
    pub fn router(&self) -> Router {
        endpoint::router(&self.shared)
    }

    /// Links with other desks on behalf of the API.
    #[must_use]
    pub fn linker(&self) -> Arc<dyn Linker> {
        Arc::new(linking::Links(Arc::clone(&self.shared)))
    }

    /// What was sent, taken and refused since the start.
    #[must_use]
    pub fn numbers(&self) -> Numbers {
        self.shared.counters.snapshot()
    }

    /// A way to read [`Federation::numbers`] from elsewhere.
    pub fn counted(&self) -> impl Fn() -> Numbers + Send + Sync + 'static {
        let shared = Arc::clone(&self.shared);
        move || shared.counters.snapshot()
    }

    /// Answers the requests that are held for partners, so that the listener can end at once. Call it when the listener is
    /// asked to stop.
    pub fn release(&self) {
        self.shared.leaving.send_replace(true);
    }

    /// Stops the couriers; what is in flight gets its grace, the rest is repeated at the next start. Stop the
    /// listener first and the engine last.
    pub async fn stop(self) {
        self.stop.request();
        if self.supervisor.await.is_err() {
            tracing::error!("the supervisor of the couriers failed; the panic's own message is in the log");
        }
    }
}
