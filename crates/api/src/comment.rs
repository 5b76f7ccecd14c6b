//! `/v1/tickets/{number}/comments`: what people say on a ticket. Without an audience it stays in the house.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use deskwire_api_types as api;
use deskwire_engine::command::comment::AddComment;
use deskwire_engine::query;

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
