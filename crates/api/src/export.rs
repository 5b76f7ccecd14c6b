//! `/v1/links/{link}/export` and `/v1/delegations/{id}/export`: proof files, made while they are sent.

use std::io;
use std::ops::ControlFlow;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::Response;
use bytes::Bytes;
use deskwire_api_types as api;
use deskwire_engine::command::attest::{Attest, Attested};
use deskwire_engine::query::{self, Export, Others};
use deskwire_proto::id::DelegationId;
use deskwire_proto::proof::EXTENSION;
use deskwire_store::local::LinkNo;
use tokio::sync::mpsc;

use crate::error::ApiError;
use crate::request::{Asked, Named};
use crate::state::Api;

/// Bytes of one piece of an answer, about.
const PIECE: usize = 128 << 10;

/// Pieces that wait for a slow reader.
const AHEAD: usize = 4;

/// Everything that both desks have signed on a link, with key logs and receipts: a proof file, for `deskwire verify --file`.
#[utoipa::path(
    get, path = "/v1/links/{link}/export", tag = "links",
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 200, description = "A proof file.", body = Vec<u8>, content_type = "application/vnd.deskwire.proof")),
)]
pub(crate) async fn link(State(api): State<Api>, Named(name): Named) -> Result<Response, ApiError> {
    let found = api.read(move |reader| query::link(reader, &name)).await?;
    let file = found.partner.row.name.to_string();
    send(api, found.partner.no, None, &file).await
}

/// The same for one delegation: its texts alone.
#[utoipa::path(
    get, path = "/v1/delegations/{id}/export", tag = "delegations",
    params(("id" = String, Path, description = "The id that both desks use."), api::ExportQuery),
    responses((status = 200, description = "A proof file.", body = Vec<u8>, content_type = "application/vnd.deskwire.proof")),
)]
pub(crate) async fn delegation(
    State(api): State<Api>,
    Named(id): Named,
    Asked(asked): Asked<api::ExportQuery>,
) -> Result<Response, ApiError> {
    let others = match asked.others.unwrap_or_default() {
        api::OtherCases::Signed => Others::Signed,
        api::OtherCases::LeftOut => Others::LeftOut,
    };
    let found = api.read(move |reader| {
        let found = query::delegation(reader, query::find_delegation(reader, &id)?)?;
        Ok((found.partner.no, found.id))
    });
    let (no, id) = found.await?;
    send(api, no, Some((id, others)), &id.to_string()).await
}

async fn send(
    api: Api,
    link: LinkNo,
    about: Option<(DelegationId, Others)>,
    name: &str,
) -> Result<Response, ApiError> {
    let attested = attest(&api, link).await?;
    let (sender, receiver) = mpsc::channel(AHEAD);
    let reader = api.state.engine.reader().clone();
    tokio::task::spawn_blocking(move || {
        let mut pieces = Pieces { sender, piece: Vec::with_capacity(PIECE) };
        let made = reader.partner(link).map_err(Into::into).and_then(|partner| match partner {
            Some(partner) => {
                query::export(&reader, &partner, Export { about, attested }, &mut |item| pieces.add(&item))
            }
            None => Ok(()),
        });
        pieces.finish(made.map_err(|refusal| io::Error::other(refusal.words)));
    });
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    let mut response = Response::new(Body::from_stream(stream));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/vnd.deskwire.proof"));
    let name = api::encode_percent(&format!("{name}.{EXTENSION}"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename*=UTF-8''{name}")) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// Receipts of this desk for everything that the partner has said.
async fn attest(api: &Api, link: LinkNo) -> Result<Vec<Attested>, ApiError> {
    let mut receipts: Vec<Attested> = Vec::new();
    loop {
        let known = receipts.last().map_or(0, |last| last.upto);
        match api.state.engine.call(Attest { link, known }).await? {
            Some(attested) if attested.upto > known => receipts.push(attested),
            Some(_) | None => return Ok(receipts),
        }
    }
}

/// Gathers items into pieces.
struct Pieces {
    sender: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Pieces {
    /// Says whether anybody still reads.
    fn add(&mut self, item: &[u8]) -> ControlFlow<()> {
        self.piece.extend_from_slice(item);
        if self.piece.len() < PIECE {
            return ControlFlow::Continue(());
        }
        let full = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        match self.sender.blocking_send(Ok(full.into())) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    fn finish(mut self, made: io::Result<()>) {
        let rest = std::mem::take(&mut self.piece);
        // Nobody who went away has to be told.
        let _ = self.sender.blocking_send(made.map(|()| rest.into()));
    }
}
