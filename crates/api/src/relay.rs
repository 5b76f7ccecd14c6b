//! `/v1/relays`: what partners contributed and waits before it goes onward; and what is set for each link.

use axum::Json;
use axum::extract::State;
use deskwire_api_types as api;
use deskwire_engine::command::relay::{self, Approve, SetRelay, Skip, Waiting};
use deskwire_engine::command::revise::Withdraw;
use deskwire_engine::{Command, Fault, Reader, Refusal, Step, query};
use deskwire_machine::relay::{Mode, Setting};

use crate::error::ApiError;
use crate::idempotency::Change;
use crate::parse;
use crate::request::{Asked, Document, Named};
use crate::show;
use crate::state::Api;

/// Entries that are looked through for one that was named.
const LOOKED_THROUGH: usize = 10_000;

/// What waits before it goes onward, by ticket.
#[utoipa::path(
    get, path = "/v1/relays", tag = "relays", params(api::RelayQuery),
    responses((status = 200, description = "What waits.", body = api::RelayList)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Asked(asked): Asked<api::RelayQuery>,
) -> Result<Json<api::RelayList>, ApiError> {
    let limit = parse::limit(asked.limit, 50)?;
    let list = api.read(move |reader| {
        let ticket = asked.ticket.as_deref().map(|ticket| parse::ticket(reader, ticket)).transpose()?;
        let relays = query::relays(reader, ticket, limit)?;
        let shown =
            relays.iter().map(|one| show::relay_waiting(&reader.identity().ticket_label(one.ticket), one));
        Ok(api::RelayList { relays: shown.collect() })
    });
    list.await.map(Json)
}

/// Lets something go onward: to the delegation named, or to every one for which it waits.
#[utoipa::path(
    post, path = "/v1/relays/approve", tag = "relays", request_body = api::RelayChoice,
    responses((status = 200, description = "What went.", body = api::RelayList)),
)]
pub(crate) async fn approve(
    State(api): State<Api>,
    change: Change,
    Document { value, bytes }: Document<api::RelayChoice>,
) -> Result<Json<api::RelayList>, ApiError> {
    decide(&api, &change, (value, bytes.as_ref()), true).await
}

/// Says that something does not go onward; it may still be approved later.
#[utoipa::path(
    post, path = "/v1/relays/skip", tag = "relays", request_body = api::RelayChoice,
    responses((status = 200, description = "What stays.", body = api::RelayList)),
)]
pub(crate) async fn skip(
    State(api): State<Api>,
    change: Change,
    Document { value, bytes }: Document<api::RelayChoice>,
) -> Result<Json<api::RelayList>, ApiError> {
    decide(&api, &change, (value, bytes.as_ref()), false).await
}

/// What approving it would send to each partner. Changes nothing.
#[utoipa::path(
    post, path = "/v1/relays/preview", tag = "relays", request_body = api::RelayChoice,
    responses((status = 200, description = "What would leave, read from the messages themselves.", body = api::Previews)),
)]
pub(crate) async fn preview(
    State(api): State<Api>,
    Document { value, .. }: Document<api::RelayChoice>,
) -> Result<Json<api::Previews>, ApiError> {
    let previews = api.read(move |reader| {
        let one = |relay: query::Relay| {
            let (link, preview) = relay::preview(reader, waiting(&relay))?;
            let partner = reader.partner(link)?;
            let partner = partner.ok_or_else(|| Refusal::unknown("link", link, "deskwire link list"))?;
            Ok(show::previewed(&partner, preview))
        };
        let previews: Result<_, Refusal> = chosen(reader, &value)?.into_iter().map(one).collect();
        Ok(api::Previews { previews: previews? })
    });
    previews.await.map(Json)
}

/// What of other partners' contributions goes onward over a link.
#[utoipa::path(
    get, path = "/v1/links/{link}/relay", tag = "relays",
    params(("link" = String, Path, description = "Local name or id.")),
    responses((status = 200, description = "The setting.", body = api::RelaySetting)),
)]
pub(crate) async fn setting(
    State(api): State<Api>,
    Named(link): Named,
) -> Result<Json<api::RelaySetting>, ApiError> {
    let setting = api.read(move |reader| Ok(shown(query::link(reader, &link)?.partner.row.relay)));
    setting.await.map(Json)
}

/// Sets what of other partners' contributions goes onward over a link.
#[utoipa::path(
    post, path = "/v1/links/{link}/relay", tag = "relays", request_body = api::RelaySetting,
    params(("link" = String, Path, description = "Local name or id.")),
    responses((status = 200, description = "The setting.", body = api::RelaySetting)),
)]
pub(crate) async fn set(
    State(api): State<Api>,
    Named(link): Named,
    change: Change,
    Document { value, bytes }: Document<api::RelaySetting>,
) -> Result<Json<api::RelaySetting>, ApiError> {
    let mode = match value.mode {
        api::RelayMode::Off => Mode::Off,
        api::RelayMode::Click => Mode::Click,
        api::RelayMode::Automatic => Mode::Automatic,
    };
    let setting = Setting { mode, named: value.named, sign: value.sign };
    let link = api.read(move |reader| Ok(query::link(reader, &link)?.partner.no)).await?;
    api.state.engine.call(change.keyed(&bytes, SetRelay { link, setting })).await?;
    Ok(Json(shown(setting)))
}

/// Takes back the text of a message that this desk has sent: for what went to the wrong partner.
#[utoipa::path(
    post, path = "/v1/links/{link}/withdraw", tag = "links", request_body = api::Withdraw,
    params(("link" = String, Path, description = "Local name or id.")),
    responses((status = 200, description = "Whether it may have been read.", body = api::Withdrawn)),
)]
pub(crate) async fn withdraw(
    State(api): State<Api>,
    Named(link): Named,
    change: Change,
    Document { value, bytes }: Document<api::Withdraw>,
) -> Result<Json<api::Withdrawn>, ApiError> {
    let link = api.read(move |reader| Ok(query::link(reader, &link)?.partner.no)).await?;
    let command = Withdraw { link, seq: value.seq };
    let read = api.state.engine.call(change.keyed(&bytes, command)).await?;
    Ok(Json(api::Withdrawn { seq: value.seq, read }))
}

fn shown(setting: Setting) -> api::RelaySetting {
    let mode = match setting.mode {
        Mode::Off => api::RelayMode::Off,
        Mode::Click => api::RelayMode::Click,
        Mode::Automatic => api::RelayMode::Automatic,
    };
    api::RelaySetting { mode, named: setting.named, sign: setting.sign }
}

const fn waiting(relay: &query::Relay) -> Waiting {
    Waiting { ticket: relay.ticket, of: relay.of, delegation: relay.no }
}

/// What was named, wherever it waits.
fn chosen(reader: &Reader, value: &api::RelayChoice) -> Result<Vec<query::Relay>, Refusal> {
    let ticket = parse::ticket(reader, &value.ticket)?;
    let delegation = value.delegation.as_deref().map(|id| query::find_delegation(reader, id)).transpose()?;
    let wanted = value.item.to_ascii_lowercase();
    let mut found = query::relays(reader, Some(ticket), LOOKED_THROUGH)?;
    found.retain(|relay| {
        !wanted.is_empty()
            && relay.item.to_string().starts_with(&wanted)
            && delegation.is_none_or(|no| no == relay.no)
    });
    let first = found.first().map(|relay| relay.item);
    if found.iter().any(|relay| Some(relay.item) != first) {
        return Err(Refusal::invalid("item", "several that wait begin like this"));
    }
    if found.is_empty() {
        return Err(nothing());
    }
    Ok(found)
}

fn nothing() -> Refusal {
    Refusal::new(
        Fault::NotFound,
        "nothing-waits",
        "Nothing with this id waits to be relayed on this ticket.",
        "See what waits with `deskwire relay list`.",
    )
}

/// One decision for all places of one contribution.
struct Decide {
    places: Vec<Waiting>,
    goes: bool,
}

impl Command for Decide {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        for place in self.places {
            if self.goes {
                Approve(place).run(step)?;
            } else {
                Skip(place).run(step)?;
            }
        }
        Ok(())
    }
}

async fn decide(
    api: &Api,
    change: &Change,
    (value, bytes): (api::RelayChoice, &[u8]),
    goes: bool,
) -> Result<Json<api::RelayList>, ApiError> {
    let decided = change.answered::<()>(api, bytes).await?.is_some();
    let found = api.read(move |reader| {
        let found = if decided { Vec::new() } else { chosen(reader, &value)? };
        let label = |one: &query::Relay| reader.identity().ticket_label(one.ticket);
        let shown: Vec<_> = found.iter().map(|one| show::relay_waiting(&label(one), one)).collect();
        Ok((found.iter().map(waiting).collect::<Vec<_>>(), shown))
    });
    let (places, mut relays) = found.await?;
    api.state.engine.call(change.keyed(bytes, Decide { places, goes })).await?;
    for relay in &mut relays {
        relay.skipped = !goes;
    }
    Ok(Json(api::RelayList { relays }))
}
