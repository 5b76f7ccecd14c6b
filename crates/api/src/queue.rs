//! `/v1/queue`: what is on its way to partners, and what operators do with it.

use axum::Json;
use axum::extract::State;
use deskwire_api_types as api;
use deskwire_engine::command::queue::{Changed, DropItems, Park, Retry, Target};
use deskwire_engine::query::{self, QueueFilter, QueuePlace, QueueState};
use deskwire_engine::{Reader, Refusal};
use deskwire_proto::id::ItemId;
use deskwire_store::local::LinkNo;
use deskwire_store::table::{DELEGATIONS, Rows};

use crate::error::ApiError;
use crate::idempotency::Change;
use crate::parse;
use crate::request::{Asked, Document};
use crate::show;
use crate::state::{Api, Shared};

/// Items that a preview shows.
const SHOWN: usize = 500;

/// What is on its way, of all links or of one.
#[utoipa::path(
    get, path = "/v1/queue", tag = "queue", params(api::QueueQuery),
    responses((status = 200, description = "A page of items.", body = api::QueueList)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Asked(asked): Asked<api::QueueQuery>,
) -> Result<Json<api::QueueList>, ApiError> {
    let limit = parse::limit(asked.limit, 50)?;
    let after = asked.after.as_deref().map(place).transpose()?;
    let list = api.read(move |reader| {
        let link = asked.link.as_deref().map(|link| find_link(reader, link)).transpose()?;
        let filter = QueueFilter { link, state: asked.state.map(state), after, limit };
        let page = query::queue(reader, &filter)?;
        let items = page.items.iter().map(|item| show::queue_item(reader.identity(), item)).collect();
        Ok(api::QueueList { items, after: page.after.map(written) })
    });
    list.await.map(Json)
}

/// Sends a parked item again, under its own id, or tries a link at once.
#[utoipa::path(
    post, path = "/v1/queue/retry", tag = "queue", request_body = api::QueueRetry,
    responses((status = 200, description = "What was sent again.", body = api::QueueChanged)),
)]
pub(crate) async fn retry(
    State(api): State<Api>,
    change: Change,
    Document { value, bytes }: Document<api::QueueRetry>,
) -> Result<Json<api::QueueChanged>, ApiError> {
    let target = target(&api, value.item, value.link).await?;
    if value.parked && matches!(target, Target::Item(_)) {
        return Err(Refusal::invalid("parked", "it is said of a link, not of an item").into());
    }
    let command = Retry { target, parked: value.parked };
    changed(&api, api.state.engine.call(change.keyed(&bytes, command)).await?).await
}

/// Takes an item out of the queue, with what rests on it, or all that waits on a link. Others overtake what is parked.
#[utoipa::path(
    post, path = "/v1/queue/park", tag = "queue", request_body = api::QueueTarget,
    responses((status = 200, description = "What was parked.", body = api::QueueChanged)),
)]
pub(crate) async fn park(
    State(api): State<Api>,
    change: Change,
    Document { value, bytes }: Document<api::QueueTarget>,
) -> Result<Json<api::QueueChanged>, ApiError> {
    let target = target(&api, value.item, value.link).await?;
    let command = Park { target, by: change.by.clone() };
    changed(&api, api.state.engine.call(change.keyed(&bytes, command)).await?).await
}

/// Drops an item that has no number, with what rests on it, or all such items of a link. Their authors are told.
#[utoipa::path(
    post, path = "/v1/queue/drop", tag = "queue", request_body = api::QueueTarget,
    responses((status = 200, description = "What was dropped.", body = api::QueueChanged)),
)]
pub(crate) async fn drop_items(
    State(api): State<Api>,
    change: Change,
    Document { value, bytes }: Document<api::QueueTarget>,
) -> Result<Json<api::QueueChanged>, ApiError> {
    let target = target(&api, value.item, value.link).await?;
    let command = DropItems { target, by: change.by.clone() };
    changed(&api, api.state.engine.call(change.keyed(&bytes, command)).await?).await
}

/// What dropping would throw away. Changes nothing.
#[utoipa::path(
    post, path = "/v1/queue/drop/preview", tag = "queue", request_body = api::QueueTarget,
    responses((status = 200, description = "The items that would be dropped.", body = api::QueuePreview)),
)]
pub(crate) async fn drop_preview(
    State(api): State<Api>,
    Document { value, .. }: Document<api::QueueTarget>,
) -> Result<Json<api::QueuePreview>, ApiError> {
    let target = target(&api, value.item, value.link).await?;
    let preview = api.read(move |reader| {
        let (items, more) = query::drop_preview(reader, target, SHOWN)?;
        let items = items.iter().map(|item| show::queue_item(reader.identity(), item)).collect();
        Ok(api::QueuePreview { items, more })
    });
    preview.await.map(Json)
}

async fn target(api: &Shared, item: Option<String>, link: Option<String>) -> Result<Target, ApiError> {
    match (item, link) {
        (Some(item), None) => {
            let id = ItemId::from_hex(item.trim());
            let id = id.ok_or_else(|| Refusal::invalid("item", "it is not 32 hexadecimal digits"))?;
            Ok(Target::Item(id))
        }
        (None, Some(link)) => api.read(move |reader| find_link(reader, &link).map(Target::Link)).await,
        (Some(_), Some(_)) => {
            Err(Refusal::invalid("item", "a link is named as well: name one of the two").into())
        }
        (None, None) => Err(Refusal::invalid("item", "neither an item nor a link is named").into()),
    }
}

fn find_link(reader: &Reader, name: &str) -> Result<LinkNo, Refusal> {
    query::link(reader, name).map(|link| link.partner.no)
}

async fn changed(api: &Shared, changed: Changed) -> Result<Json<api::QueueChanged>, ApiError> {
    let shown = api.read(move |reader| {
        let moved = changed.items.into_iter().map(|moved| {
            let link = reader.partner(moved.link)?.map(|partner| partner.row.name.to_string());
            let delegation = match moved.delegation {
                Some(no) => reader.rows().get(DELEGATIONS, &no)?.map(|row| row.id.to_string()),
                None => None,
            };
            Ok(api::QueueMoved {
                item: moved.item.to_string(),
                link: link.unwrap_or_default(),
                kind: moved.kind.to_string(),
                ticket: moved.ticket.map(|ticket| reader.identity().ticket_label(ticket).to_string()),
                delegation,
            })
        });
        let items = moved.collect::<Result<_, Refusal>>()?;
        Ok(api::QueueChanged { count: changed.count, items, more: changed.more })
    });
    shown.await.map(Json)
}

const fn state(state: api::QueueState) -> QueueState {
    match state {
        api::QueueState::Sent => QueueState::Sent,
        api::QueueState::Waiting => QueueState::Waiting,
        api::QueueState::Parked => QueueState::Parked,
    }
}

/// Where a page ended, as text that nobody has to understand.
fn written(QueuePlace(link, state, place): QueuePlace) -> String {
    let state = match state {
        QueueState::Sent => 0,
        QueueState::Waiting => 1,
        QueueState::Parked => 2,
    };
    format!("{link}-{state}-{place}")
}

fn place(text: &str) -> Result<QueuePlace, Refusal> {
    let unknown = || Refusal::invalid("after", "it is not what a page ended with");
    let mut parts = text.splitn(3, '-').map(str::parse::<u64>);
    let (Some(Ok(link)), Some(Ok(state)), Some(Ok(place))) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(unknown());
    };
    let state = match state {
        0 => QueueState::Sent,
        1 => QueueState::Waiting,
        2 => QueueState::Parked,
        _ => return Err(unknown()),
    };
    let link = u32::try_from(link).map_err(|_| unknown())?;
    let place = if place == u64::MAX { return Err(unknown()) } else { place };
    Ok(QueuePlace(LinkNo(link), state, place))
}
