//! A client for large answers: HTTP/1.1 over TLS, which a socket hands over in large pieces.
//!
//! TLS reads a socket in pieces of 4 KiB. Where gigabytes come, a buffer below it saves most of these calls.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{error, io, vec};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::Service;

use crate::address::{AddressPolicy, resolve};
use crate::error_chain;

/// What is read from a socket at once.
const BUFFER: usize = 256 * 1024;
/// For how long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(90);

type BoxError = Box<dyn error::Error + Send + Sync>;
type Later<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The connection was not made, or broke.
    #[error(transparent)]
    Broken(#[from] Error),
    /// There was one, and no answer in time.
    #[error("no answer in time")]
    Late,
}

impl DownloadError {
    /// Whether no connection was made.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        matches!(self, Self::Broken(error) if error.is_connect())
    }

    /// Whether it took too long.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        let timed_out = |cause: &(dyn error::Error + 'static)| {
            let kind = cause.downcast_ref::<io::Error>()?.kind();
            (kind == io::ErrorKind::TimedOut).then_some(())
        };
        matches!(self, Self::Late) || error_chain::find(self, timed_out).is_some()
    }
}

/// Asks servers for large answers. It follows nothing, keeps nothing, and dials only what the policy lets it.
pub struct Downloads(Client<Connector, Full<Bytes>>);

impl Downloads {
    /// A client with this side of TLS, whose connections are made within `connect`.
    #[must_use]
    pub fn new(policy: &Arc<AddressPolicy>, mut tls: ClientConfig, connect: Duration) -> Self {
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut tcp = HttpConnector::new_with_resolver(Guarded(Arc::clone(policy)));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect));
        let connector = Connector { tcp, tls: TlsConnector::from(Arc::new(tls)), connect };
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).pool_max_idle_per_host(1);
        Self(builder.build(connector))
    }

    /// Sends a request to an `https` address; the answer up to its head, which has to come within `deadline`.
    ///
    /// # Errors
    /// [`DownloadError`]
    pub async fn send(
        &self,
        request: Request<Bytes>,
        deadline: Duration,
    ) -> Result<Response<Incoming>, DownloadError> {
        let answer = tokio::time::timeout(deadline, self.0.request(request.map(Full::new))).await;
        Ok(answer.map_err(|_elapsed| DownloadError::Late)??)
    }
}

/// Resolves at connect time, every time, to what may be dialled.
#[derive(Clone)]
struct Guarded(Arc<AddressPolicy>);

impl Service<Name> for Guarded {
    type Response = vec::IntoIter<std::net::SocketAddr>;
    type Error = BoxError;
    type Future = Later<Self::Response, BoxError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let policy = Arc::clone(&self.0);
        Box::pin(async move { Ok(resolve(&policy, name.as_str(), 0).await?.into_iter()) })
    }
}

#[derive(Clone)]
struct Connector {
    tcp: HttpConnector<Guarded>,
    tls: TlsConnector,
    connect: Duration,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Secured>;
    type Error = BoxError;
    type Future = Later<Self::Response, BoxError>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, tls, connect) = (self.tcp.call(uri.clone()), self.tls.clone(), self.connect);
        Box::pin(async move {
            let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
            let name = ServerName::try_from(host.to_owned())?;
            let tcp = BufReader::with_capacity(BUFFER, connecting.await?.into_inner());
            let stream = tokio::time::timeout(connect, tls.connect(name, tcp)).await;
            Ok(TokioIo::new(Secured(stream.map_err(io::Error::from)??)))
        })
    }
}

/// A connection as hyper wants it.
struct Secured(TlsStream<BufReader<TcpStream>>);

impl Connection for Secured {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
