//! Problem details for HTTP APIs (RFC 9457): the one form in which a refusal leaves a listener.
//!
//! Members: `type` (`urn:deskwire:problem:<code>`), `title`, `status`, `detail`, and the extensions `code` (stable,
//! kebab-case), `next` (what to do), `retry_after` (whole seconds, also as header) and whatever the case needs.

use std::borrow::Cow;
use std::time::Duration;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

/// The media type of problem details.
pub const CONTENT_TYPE_PROBLEM: &str = "application/problem+json";

/// A refusal: which, why, and what to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    status: StatusCode,
    code: Cow<'static, str>,
    title: String,
    detail: Option<String>,
    next: Option<String>,
    retry_after: Option<Duration>,
    extra: Map<String, Value>,
}

impl Problem {
    /// A refusal with a stable kebab-case `code` and a `title` that is the same for every case of it.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, title: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            title: title.into(),
            detail: None,
            next: None,
            retry_after: None,
            extra: Map::new(),
        }
    }

    /// What is wrong in this very case, as a sentence.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// What the caller does about it, as a sentence.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// It passes by itself; when to try again. Sent in whole seconds, rounded up, at least one.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// A further member. Members of the standard and of this type cannot be replaced this way.
    #[must_use]
    pub fn with(mut self, member: impl Into<String>, value: impl Into<Value>) -> Self {
        let member = member.into();
        if !OWN_MEMBERS.contains(&member.as_str()) {
            self.extra.insert(member, value.into());
        }
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The sentence on this very case.
    #[must_use]
    pub fn detail_text(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The sentence on what to do.
    #[must_use]
    pub fn next_text(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// When to try again.
    #[must_use]
    pub fn retry_after_wait(&self) -> Option<Duration> {
        self.retry_after
    }

    /// A further member.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.extra.get(name)
    }

    /// The JSON object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = self.extra.clone();
        object.insert("type".into(), format!("{TYPE_PREFIX}{}", self.code).into());
        object.insert("title".into(), self.title.clone().into());
        object.insert("status".into(), self.status.as_u16().into());
        object.insert("code".into(), self.code.clone().into_owned().into());
        if let Some(detail) = &self.detail {
            object.insert("detail".into(), detail.clone().into());
        }
        if let Some(next) = &self.next {
            object.insert("next".into(), next.clone().into());
        }
        if let Some(wait) = self.retry_after {
            object.insert("retry_after".into(), whole_seconds(wait).into());
        }
        Value::Object(object)
    }

    /// Reads what another server sent with `status`; `None` when it is not a problem of this form.
    ///
    /// Nobody vouches for it: texts are shortened to 500 characters and cleared of control characters, a code that
    /// is not kebab-case is no code, further members are dropped.
    #[must_use]
    pub fn from_json(status: StatusCode, body: &[u8]) -> Option<Self> {
        let Value::Object(object) = serde_json::from_slice(body).ok()? else { return None };
        let text = |name: &str| object.get(name).and_then(Value::as_str).map(harmless);
        let code = object.get("code")?.as_str().filter(|code| is_code(code))?;
        let mut problem = Self::new(status, code.to_owned(), text("title").unwrap_or_default());
        problem.detail = text("detail");
        problem.next = text("next");
        problem.retry_after = object.get("retry_after").and_then(Value::as_u64).map(Duration::from_secs);
        Some(problem)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.to_json().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE_PROBLEM));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, whole_seconds(wait).into());
        }
        response.extensions_mut().insert(RefusalCode(self.code));
        response
    }
}

/// The code of a refusal, in the extensions of its response: for whoever counts them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalCode(pub Cow<'static, str>);

const TYPE_PREFIX: &str = "urn:deskwire:problem:";
const OWN_MEMBERS: [&str; 8] =
    ["type", "title", "status", "detail", "instance", "code", "next", "retry_after"];

fn whole_seconds(wait: Duration) -> u64 {
    let up = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(up).max(1)
}

fn harmless(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(500).collect()
}

fn is_code(code: &str) -> bool {
    (1..=64).contains(&code.len())
        && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests;
