//! `/v1/delegations/{id}/{action}`: what a desk does in a delegation.

use axum::Json;
use axum::extract::State;
use deskwire_api_types as api;
use deskwire_engine::command::act::{Act, Action, OwnStatus, Reason};
use deskwire_engine::query::{self, find_delegation};
use deskwire_engine::{Reader, Refusal};
use deskwire_machine::disclosure::{self, Changes, Kept, Requester};
use deskwire_proto::message::status::Progress;
use deskwire_proto::number::Stars;
use deskwire_store::local::DelegationNo;

use crate::delegation::{shown, withheld};
use crate::error::ApiError;
use crate::idempotency::Change;
use crate::parse;
use crate::request::{Document, Named};
use crate::state::Api;

type Answer = Result<Json<api::Delegation>, ApiError>;

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident, $path:literal, $body:ty, $parse:expr;)*) => {
        $($(#[$doc])*
        #[utoipa::path(
            post, path = $path, tag = "delegations", request_body = $body,
            params(("id" = String, Path, description = "Its id, 32 hexadecimal digits, or this desk's number of it.")),
            responses((status = 200, description = "The delegation as it stands now.", body = api::Delegation)),
        )]
        pub(crate) async fn $name(
            State(api): State<Api>,
            Named(id): Named,
            change: Change,
            Document { value, bytes }: Document<$body>,
        ) -> Answer {
            let parse: fn(&$body) -> Result<Wish, Refusal> = $parse;
            perform(&api, id, &change, &bytes, parse(&value)?).await
        })*
    };
}

actions! {
    /// Contractor: takes the offer.
    accept, "/v1/delegations/{id}/accept", api::AcceptOffer, |body| {
        let own = own(body.status.as_ref(), body.label.as_ref(), Some("open"))?;
        Ok(Wish { read: body.version, own, ..Wish::of(Action::Accept) })
    };
    /// Contractor: does not take the offer.
    decline, "/v1/delegations/{id}/decline", api::Reason, |body| {
        Ok(Wish::of(Action::Decline(reason(&body.reason, body.code.as_ref())?)))
    };
    /// Either: tells the partner this desk's own status; the contractor also the state of the work.
    status, "/v1/delegations/{id}/status", api::StatusChange, |body| {
        let own = own(body.status.as_ref(), body.label.as_ref(), None)?;
        if body.state.is_none() && own.status.is_none() && own.label.is_none() {
            return Err(Refusal::invalid("status", "there is neither a status, nor words for it, nor a state of the work"));
        }
        let action = Action::Status(body.state.map(progress));
        Ok(Wish { own, ..Wish::of(action) })
    };
    /// Contractor: the work is done.
    resolve, "/v1/delegations/{id}/resolve", api::Resolve, |body| {
        let code = parse::maybe("code", body.code.as_ref())?;
        let solution = parse::maybe_prose("solution", body.solution.as_ref())?;
        let own = own(body.status.as_ref(), body.label.as_ref(), Some("solved"))?;
        Ok(Wish { own, ..Wish::of(Action::Resolve { solution, code }) })
    };
    /// Principal: agrees that the work is done.
    confirm, "/v1/delegations/{id}/confirm", api::Confirm, |body| {
        let own = own(body.status.as_ref(), body.label.as_ref(), None)?;
        Ok(Wish { own, ..Wish::of(Action::Confirm) })
    };
    /// Principal: the work is not done.
    reopen, "/v1/delegations/{id}/reopen", api::Reason, |body| {
        Ok(Wish::of(Action::Reopen(reason(&body.reason, body.code.as_ref())?)))
    };
    /// Contractor: gives the work back.
    return_back, "/v1/delegations/{id}/return", api::Reason, |body| {
        Ok(Wish::of(Action::Return(reason(&body.reason, body.code.as_ref())?)))
    };
    /// Principal: takes the work back.
    recall, "/v1/delegations/{id}/recall", api::Reason, |body| {
        Ok(Wish::of(Action::Recall(reason(&body.reason, body.code.as_ref())?)))
    };
    /// Principal: changes the offer; what is absent stays.
    update, "/v1/delegations/{id}/update", api::OfferUpdate, |body| {
        let changes = changes(body)?;
        if changes == Changes::default() {
            return Err(Refusal::invalid("update", "nothing is changed"));
        }
        Ok(Wish::of(Action::Update(Box::new(changes))))
    };
    /// Contractor: takes a change of what binds.
    change_take, "/v1/delegations/{id}/change-take", api::ChangeTake, |body| {
        Ok(Wish::of(Action::ChangeTake(body.version)))
    };
    /// Contractor: does not take a change of what binds.
    change_decline, "/v1/delegations/{id}/change-decline", api::ChangeDecline, |body| {
        let reason = parse::needed("reason", &body.reason)?;
        Ok(Wish::of(Action::ChangeDecline { version: body.version, reason }))
    };
    /// Contractor: asks the principal, and waits.
    ask, "/v1/delegations/{id}/ask", api::Ask, |body| {
        Ok(Wish::of(Action::Ask { question: parse::needed("question", &body.question)? }))
    };
    /// Principal: answers.
    answer, "/v1/delegations/{id}/answer", api::Answer, |body| {
        let answer = parse::needed("answer", &body.answer)?;
        Ok(Wish::of(Action::Answer { answer, needed: body.needed }))
    };
    /// Principal: rates the work that it confirmed; the newest rating counts.
    rate, "/v1/delegations/{id}/rate", api::Rate, |body| {
        let stars = Stars::new(body.stars.into()).map_err(|error| Refusal::invalid("stars", error))?;
        Ok(Wish::of(Action::Rate { stars, words: parse::maybe_prose("words", body.words.as_ref())? }))
    };
}

/// What a caller wants done.
struct Wish {
    action: Action,
    read: Option<u64>,
    own: OwnStatus,
}

impl Wish {
    const fn of(action: Action) -> Self {
        Self { action, read: None, own: OwnStatus { status: None, label: None } }
    }
}

async fn perform(api: &Api, id: String, change: &Change, body: &[u8], wish: Wish) -> Answer {
    let delegation = api.read(move |reader| find_delegation(reader, &id)).await?;
    let Wish { action, read, own } = wish;
    let left_out = match &action {
        Action::Update(changes) => {
            let mut changes = changes.clone();
            api.read(move |reader| unmapped(reader, delegation, &mut changes)).await?
        }
        _ => Vec::new(),
    };
    let command = Act { delegation, action, by: change.by.clone(), read, own };
    api.state.engine.call(change.keyed(body, command)).await?;
    let Json(delegation) = shown(api, delegation).await?;
    Ok(Json(api::Delegation { left_out, ..delegation }))
}

/// What of an update does not leave, by the mapping of the link.
fn unmapped(
    reader: &Reader,
    delegation: DelegationNo,
    changes: &mut Changes,
) -> Result<Vec<api::Withheld>, Refusal> {
    let link = query::delegation(reader, delegation)?.partner;
    let lost = query::mapping(reader, &link.row)?.apply_to_change(changes);
    let kept = lost.into_iter().map(|lost| Kept { field: lost.field, reason: disclosure::Reason::Unmapped });
    Ok(kept.map(withheld).collect())
}

/// This desk's own status: as said, or the usual one for the action.
fn own(status: Option<&String>, label: Option<&String>, usual: Option<&str>) -> Result<OwnStatus, Refusal> {
    let status = status.map(String::as_str).or(usual);
    Ok(OwnStatus {
        status: status.map(|status| parse::text("status", status)).transpose()?,
        label: parse::maybe("label", label)?,
    })
}

/// Why, in words and perhaps as a code.
fn reason(words: &str, code: Option<&String>) -> Result<Reason, Refusal> {
    Ok(Reason { words: parse::needed("reason", words)?, code: parse::maybe("code", code)? })
}

const fn progress(state: api::WorkState) -> Progress {
    match state {
        api::WorkState::InProgress => Progress::InProgress,
        api::WorkState::WaitingThird => Progress::WaitingThird,
    }
}

fn changes(body: &api::OfferUpdate) -> Result<Changes, Refusal> {
    Ok(Changes {
        title: parse::maybe("title", body.title.as_ref())?,
        description: parse::maybe_prose("description", body.description.as_ref())?,
        category: parse::maybe("category", body.category.as_ref())?,
        priority: body.priority.map(parse::priority),
        respond: parse::time("respond_by", body.respond_by)?,
        resolve: parse::time("resolve_by", body.resolve_by)?,
        price: body.price.as_ref().map(parse::money).transpose()?,
        requester: body.contact.as_ref().map(parse::contact).transpose()?.map(Requester::Own),
        company: parse::maybe("company", body.company.as_ref())?,
        object: body.object.as_ref().map(parse::object).transpose()?,
        equipment: body.equipment.as_ref().map(parse::equipment).transpose()?,
        agreement: parse::maybe("agreement", body.agreement.as_ref())?,
        custom: parse::custom(&body.custom)?,
    })
}
