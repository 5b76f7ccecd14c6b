//! `/v1/links/{link}/log`: the signed streams, readable.

use axum::Json;
use axum::extract::State;
use deskwire_api_types as api;
use deskwire_engine::query::{self, Way};

use crate::error::ApiError;
use crate::parse;
use crate::request::{Asked, Named};
use crate::show;
use crate::state::Api;

/// A part of one of the link's signed streams.
#[utoipa::path(
    get, path = "/v1/links/{link}/log", tag = "links",
    params(("link" = String, Path, description = "Local name, or the link id."), api::LogQuery),
    responses((status = 200, description = "Messages in the order of their numbers.", body = api::LogPage)),
)]
pub(crate) async fn page(
    State(api): State<Api>,
    Named(name): Named,
    Asked(asked): Asked<api::LogQuery>,
) -> Result<Json<api::LogPage>, ApiError> {
    let limit = parse::limit(asked.limit, 100)?;
    let way = match asked.direction.unwrap_or_default() {
        api::Direction::Out => Way::Out,
        api::Direction::In => Way::In,
    };
    let page = api.read(move |reader| {
        let link = query::link(reader, &name)?;
        let page = query::log(reader, link.partner.no, way, asked.from.unwrap_or(1), limit)?;
        Ok(show::log_page(link.partner.row.name.to_string(), way, &page, asked.signed.unwrap_or_default()))
    });
    page.await.map(Json)
}
