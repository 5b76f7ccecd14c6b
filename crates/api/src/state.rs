//! What the handlers work with, as the daemon puts it together.

use std::sync::Arc;

use deskwire_engine::port::Linker;
use deskwire_engine::{Engine, Reader, Refusal};
use deskwire_proto::id::Hash;
use deskwire_proto::message::common::Person;
use deskwire_proto::terms::Terms;
use deskwire_proto::time::Timestamp;
use tokio::sync::Mutex;

use crate::error::ApiError;
use crate::metrics::Meter;
use crate::upload::Arrivals;

/// What the daemon gives the API.
#[derive(Clone)]
pub struct ApiState {
    /// The engine.
    pub engine: Engine,
    /// Whoever links with other desks.
    pub linker: Arc<dyn Linker>,
    /// Who may call.
    pub tokens: Vec<Token>,
    /// Address of this API, such as `127.0.0.1:8440`.
    pub api: String,
    /// Addresses on which partners are listened to.
    pub listen: Vec<String>,
    /// When the daemon started.
    pub started: Timestamp,
    /// Terms for new links, where the caller asks for no others.
    pub terms: Terms,
    /// Largest file that is taken, bytes.
    pub file_limit: u64,
    /// With fewer free bytes on the disk the desk is not ready for new work.
    pub free_floor: u64,
    /// What other parts of the daemon measure, for `/metrics`.
    pub meters: Vec<Meter>,
}

/// A token of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// SHA-256 of the token's text.
    pub sha256: Hash,
    /// Who acts with it, unless the call names somebody else.
    pub person: Person,
}

/// What all handlers share.
pub(crate) struct Shared {
    pub(crate) state: ApiState,
    /// Held while a link is made, so that two calls with one key cannot both make it.
    pub(crate) linking: Mutex<()>,
    /// The bytes that have come and that no file names yet.
    pub(crate) arrivals: Arrivals,
}

pub(crate) type Api = Arc<Shared>;

impl Shared {
    pub(crate) fn new(state: ApiState) -> Api {
        Arc::new(Self { state, linking: Mutex::new(()), arrivals: Arrivals::default() })
    }

    /// Looks up a row or two, in place: a way through another thread would cost more.
    pub(crate) fn look<T>(&self, query: impl FnOnce(&Reader) -> Result<T, Refusal>) -> Result<T, ApiError> {
        Ok(query(self.state.engine.reader())?)
    }

    /// Reads what is committed, away from the threads that serve connections.
    pub(crate) async fn read<T, F>(&self, query: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, Refusal> + Send + 'static,
    {
        let reader = self.state.engine.reader().clone();
        let done = tokio::task::spawn_blocking(move || query(&reader)).await;
        done.map_err(|_| ApiError::internal())?.map_err(ApiError::from)
    }
}
