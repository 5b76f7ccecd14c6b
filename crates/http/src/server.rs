//! A listener that strangers may reach: an axum router behind limits, deadlines and a graceful end.

mod activity;
mod bind;
mod connection;
mod framing;
mod gate;
mod limits;
mod request;
mod response;
mod shutdown;
mod unread;

pub use bind::BindError;
pub use limits::Limits;
pub use shutdown::{Shutdown, ShutdownTrigger};

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};

use crate::tls::ServerTls;
use connection::Host;
use gate::Gate;

/// How bytes travel between listener and client.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Plain TCP: for the loopback interface, or behind a proxy that ends TLS.
    Plain,
    /// TLS 1.3.
    Tls(ServerTls),
}

/// A bound socket that does not serve yet: clients may connect and wait.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    local_addr: SocketAddr,
    connections: Arc<AtomicUsize>,
}

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that still had a request in work at the drain deadline, and were cut.
    pub cut: usize,
}

impl Listener {
    /// Takes the address; port 0 takes a free port, told by [`Listener::local_addr`].
    ///
    /// # Errors
    /// [`BindError`], each with what to do about it.
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let tcp = TcpListener::bind(address).await.map_err(|source| BindError::new(address, source))?;
        let local_addr = tcp.local_addr().map_err(|source| BindError::new(address, source))?;
        Ok(Self { tcp, local_addr, connections: Arc::default() })
    }

    /// The address really bound.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// How many connections are open, kept up to date while it serves.
    #[must_use]
    pub fn connections(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.connections)
    }

    /// Serves `router` until `shutdown` is requested and every request in work has been answered, or
    /// [`Limits::drain`] has passed.
    ///
    /// Handlers find in the request's extensions: `ConnectInfo<SocketAddr>` (the client's address) and
    /// [`RequestId`](crate::request_id::RequestId). A handler that waits long or streams without end watches a clone
    /// of `shutdown`, or it is cut. A handler is dropped at its next await when its client is gone or
    /// [`Limits::request`] has passed; work that must not be torn belongs into a task of its own.
    pub async fn serve(
        self,
        router: Router,
        transport: Transport,
        limits: Limits,
        mut shutdown: Shutdown,
    ) -> Drained {
        let Self { tcp, local_addr, connections: open } = self;
        let gate = Gate::of_connections(limits.max_connections, limits.max_connections_per_ip);
        let router = router.layer(from_fn(request::remember_route));
        let drain = limits.drain;
        let host = Arc::new(Host::new(router, transport, limits));
        let mut connections = JoinSet::new();
        tracing::info!(address = %local_addr, "listening");
        loop {
            open.store(connections.len(), Ordering::Relaxed);
            tokio::select! {
                () = shutdown.requested() => break,
                Some(ended) = connections.join_next() => report(ended),
                accepted = tcp.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                        admit(&mut connections, &gate, &host, &shutdown, stream, peer);
                    }
                    Err(error) => pause_after(&error).await,
                },
            }
        }
        drop(tcp);
        let drained = drain_within(drain, connections).await;
        tracing::info!(address = %local_addr, cut = drained.cut, "stopped listening");
        drained
    }
}

fn admit(
    connections: &mut JoinSet<()>,
    gate: &Arc<Gate>,
    host: &Arc<Host>,
    shutdown: &Shutdown,
    stream: TcpStream,
    peer: SocketAddr,
) {
    let Some(permit) = gate.admit(peer.ip()) else {
        tracing::debug!(%peer, "connection refused: too many are open");
        return;
    };
    let id = permit.id();
    let served = connection::serve(Arc::clone(host), stream, peer, shutdown.clone(), permit);
    gate.watch(id, connections.spawn(served));
}

/// A failed accept is either the client's (it went away) or ours (no descriptors left), and the second kind repeats
/// at once and for as long as nothing is closed.
async fn pause_after(error: &std::io::Error) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::warn!(%error, "no connection can be accepted; raise the limit of open files if this repeats");
    tokio::time::sleep(Duration::from_millis(200)).await;
}

async fn drain_within(deadline: Duration, mut connections: JoinSet<()>) -> Drained {
    let all_ended = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    let in_time = tokio::time::timeout(deadline, all_ended).await.is_ok();
    let cut = if in_time { 0 } else { connections.len() };
    connections.shutdown().await;
    Drained { cut }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a connection ended by a panic; the panic's own message is in the log");
    }
}

#[cfg(test)]
mod tests;
