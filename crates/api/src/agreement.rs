//! `/v1/delegations/{id}/agreement` and `/digest`: whether both desks see the same.

use axum::Json;
use axum::extract::State;
use deskwire_api_types as api;
use deskwire_engine::command::digest::SayDigest;
use deskwire_engine::query;
use deskwire_machine::account::LineState;
use deskwire_machine::delegation::Role;
use deskwire_store::local::DelegationNo;

use crate::error::ApiError;
use crate::idempotency::Change;
use crate::request::{Named, Nothing};
use crate::show;
use crate::state::Api;

/// What the partner said last of what it sees, compared with what this desk sees there.
#[utoipa::path(
    get, path = "/v1/delegations/{id}/agreement", tag = "delegations",
    params(("id" = String, Path, description = "Its id, 32 hexadecimal digits, or this desk's number of it.")),
    responses((status = 200, description = "Whether both see the same.", body = api::Agreement)),
)]
pub(crate) async fn detail(
    State(api): State<Api>,
    Named(id): Named,
) -> Result<Json<api::Agreement>, ApiError> {
    let no = api.read(move |reader| query::find_delegation(reader, &id)).await?;
    shown(&api, no).await
}

/// Tells the partner what this desk sees; the partner's desk compares it and answers by itself.
#[utoipa::path(
    post, path = "/v1/delegations/{id}/digest", tag = "delegations",
    params(("id" = String, Path, description = "Its id, 32 hexadecimal digits, or this desk's number of it.")),
    responses((status = 200, description = "What is known so far.", body = api::Agreement)),
)]
pub(crate) async fn ask(
    State(api): State<Api>,
    Named(id): Named,
    change: Change,
    Nothing { bytes }: Nothing,
) -> Result<Json<api::Agreement>, ApiError> {
    let found = api.read(move |reader| {
        let no = query::find_delegation(reader, &id)?;
        Ok((no, query::own_digest(reader, no)?))
    });
    let (delegation, facts) = found.await?;
    api.state.engine.call(change.keyed(&bytes, SayDigest { delegation, facts })).await?;
    shown(&api, delegation).await
}

async fn shown(api: &Api, no: DelegationNo) -> Result<Json<api::Agreement>, ApiError> {
    let found =
        api.read(move |reader| Ok((query::delegation(reader, no)?.id, query::agreement(reader, no)?)));
    let (id, found) = found.await?;
    let mut agreement = api::Agreement { delegation: id.to_string(), ..api::Agreement::default() };
    if let Some(found) = found {
        agreement.heard = Some(show::time(found.at));
        agreement.same = Some(found.differs.is_empty());
        agreement.differs = found.differs.iter().map(ToString::to_string).collect();
        agreement.here = Some(seen(&found));
    }
    Ok(Json(agreement))
}

fn seen(found: &query::Agreement) -> api::Seen {
    let entry =
        |(id, entry): (&deskwire_proto::id::ItemId, &deskwire_machine::digest::Entry)| api::SeenEntry {
            id: id.to_string(),
            author: if entry.author == Role::Principal { "principal" } else { "contractor" }.to_owned(),
            version: entry.version,
            text: entry.text.to_string(),
            retracted: entry.retracted,
        };
    let line =
        |(id, (hash, state)): (&deskwire_proto::id::ItemId, &(deskwire_proto::id::Hash, LineState))| {
            api::SeenLine { id: id.to_string(), facts: hash.to_string(), state: state.name().to_owned() }
        };
    api::Seen {
        ours: found.place.0,
        theirs: found.place.1,
        state: found.ours.state.name().to_owned(),
        version: found.ours.version,
        thread: found.ours.thread.iter().map(entry).collect(),
        work: found.ours.work.iter().map(line).collect(),
    }
}
