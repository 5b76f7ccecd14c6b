//! Who may call, and how every call is named: host, token, acting person, request id.

use std::hint::black_box;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, HOST};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use deskwire_api_types::{ACTING_PERSON, REQUEST_ID, decode_percent};
use deskwire_http::problem::RefusalCode;
use deskwire_http::request_id::RequestId;
use deskwire_proto::id::Hash;
use deskwire_proto::message::common::Person;

use crate::error::{ApiError, Refused, document};
use crate::parse::text;
use crate::state::{Api, Token};

/// Paths that need no token: they say nothing of the desk.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// Who calls; in the extensions of every request that came past the guard.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The person who acts.
    pub(crate) person: Person,
    /// SHA-256 of the token.
    pub(crate) token: Hash,
}

/// The outermost layer: nothing reaches a handler without passing here, and no answer leaves without its name.
pub(crate) async fn guard(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().copied().unwrap_or_default();
    request.extensions_mut().insert(id);
    let response = match admit(&api.state.tokens, &mut request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    named(response, id)
}

fn admit(tokens: &[Token], request: &mut Request) -> Result<(), ApiError> {
    check_host(request)?;
    if OPEN.contains(&request.uri().path()) {
        return Ok(());
    }
    let token = authenticate(tokens, request.headers())?;
    let person = acting(request.headers())?.unwrap_or_else(|| token.person.clone());
    let caller = Caller { person, token: token.sha256 };
    request.extensions_mut().insert(caller);
    Ok(())
}

/// Only loopback names: a page in a browser can make a name of its own point here, but not change what it is called.
fn check_host(request: &Request) -> Result<(), ApiError> {
    let header = request.headers().get(HOST).and_then(|value| value.to_str().ok());
    let host = header.or_else(|| request.uri().authority().map(Authority::as_str)).unwrap_or_default();
    if is_loopback(host) && request.headers().get_all(HOST).iter().count() <= 1 {
        return Ok(());
    }
    let shown: String = host.chars().take(64).collect();
    Err(ApiError::new(
        StatusCode::MISDIRECTED_REQUEST,
        "wrong-host",
        format!("This API is called as localhost or by a loopback address, not as “{shown}”."),
        "Call it as http://127.0.0.1 with its port; from another machine forward the port over SSH.",
    ))
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    let address = name.parse::<std::net::IpAddr>();
    let local = address.map_or(name.eq_ignore_ascii_case("localhost"), |address| address.is_loopback());
    local && !host.contains('@')
}

fn authenticate<'a>(tokens: &'a [Token], headers: &HeaderMap) -> Result<&'a Token, ApiError> {
    let next = "Send `Authorization: Bearer` with the token that `deskwire init` wrote into the data folder.";
    let value = headers.get(AUTHORIZATION).ok_or_else(|| {
        ApiError::new(StatusCode::UNAUTHORIZED, "token-missing", "The call carries no token.", next)
    })?;
    let presented = value.as_bytes();
    let bearer = presented.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case(b"bearer "));
    let hash = Hash::of(bearer.map_or(b"".as_slice(), |_| presented[7..].trim_ascii()));
    // Every token is compared, whole: how long that takes says nothing about any of them.
    let found =
        tokens.iter().fold(None, |found, token| if same(&token.sha256, &hash) { Some(token) } else { found });
    found.filter(|_| bearer.is_some()).ok_or_else(|| {
        ApiError::new(StatusCode::UNAUTHORIZED, "token-wrong", "The token is not one of this desk.", next)
    })
}

fn same(one: &Hash, other: &Hash) -> bool {
    let pairs = one.as_bytes().iter().zip(other.as_bytes());
    black_box(pairs.fold(0, |different, (one, other)| black_box(different | (one ^ other)))) == 0
}

fn acting(headers: &HeaderMap) -> Result<Option<Person>, ApiError> {
    let Some(value) = headers.get(ACTING_PERSON) else { return Ok(None) };
    let name = value.to_str().ok().and_then(decode_percent);
    let name = name.ok_or_else(|| ApiError::invalid(ACTING_PERSON, "it is not percent-encoded UTF-8"))?;
    Ok(Some(Person { name: Some(text(ACTING_PERSON, &name)?), function: None }))
}

/// Completes an answer with the id under which the call is logged.
fn named(mut response: Response, id: RequestId) -> Response {
    if let Some(Refused(mut problem)) = response.extensions_mut().remove::<Refused>() {
        tracing::debug!(code = problem.code, "refused");
        problem.request_id = Some(id.to_string());
        let headers = std::mem::take(response.headers_mut());
        response = document(&problem);
        response.extensions_mut().insert(RefusalCode(problem.code.into()));
        keep_headers(&mut response, headers);
    }
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static(REQUEST_ID), id.header_value());
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// What the first form of a response said in headers and the second does not, such as `Allow`.
fn keep_headers(response: &mut Response, former: HeaderMap) {
    use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
    for (name, value) in &former {
        if name != CONTENT_LENGTH && name != CONTENT_TYPE && !response.headers().contains_key(name) {
            response.headers_mut().insert(name.clone(), value.clone());
        }
    }
}
