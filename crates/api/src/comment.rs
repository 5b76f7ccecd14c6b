//! `/v1/tickets/{number}/comments`: what people say on a ticket. Without an audience it stays in the house.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use deskwire_api_types as api;
use deskwire_engine::command::comment::{self, AddComment};
use deskwire_engine::command::file;
use deskwire_engine::{Reader, Refusal, query};
use deskwire_machine::disclosure::Preview;
use deskwire_store::local::LinkNo;

use crate::error::ApiError;
use crate::idempotency::Change;
use crate::parse;
use crate::request::{Document, Named};
use crate::show;
use crate::state::Api;

/// Says something; internal unless the request names another audience.
#[utoipa::path(
    post, path = "/v1/tickets/{number}/comments", tag = "tickets", request_body = api::CommentRequest,
    params(("number" = String, Path, description = "`ACME-12` or `12`.")),
    responses((status = 201, description = "The comment.", body = api::Comment)),
)]
pub(crate) async fn add(
    State(api): State<Api>,
    Named(number): Named,
    change: Change,
    Document { value, bytes }: Document<api::CommentRequest>,
) -> Result<(StatusCode, Json<api::Comment>), ApiError> {
    let (ticket, audience, body) = api.look(|reader| {
        let audience = parse::audience(reader, &value.audience)?;
        Ok((parse::ticket(reader, &number)?, audience, parse::prose("body", &value.body)?))
    })?;
    let command = AddComment { ticket, body, audience, by: change.by.clone() };
    let added = api.state.engine.call(change.keyed(&bytes, command)).await?;
    let comment = api.look(|reader| {
        let comment = query::comment(reader, ticket, &added)?;
        Ok(show::comment(&reader.identity().ticket_label(ticket), &comment))
    });
    Ok((StatusCode::CREATED, Json(comment?)))
}

/// What a comment would say to each partner. Changes nothing.
#[utoipa::path(
    post, path = "/v1/tickets/{number}/comments/preview", tag = "tickets", request_body = api::CommentRequest,
    params(("number" = String, Path, description = "`ACME-12` or `12`.")),
    responses((status = 200, description = "What would leave, read from the messages themselves.", body = api::Previews)),
)]
pub(crate) async fn preview(
    State(api): State<Api>,
    Named(number): Named,
    axum::Extension(caller): axum::Extension<crate::guard::Caller>,
    Document { value, .. }: Document<api::CommentRequest>,
) -> Result<Json<api::Previews>, ApiError> {
    let previews = api.read(move |reader| {
        let ticket = parse::ticket(reader, &number)?;
        let audience = parse::audience(reader, &value.audience)?;
        let body = parse::prose("body", &value.body)?;
        previews(reader, comment::preview(reader, ticket, &body, &audience, &caller.person)?)
    });
    previews.await.map(Json)
}

/// What announcing a file would say to each partner. Changes nothing.
#[utoipa::path(
    post, path = "/v1/tickets/{number}/files/preview", tag = "files", request_body = api::FilePreview,
    params(("number" = String, Path, description = "`ACME-12` or `12`.")),
    responses((status = 200, description = "What would leave, read from the messages themselves.", body = api::Previews)),
)]
pub(crate) async fn preview_file(
    State(api): State<Api>,
    Named(number): Named,
    axum::Extension(caller): axum::Extension<crate::guard::Caller>,
    Document { value, .. }: Document<api::FilePreview>,
) -> Result<Json<api::Previews>, ApiError> {
    let listed = api.read(move |reader| {
        let ticket = parse::ticket(reader, &number)?;
        let audience = parse::audience(reader, &value.audience)?;
        let name = parse::text("name", &value.name)?;
        let media = parse::maybe("media", value.media.as_ref())?;
        let file = (&name, media.as_ref(), value.size);
        previews(reader, file::preview(reader, ticket, file, None, &audience, &caller.person)?)
    });
    listed.await.map(Json)
}

fn previews(reader: &Reader, all: Vec<(LinkNo, Preview)>) -> Result<api::Previews, Refusal> {
    let one = |(link, preview)| {
        let partner = reader.partner(link)?;
        let partner = partner.ok_or_else(|| Refusal::unknown("link", link, "deskwire link list"))?;
        Ok(show::previewed(&partner, preview))
    };
    let previews: Result<_, Refusal> = all.into_iter().map(one).collect();
    Ok(api::Previews { previews: previews? })
}
