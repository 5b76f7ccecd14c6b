//! `/v1/tickets`: the desk's own records.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use deskwire_api_types as api;
use deskwire_engine::Refusal;
use deskwire_engine::command::ticket::{NewTicket, SetStatus};
use deskwire_engine::query::{self, TicketFilter};
use deskwire_proto::message::common::Person;
use deskwire_store::local::TicketNumber;

use crate::error::ApiError;
use crate::idempotency::Change;
use crate::parse;
use crate::request::{Asked, Document, Named};
use crate::show;
use crate::state::{Api, Shared};

/// Tickets, newest first.
#[utoipa::path(
    get, path = "/v1/tickets", tag = "tickets", params(api::TicketQuery),
    responses((status = 200, description = "A page of tickets.", body = api::TicketList)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Asked(asked): Asked<api::TicketQuery>,
) -> Result<Json<api::TicketList>, ApiError> {
    let filter = TicketFilter {
        status: parse::maybe("status", asked.status.as_ref())?,
        due: asked.due.map(parse::due),
        before: asked.before.map(TicketNumber),
        limit: parse::limit(asked.limit, 50)?,
    };
    let list = api.read(move |reader| {
        let page = query::tickets(reader, &filter)?;
        let tickets = page.items.iter().map(|ticket| show::ticket(reader.identity(), ticket, false));
        Ok(api::TicketList { tickets: tickets.collect(), before: page.before.map(|number| number.0) })
    });
    list.await.map(Json)
}

/// One ticket with its thread and its delegations.
#[utoipa::path(
    get, path = "/v1/tickets/{number}", tag = "tickets",
    params(("number" = String, Path, description = "`ACME-12` or `12`.")),
    responses((status = 200, description = "The ticket.", body = api::TicketDetail)),
)]
pub(crate) async fn detail(
    State(api): State<Api>,
    Named(number): Named,
) -> Result<Json<api::TicketDetail>, ApiError> {
    let detail = api.read(move |reader| {
        let number = parse::ticket(reader, &number)?;
        Ok(show::ticket_detail(reader.identity(), &query::ticket_detail(reader, number)?))
    });
    detail.await.map(Json)
}

/// Opens a ticket.
#[utoipa::path(
    post, path = "/v1/tickets", tag = "tickets", request_body = api::NewTicket,
    responses((status = 201, description = "The ticket.", body = api::Ticket)),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    change: Change,
    Document { value, bytes }: Document<api::NewTicket>,
) -> Result<(StatusCode, Json<api::Ticket>), ApiError> {
    let command = new_ticket(&value, change.by.clone())?;
    let number = api.state.engine.call(change.keyed(&bytes, command)).await?;
    Ok((StatusCode::CREATED, shown(&api, number).await?))
}

/// Sets this desk's own status and tells the partners of its open delegations.
#[utoipa::path(
    post, path = "/v1/tickets/{number}/status", tag = "tickets", request_body = api::TicketStatus,
    params(("number" = String, Path, description = "`ACME-12` or `12`.")),
    responses((status = 200, description = "The ticket.", body = api::Ticket)),
)]
pub(crate) async fn set_status(
    State(api): State<Api>,
    Named(number): Named,
    change: Change,
    Document { value, bytes }: Document<api::TicketStatus>,
) -> Result<Json<api::Ticket>, ApiError> {
    let ticket = api.read(move |reader| parse::ticket(reader, &number)).await?;
    let command = SetStatus {
        ticket,
        status: parse::text("status", &value.status)?,
        label: parse::maybe("label", value.label.as_ref())?,
        by: change.by.clone(),
    };
    api.state.engine.call(change.keyed(&bytes, command)).await?;
    shown(&api, ticket).await
}

async fn shown(api: &Shared, number: TicketNumber) -> Result<Json<api::Ticket>, ApiError> {
    let ticket = api.read(move |reader| {
        let ticket = query::ticket(reader, number)?;
        Ok(show::ticket(reader.identity(), &ticket, true))
    });
    ticket.await.map(Json)
}

fn new_ticket(value: &api::NewTicket, by: Person) -> Result<NewTicket, Refusal> {
    Ok(NewTicket {
        title: parse::text("title", value.title.trim())?,
        description: parse::maybe_prose("description", value.description.as_ref())?,
        priority: parse::priority(value.priority.unwrap_or_default()),
        category: parse::maybe("category", value.category.as_ref())?,
        requester: value.requester.as_ref().map(parse::contact).transpose()?,
        company: parse::maybe("company", value.company.as_ref())?,
        object: value.object.as_ref().map(parse::object).transpose()?,
        equipment: value.equipment.as_ref().map(parse::equipment).transpose()?,
        agreement: parse::maybe("agreement", value.agreement.as_ref())?,
        custom: parse::custom(&value.custom)?,
        by,
    })
}
