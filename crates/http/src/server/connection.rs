//! One connection: handshake, protocol, and the watch over it until it ends.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

use super::Transport;
use super::activity::{Activity, Patience, Verdict};
use super::gate::{Gate, Permit};
use super::limits::Limits;
use super::request;
use super::shutdown::Shutdown;
use super::unread::{Lingering, Noted, Unread};

/// What all connections of one listener share.
pub(super) struct Host {
    router: Router,
    transport: Transport,
    limits: Limits,
    protocol: Builder<TokioExecutor>,
    /// Places for requests.
    requests: Arc<Gate>,
}

impl Host {
    pub(super) fn new(router: Router, transport: Transport, limits: Limits) -> Self {
        let protocol = protocol(&limits);
        let requests = Gate::of_requests(limits.max_requests, limits.max_requests_per_ip);
        Self { router, transport, limits, protocol, requests }
    }
}

/// Serves `stream` to its end. Errors end the connection and are the client's: they are logged at DEBUG and nowhere
/// else.
pub(super) async fn serve(
    host: Arc<Host>,
    stream: TcpStream,
    peer: SocketAddr,
    mut shutdown: Shutdown,
    place: Permit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "connection gone before it began");
        return;
    }
    let Transport::Tls(tls) = &host.transport else {
        return speak(&host, stream, peer, shutdown, place).await;
    };
    let handshake = timeout(host.limits.tls_handshake, TlsAcceptor::from(tls.config()).accept(stream));
    let outcome = tokio::select! {
        () = shutdown.requested() => return,
        outcome = handshake => outcome,
    };
    match outcome {
        Ok(Ok(stream)) => speak(&host, stream, peer, shutdown, place).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
        Err(_elapsed) => tracing::debug!(%peer, "TLS handshake took too long"),
    }
}

/// Speaks HTTP until the client leaves, loses its place, or the drain is over.
async fn speak<S>(host: &Arc<Host>, stream: S, peer: SocketAddr, mut shutdown: Shutdown, place: Permit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Activity::new();
    let seen = Arc::clone(&activity);
    let unread = Unread::default();
    let stream = Lingering::new(stream, unread.clone(), host.limits.goodbye());
    let (server, place, stop) = (Arc::clone(host), Arc::new(place), shutdown.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let (server, ticket, place) = (Arc::clone(&server), seen.begin(), Arc::clone(&place));
        let request = request.map(|body| Noted::new(body, unread.clone()));
        let stopping = stop.is_requested();
        async move {
            let Some(permit) = server.requests.admit(peer.ip()).filter(|_| !stopping) else {
                return Ok::<_, Infallible>(request::no_room(ticket, stopping));
            };
            let router = server.router.clone();
            let response = request::answer(router, &server.limits, peer, (ticket, permit), request).await;
            if response.status().is_success() {
                place.prove();
            }
            Ok(response)
        }
    });
    let mut connection = pin!(host.protocol.serve_connection(TokioIo::new(stream), service));
    let patience = patience(&host.limits);
    let mut look_at = Instant::now() + patience.shortest();
    let (mut stopping, mut said_goodbye) = (false, false);
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "connection ended");
                }
                return;
            }
            () = shutdown.requested(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = sleep_until(look_at) => match activity.verdict(Instant::now(), patience) {
                Verdict::Keep(until) => look_at = until.min(Instant::now() + patience.shortest()),
                Verdict::Idle if !said_goodbye => {
                    said_goodbye = true;
                    connection.as_mut().graceful_shutdown();
                    look_at = Instant::now() + host.limits.goodbye();
                }
                verdict @ (Verdict::Idle | Verdict::Stalled) => {
                    tracing::debug!(%peer, ?verdict, "connection closed");
                    return;
                }
            },
        }
    }
}

fn patience(limits: &Limits) -> Patience {
    Patience { first_request: limits.header_read, idle: limits.idle, stall: limits.response_stall }
}

fn protocol(limits: &Limits) -> Builder<TokioExecutor> {
    let header_bytes = limits.max_header_bytes.max(8 * 1024);
    let mut builder = Builder::new(TokioExecutor::new());
    // Without a timer hyper ignores the timeouts it was given.
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        .max_buf_size(header_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.h2_max_concurrent_streams)
        .initial_stream_window_size(limits.h2_windows.0)
        .initial_connection_window_size(limits.h2_windows.1)
        .max_send_buf_size(256 * 1024)
        .max_pending_accept_reset_streams(limits.h2_max_pending_accept_reset_streams)
        .max_local_error_reset_streams(limits.h2_max_local_error_reset_streams)
        .keep_alive_interval(limits.h2_ping_interval)
        .keep_alive_timeout(limits.h2_ping_timeout);
    builder
}
