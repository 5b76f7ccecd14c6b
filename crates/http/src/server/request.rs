//! The way of one request through the listener: name it, check it, bound it in time, hand it to the router.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Request};
use axum::http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Version};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use hyper::body::Incoming;
use tokio::time::Instant;
use tower::ServiceExt;
use tracing::Instrument;

use super::activity::Ticket;
use super::gate::Permit;
use super::limits::Limits;
use super::response::Watched;
use super::unread::Noted;
use crate::body::Paced;
use crate::problem::Problem;
use crate::request_id::{HEADER, RequestId};

/// Answers one request, always. Logged are route template, status and time: paths and queries may hold secrets.
pub(super) async fn answer(
    router: Router,
    limits: &Limits,
    peer: SocketAddr,
    place: (Ticket, Permit),
    request: Request<Noted<Incoming>>,
) -> Response<Watched> {
    let id = RequestId::new();
    // HTTP/2 requests share a connection that is worth keeping.
    let by_itself = request.version() < Version::HTTP_2;
    let span = tracing::info_span!("request", %id, %peer, method = %request.method());
    let response = async {
        let start = Instant::now();
        let response = bounded(router, limits, peer, id, request).await;
        let route = response.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str);
        let status = response.status().as_u16();
        tracing::debug!(route, status, milliseconds = start.elapsed().as_millis() as u64, "answered");
        response
    };
    let mut response = response.instrument(span).await;
    response.headers_mut().insert(HEADER, id.header_value());
    if by_itself && response.status() == StatusCode::TOO_MANY_REQUESTS {
        // What the client has sent beyond this request is not even read.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response.map(|body| Watched::new(body, place.0, Some(place.1)))
}

/// The answer where all places for requests are taken, or no more are given because the server stops.
pub(super) fn no_room(ticket: Ticket, stopping: bool) -> Response<Watched> {
    let (title, detail) = if stopping {
        ("The server is stopping", "No further request is taken.")
    } else {
        ("The server is busy", "More requests are in work than this server takes at once.")
    };
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", title).detail(detail);
    let problem = problem.next("Try again a little later.").retry_after(Duration::from_secs(5));
    problem.into_response().map(|body| Watched::new(body, ticket, None))
}

/// Carries the route template out to where the request is logged.
pub(super) async fn remember_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

async fn bounded(
    router: Router,
    limits: &Limits,
    peer: SocketAddr,
    id: RequestId,
    request: Request<Noted<Incoming>>,
) -> Response {
    if is_encoded(request.headers()) {
        return encoded_refused();
    }
    let pace = limits.body;
    let mut request = request.map(|body| Body::new(Paced::new(body, pace)));
    request.extensions_mut().insert(ConnectInfo(peer));
    request.extensions_mut().insert(id);
    let handled = AssertUnwindSafe(router.oneshot(request)).catch_unwind();
    match tokio::time::timeout(limits.request, handled).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(never))) => match never {},
        Ok(Err(_panic)) => panicked(id),
        Err(_elapsed) => took_too_long(id, limits.request),
    }
}

/// A compressed body is a bomb until unpacked: none is taken (RFC 9110, section 8.4).
fn is_encoded(headers: &HeaderMap) -> bool {
    let identity = |value: &HeaderValue| {
        let codings = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        codings.into_iter().all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity"))
    };
    !headers.get_all(CONTENT_ENCODING).iter().all(identity)
}

fn encoded_refused() -> Response {
    let problem = Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported-media",
        "Compressed requests are not taken",
    )
    .detail("The request has a Content-Encoding.")
    .next("Send the body as it is, without Content-Encoding.");
    ([(ACCEPT_ENCODING, "identity")], problem).into_response()
}

fn panicked(id: RequestId) -> Response {
    tracing::error!("a handler panicked; the panic's own message is in the log");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server made a mistake")
        .detail("The request met a fault in the server and was given up.")
        .next("Tell the operator of the server the id of this request; the log has more under it.")
        .with("request", id.to_string())
        .into_response()
}

fn took_too_long(id: RequestId, limit: Duration) -> Response {
    tracing::warn!(seconds = limit.as_secs(), "request given up: the handler took too long");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "The request took too long")
        .detail(format!("The server did not finish within {} s.", limit.as_secs_f32()))
        .next("Try again. If it repeats, tell the operator of the server the id of this request.")
        .retry_after(Duration::from_secs(5))
        .with("request", id.to_string())
        .into_response()
}
