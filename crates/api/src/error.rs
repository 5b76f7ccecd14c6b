//! The one shape of every refusal: problem details for HTTP APIs (RFC 9457).

use std::time::Duration;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use deskwire_api_types::{PROBLEM_MEDIA, Problem};
use deskwire_engine::{Fault, Refusal};
use deskwire_http::body::BodyError;
use deskwire_http::problem;

/// After so many seconds what passes by itself is worth another try.
const PATIENCE: u64 = 5;

/// Why a call was refused.
#[derive(Debug, Clone)]
pub(crate) struct ApiError(Box<Problem>);

/// The problem beside the response, for whoever completes it with the id of the request.
#[derive(Clone)]
pub(crate) struct Refused(pub(crate) Box<Problem>);

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &str, detail: impl Into<String>, next: &str) -> Self {
        let problem = Problem::new(status.as_u16(), code, title(code), detail);
        Self(Box::new(if next.is_empty() { problem } else { problem.with_next(next) }))
    }

    /// A value that cannot be taken.
    pub(crate) fn invalid(field: &str, why: impl std::fmt::Display) -> Self {
        Refusal::invalid(field, why).into()
    }

    /// A fault of this program.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal-error",
            "The call met a fault in the daemon and was given up.",
            "Look into the log of the daemon under the id of this request.",
        )
    }

    pub(crate) fn with_extra(self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        Self(Box::new(self.0.with_extra(name, value)))
    }

    pub(crate) fn code(&self) -> &str {
        &self.0.code
    }

    pub(crate) fn problem(&self) -> &Problem {
        &self.0
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, words, next, fault } = refusal;
        let status = match fault {
            Fault::NotFound => StatusCode::NOT_FOUND,
            Fault::Invalid => StatusCode::BAD_REQUEST,
            Fault::Conflict => StatusCode::CONFLICT,
            Fault::Forbidden => StatusCode::FORBIDDEN,
            Fault::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Fault::Partner => StatusCode::BAD_GATEWAY,
            Fault::Passing => StatusCode::SERVICE_UNAVAILABLE,
            Fault::Ours => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut error = Self::new(status, code, words, &next);
        if fault == Fault::Passing {
            error.0.retry_after = Some(PATIENCE);
        }
        error
    }
}

impl From<deskwire_store::Error> for ApiError {
    fn from(error: deskwire_store::Error) -> Self {
        if error.is_full() { Refusal::disk_full().into() } else { Refusal::from(error).into() }
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        error.problem().into()
    }
}

impl From<problem::Problem> for ApiError {
    fn from(problem: problem::Problem) -> Self {
        let status = problem.status();
        let detail = problem.detail_text().unwrap_or(problem.title());
        let mut error = Self::new(status, problem.code(), detail, problem.next_text().unwrap_or_default());
        error.0.title = problem.title().to_owned();
        error.0.retry_after = problem.retry_after_wait().map(|wait: Duration| wait.as_secs().max(1));
        if let Some(limit) = problem.member("max_bytes") {
            error = error.with_extra("limit", limit.clone());
        }
        error
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = document(&self.0);
        response.extensions_mut().insert(Refused(self.0));
        response
    }
}

/// The response that carries a problem.
pub(crate) fn document(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(problem).expect("texts and numbers have a JSON form");
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_MEDIA));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = problem.retry_after {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// The code in words: the same for every case of it.
fn title(code: &str) -> String {
    let words = code.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}
