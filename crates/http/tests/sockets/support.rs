//! A server to test against, and clients from polite to raw.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use deskwire_http::body::{self, Pace};
use deskwire_http::server::{Drained, Limits, Listener, ShutdownTrigger, Transport};
use deskwire_http::tls::{SelfSigned, ServerTls, SpkiHash};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Nothing here may take longer; only a failing test waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) trigger: ShutdownTrigger,
    pub(crate) ended: JoinHandle<Drained>,
}

impl Server {
    pub(crate) async fn plain(router: Router, limits: Limits) -> Self {
        Self::start(router, Transport::Plain, limits).await
    }

    pub(crate) async fn tls(router: Router, limits: Limits) -> (Self, SpkiHash) {
        let made = certificate();
        let tls = ServerTls::new(&made.identity().unwrap());
        (Self::start(router, Transport::Tls(tls), limits).await, made.spki())
    }

    pub(crate) async fn start(router: Router, transport: Transport, limits: Limits) -> Self {
        let listener = Listener::bind(loopback()).await.unwrap();
        let address = listener.local_addr();
        let trigger = ShutdownTrigger::new();
        let ended = tokio::spawn(listener.serve(router, transport, limits, trigger.subscribe()));
        Self { address, trigger, ended }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes as they are and returns everything that comes until the server closes.
    pub(crate) async fn raw(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        read_to_close(&mut stream).await
    }
}

pub(crate) fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

pub(crate) fn certificate() -> SelfSigned {
    SelfSigned::generate(&["localhost".into(), "127.0.0.1".into()]).unwrap()
}

/// Deadlines long enough for a busy machine; tests shorten the one they are about.
pub(crate) fn limits() -> Limits {
    Limits { drain: PATIENCE, ..Limits::default() }
}

pub(crate) fn router() -> Router {
    Router::new().route("/hello", get(async || "hello")).route(
        "/length",
        post(async |body: axum::body::Body| {
            let whole = body::read(body, 64 * 1024, Pace::default()).await?;
            Ok::<_, body::BodyError>(whole.len().to_string())
        }),
    )
}

pub(crate) fn client(tls: impl std::any::Any) -> reqwest::Client {
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap()
}

/// Everything until the other side closes, gracefully or by reset; fails when it stays open.
pub(crate) async fn read_to_close(stream: &mut TcpStream) -> String {
    let mut received = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut received)).await;
    let _closed_or_reset = read.expect("the server closes the connection");
    String::from_utf8_lossy(&received).into_owned()
}
