//! The desk itself, whether it is up, and the description of the API.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use deskwire_api_types as api;
use deskwire_engine::query::{self, HealthState};
use deskwire_engine::{Command, Reader, Refusal, Step};
use deskwire_http::request_id::RequestId;
use deskwire_store::row::LinkState;
use serde::Serialize;

use crate::error::ApiError;
use crate::show;
use crate::state::{Api, Shared};

/// How long the writer may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(5);

/// What this desk is and where it listens.
#[utoipa::path(
    get, path = "/v1/desk", tag = "desk",
    responses((status = 200, description = "The desk.", body = api::Desk)),
)]
pub(crate) async fn show_desk(State(api): State<Api>) -> Result<Json<api::Desk>, ApiError> {
    let links = api.read(|reader| {
        let open =
            reader.partners()?.into_iter().filter(|partner| partner.row.state != LinkState::Closed).count();
        Ok(u32::try_from(open).unwrap_or(u32::MAX))
    });
    let links = links.await?;
    let state = &api.state;
    let identity = state.engine.identity();
    let body = identity.descriptor().body();
    Ok(Json(api::Desk {
        id: identity.desk().to_string(),
        id_hex: identity.desk().to_hex(),
        name: body.name.to_string(),
        prefix: identity.prefix().to_owned(),
        api: state.api.clone(),
        listen: state.listen.clone(),
        endpoints: body.endpoints.iter().map(ToString::to_string).collect(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        key_id: identity.keys().current().id().to_string(),
        tls_spki: body.tls.first().map(ToString::to_string).unwrap_or_default(),
        protocols: body.protocols.iter().filter_map(|version| u32::try_from(*version).ok()).collect(),
        started: show::time(state.started),
        links,
    }))
}

/// The process answers; and what an operator should look at.
#[utoipa::path(
    get, path = "/healthz", tag = "desk",
    responses((status = 200, description = "It does.", body = api::Health)),
)]
pub(crate) async fn health(State(api): State<Api>) -> Json<api::Health> {
    let floor = api.state.free_floor;
    let reasons = api.read(move |reader| degraded(reader, floor)).await;
    let reasons = reasons.unwrap_or_else(|error| vec![error.problem().detail.clone()]);
    let status = if reasons.is_empty() { "ok" } else { "degraded" };
    Json(api::Health { status: status.to_owned(), reasons })
}

/// What an operator should look at, in words.
fn degraded(reader: &Reader, floor: u64) -> Result<Vec<String>, Refusal> {
    let (mut stopped, mut late, mut parked, mut clocks) = (0, 0, 0, 0);
    for partner in reader.partners()? {
        let health = query::health(reader, &partner, &reader.stream(partner.no)?)?;
        stopped += u64::from(health.state == HealthState::Stopped);
        late += u64::from(health.late && health.state != HealthState::Ended);
        parked += health.parked;
        clocks += u64::from(health.skew.is_some_and(|skew| skew.is_shown()));
    }
    let mut reasons = Vec::new();
    let free = reader.keeper().free_bytes()?;
    if free < floor {
        reasons.push(format!("The disk has {free} bytes left; new work is taken from {floor} on."));
    }
    let mut say = |count: u64, one: &str, many: &str| match count {
        0 => {}
        1 => reasons.push(format!("1 {one}")),
        count => reasons.push(format!("{count} {many}")),
    };
    say(
        stopped,
        "link is stopped until an operator looks at it: see `deskwire link list`.",
        "links are stopped until an operator looks at them: see `deskwire link list`.",
    );
    say(
        late,
        "link has delivered nothing for more than an hour: see `deskwire queue list`.",
        "links have delivered nothing for more than an hour: see `deskwire queue list`.",
    );
    say(
        parked,
        "item is parked until somebody sends it again: see `deskwire queue list --state parked`.",
        "items are parked until somebody sends them again: see `deskwire queue list --state parked`.",
    );
    say(
        clocks,
        "partner's clock differs from this desk's by more than five minutes: see `deskwire link show`.",
        "partners' clocks differ from this desk's by more than five minutes: see `deskwire link show`.",
    );
    Ok(reasons)
}

/// Whether new work is taken.
#[utoipa::path(
    get, path = "/readyz", tag = "desk",
    responses(
        (status = 200, description = "It is.", body = api::Readiness),
        (status = 503, description = "It is not: a problem that has the members of this document as well.",
         body = api::Readiness),
    ),
)]
pub(crate) async fn ready(State(api): State<Api>, Extension(id): Extension<RequestId>) -> Response {
    match readiness(&api).await {
        Ok(()) => Json(api::Readiness { ready: true, reason: None }).into_response(),
        Err(error) => not_ready(&error, id),
    }
}

/// The description of this API.
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "desk",
    responses((status = 200, description = "OpenAPI 3.", body = serde_json::Value)),
)]
pub(crate) async fn description() -> Json<utoipa::openapi::OpenApi> {
    Json(crate::endpoints::openapi())
}

/// Asks the writer, and looks at the disk.
async fn readiness(api: &Shared) -> Result<(), ApiError> {
    let asked = tokio::time::timeout(PATIENCE, api.state.engine.call(AreYouThere)).await;
    asked.map_err(|_| {
        let words = "The writer has not answered for some seconds: the disk may be very slow.";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "writer-busy", words, "Look at the disk.")
    })??;
    let floor = api.state.free_floor;
    let free = api.read(|reader| Ok(reader.keeper().free_bytes()?)).await?;
    if free >= floor {
        return Ok(());
    }
    let words = format!("The disk of this desk has {free} bytes left; new work is taken from {floor} on.");
    Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "disk-nearly-full", words, "Free some space."))
}

/// Nothing, by way of the writer.
struct AreYouThere;

impl Command for AreYouThere {
    type Reply = ();

    fn run(self, _: &mut Step<'_>) -> Result<(), Refusal> {
        Ok(())
    }
}

/// A problem document that is a readiness document as well.
#[derive(Serialize)]
struct NotReady {
    #[serde(flatten)]
    problem: api::Problem,
    #[serde(flatten)]
    readiness: api::Readiness,
}

/// Whatever hinders, it is told as 503.
fn not_ready(error: &ApiError, id: RequestId) -> Response {
    let mut problem = error.problem().clone();
    problem.status = StatusCode::SERVICE_UNAVAILABLE.as_u16();
    problem.retry_after = problem.retry_after.or(Some(PATIENCE.as_secs()));
    problem.request_id = Some(id.to_string());
    let readiness = api::Readiness { ready: false, reason: Some(problem.detail.clone()) };
    let retry = [(RETRY_AFTER, problem.retry_after.unwrap_or_default().to_string())];
    let media = [(CONTENT_TYPE, api::PROBLEM_MEDIA)];
    (StatusCode::SERVICE_UNAVAILABLE, retry, media, json(&NotReady { problem, readiness })).into_response()
}

fn json(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("texts and numbers have a JSON form")
}
