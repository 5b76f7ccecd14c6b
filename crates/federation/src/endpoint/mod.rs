//! The peer listener: what other desks may ask, and nothing else. proto-spec, section 5.13.
//!
//! Nothing that is not verified changes anything. Bodies and texts are never logged: link numbers, counts and codes
//! are, and the request's id stands in the span that the listener opens.

mod ahead;
mod batch;
mod blob;
mod body;
pub(crate) mod chunks;
mod hello;
mod linking;
mod pieces;
pub(crate) mod pull;
mod put;
pub(crate) mod recover;
mod refuse;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use deskwire_engine::command::link::{Contact, Resume};
use deskwire_engine::{Partner, Refusal};
use deskwire_proto::code::Code;
use deskwire_proto::id::LinkId;
use deskwire_store::local::LinkNo;
use deskwire_store::row::{LinkRow, LinkState};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::lane::Lane;
use crate::memory::Pool;
use crate::peer::{MEDIA_TYPE, WELL_KNOWN};
use crate::rate::{Limiter, Rate};
use crate::shared::Shared;
use refuse::Refused;

/// Everything that requests need.
pub(crate) struct Endpoint {
    shared: Arc<Shared>,
    /// Requests to link that failed.
    strangers: Limiter,
    /// Reads of the descriptor.
    readers: Limiter,
    /// Signature checks at once, over all links.
    checking: Arc<Semaphore>,
    chunk_lists: chunks::ChunkLists,
    /// Requests for our streams that are held, over all links.
    holding: Arc<Semaphore>,
}

type Shelf = State<Arc<Endpoint>>;
type Answer = Result<Response, Refused>;

/// The routes of the peer listener.
pub(crate) fn router(shared: &Arc<Shared>) -> Router {
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let endpoint = Endpoint {
        shared: Arc::clone(shared),
        strangers: Limiter::new(Rate::per_minute(10), Some(Rate::per_minute(100))),
        readers: Limiter::new(Rate::per_minute(60), None),
        checking: Arc::new(Semaphore::new(workers)),
        chunk_lists: chunks::ChunkLists::default(),
        holding: Arc::new(Semaphore::new(shared.polls_held)),
    };
    let strangers: body::Strangers = Pool::new(body::STRANGERS);
    Router::new()
        .route(WELL_KNOWN, get(descriptor))
        .route("/deskwire/1/link/request", post(linking::request))
        .route("/deskwire/1/link/reveal", post(linking::reveal))
        .route("/deskwire/1/hello", post(hello::hello))
        .route("/deskwire/1/batch", post(batch::batch))
        .route("/deskwire/1/blob", post(blob::blob))
        .route("/deskwire/1/blob/put", post(put::put))
        .route("/deskwire/1/pull", post(pull::pull))
        .route("/deskwire/1/recover", post(recover::recover))
        .fallback(async || Refused::from(Code::UnknownPath))
        .method_not_allowed_fallback(async || Refused::from(Code::WrongMethod))
        .with_state(Arc::new(endpoint))
        .layer(from_fn(move |request, next| enter(Arc::clone(&strangers), request, next)))
}

/// Nothing is asked by a query: one that reaches this desk was meant for something else.
async fn enter(strangers: body::Strangers, mut request: Request, next: Next) -> Response {
    if request.uri().query().is_some() {
        return Refused::from(Code::UnknownPath).into_response();
    }
    request.extensions_mut().insert(strangers);
    next.run(request).await
}

/// `GET /.well-known/deskwire`: open to anybody.
async fn descriptor(State(endpoint): Shelf, request: Request) -> Answer {
    endpoint.readers.spend(address(&request)).map_err(Refused::limited)?;
    Ok(document(endpoint.shared.engine.identity().descriptor().raw().to_vec()))
}

impl Endpoint {
    /// The link of a body, and the permission to work on one more request of it.
    fn door(&self, link: &LinkId) -> Result<(Arc<Partner>, Arc<Lane>, OwnedSemaphorePermit), Refused> {
        let found = self.shared.engine.reader().partner_by_id(link).map_err(Refusal::from)?;
        let partner = found.ok_or(Code::UnknownLink)?;
        let lane = self.shared.lanes.of(partner.no);
        let permit = Arc::clone(&lane.requests).try_acquire_owned().map_err(|_| Code::Busy)?;
        Ok((partner, lane, permit))
    }

    /// An authenticated word of the partner ends what stood in the way of delivery, and wakes who waited for it.
    async fn heard(&self, link: LinkNo, lane: &Lane) {
        let engine = &self.shared.engine;
        let Ok(Some(partner)) = self.shared.partner(link) else { return };
        let done = match &partner.row.state {
            LinkState::Quarantined(_) => engine.call(Resume { link }).await,
            _ if (partner.row.trouble.is_some() || partner.row.retry.attempt > 0)
                && lane.contacts.spend().is_ok() =>
            {
                engine.call(Contact { link }).await
            }
            _ => return,
        };
        match done {
            Ok(()) => lane.contact(),
            Err(refusal) => tracing::warn!(%link, code = refusal.code, "a contact could not be noted"),
        }
    }
}

/// Whether a link takes messages and gives files away.
fn open_link(state: &LinkState) -> Result<(), Code> {
    match state {
        LinkState::WaitingApproval | LinkState::WaitingPartner => Err(Code::LinkWaiting),
        // We were refused by the partner; that it comes by itself ends this.
        LinkState::Active | LinkState::Quarantined(_) => Ok(()),
        LinkState::Paused(_) => Err(Code::LinkPaused),
        LinkState::Closed => Err(Code::LinkClosed),
    }
}

/// Whether a link gives and takes files: not once either side has said that it ends. proto-spec, section 3.10.
fn open_for_files(row: &LinkRow) -> Result<(), Code> {
    let end = &row.accord.close;
    if end.ours.is_some() || end.theirs.is_some() { Err(Code::LinkClosed) } else { open_link(&row.state) }
}

/// A signed body as an answer.
fn document(bytes: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, MEDIA_TYPE), (CACHE_CONTROL, "no-store")], bytes).into_response()
}

/// Who asks, as the listener saw it.
fn address(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ConnectInfo<std::net::SocketAddr>>().map(|info| info.0.ip())
}
