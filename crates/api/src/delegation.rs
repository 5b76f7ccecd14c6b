//! `/v1/delegations`, and handing a ticket over.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use deskwire_api_types as api;
use deskwire_engine::command::delegate::{self, Delegate};
use deskwire_engine::query::{self, DelegationFilter};
use deskwire_engine::{Reader, Refusal};
use deskwire_machine::delegation::Role;
use deskwire_machine::disclosure::{self, Choice, Reason};
use deskwire_proto::message::common::Person;
use deskwire_proto::text::Prose;
use deskwire_store::local::{DelegationNo, FileNo, LinkNo, TicketNumber};
use deskwire_store::row::ThreadKind;
use deskwire_store::table::{Rows, THREADS};

use crate::error::ApiError;
use crate::idempotency::Change;
use crate::parse;
use crate::request::{Asked, Document, Named};
use crate::show;
use crate::state::{Api, Shared};

/// Delegations in both roles, newest first.
#[utoipa::path(
    get, path = "/v1/delegations", tag = "delegations", params(api::DelegationQuery),
    responses((status = 200, description = "A page of delegations.", body = api::DelegationList)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Asked(asked): Asked<api::DelegationQuery>,
) -> Result<Json<api::DelegationList>, ApiError> {
    let limit = parse::limit(asked.limit, 50)?;
    let before = asked.before.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| Refusal::invalid("before", "it is not what a page ended with"))?;
    let list = api.read(move |reader| {
        let link = asked.link.as_deref().map(|link| find_link(reader, link)).transpose()?;
        let filter = DelegationFilter {
            states: asked.state.map(parse::states).unwrap_or_default(),
            role: asked.role.map(role),
            link,
            due: asked.due.map(parse::due),
            before: before.map(DelegationNo),
            limit,
        };
        let page = query::delegations(reader, &filter)?;
        let delegations = page.items.iter().map(|one| show::delegation_brief(reader.identity(), one));
        let before = page.before.map(|no| no.to_string());
        Ok(api::DelegationList { delegations: delegations.collect(), before })
    });
    list.await.map(Json)
}

/// One delegation with its timeline.
#[utoipa::path(
    get, path = "/v1/delegations/{id}", tag = "delegations",
    params(("id" = String, Path, description = "Its id, 32 hexadecimal digits, or this desk's number of it.")),
    responses((status = 200, description = "The delegation.", body = api::Delegation)),
)]
pub(crate) async fn detail(
    State(api): State<Api>,
    Named(id): Named,
) -> Result<Json<api::Delegation>, ApiError> {
    let no = api.read(move |reader| query::find_delegation(reader, &id)).await?;
    shown(&api, no).await
}

/// What handing a ticket over would send, and what would stay here. Changes nothing.
#[utoipa::path(
    post, path = "/v1/tickets/{number}/delegations/preview", tag = "delegations", request_body = api::DelegateRequest,
    params(("number" = String, Path, description = "`ACME-12` or `12`.")),
    responses((status = 200, description = "What would leave, read from the offer itself.", body = api::Preview)),
)]
pub(crate) async fn preview(
    State(api): State<Api>,
    Named(number): Named,
    axum::Extension(caller): axum::Extension<crate::guard::Caller>,
    Document { value, .. }: Document<api::DelegateRequest>,
) -> Result<Json<api::Preview>, ApiError> {
    let preview = api.read(move |reader| {
        let handover = Handover::parse(reader, &number, &value)?;
        if !handover.anyway {
            delegate::asks_first(reader, handover.ticket, handover.link)?;
        }
        let preview =
            delegate::preview(reader, handover.ticket, handover.link, &handover.choice, caller.person)?;
        handover.shown(reader, preview)
    });
    preview.await.map(Json)
}

/// Hands a ticket over to a partner.
#[utoipa::path(
    post, path = "/v1/tickets/{number}/delegations", tag = "delegations", request_body = api::DelegateRequest,
    params(("number" = String, Path, description = "`ACME-12` or `12`.")),
    responses((status = 201, description = "The delegation.", body = api::Delegation)),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    Named(number): Named,
    change: Change,
    Document { value, bytes }: Document<api::DelegateRequest>,
) -> Result<(StatusCode, Json<api::Delegation>), ApiError> {
    let handover = api.read(move |reader| Handover::parse(reader, &number, &value)).await?;
    let command = handover.command(change.by.clone());
    let no = api.state.engine.call(change.keyed(&bytes, command)).await?;
    Ok((StatusCode::CREATED, shown(&api, no).await?))
}

/// One delegation as it stands now.
pub(crate) async fn shown(api: &Shared, no: DelegationNo) -> Result<Json<api::Delegation>, ApiError> {
    let delegation = api.read(move |reader| {
        let delegation = query::delegation(reader, no)?;
        let work = query::work(reader, no)?;
        let work = (!work.lines.is_empty()).then(|| show::work(&work));
        Ok(api::Delegation { work, ..show::delegation(reader.identity(), &delegation) })
    });
    delegation.await.map(Json)
}

const fn role(role: api::Role) -> Role {
    match role {
        api::Role::Principal => Role::Principal,
        api::Role::Contractor => Role::Contractor,
    }
}

fn find_link(reader: &Reader, name: &str) -> Result<LinkNo, Refusal> {
    query::link(reader, name).map(|link| link.partner.no)
}

/// A ticket to be handed over, and what of it.
struct Handover {
    ticket: TicketNumber,
    link: LinkNo,
    choice: Choice,
    files: Vec<FileNo>,
    anyway: bool,
}

impl Handover {
    fn parse(reader: &Reader, number: &str, value: &api::DelegateRequest) -> Result<Self, Refusal> {
        let ticket = parse::ticket(reader, number)?;
        let files: Result<Vec<_>, _> = value.files.iter().map(|id| query::find_file(reader, id)).collect();
        let choice = Choice {
            fields: value
                .fields
                .as_ref()
                .map(|fields| fields.iter().copied().map(parse::field_name).collect()),
            title: parse::maybe("title", value.title.as_ref())?,
            description: description(reader, ticket, value)?,
            respond: parse::time("respond_by", value.respond_by)?,
            resolve: parse::time("resolve_by", value.resolve_by)?,
            reserve: value.reserve.map(|seconds| seconds.saturating_mul(1_000)),
            price: value.price.as_ref().map(parse::money).transpose()?,
            test: value.test,
            ..Choice::default()
        };
        let (link, anyway) = (find_link(reader, &value.link)?, value.anyway);
        Ok(Self { ticket, link, choice, files: files?, anyway })
    }

    fn command(self, by: Person) -> Delegate {
        let Self { ticket, link, choice, files, anyway } = self;
        Delegate { ticket, link, choice, files, anyway, by }
    }

    fn shown(&self, reader: &Reader, preview: disclosure::Preview) -> Result<api::Preview, Refusal> {
        let partner = reader.partner(self.link)?;
        let partner = partner.ok_or_else(|| Refusal::unknown("link", self.link, "deskwire link list"))?;
        let fields =
            preview.sent.into_iter().map(|sent| api::FieldValue { field: sent.field, value: sent.value });
        let mut will_not_send: Vec<_> = preview.kept.into_iter().map(withheld).collect();
        will_not_send.extend(self.left_behind(reader)?);
        let files: Result<_, Refusal> = self.files.iter().map(|no| preview_file(reader, *no)).collect();
        Ok(api::Preview {
            to: show::partner_desk(&partner),
            link: partner.row.name.to_string(),
            verified: partner.row.verified == Some(true),
            will_send: fields.collect(),
            files: files?,
            will_not_send,
        })
    }

    /// Comments and files of the thread that stay here.
    fn left_behind(&self, reader: &Reader) -> Result<Vec<api::Withheld>, Refusal> {
        let rows = reader.rows().list(THREADS, &self.ticket, usize::MAX)?;
        let comments = rows.iter().filter(|(_, row)| row.kind == ThreadKind::Comment).count();
        let left = |kind| matches!(kind, ThreadKind::File(no) if !self.files.contains(&no));
        let files = rows.iter().filter(|(_, row)| left(row.kind)).count();
        let entry = |field: &str, count: usize, reason, words: &str| {
            let words = Some(format!("{count} {words}"));
            (count > 0).then(|| api::Withheld { field: field.to_owned(), reason, words })
        };
        let comments = entry(
            "comments",
            comments,
            api::WithheldReason::Internal,
            "written before this delegation; none of them is sent.",
        );
        let files = entry("files", files, api::WithheldReason::NotChosen, "on the ticket not chosen.");
        Ok(comments.into_iter().chain(files).collect())
    }
}

/// The words for the partner before the description; nothing when the ticket's own is to be sent as it is.
fn description(
    reader: &Reader,
    ticket: TicketNumber,
    value: &api::DelegateRequest,
) -> Result<Option<Prose>, Refusal> {
    let chosen = parse::maybe_prose("description", value.description.as_ref())?;
    let Some(note) = &value.note else { return Ok(chosen) };
    let description = match chosen {
        Some(chosen) => Some(chosen),
        None => query::ticket(reader, ticket)?.text.and_then(|text| text.description),
    };
    match description {
        Some(description) => parse::prose("note", &format!("{}\n\n{description}", note.trim_end())).map(Some),
        None => parse::prose("note", note).map(Some),
    }
}

/// A field that stays here, and why.
pub(crate) fn withheld(kept: disclosure::Kept) -> api::Withheld {
    let (reason, words) = match kept.reason {
        Reason::NotInTerms => {
            (api::WithheldReason::NotInTerms, "The terms of the link do not let it travel.")
        }
        Reason::NotChosen => (api::WithheldReason::NotChosen, "It was not chosen."),
        Reason::NotOnward => (
            api::WithheldReason::NotOnward,
            "The partner who gave it to this desk did not let it be handed on.",
        ),
        Reason::Unmapped => {
            (api::WithheldReason::Unmapped, "This desk's mapping for the link has no counterpart for it.")
        }
        Reason::Unfit => (api::WithheldReason::NotInTerms, "The terms define this field for other values."),
    };
    api::Withheld { field: kept.field, reason, words: Some(words.to_owned()) }
}

fn preview_file(reader: &Reader, no: FileNo) -> Result<api::PreviewFile, Refusal> {
    let file = query::file(reader, no)?;
    Ok(api::PreviewFile {
        id: file.row.item.to_string(),
        name: file.name.unwrap_or_default(),
        size: file.row.size,
    })
}
