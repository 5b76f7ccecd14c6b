//! `/v1/links`: the relations to partner desks.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use deskwire_api_types as api;
use deskwire_engine::command::link::{Approve, End, Expect, Resume, Verify};
use deskwire_engine::command::repair::{Branch, Repair};
use deskwire_engine::{Fault, Reader, Refusal, query};
use deskwire_proto::endpoint::Endpoint;
use deskwire_proto::id::DeskId;
use deskwire_proto::terms::Side;
use deskwire_proto::text::Url;
use deskwire_proto::words::{Language, VerificationWords};
use deskwire_store::local::LinkNo;

use crate::error::ApiError;
use crate::idempotency::Change;
use crate::parse;
use crate::request::{Document, Named, Nothing};
use crate::show;
use crate::state::{Api, Shared};
use crate::terms::wanted;

/// All links, by name; desks added by hand that have not linked yet are among them, without an id.
#[utoipa::path(
    get, path = "/v1/links", tag = "links",
    responses((status = 200, description = "The links.", body = api::LinkList)),
)]
pub(crate) async fn list(State(api): State<Api>) -> Result<Json<api::LinkList>, ApiError> {
    let list = api.read(|reader| {
        let made = query::links(reader)?;
        let expected = query::expected(reader)?;
        let mut links: Vec<_> = made.iter().map(show::link).collect();
        links.extend(expected.iter().map(show::expected));
        links.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(api::LinkList { links })
    });
    list.await.map(Json)
}

/// One link.
#[utoipa::path(
    get, path = "/v1/links/{link}", tag = "links",
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 200, description = "The link.", body = api::Link)),
)]
pub(crate) async fn detail(State(api): State<Api>, Named(link): Named) -> Result<Json<api::Link>, ApiError> {
    shown(&api, link).await
}

/// Links by hand: the operator of the other desk does the same with this desk's id.
#[utoipa::path(
    post, path = "/v1/links/add", tag = "links", request_body = api::AddLink,
    responses((status = 201, description = "The desk that is expected, as a link without an id.", body = api::Link)),
)]
pub(crate) async fn add(
    State(api): State<Api>,
    change: Change,
    Document { value, bytes }: Document<api::AddLink>,
) -> Result<(StatusCode, Json<api::Link>), ApiError> {
    let desk = desk_id(&value.desk)?;
    // The smaller id is the inviter, whoever asks first (proto-spec, section 3.8).
    let ours = api.state.engine.identity().desk();
    let side = if ours < desk { Side::Inviter } else { Side::Accepter };
    let command = Expect {
        desk,
        endpoint: value.endpoint.as_deref().map(endpoint).transpose()?,
        name: parse::link_name(value.name.as_ref())?,
        terms: wanted(&api.state.terms, value.terms.as_ref(), side)?,
    };
    let reachable = command.endpoint.is_some();
    api.state.engine.call(change.keyed(&bytes, command)).await?;
    if reachable {
        api.state.linker.ask(desk);
    }
    let link = api.read(move |reader| with_desk(reader, &desk)).await?;
    Ok((StatusCode::CREATED, Json(link)))
}

/// Lets the partner in.
#[utoipa::path(
    post, path = "/v1/links/{link}/approve", tag = "links",
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 200, description = "The link.", body = api::Link)),
)]
pub(crate) async fn approve(
    State(api): State<Api>,
    Named(link): Named,
    change: Change,
    Nothing { bytes }: Nothing,
) -> Result<Json<api::Link>, ApiError> {
    let no = number(&api, link.clone()).await?;
    api.state.engine.call(change.keyed(&bytes, Approve { link: no })).await?;
    shown(&api, link).await
}

/// Says what came of reading the words to each other.
#[utoipa::path(
    post, path = "/v1/links/{link}/verify", tag = "links", request_body = api::LinkVerification,
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 200, description = "The link.", body = api::Link)),
)]
pub(crate) async fn verify(
    State(api): State<Api>,
    Named(name): Named,
    change: Change,
    Document { value, bytes }: Document<api::LinkVerification>,
) -> Result<Json<api::Link>, ApiError> {
    let (heard, wanted) = (value.words.clone().filter(|_| value.matches), name.clone());
    let no = api.read(move |reader| {
        let link = query::link(reader, &wanted)?;
        match heard {
            Some(heard) if !are_the_words(&link.words, &heard) => Err(words_differ()),
            Some(_) | None => Ok(link.partner.no),
        }
    });
    let command = Verify { link: no.await?, matches: value.matches };
    api.state.engine.call(change.keyed(&bytes, command)).await?;
    shown(&api, name).await
}

/// Lets a link go on that the daemon has stopped.
#[utoipa::path(
    post, path = "/v1/links/{link}/resume", tag = "links",
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 200, description = "The link.", body = api::Link)),
)]
pub(crate) async fn resume(
    State(api): State<Api>,
    Named(link): Named,
    change: Change,
    Nothing { bytes }: Nothing,
) -> Result<Json<api::Link>, ApiError> {
    let no = number(&api, link.clone()).await?;
    api.state.engine.call(change.keyed(&bytes, Resume { link: no })).await?;
    shown(&api, link).await
}

/// Looks for the partner at an address that its operator gave, where both desks have moved and neither finds the other. What
/// the desk there says of itself is taken only under the keys of the partner.
#[utoipa::path(
    post, path = "/v1/links/{link}/find", tag = "links", request_body = api::FindPartner,
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 200, description = "The link.", body = api::Link)),
)]
pub(crate) async fn find(
    State(api): State<Api>,
    Named(link): Named,
    change: Change,
    Document { value, bytes }: Document<api::FindPartner>,
) -> Result<Json<api::Link>, ApiError> {
    let no = number(&api, link.clone()).await?;
    if change.answered::<()>(&api, &bytes).await?.is_none() {
        let url = endpoint(&value.endpoint)?;
        let endpoint = Endpoint::try_from(&url).map_err(|error| Refusal::invalid("endpoint", error))?;
        api.state.linker.find(no, endpoint).await?;
        api.state.engine.call(change.remember(&bytes, ())).await?;
    }
    shown(&api, link).await
}

/// Both branches of a fork, for whoever has to choose one.
#[utoipa::path(
    get, path = "/v1/links/{link}/repair", tag = "links",
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 200, description = "The branches.", body = api::Branches)),
)]
pub(crate) async fn branches(
    State(api): State<Api>,
    Named(link): Named,
) -> Result<Json<api::Branches>, ApiError> {
    let branches = api.read(move |reader| {
        let link = query::link(reader, &link)?;
        let branches = query::branches(reader, &link.partner)?;
        Ok(show::branches(&link, &branches))
    });
    branches.await.map(Json)
}

/// Chooses the branch of a fork on which a stream goes on; the partner's operator has to choose the same one.
#[utoipa::path(
    post, path = "/v1/links/{link}/repair", tag = "links", request_body = api::RepairRequest,
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 200, description = "The link.", body = api::Link)),
)]
pub(crate) async fn repair(
    State(api): State<Api>,
    Named(link): Named,
    change: Change,
    Document { value, bytes }: Document<api::RepairRequest>,
) -> Result<Json<api::Link>, ApiError> {
    let branch = match value.branch {
        api::Branch::Ours => Branch::Ours,
        api::Branch::Theirs => Branch::Theirs,
    };
    let no = number(&api, link.clone()).await?;
    api.state.engine.call(change.keyed(&bytes, Repair { link: no, branch })).await?;
    shown(&api, link).await
}

/// Ends a link on this side: nothing more goes over it, and the two desks can link anew.
#[utoipa::path(
    post, path = "/v1/links/{link}/end", tag = "links",
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 200, description = "The link.", body = api::Link)),
)]
pub(crate) async fn end(
    State(api): State<Api>,
    Named(link): Named,
    change: Change,
    Nothing { bytes }: Nothing,
) -> Result<Json<api::Link>, ApiError> {
    let no = number(&api, link.clone()).await?;
    api.state.engine.call(change.keyed(&bytes, End { link: no })).await?;
    shown(&api, link).await
}

/// The link with this name or id as it stands now, or the desk that is expected under that name.
pub(crate) async fn shown(api: &Shared, name: String) -> Result<Json<api::Link>, ApiError> {
    let link = api.read(move |reader| match query::link(reader, &name) {
        Ok(link) => Ok(show::link(&link)),
        Err(refusal) if refusal.fault == Fault::NotFound => {
            let expected = query::expected(reader)?;
            let found = expected.iter().find(|expected| expected.name == name);
            found.map(show::expected).ok_or(refusal)
        }
        Err(refusal) => Err(refusal),
    });
    link.await.map(Json)
}

pub(crate) async fn number(api: &Shared, name: String) -> Result<LinkNo, ApiError> {
    api.read(move |reader| query::link(reader, &name).map(|link| link.partner.no)).await
}

/// The link with a desk, or the desk as it is expected.
fn with_desk(reader: &Reader, desk: &DeskId) -> Result<api::Link, Refusal> {
    let expected = query::expected(reader)?;
    if let Some(expected) = expected.iter().find(|expected| expected.desk == *desk) {
        return Ok(show::expected(expected));
    }
    let links = query::links(reader)?;
    let newest = links.iter().filter(|link| link.partner.desk() == *desk).max_by_key(|link| link.partner.no);
    newest.map(show::link).ok_or_else(|| Refusal::unknown("link", desk, "deskwire link list"))
}

/// A desk id in groups with check characters, or as hexadecimal digits, which have none.
fn desk_id(text: &str) -> Result<DeskId, Refusal> {
    if let Some(desk) = DeskId::from_hex(text.trim()) {
        return Ok(desk);
    }
    text.parse().map_err(|error| Refusal::invalid("desk", error))
}

fn endpoint(text: &str) -> Result<Url, Refusal> {
    let url: Url = parse::text("endpoint", text.trim().trim_end_matches('/'))?;
    Endpoint::try_from(&url).map_err(|error| Refusal::invalid("endpoint", error))?;
    Ok(url)
}

/// Whether somebody read out these words in one of the languages, or the digits.
fn are_the_words(words: &VerificationWords, heard: &str) -> bool {
    let heard = heard.to_lowercase().replace('ё', "е");
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    if heard.chars().all(|letter| letter.is_ascii_digit() || !letter.is_alphanumeric()) {
        return digits(&heard) == digits(&words.digits());
    }
    let spoken: Vec<_> =
        heard.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    Language::ALL.into_iter().any(|language| words.words(language).as_slice() == spoken.as_slice())
}

fn words_differ() -> Refusal {
    Refusal::new(
        Fault::Conflict,
        "words-differ",
        "These are not the words of this link; nothing was changed.",
        "Read them to each other once more. If they still differ, somebody stands between the desks: say so with \
         `deskwire link verify --mismatch`.",
    )
}
