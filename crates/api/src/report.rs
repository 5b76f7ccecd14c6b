//! `/v1/reports`: figures about partners.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use deskwire_api_types as api;
use deskwire_engine::{Reader, Refusal, query};
use deskwire_proto::time::Timestamp;

use crate::error::ApiError;
use crate::parse;
use crate::request::Asked;
use crate::show;
use crate::state::Api;
use crate::statement::download;

/// Figures about each partner over any period: how many, how fast, how often, how good, how dear. All of it is settled.
#[utoipa::path(
    get, path = "/v1/reports/partners", tag = "account", params(api::ReportQuery),
    responses((status = 200, description = "The figures; as CSV if that is asked for.", body = api::PartnerReport)),
)]
pub(crate) async fn partners(
    State(api): State<Api>,
    Asked(asked): Asked<api::ReportQuery>,
) -> Result<Response, ApiError> {
    let format = asked.format.unwrap_or_default();
    if format == api::ExportFormat::Html {
        return Err(Refusal::invalid("format", "a report is json or csv").into());
    }
    let report = api.read(move |reader| report(reader, &asked)).await?;
    Ok(match format {
        api::ExportFormat::Csv => download(show::report_csv(&report), format, "partners"),
        api::ExportFormat::Json | api::ExportFormat::Html => Json(report).into_response(),
    })
}

fn report(reader: &Reader, asked: &api::ReportQuery) -> Result<api::PartnerReport, Refusal> {
    let from = parse::time("from", asked.from)?.unwrap_or(Timestamp(0));
    let to = parse::time("to", asked.to)?.unwrap_or(Timestamp(u64::MAX));
    if from >= to {
        return Err(Refusal::invalid("to", "the period ends before it begins"));
    }
    let links = match &asked.link {
        Some(link) => vec![query::link(reader, link)?.partner],
        None => reader.partners()?,
    };
    let mut figures = query::partner_figures(reader, &links, (from, to))?;
    let partners = figures.iter_mut().map(show::partner_figures).collect();
    Ok(api::PartnerReport { from: asked.from, to: asked.to, partners })
}
