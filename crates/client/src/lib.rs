//! A typed client of the operator API, version 1: one method per endpoint.
//!
//! Every changing call carries an `Idempotency-Key`, drawn at random for each call. When the connection breaks before an
//! answer came, the same call is repeated with the same key, so that it has effect once, whatever happened on the way.
#![deny(missing_docs)]

mod account;
mod call;
mod delegation;
mod desk;
mod erasure;
mod error;
mod file;
mod key;
mod link;
pub mod local;
mod query;
mod queue;
mod relay;
mod ticket;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::{Uri, http::HeaderValue};
use hyper_util::client::legacy::{self, connect::HttpConnector};

pub use error::Error;
pub use file::Download;

/// The body of a request: a document, or a file that is streamed.
type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// A client of one daemon. Cloning is cheap and shares the connections.
#[derive(Clone)]
pub struct Client {
    http: legacy::Client<HttpConnector, Body>,
    base: String,
    token: Option<HeaderValue>,
    person: Option<HeaderValue>,
    key: Option<String>,
    timeout: Duration,
}

impl Client {
    /// A client of the daemon at `url`, such as `http://127.0.0.1:8440`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Usage`] when the URL is not `http://` and a loopback address: the token must not cross a network in clear.
    pub fn new(url: &str) -> Result<Self, Error> {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(Duration::from_secs(5)));
        connector.set_nodelay(true);
        let http = legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build(connector);
        let timeout = Duration::from_secs(120);
        Ok(Self { http, base: loopback(url)?, token: None, person: None, key: None, timeout })
    }

    /// The same client with the token that `init` made. White space around it is ignored.
    ///
    /// # Errors
    /// [`Error::Usage`] when the text cannot be a token.
    pub fn with_token(mut self, token: &str) -> Result<Self, Error> {
        let words = "the token file does not hold a token: it is one line, as `deskwire init` wrote it";
        let token = token.trim();
        if token.is_empty() {
            return Err(Error::Usage(words.to_owned()));
        }
        let mut value =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| Error::Usage(words.to_owned()))?;
        value.set_sensitive(true);
        self.token = Some(value);
        Ok(self)
    }

    /// The same client, acting for this person instead of the token's.
    #[must_use]
    pub fn acting_as(mut self, person: &str) -> Self {
        let encoded = deskwire_api_types::encode_percent(person);
        self.person = HeaderValue::from_str(&encoded).ok();
        self
    }

    /// The same client, sending this `Idempotency-Key` with every changing call, to repeat a call that got no answer.
    /// Meant for one call: a second one of the same key gets the answer of the first, or a refusal.
    ///
    /// # Errors
    /// [`Error::Usage`] unless the key has 1 to 128 visible ASCII characters.
    pub fn with_key(mut self, key: &str) -> Result<Self, Error> {
        if key.is_empty() || key.len() > 128 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Usage("an idempotency key has 1 to 128 visible ASCII characters".to_owned()));
        }
        self.key = Some(key.to_owned());
        Ok(self)
    }

    /// The same client, waiting at most so long for an answer; two minutes unless it is set.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Where the daemon is expected, such as `http://127.0.0.1:8440`.
    pub fn url(&self) -> &str {
        &self.base
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("url", &self.base).finish_non_exhaustive()
    }
}

/// Scheme and authority of the URL.
fn loopback(url: &str) -> Result<String, Error> {
    let bad = |why: &str| Error::Usage(format!("“{url}” is not the address of an API: {why}"));
    let uri: Uri = url.trim().parse().map_err(|_| bad("write it like http://127.0.0.1:8440"))?;
    let authority = uri.authority().ok_or_else(|| bad("write it like http://127.0.0.1:8440"))?;
    if uri.scheme_str() != Some("http") {
        return Err(bad("it is spoken over http:// on the machine of the daemon"));
    }
    if !matches!(uri.path().trim_end_matches('/'), "" | "/v1") {
        return Err(bad("leave the path out"));
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let local = host.parse::<std::net::IpAddr>().map_or(host == "localhost", |ip| ip.is_loopback());
    if !local {
        return Err(bad("it must be a loopback address; to reach another machine forward a port over SSH"));
    }
    Ok(format!("http://{authority}"))
}

#[cfg(test)]
mod tests;
