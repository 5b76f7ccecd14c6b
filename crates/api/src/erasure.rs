//! `/v1/erasures`: what goes from here and from every partner who has it, and who has acknowledged.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use deskwire_api_types as api;
use deskwire_engine::command::privacy::Order;
use deskwire_engine::query::{self, Found, Person};
use deskwire_engine::{Reader, Refusal};
use deskwire_proto::text::Code;
use deskwire_store::EntryRef;
use deskwire_store::record::Subject;

use crate::error::ApiError;
use crate::idempotency::Change;
use crate::parse;
use crate::request::{Asked, Document, Named};
use crate::show;
use crate::state::Api;

/// The erasures of this desk, its own and those that partners ask for, the newest first.
#[utoipa::path(
    get, path = "/v1/erasures", tag = "erasures", params(api::ErasureQuery),
    responses((status = 200, description = "The erasures.", body = api::ErasureList)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Asked(asked): Asked<api::ErasureQuery>,
) -> Result<Json<api::ErasureList>, ApiError> {
    let limit = parse::limit(asked.limit, 50)?;
    let list = api.read(move |reader| {
        let erasures = query::erasures(reader, limit)?;
        Ok(api::ErasureList { erasures: erasures.iter().map(|one| show::erasure(reader, one)).collect() })
    });
    list.await.map(Json)
}

/// One erasure: what is asked of whom, who has acknowledged, and since when the others are waited for.
#[utoipa::path(
    get, path = "/v1/erasures/{id}", tag = "erasures",
    params(("id" = String, Path, description = "Its id.")),
    responses((status = 200, description = "The erasure.", body = api::Erasure)),
)]
pub(crate) async fn detail(State(api): State<Api>, Named(id): Named) -> Result<Json<api::Erasure>, ApiError> {
    let at = place(&id)?;
    api.read(move |reader| Ok(show::erasure(reader, &query::erasure(reader, at)?))).await.map(Json)
}

/// What erasing a case or a person would take away, and who would be asked. Changes nothing.
#[utoipa::path(
    post, path = "/v1/erasures/preview", tag = "erasures", request_body = api::EraseRequest,
    responses((status = 200, description = "What would go.", body = api::ErasurePlan)),
)]
pub(crate) async fn preview(
    State(api): State<Api>,
    Document { value, .. }: Document<api::EraseRequest>,
) -> Result<Json<api::ErasurePlan>, ApiError> {
    let plan = api.read(move |reader| {
        let (_, _, found) = found(reader, &value)?;
        let partners = query::would_ask(reader, &found)?;
        Ok(show::erasure_plan(reader, &found, &partners))
    });
    plan.await.map(Json)
}

/// Erases a case or a person, here and at every partner who has it. Signatures, hashes and facts stay.
#[utoipa::path(
    post, path = "/v1/erasures", tag = "erasures", request_body = api::EraseRequest,
    responses((status = 201, description = "The erasure as it stands now.", body = api::Erasure)),
)]
pub(crate) async fn order(
    State(api): State<Api>,
    change: Change,
    Document { value, bytes }: Document<api::EraseRequest>,
) -> Result<(StatusCode, Json<api::Erasure>), ApiError> {
    let open = value.open;
    let before = change.answered::<EntryRef>(&api, bytes.as_ref()).await?.is_some();
    let order = api.read(move |reader| {
        if before {
            // The call is repeated, and answered as it was.
            let (subject, basis) =
                (Subject::Person, Code::new("repeated").map_err(|error| Refusal::invalid("basis", error))?);
            return Ok(Order { subject, basis, found: Found::default(), open });
        }
        let (subject, basis, found) = found(reader, &value)?;
        Ok(Order { subject, basis, found, open })
    });
    let order = order.await?;
    let at = api.state.engine.call(change.keyed(&bytes, order)).await?;
    let shown = api.read(move |reader| Ok(show::erasure(reader, &query::erasure(reader, at)?)));
    Ok((StatusCode::CREATED, Json(shown.await?)))
}

/// What a request is about, its ground, and all that belongs to it.
fn found(reader: &Reader, request: &api::EraseRequest) -> Result<(Subject, Code, Found), Refusal> {
    let basis = parse::text("basis", &request.basis)?;
    match (&request.ticket, request.person.is_empty()) {
        (Some(ticket), true) if request.tickets.is_empty() => {
            let ticket = parse::ticket(reader, ticket)?;
            Ok((Subject::Case(ticket), basis, query::find_case(reader, ticket)?))
        }
        (None, false) => {
            let short = "a name, an address or a number has three letters or digits at least";
            let person = Person::new(&request.person).ok_or_else(|| Refusal::invalid("person", short))?;
            let tickets = request.tickets.iter().map(|ticket| parse::ticket(reader, ticket));
            let tickets = tickets.collect::<Result<Vec<_>, _>>()?;
            Ok((Subject::Person, basis, query::find_person(reader, &person, &tickets)?))
        }
        (Some(_), _) => Err(Refusal::invalid("ticket", "an erasure is of a case or of a person")),
        (None, true) => Err(Refusal::invalid("person", "an erasure is of a case or of a person")),
    }
}

/// The record that an id names.
fn place(id: &str) -> Result<EntryRef, Refusal> {
    let unknown = || query::no_erasure(id);
    let (segment, offset) = id.split_once('-').ok_or_else(unknown)?;
    let number = |text: &str| text.parse().map_err(|_| unknown());
    Ok(EntryRef { segment: number(segment)?, offset: number(offset)? })
}
