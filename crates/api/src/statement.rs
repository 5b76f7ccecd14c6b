//! `/v1/statements` and `/v1/links/{link}/statements`: statements of account.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{
    CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use deskwire_api_types as api;
use deskwire_engine::command::statement::{ProposeStatement, SignStatement};
use deskwire_engine::query;
use deskwire_engine::{Fault, Partner, Reader, Refusal};
use deskwire_proto::id::ItemId;
use deskwire_proto::terms::Interval;
use deskwire_proto::time::Timestamp;

use crate::error::ApiError;
use crate::idempotency::Change;
use crate::parse;
use crate::request::{Asked, Document, Named, Nothing};
use crate::show;
use crate::state::{Api, Shared};

/// The statements of a link, newest first.
#[utoipa::path(
    get, path = "/v1/links/{link}/statements", tag = "account",
    params(("link" = String, Path, description = "Its local name or its id.")),
    responses((status = 200, description = "The statements.", body = api::StatementList)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Named(link): Named,
) -> Result<Json<api::StatementList>, ApiError> {
    let list = api.read(move |reader| {
        let partner = query::link(reader, &link)?.partner;
        let all = query::statements(reader, &partner)?;
        let statements = all.iter().map(|info| show::statement_info(&partner, info)).collect();
        Ok(api::StatementList { statements })
    });
    list.await.map(Json)
}

/// Proposes a statement over what is settled now; the partner computes the same and signs it.
#[utoipa::path(
    post, path = "/v1/links/{link}/statements", tag = "account", request_body = api::ProposeStatement,
    params(("link" = String, Path, description = "Its local name or its id.")),
    responses((status = 201, description = "The statement.", body = api::StatementDetail)),
)]
pub(crate) async fn propose(
    State(api): State<Api>,
    Named(link): Named,
    change: Change,
    Document { value, bytes }: Document<api::ProposeStatement>,
) -> Result<(StatusCode, Json<api::StatementDetail>), ApiError> {
    let link = api.read(move |reader| query::link(reader, &link).map(|link| link.partner.no)).await?;
    let command = ProposeStatement { link, period: period(&value)?, zone: parse::text("zone", &value.zone)? };
    let said = api.state.engine.call(change.keyed(&bytes, command)).await?;
    Ok((StatusCode::CREATED, Json(detailed(&api, said.statement).await?)))
}

/// One statement with its lines, as this desk computes it.
#[utoipa::path(
    get, path = "/v1/statements/{id}", tag = "account",
    params(("id" = String, Path, description = "Its id, 32 hexadecimal digits.")),
    responses((status = 200, description = "The statement.", body = api::StatementDetail)),
)]
pub(crate) async fn detail(
    State(api): State<Api>,
    Named(id): Named,
) -> Result<Json<api::StatementDetail>, ApiError> {
    detailed(&api, item(&id)?).await.map(Json)
}

/// Signs a statement of the partner, if this desk comes to the same one to the byte.
#[utoipa::path(
    post, path = "/v1/statements/{id}/sign", tag = "account",
    params(("id" = String, Path, description = "Its id, 32 hexadecimal digits.")),
    responses((status = 200, description = "The statement.", body = api::StatementDetail)),
)]
pub(crate) async fn sign(
    State(api): State<Api>,
    Named(id): Named,
    change: Change,
    Nothing { bytes }: Nothing,
) -> Result<Json<api::StatementDetail>, ApiError> {
    let statement = item(&id)?;
    let link = api.read(move |reader| find(reader, statement).map(|partner| partner.no)).await?;
    api.state.engine.call(change.keyed(&bytes, SignStatement { link, statement })).await?;
    detailed(&api, statement).await.map(Json)
}

/// A statement for bookkeeping: CSV, JSON with the signed messages, or a page to print.
#[utoipa::path(
    get, path = "/v1/statements/{id}/export", tag = "account",
    params(("id" = String, Path, description = "Its id, 32 hexadecimal digits."), api::StatementExportQuery),
    responses((status = 200, description = "The statement.", body = Vec<u8>, content_type = "application/octet-stream")),
)]
pub(crate) async fn export(
    State(api): State<Api>,
    Named(id): Named,
    Asked(asked): Asked<api::StatementExportQuery>,
) -> Result<Response, ApiError> {
    let statement = item(&id)?;
    let language = asked.language.unwrap_or_default();
    let format = asked.format.unwrap_or_default();
    let text = api.read(move |reader| {
        let detail = whole(reader, statement)?;
        Ok(match format {
            api::ExportFormat::Csv => show::statement_csv(&detail, language),
            api::ExportFormat::Html => show::statement_html(reader.identity(), &detail, language),
            api::ExportFormat::Json => {
                serde_json::to_string_pretty(&detail).map_err(|error| Refusal::invalid("statement", error))?
            }
        })
    });
    Ok(download(text.await?, format, &format!("statement-{}", &id.trim()[..8])))
}

/// A document to be saved. A page is shown without scripts, frames or anything from elsewhere.
pub(crate) fn download(text: String, format: api::ExportFormat, name: &str) -> Response {
    let (media, disposition) = match format {
        api::ExportFormat::Csv => ("text/csv; charset=utf-8", "attachment"),
        api::ExportFormat::Json => ("application/json", "attachment"),
        api::ExportFormat::Html => ("text/html; charset=utf-8", "inline"),
    };
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = "sandbox; default-src 'none'; style-src 'unsafe-inline'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    let disposition = format!("{disposition}; filename=\"{name}.{}\"", format.as_str());
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    response
}

fn item(id: &str) -> Result<ItemId, Refusal> {
    ItemId::from_hex(id.trim()).ok_or_else(|| Refusal::invalid("id", "it is not 32 hexadecimal digits"))
}

/// The link of a statement.
fn find(reader: &Reader, id: ItemId) -> Result<Arc<Partner>, Refusal> {
    for partner in reader.partners()? {
        if query::statements(reader, &partner)?.iter().any(|info| info.id == id) {
            return Ok(partner);
        }
    }
    Err(Refusal::new(
        Fault::NotFound,
        "unknown-statement",
        format!("There is no statement {id} at this desk."),
        "See what there is with `deskwire statement list LINK`.",
    ))
}

fn whole(reader: &Reader, id: ItemId) -> Result<api::StatementDetail, Refusal> {
    let partner = find(reader, id)?;
    let detail = query::statement(reader, &partner, id)?;
    Ok(show::statement(reader.identity(), &partner, &detail))
}

async fn detailed(api: &Shared, id: ItemId) -> Result<api::StatementDetail, ApiError> {
    api.read(move |reader| whole(reader, id)).await
}

fn period(value: &api::ProposeStatement) -> Result<Interval, Refusal> {
    let moment = |field: &str, time: api::Time| -> Result<Timestamp, Refusal> {
        parse::time(field, Some(time))?.ok_or_else(|| Refusal::invalid(field, "it is missing"))
    };
    let (from, to) = (moment("from", value.from)?, moment("to", value.to)?);
    if from >= to {
        return Err(Refusal::invalid("to", "the period ends before it begins"));
    }
    Ok(Interval(from, to))
}
