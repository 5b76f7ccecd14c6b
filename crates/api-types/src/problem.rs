//! The one shape of every refusal: problem details for HTTP APIs (RFC 9457).

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a call was refused and what to do next; sent as `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:deskwire:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The class of the problem in a few words, the same for every occurrence of this code.
    pub title: String,
    /// The HTTP status, repeated.
    pub status: u16,
    /// A sentence for the person who called: what is wrong, with the values that are wrong.
    pub detail: String,
    /// Stable, kebab-case; programs decide by this and nothing else.
    #[schema(example = "ticket-unknown")]
    pub code: String,
    /// What to do now, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Seconds after which the same call may succeed; absent when repeating it cannot help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// The id under which the daemon logged the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Values that belong to this code, such as `limit` and `size` of a file that is too large.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    #[schema(value_type = Object)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl Problem {
    /// A problem with everything that is always there; the rest is absent.
    pub fn new(status: u16, code: &str, title: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:deskwire:problem:{code}"),
            title: title.into(),
            status,
            detail: detail.into(),
            code: code.to_owned(),
            next: None,
            retry_after: None,
            request_id: None,
            extra: serde_json::Map::new(),
        }
    }

    /// The same problem with what to do next.
    #[must_use]
    pub fn with_next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// The same problem with one more value that belongs to its code.
    #[must_use]
    pub fn with_extra(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Problem {}
