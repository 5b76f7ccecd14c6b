//! The name of one request: in the log, in the response, and in what a person quotes when asking for help.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::HeaderValue;

/// The response header that carries the id.
pub const HEADER: &str = "x-request-id";

/// 16 hexadecimal digits, given by us: what a client sends under that name is ignored, so that nobody writes into our
/// log or makes two requests look like one. Handlers find it in the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u64);

impl RequestId {
    /// A new id. Unique by chance, or by counting where the system gives no randomness; it protects nothing.
    #[must_use]
    pub fn new() -> Self {
        static COUNTER: AtomicU64 = AtomicU64::new(1);
        Self(getrandom::u64().unwrap_or_else(|_| COUNTER.fetch_add(1, Ordering::Relaxed)))
    }

    /// The id as the value of [`HEADER`].
    #[must_use]
    pub fn header_value(&self) -> HeaderValue {
        HeaderValue::from_str(&self.to_string()).expect("hexadecimal digits make a header value")
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
