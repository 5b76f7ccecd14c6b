//! `/v1/delegations/{id}/work`: lines of work, and what the principal says to them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use deskwire_api_types as api;
use deskwire_engine::command::work::{AddWork, JudgeWork, NewLine};
use deskwire_engine::{Refusal, query};
use deskwire_proto::id::ItemId;
use deskwire_proto::message::work_add::WorkType;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::DelegationNo;

use crate::error::ApiError;
use crate::idempotency::Change;
use crate::parse;
use crate::request::{Document, Named};
use crate::show;
use crate::state::{Api, Shared};

/// The lines of work of a delegation with their states and sums.
#[utoipa::path(
    get, path = "/v1/delegations/{id}/work", tag = "account",
    params(("id" = String, Path, description = "Its id, 32 hexadecimal digits, or this desk's number of it.")),
    responses((status = 200, description = "The lines.", body = api::WorkList)),
)]
pub(crate) async fn list(State(api): State<Api>, Named(id): Named) -> Result<Json<api::WorkList>, ApiError> {
    let no = api.read(move |reader| query::find_delegation(reader, &id)).await?;
    shown(&api, no).await.map(Json)
}

/// Contractor: adds a line of work. A line is never changed; if it is disputed, another one is added.
#[utoipa::path(
    post, path = "/v1/delegations/{id}/work", tag = "account", request_body = api::NewWork,
    params(("id" = String, Path, description = "Its id, 32 hexadecimal digits, or this desk's number of it.")),
    responses((status = 201, description = "The lines as they stand now.", body = api::WorkList)),
)]
pub(crate) async fn add(
    State(api): State<Api>,
    Named(id): Named,
    change: Change,
    Document { value, bytes }: Document<api::NewWork>,
) -> Result<(StatusCode, Json<api::WorkList>), ApiError> {
    let delegation = api.read(move |reader| query::find_delegation(reader, &id)).await?;
    let line = line(&value, api.state.engine.reader().now())?;
    let command = AddWork { delegation, line, by: change.by.clone() };
    api.state.engine.call(change.keyed(&bytes, command)).await?;
    Ok((StatusCode::CREATED, Json(shown(&api, delegation).await?)))
}

/// Principal: agrees to a line of work. The later of approval and dispute counts, until a signed statement holds it.
#[utoipa::path(
    post, path = "/v1/delegations/{id}/work/approve", tag = "account", request_body = api::ApproveWork,
    params(("id" = String, Path, description = "Its id, 32 hexadecimal digits, or this desk's number of it.")),
    responses((status = 200, description = "The lines as they stand now.", body = api::WorkList)),
)]
pub(crate) async fn approve(
    State(api): State<Api>,
    Named(id): Named,
    change: Change,
    Document { value, bytes }: Document<api::ApproveWork>,
) -> Result<Json<api::WorkList>, ApiError> {
    judge(&api, id, (&change, &bytes), (&value.line, None)).await
}

/// Principal: does not agree to a line of work.
#[utoipa::path(
    post, path = "/v1/delegations/{id}/work/dispute", tag = "account", request_body = api::DisputeWork,
    params(("id" = String, Path, description = "Its id, 32 hexadecimal digits, or this desk's number of it.")),
    responses((status = 200, description = "The lines as they stand now.", body = api::WorkList)),
)]
pub(crate) async fn dispute(
    State(api): State<Api>,
    Named(id): Named,
    change: Change,
    Document { value, bytes }: Document<api::DisputeWork>,
) -> Result<Json<api::WorkList>, ApiError> {
    judge(&api, id, (&change, &bytes), (&value.line, Some(&value.reason))).await
}

async fn judge(
    api: &Shared,
    id: String,
    (change, bytes): (&Change, &[u8]),
    (line, reason): (&str, Option<&String>),
) -> Result<Json<api::WorkList>, ApiError> {
    let delegation = api.read(move |reader| query::find_delegation(reader, &id)).await?;
    let work = ItemId::from_hex(line.trim());
    let work = work.ok_or_else(|| Refusal::invalid("line", "it is not 32 hexadecimal digits"))?;
    let dispute = reason.map(|reason| parse::needed("reason", reason)).transpose()?;
    let command = JudgeWork { delegation, work, dispute, by: change.by.clone() };
    api.state.engine.call(change.keyed(bytes, command)).await?;
    shown(api, delegation).await.map(Json)
}

async fn shown(api: &Shared, no: DelegationNo) -> Result<api::WorkList, ApiError> {
    api.read(move |reader| query::work(reader, no).map(|work| show::work(&work))).await
}

fn line(value: &api::NewWork, now: Timestamp) -> Result<NewLine, Refusal> {
    Ok(NewLine {
        r#type: match value.r#type {
            api::WorkType::Time => WorkType::Time,
            api::WorkType::Travel => WorkType::Travel,
            api::WorkType::Material => WorkType::Material,
            api::WorkType::Fixed => WorkType::Fixed,
        },
        quantity: parse::text("quantity", &value.quantity)?,
        unit: parse::text("unit", &value.unit)?,
        price: parse::text("price", &value.price)?,
        currency: parse::maybe("currency", value.currency.as_ref())?,
        tax: parse::text("tax", value.tax.as_deref().unwrap_or("0"))?,
        date: parse::time("date", value.date)?.unwrap_or(now),
        what: parse::text("what", &value.what)?,
    })
}
