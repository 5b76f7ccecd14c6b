//! `/v1/verify`: the check of what is stored.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use deskwire_api_types as api;
use deskwire_engine::query;

use crate::error::ApiError;
use crate::request::Document;
use crate::show;
use crate::state::Api;

/// Checks signatures, chains, receipts and the journal's checksums. Changes nothing; what is found wrong is part of the
/// answer.
#[utoipa::path(
    post, path = "/v1/verify", tag = "desk", request_body = api::VerifyRequest,
    responses((status = 200, description = "What was checked and found.", body = api::VerifyReport)),
)]
pub(crate) async fn run(
    State(api): State<Api>,
    Document { value, .. }: Document<api::VerifyRequest>,
) -> Result<Json<api::VerifyReport>, ApiError> {
    let report = api.read(move |reader| {
        let started = Instant::now();
        let link = value.link.as_deref().map(|name| query::link(reader, name)).transpose()?;
        let report = query::verify(reader, link.map(|link| link.partner.no))?;
        Ok(show::report(&report, started.elapsed()))
    });
    report.await.map(Json)
}
