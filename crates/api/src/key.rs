//! `/v1/key-logs`: key logs of partners that somebody carried here.

use axum::Json;
use axum::extract::State;
use deskwire_api_types as api;
use deskwire_engine::command::key::{ImportKeyLog, Imported};
use deskwire_engine::{Fault, Refusal};
use deskwire_proto::keylog::KeyLog;

use crate::error::ApiError;
use crate::idempotency::Change;
use crate::request::Document;
use crate::state::Api;

/// Takes a partner's key log; its events prove themselves, whoever carries it.
#[utoipa::path(
    post, path = "/v1/key-logs", tag = "links",
    request_body = api::KeyLogImport,
    responses((status = 200, description = "What became of it.", body = api::KeyLogImported)),
)]
pub(crate) async fn import(
    State(api): State<Api>,
    change: Change,
    Document { value, bytes }: Document<api::KeyLogImport>,
) -> Result<Json<api::KeyLogImported>, ApiError> {
    let log: KeyLog = value.key_log.parse().map_err(|code| unreadable(&format!("{code}")))?;
    let (desk, keys) = (log.desk(), log.keys().len() as u64);
    let outcome = match api.state.engine.call(change.keyed(&bytes, ImportKeyLog { log })).await? {
        Imported::Newer => api::KeyLogOutcome::Newer,
        Imported::Known => api::KeyLogOutcome::Known,
        Imported::Forked => api::KeyLogOutcome::Forked,
        Imported::Unknown => return Err(stranger(&desk.to_string()).into()),
    };
    Ok(Json(api::KeyLogImported { desk: desk.to_string(), keys, outcome }))
}

fn unreadable(code: &str) -> Refusal {
    Refusal::new(
        Fault::Invalid,
        "bad-key-log",
        format!("That is no whole key log ({code})."),
        "Export it again with `deskwire key export` at the desk that it belongs to, and carry all of it.",
    )
}

fn stranger(desk: &str) -> Refusal {
    Refusal::new(
        Fault::NotFound,
        "unknown-desk",
        format!("This desk has no link with the desk {desk}."),
        "See the links with `deskwire link list`.",
    )
}
