//! What authors do to their own comments and files afterwards.

use axum::Json;
use axum::extract::{Path, State};
use deskwire_api_types as api;
use deskwire_engine::command::revise::{EditComment, Open, TakeBack};
use deskwire_engine::query;
use deskwire_store::EntryRef;
use deskwire_store::local::TicketNumber;

use crate::error::ApiError;
use crate::idempotency::Change;
use crate::parse;
use crate::request::{Document, Named};
use crate::show;
use crate::state::Api;

/// Gives a comment of this desk new words, here and at every partner that has it.
#[utoipa::path(
    post, path = "/v1/tickets/{number}/comments/{id}/edit", tag = "tickets", request_body = api::CommentEdit,
    params(
        ("number" = String, Path, description = "`ACME-12` or `12`."),
        ("id" = String, Path, description = "Id of the comment."),
    ),
    responses((status = 200, description = "The comment with its history.", body = api::Comment)),
)]
pub(crate) async fn edit(
    State(api): State<Api>,
    Path((number, id)): Path<(String, String)>,
    change: Change,
    Document { value, bytes }: Document<api::CommentEdit>,
) -> Result<Json<api::Comment>, ApiError> {
    let (ticket, of, body) = api.look(|reader| {
        let ticket = parse::ticket(reader, &number)?;
        Ok((ticket, query::find_comment(reader, ticket, &id)?, parse::prose("body", &value.body)?))
    })?;
    let command = EditComment { ticket, of, body, by: change.by.clone() };
    api.state.engine.call(change.keyed(&bytes, command)).await?;
    let comment = api.look(|reader| {
        let comment = query::comment_at(reader, ticket, of)?;
        Ok(show::comment(&reader.identity().ticket_label(ticket), &comment))
    });
    Ok(Json(comment?))
}

/// Takes a comment of this desk back from every partner; with `keep` it stays here as an internal one.
#[utoipa::path(
    post, path = "/v1/tickets/{number}/comments/{id}/retract", tag = "tickets", request_body = api::TakeBack,
    params(
        ("number" = String, Path, description = "`ACME-12` or `12`."),
        ("id" = String, Path, description = "Id of the comment."),
    ),
    responses((status = 200, description = "Who never got it, and who may have read it.", body = api::Revised)),
)]
pub(crate) async fn retract(
    State(api): State<Api>,
    Path((number, id)): Path<(String, String)>,
    change: Change,
    Document { value, bytes }: Document<api::TakeBack>,
) -> Result<Json<api::Revised>, ApiError> {
    let place = comment(&api, &number, &id)?;
    take_back(&api, &change, (value, bytes.as_ref()), (place, id)).await
}

/// Sends a comment of this desk to whom it did not go before.
#[utoipa::path(
    post, path = "/v1/tickets/{number}/comments/{id}/audience", tag = "tickets", request_body = api::AudienceChange,
    params(
        ("number" = String, Path, description = "`ACME-12` or `12`."),
        ("id" = String, Path, description = "Id of the comment."),
    ),
    responses((status = 200, description = "Who is told.", body = api::Revised)),
)]
pub(crate) async fn open(
    State(api): State<Api>,
    Path((number, id)): Path<(String, String)>,
    change: Change,
    Document { value, bytes }: Document<api::AudienceChange>,
) -> Result<Json<api::Revised>, ApiError> {
    let place = comment(&api, &number, &id)?;
    share(&api, &change, (value, bytes.as_ref()), (place, id)).await
}

/// Takes a file of this desk back from every partner; its bytes are granted to nobody any more.
#[utoipa::path(
    post, path = "/v1/files/{id}/retract", tag = "files", request_body = api::TakeBack,
    params(("id" = String, Path, description = "Its id, 32 hexadecimal digits, or this desk's number of it.")),
    responses((status = 200, description = "Who never got it, and who may have read it.", body = api::Revised)),
)]
pub(crate) async fn retract_file(
    State(api): State<Api>,
    Named(id): Named,
    change: Change,
    Document { value, bytes }: Document<api::TakeBack>,
) -> Result<Json<api::Revised>, ApiError> {
    let (place, id) = file(&api, &id)?;
    take_back(&api, &change, (value, bytes.as_ref()), (place, id)).await
}

/// Sends a file of this desk to whom it did not go before.
#[utoipa::path(
    post, path = "/v1/files/{id}/audience", tag = "files", request_body = api::AudienceChange,
    params(("id" = String, Path, description = "Its id, 32 hexadecimal digits, or this desk's number of it.")),
    responses((status = 200, description = "Who is told.", body = api::Revised)),
)]
pub(crate) async fn open_file(
    State(api): State<Api>,
    Named(id): Named,
    change: Change,
    Document { value, bytes }: Document<api::AudienceChange>,
) -> Result<Json<api::Revised>, ApiError> {
    let (place, id) = file(&api, &id)?;
    share(&api, &change, (value, bytes.as_ref()), (place, id)).await
}

type Place = (TicketNumber, EntryRef);

fn comment(api: &Api, number: &str, id: &str) -> Result<Place, ApiError> {
    api.look(|reader| {
        let ticket = parse::ticket(reader, number)?;
        Ok((ticket, query::find_comment(reader, ticket, id)?))
    })
}

fn file(api: &Api, id: &str) -> Result<(Place, String), ApiError> {
    api.look(|reader| {
        let file = query::file(reader, query::find_file(reader, id)?)?;
        Ok(((file.row.ticket, file.row.entry), file.row.item.to_string()))
    })
}

async fn take_back(
    api: &Api,
    change: &Change,
    (value, bytes): (api::TakeBack, &[u8]),
    ((ticket, of), id): (Place, String),
) -> Result<Json<api::Revised>, ApiError> {
    let command = TakeBack { ticket, of, keep: value.keep, by: change.by.clone() };
    let revised = api.state.engine.call(change.keyed(bytes, command)).await?;
    Ok(Json(api.look(|reader| show::revised(reader, id, &revised))?))
}

async fn share(
    api: &Api,
    change: &Change,
    (value, bytes): (api::AudienceChange, &[u8]),
    ((ticket, of), id): (Place, String),
) -> Result<Json<api::Revised>, ApiError> {
    let audience = api.look(|reader| parse::audience(reader, &value.audience))?;
    let command = Open { ticket, of, audience, by: change.by.clone() };
    let revised = api.state.engine.call(change.keyed(bytes, command)).await?;
    Ok(Json(api.look(|reader| show::revised(reader, id, &revised))?))
}
