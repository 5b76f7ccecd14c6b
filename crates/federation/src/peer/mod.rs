//! The way to one partner: a connection pinned to its keys, used for every request to it.

mod answer;
mod descriptor;
mod resolver;
mod trouble;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::Request;
use bytes::Bytes;
use deskwire_http::address::AddressPolicy;
use deskwire_http::download::Downloads;
use deskwire_http::tls::{SpkiHash, pinned_client};
use deskwire_proto::endpoint::{Endpoint, Host};
use deskwire_proto::limits::DOCUMENT_BYTES;
use deskwire_proto::text::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Body, Response};

pub(crate) use answer::{Answer, Pieces, Wanted};
pub(crate) use descriptor::{MEDIA_TYPE, WELL_KNOWN, read_descriptor};
pub(crate) use trouble::{Cause, Trouble};

/// How long a connection may take to be made, and a whole request with its answer.
const CONNECT: Duration = Duration::from_secs(5);
const REQUEST: Duration = Duration::from_secs(60);
/// While an answer is owed: how often the partner is asked whether it is there, and how long it may take to say so. A line
/// that lost one direction is known within both, and not only when the request has taken too long.
const PING: Duration = Duration::from_secs(5);
const PONG: Duration = Duration::from_secs(10);
const AGENT: &str = concat!("deskwire/", env!("CARGO_PKG_VERSION"));

/// One request to a partner.
#[derive(Clone)]
pub(crate) struct Call {
    /// Below `/deskwire/1/`.
    pub(crate) path: &'static str,
    /// What is posted.
    pub(crate) body: Bytes,
    /// What the answer has to be.
    pub(crate) wanted: Wanted,
    /// For the whole exchange.
    pub(crate) deadline: Duration,
}

impl Call {
    /// Posts a document or a batch, and wants a signed document for it.
    pub(crate) fn document(path: &'static str, body: Vec<u8>) -> Self {
        let wanted = Wanted::Document { max: DOCUMENT_BYTES };
        Self { path, body: body.into(), wanted, deadline: REQUEST }
    }

    /// Posts a document, and wants a sequence of at most so many bytes for it.
    pub(crate) fn sequence(path: &'static str, body: Vec<u8>, max: usize) -> Self {
        Self { wanted: Wanted::Document { max }, ..Self::document(path, body) }
    }

    /// Asks for exactly so many bytes of a file.
    pub(crate) fn bytes(path: &'static str, body: Vec<u8>, size: usize, deadline: Duration) -> Self {
        Self { path, body: body.into(), wanted: Wanted::Bytes { size }, deadline }
    }
}

/// A client of one partner. Its connection is reused by all its requests, over HTTP/2 side by side.
pub(crate) struct Peer {
    client: reqwest::Client,
    /// For the bytes of files: so they come with the least work, and nothing else waits behind them.
    files: Downloads,
    endpoints: Vec<Endpoint>,
    policy: Arc<AddressPolicy>,
    /// The endpoint that answered last.
    preferred: AtomicUsize,
}

impl Peer {
    /// A client that connects only to holders of these TLS keys.
    ///
    /// # Errors
    /// [`Cause::NoEndpoint`] when there is nowhere to go.
    pub(crate) fn new(
        policy: &Arc<AddressPolicy>,
        endpoints: Vec<Endpoint>,
        pins: impl IntoIterator<Item = SpkiHash>,
    ) -> Result<Self, Trouble> {
        if endpoints.is_empty() {
            return Err(Trouble::no_endpoint());
        }
        let tls = pinned_client(pins);
        let files = Downloads::new(policy, tls.clone(), CONNECT);
        let client = build(policy, tls, CONNECT)?;
        Ok(Self { client, files, endpoints, policy: Arc::clone(policy), preferred: AtomicUsize::new(0) })
    }

    /// Sends a request to the endpoint that answered last, or to the next one where no connection can be made.
    ///
    /// # Errors
    /// Why there is no answer that can be used.
    pub(crate) async fn call(&self, call: &Call) -> Result<Bytes, Trouble> {
        self.open(call).await?.whole().await
    }

    /// As [`Peer::call`], up to the head of the answer.
    ///
    /// # Errors
    /// As [`Peer::call`].
    pub(crate) async fn open(&self, call: &Call) -> Result<Answer, Trouble> {
        let count = self.endpoints.len();
        let start = self.preferred.load(Ordering::Relaxed);
        let mut first = None;
        for place in (0..count).map(|step| (start + step) % count) {
            match self.send(&self.endpoints[place], call).await {
                Err(trouble) if !trouble.reached => first = first.or(Some(trouble)),
                outcome => {
                    self.preferred.store(place, Ordering::Relaxed);
                    return outcome;
                }
            }
        }
        Err(first.unwrap_or_else(Trouble::no_endpoint))
    }

    async fn send(&self, endpoint: &Endpoint, call: &Call) -> Result<Answer, Trouble> {
        check_literal(&self.policy, endpoint)?;
        let url = format!("{endpoint}/deskwire/1/{}", call.path);
        let response = match call.wanted {
            Wanted::Document { .. } => {
                let request = self.client.post(url).header(CONTENT_TYPE, MEDIA_TYPE);
                let sent = request.timeout(call.deadline).body(call.body.clone()).send().await;
                sent.map_err(|error| Trouble::of_request(endpoint, &error))?
            }
            Wanted::Bytes { .. } => self.download(endpoint, url, call).await?,
        };
        Answer::of(endpoint, response, call.wanted).await
    }

    async fn download(&self, endpoint: &Endpoint, url: String, call: &Call) -> Result<Response, Trouble> {
        let request = Request::post(url).header(CONTENT_TYPE, MEDIA_TYPE).header(USER_AGENT, AGENT);
        let request = request.body(call.body.clone()).map_err(|error| Trouble::own(&error))?;
        match self.files.send(request, call.deadline).await {
            Ok(answer) => Ok(answer.map(Body::wrap).into()),
            Err(error) => Err(Trouble::of_download(endpoint, &error)),
        }
    }
}

/// The endpoints of a descriptor that are ones.
pub(crate) fn endpoints(urls: &[Url]) -> Vec<Endpoint> {
    urls.iter().filter_map(|url| Endpoint::try_from(url).ok()).collect()
}

/// A literal address is never shown to the resolver, so it is checked here.
fn check_literal(policy: &AddressPolicy, endpoint: &Endpoint) -> Result<(), Trouble> {
    let address = match endpoint.host() {
        Host::Name(_) => return Ok(()),
        Host::V4(address) => (*address).into(),
        Host::V6(address) => (*address).into(),
    };
    policy.check(address).map_err(|refused| Trouble::address(endpoint, &refused))
}

/// A client that follows nothing, keeps nothing, and dials only what the policy lets it.
fn build(
    policy: &Arc<AddressPolicy>,
    tls: impl std::any::Any,
    connect: Duration,
) -> Result<reqwest::Client, Trouble> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(resolver::Guarded::new(policy))
        .https_only(true)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .default_headers(HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static(AGENT))]))
        .connect_timeout(connect)
        .timeout(REQUEST)
        .pool_max_idle_per_host(1)
        .pool_idle_timeout(Duration::from_secs(90))
        .http2_keep_alive_interval(PING)
        .http2_keep_alive_timeout(PONG)
        .tcp_nodelay(true)
        .build()
        .map_err(|error| Trouble::own(&error))
}
