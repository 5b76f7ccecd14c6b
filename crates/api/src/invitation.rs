//! `/v1/links/invitations` and `/v1/links/accept`: how two desks become linked.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use deskwire_api_types as api;
use deskwire_engine::Refusal;
use deskwire_engine::command::link::{MakeInvitation, RevokeInvitation, invitation_text};
use deskwire_engine::query;
use deskwire_proto::id::{Hash, LinkId};
use deskwire_proto::terms::Side;

use crate::error::ApiError;
use crate::idempotency::Change;
use crate::link::shown;
use crate::parse;
use crate::request::{Document, Named, Nothing};
use crate::show;
use crate::state::{Api, Shared};
use crate::terms::wanted;

/// Longest life of an invitation, seconds: what lies in mailboxes for longer is forgotten, not wanted.
const LONGEST: u64 = 400 * 86_400;

/// Makes an invitation. Its text is in this answer alone, as the desk keeps no more of the secret than its hash.
#[utoipa::path(
    post, path = "/v1/links/invitations", tag = "links", request_body = api::InviteRequest,
    responses((status = 201, description = "The invitation with its text.", body = api::Invitation)),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    change: Change,
    Document { value, bytes }: Document<api::InviteRequest>,
) -> Result<(StatusCode, Json<api::Invitation>), ApiError> {
    let life_ms = value.expires_in_seconds.map(life).transpose()?;
    let terms = wanted(&api.state.terms, value.terms.as_ref(), Side::Inviter)?;
    // The same call has the same key, and so the same text when it is repeated.
    let draw = change.key;
    let command = MakeInvitation { draw, life_ms, terms, approved: value.approved };
    let made = api.state.engine.call(change.keyed(&bytes, command)).await?;
    let now = api.state.engine.now();
    let invitation = api.read(move |reader| {
        let invitation = query::invitation(reader, &made.id, now)?;
        let text = invitation_text(reader.identity(), &made, &draw, &invitation.terms)?;
        Ok(show::invitation(&invitation, Some(text)))
    });
    Ok((StatusCode::CREATED, Json(invitation.await?)))
}

/// The invitations that this desk has made, newest first.
#[utoipa::path(
    get, path = "/v1/links/invitations", tag = "links",
    responses((status = 200, description = "The invitations, without their texts.", body = api::InvitationList)),
)]
pub(crate) async fn list(State(api): State<Api>) -> Result<Json<api::InvitationList>, ApiError> {
    let now = api.state.engine.now();
    let list = api.read(move |reader| {
        let all = query::invitations(reader, now)?;
        let invitations = all.iter().map(|invitation| show::invitation(invitation, None)).collect();
        Ok(api::InvitationList { invitations })
    });
    list.await.map(Json)
}

/// Takes an invitation back.
#[utoipa::path(
    delete, path = "/v1/links/invitations/{id}", tag = "links",
    params(("id" = String, Path, description = "SHA-256 of its secret, 64 hexadecimal digits.")),
    responses((status = 204, description = "Nobody can accept it any more.")),
)]
pub(crate) async fn withdraw(
    State(api): State<Api>,
    Named(id): Named,
    change: Change,
    Nothing { bytes }: Nothing,
) -> Result<StatusCode, ApiError> {
    let id = Hash::from_hex(&id);
    let id = id.ok_or_else(|| Refusal::invalid("id", "an invitation's id has 64 hexadecimal digits"))?;
    api.state.engine.call(change.keyed(&bytes, RevokeInvitation { id })).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Accepts a partner's invitation; the desks finish the exchange before it answers.
#[utoipa::path(
    post, path = "/v1/links/accept", tag = "links", request_body = api::AcceptInvitation,
    responses((status = 201, description = "The link.", body = api::Link)),
)]
pub(crate) async fn accept(
    State(api): State<Api>,
    change: Change,
    Document { value, bytes }: Document<api::AcceptInvitation>,
) -> Result<(StatusCode, Json<api::Link>), ApiError> {
    let name = parse::link_name(value.name.as_ref())?;
    // A caller who goes away must not tear the exchange in the middle.
    let linking = tokio::spawn({
        let api = Api::clone(&api);
        async move { link_once(&api, &change, &bytes, value.invitation, name).await }
    });
    let link = linking.await.map_err(|_| ApiError::internal())??;
    Ok((StatusCode::CREATED, shown(&api, link.to_hex()).await?))
}

async fn link_once(
    api: &Shared,
    change: &Change,
    body: &[u8],
    invitation: String,
    name: Option<deskwire_proto::text::Label>,
) -> Result<LinkId, ApiError> {
    let _alone = api.linking.lock().await;
    if let Some(link) = change.answered(api, body).await? {
        return Ok(link);
    }
    let link = api.state.linker.accept(invitation, name).await?;
    Ok(api.state.engine.call(change.remember(body, link)).await?)
}

fn life(seconds: u64) -> Result<u64, Refusal> {
    match seconds {
        1..=LONGEST => Ok(seconds * 1_000),
        _ => Err(Refusal::invalid("expires_in_seconds", format!("it takes 1 to {LONGEST}"))),
    }
}
