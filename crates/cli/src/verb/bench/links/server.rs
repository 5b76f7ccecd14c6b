//! Where the partners listen: one address for those that are good, one for each kind of those that turn bad.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use deskwire_http::{
    server::{Drained, Limits, Listener, ShutdownTrigger, Transport},
    tls::{ServerIdentity, ServerTls},
};
use deskwire_proto::{batch::BatchHead, cbor, code::Code, document::Signed, id::LinkId, session::Hello};
use tokio::{io::AsyncWriteExt as _, net::TcpListener, task::JoinHandle, time::sleep};

use super::peer::Peer;
use crate::failure::{self, Failure};

/// How late a slow partner answers.
const SLOW: Duration = Duration::from_secs(10);

/// The partners of one address.
pub(super) struct Site {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
    stop: ShutdownTrigger,
    serving: JoinHandle<Drained>,
}

/// The partners that a site serves.
pub(super) struct Register(Arc<Shared>);

impl Register {
    pub(super) fn add(&self, peer: &Arc<Peer>) {
        let mut peers = self.0.peers.write().unwrap_or_else(PoisonError::into_inner);
        peers.insert(peer.link, Arc::clone(peer));
    }
}

#[derive(Default)]
struct Shared {
    peers: RwLock<HashMap<LinkId, Arc<Peer>>>,
    slow: AtomicBool,
}

impl Site {
    pub(super) async fn start(identity: &ServerIdentity) -> Result<Self, Failure> {
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = Listener::bind(local).await;
        let listener = listener.map_err(|error| super::peer::odd("an address", error))?;
        let address = listener.local_addr();
        let shared = Arc::new(Shared::default());
        let router = Router::new()
            .route("/deskwire/1/hello", post(hello))
            .route("/deskwire/1/batch", post(batch))
            .with_state(Arc::clone(&shared));
        let many = 16_384;
        let limits = Limits {
            max_connections: many,
            max_connections_per_ip: many,
            max_requests: many,
            max_requests_per_ip: many,
            drain: Duration::from_millis(100),
            ..Limits::default()
        };
        let stop = ShutdownTrigger::new();
        let transport = Transport::Tls(ServerTls::new(identity));
        let serving = tokio::spawn(listener.serve(router, transport, limits, stop.subscribe()));
        Ok(Self { address, shared, stop, serving })
    }

    /// Where partners are entered.
    pub(super) fn register(&self) -> Register {
        Register(Arc::clone(&self.shared))
    }

    /// From now on every answer is late.
    pub(super) fn slow_down(&self) {
        self.shared.slow.store(true, Ordering::Relaxed);
    }

    /// From now on nobody listens here; the address.
    pub(super) async fn die(self) -> SocketAddr {
        self.stop.request();
        // However it ended, it has.
        let _ = self.serving.await;
        self.address
    }

    /// From now on whoever connects gets rubbish or a reset.
    pub(super) async fn turn_hostile(self) -> Result<JoinHandle<()>, Failure> {
        let at = self.die().await;
        let listener = TcpListener::bind(at).await.map_err(|error| failure::local("an address", &error))?;
        Ok(tokio::spawn(async move {
            let mut turn = 0u32;
            while let Ok((mut stream, _)) = listener.accept().await {
                turn = turn.wrapping_add(1);
                tokio::spawn(async move {
                    if turn.is_multiple_of(2) {
                        // What comes of it is the hub's concern.
                        let _ = stream.write_all(&[0x16, 0x03, 0x03, 0x40, 0x00, 0xff].repeat(2_000)).await;
                        sleep(Duration::from_millis(500)).await;
                    }
                    let _ = stream.set_zero_linger();
                });
            }
        }))
    }
}

impl Shared {
    fn peer(&self, link: &LinkId) -> Option<Arc<Peer>> {
        self.peers.read().unwrap_or_else(PoisonError::into_inner).get(link).cloned()
    }

    /// A partner that may be just being entered: the hub calls as soon as the link is active.
    async fn soon(&self, link: &LinkId) -> Option<Arc<Peer>> {
        for _ in 0..200 {
            match self.peer(link) {
                Some(peer) => return Some(peer),
                None => sleep(Duration::from_millis(10)).await,
            }
        }
        None
    }

    async fn pause(&self) {
        if self.slow.load(Ordering::Relaxed) {
            sleep(SLOW).await;
        }
    }
}

async fn hello(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    shared.pause().await;
    let mut link = None;
    let named = |hello: &Hello| {
        link = Some(hello.link);
        Err(Code::KeyUnknown)
    };
    // Only the name of the link is wanted; the partner itself verifies.
    let _ = Signed::<Hello>::open_with(&body, named);
    let peer = match link {
        Some(link) => shared.soon(&link).await,
        None => None,
    };
    answer(peer.and_then(|peer| peer.welcome(&body)))
}

async fn batch(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    shared.pause().await;
    let head = cbor::split(&body, cbor::Bounds::MESSAGE).ok();
    let head: Option<BatchHead> = head.and_then(|(head, _)| cbor::decode(head, cbor::Bounds::MESSAGE).ok());
    let peer = head.and_then(|head| shared.peer(&head.link));
    answer(peer.and_then(|peer| peer.take(&body)))
}

fn answer(body: Option<Vec<u8>>) -> Response {
    match body {
        Some(body) => ([(CONTENT_TYPE, "application/deskwire+cbor")], body).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
