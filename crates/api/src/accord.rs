//! `/v1/links/{link}/…`: terms, suspension and end, mapping, check and rules of a link.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use deskwire_api_types as api;
use deskwire_engine::command::closing::{Close, Suspend};
use deskwire_engine::command::rule::{AddRule, RemoveRule, SetMapping};
use deskwire_engine::command::terms::{AcceptTerms, ProposeTerms, TakeCalendars};
use deskwire_engine::query::{self, Link};
use deskwire_engine::{Reader, Refusal};
use deskwire_machine::delegation::{Role, State as Settled};
use deskwire_machine::mapping::{CodePair, FieldPair, Mapping, PriorityPair, StatusPair, ValuePair};
use deskwire_machine::rules::{Rule, Then};
use deskwire_proto::id::Hash;
use deskwire_proto::message::common::Priority;
use deskwire_proto::terms::Terms;
use serde_json::Value;

use crate::calendar;
use crate::error::ApiError;
use crate::idempotency::Change;
use crate::link::{number, shown};
use crate::parse;
use crate::request::{Document, Named, Nothing};
use crate::show;
use crate::state::Api;
use crate::terms::unfit;

/// The terms of a link, in force and proposed.
#[utoipa::path(
    get, path = "/v1/links/{link}/terms", tag = "links",
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 200, description = "The terms.", body = api::LinkTerms)),
)]
pub(crate) async fn terms(
    State(api): State<Api>,
    Named(link): Named,
) -> Result<Json<api::LinkTerms>, ApiError> {
    api.read(move |reader| terms_of(reader, &link)).await.map(Json)
}

/// Proposes other terms: what is not named stays. Nothing changes until the partner accepts. `calendar` takes `own`, which is
/// this desk's hours for 13 months, and intervals in RFC 3339 or milliseconds.
#[utoipa::path(
    post, path = "/v1/links/{link}/terms/propose", tag = "links", request_body = api::ProposeTerms,
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 200, description = "The terms, with the proposal once it is numbered.", body = api::LinkTerms)),
)]
pub(crate) async fn propose(
    State(api): State<Api>,
    Named(link): Named,
    change: Change,
    Document { value, bytes }: Document<api::ProposeTerms>,
) -> Result<Json<api::LinkTerms>, ApiError> {
    let name = link.clone();
    let command = api.read(move |reader| {
        let link = query::link(reader, &name)?;
        let mut set = value.set;
        if let Some(hours) = set.get_mut("calendar") {
            *hours = calendar::of_terms(reader, std::mem::take(hours))?;
        }
        let terms = changed(&link.partner.terms, set)?;
        let base = value.base.unwrap_or(link.partner.terms.v.get());
        Ok(ProposeTerms { link: link.partner.no, base, terms })
    });
    let command = command.await?;
    api.state.engine.call(change.keyed(&bytes, command)).await?;
    api.read(move |reader| terms_of(reader, &link)).await.map(Json)
}

/// Accepts the newest proposal of the partner.
#[utoipa::path(
    post, path = "/v1/links/{link}/terms/accept", tag = "links", request_body = api::AcceptTerms,
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 200, description = "The terms; the accepted ones hold once that is numbered.", body = api::LinkTerms)),
)]
pub(crate) async fn accept(
    State(api): State<Api>,
    Named(link): Named,
    change: Change,
    Document { value, bytes }: Document<api::AcceptTerms>,
) -> Result<Json<api::LinkTerms>, ApiError> {
    let wrong = || Refusal::invalid("hash", "a hash has 64 hexadecimal digits");
    let hash = value.hash.as_ref().map(|hash| Hash::from_hex(hash).ok_or_else(wrong)).transpose()?;
    let no = number(&api, link.clone()).await?;
    let command = AcceptTerms { link: no, version: value.version, hash };
    api.state.engine.call(change.keyed(&bytes, command)).await?;
    api.read(move |reader| terms_of(reader, &link)).await.map(Json)
}

/// Says whether a proposal that only renews the calendar is accepted without a person.
#[utoipa::path(
    post, path = "/v1/links/{link}/terms/calendars", tag = "links", request_body = api::TakeCalendars,
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 200, description = "The terms.", body = api::LinkTerms)),
)]
pub(crate) async fn calendars(
    State(api): State<Api>,
    Named(link): Named,
    change: Change,
    Document { value, bytes }: Document<api::TakeCalendars>,
) -> Result<Json<api::LinkTerms>, ApiError> {
    let no = number(&api, link.clone()).await?;
    api.state.engine.call(change.keyed(&bytes, TakeCalendars { link: no, on: value.on })).await?;
    api.read(move |reader| terms_of(reader, &link)).await.map(Json)
}

/// Takes and gives no new work for a while; what is open goes on. `resume` ends it.
#[utoipa::path(
    post, path = "/v1/links/{link}/suspend", tag = "links", request_body = api::SuspendLink,
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 200, description = "The link.", body = api::Link)),
)]
pub(crate) async fn suspend(
    State(api): State<Api>,
    Named(link): Named,
    change: Change,
    Document { value, bytes }: Document<api::SuspendLink>,
) -> Result<Json<api::Link>, ApiError> {
    let no = number(&api, link.clone()).await?;
    let reason = parse::needed("reason", &value.reason)?;
    let until = parse::time("until", value.until)?;
    let command = Suspend { link: no, until, reason, by: change.by.clone() };
    api.state.engine.call(change.keyed(&bytes, command)).await?;
    shown(&api, link).await
}

/// Ends a link together with the partner: what was said before still arrives, and open work comes to its end.
#[utoipa::path(
    post, path = "/v1/links/{link}/close", tag = "links", request_body = api::CloseLink,
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 200, description = "The link.", body = api::Link)),
)]
pub(crate) async fn close(
    State(api): State<Api>,
    Named(link): Named,
    change: Change,
    Document { value, bytes }: Document<api::CloseLink>,
) -> Result<Json<api::Link>, ApiError> {
    let no = number(&api, link.clone()).await?;
    let reason = parse::needed("reason", &value.reason)?;
    let command = Close { link: no, reason, by: change.by.clone() };
    api.state.engine.call(change.keyed(&bytes, command)).await?;
    shown(&api, link).await
}

/// What the link would leave behind if it ended now.
#[utoipa::path(
    get, path = "/v1/links/{link}/close", tag = "links",
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 200, description = "Open cases and unsettled work.", body = api::LinkLeftOpen)),
)]
pub(crate) async fn left_open(
    State(api): State<Api>,
    Named(link): Named,
) -> Result<Json<api::LinkLeftOpen>, ApiError> {
    let left = api.read(move |reader| {
        let link = query::link(reader, &link)?;
        let left = query::left_open(reader, &link.partner)?;
        let case = |case: &query::OpenCase| api::OpenDelegation {
            id: case.id.to_string(),
            role: shown_role(case.role),
            ticket: reader.identity().ticket_label(case.ticket).to_string(),
            state: show::delegation_state(case.state),
        };
        let unsettled = |work: &query::Unsettled| api::UnsettledWork {
            currency: work.currency.to_string(),
            lines: work.lines,
            sum: work.sum().to_string(),
            open: work.open.to_string(),
            approved: work.approved.to_string(),
            disputed: work.disputed.to_string(),
        };
        Ok(api::LinkLeftOpen {
            link: link.partner.row.name.to_string(),
            open: left.open,
            delegations: left.cases.iter().map(case).collect(),
            unsettled: left.unsettled.iter().map(unsettled).collect(),
        })
    });
    left.await.map(Json)
}

/// This desk's own words for those of a link.
#[utoipa::path(
    get, path = "/v1/links/{link}/map", tag = "links",
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 200, description = "The mapping.", body = api::LinkMapping)),
)]
pub(crate) async fn map(
    State(api): State<Api>,
    Named(link): Named,
) -> Result<Json<api::LinkMapping>, ApiError> {
    api.read(move |reader| mapping_of(reader, &link)).await.map(Json)
}

/// Sets this desk's own words for those of a link, all of them.
#[utoipa::path(
    post, path = "/v1/links/{link}/map", tag = "links", request_body = api::LinkMapping,
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 200, description = "The mapping.", body = api::LinkMapping)),
)]
pub(crate) async fn set_map(
    State(api): State<Api>,
    Named(link): Named,
    change: Change,
    Document { value, bytes }: Document<api::LinkMapping>,
) -> Result<Json<api::LinkMapping>, ApiError> {
    let no = number(&api, link.clone()).await?;
    let mapping = mapping(&value)?;
    api.state.engine.call(change.keyed(&bytes, SetMapping { link: no, mapping })).await?;
    api.read(move |reader| mapping_of(reader, &link)).await.map(Json)
}

/// What would be lost on a link or stands in its way.
#[utoipa::path(
    get, path = "/v1/links/{link}/check", tag = "links",
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 200, description = "The findings.", body = api::LinkCheck)),
)]
pub(crate) async fn check(
    State(api): State<Api>,
    Named(link): Named,
) -> Result<Json<api::LinkCheck>, ApiError> {
    let check = api.read(move |reader| {
        let link = query::link(reader, &link)?;
        let mut found = query::check(reader, &link)?;
        found.sort_by_key(|finding| !finding.serious);
        let ready = !found.iter().any(|finding| finding.serious);
        let one = |finding: query::Finding| api::LinkFinding {
            code: finding.code,
            serious: finding.serious,
            about: finding.about,
            words: finding.words,
        };
        let findings = found.into_iter().map(one).collect();
        Ok(api::LinkCheck { link: link.partner.row.name.to_string(), ready, findings })
    });
    check.await.map(Json)
}

/// The rules of a link.
#[utoipa::path(
    get, path = "/v1/links/{link}/rules", tag = "links",
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 200, description = "The rules.", body = api::RuleList)),
)]
pub(crate) async fn rules(
    State(api): State<Api>,
    Named(link): Named,
) -> Result<Json<api::RuleList>, ApiError> {
    api.read(move |reader| rules_of(reader, &link)).await.map(Json)
}

/// Adds a rule to a link.
#[utoipa::path(
    post, path = "/v1/links/{link}/rules", tag = "links", request_body = api::NewRule,
    params(("link" = String, Path, description = "Local name, or the link id.")),
    responses((status = 201, description = "The rules.", body = api::RuleList)),
)]
pub(crate) async fn add_rule(
    State(api): State<Api>,
    Named(link): Named,
    change: Change,
    Document { value, bytes }: Document<api::NewRule>,
) -> Result<(StatusCode, Json<api::RuleList>), ApiError> {
    let no = number(&api, link.clone()).await?;
    let rule = rule(&value)?;
    api.state.engine.call(change.keyed(&bytes, AddRule { link: no, rule })).await?;
    let list = api.read(move |reader| rules_of(reader, &link)).await?;
    Ok((StatusCode::CREATED, Json(list)))
}

/// Removes a rule of a link.
#[utoipa::path(
    delete, path = "/v1/links/{link}/rules/{rule}", tag = "links",
    params(
        ("link" = String, Path, description = "Local name, or the link id."),
        ("rule" = u32, Path, description = "Its number."),
    ),
    responses((status = 204, description = "It does not run any more.")),
)]
pub(crate) async fn remove_rule(
    State(api): State<Api>,
    axum::extract::Path((link, rule)): axum::extract::Path<(String, String)>,
    change: Change,
    Nothing { bytes }: Nothing,
) -> Result<StatusCode, ApiError> {
    let no = number(&api, link).await?;
    let rule = rule.parse().map_err(|_| Refusal::invalid("rule", "a rule has a number"))?;
    api.state.engine.call(change.keyed(&bytes, RemoveRule { link: no, rule })).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn terms_of(reader: &Reader, link: &str) -> Result<api::LinkTerms, Refusal> {
    let link = query::link(reader, link)?;
    let known = query::link_terms(reader, &link.partner)?;
    Ok(api::LinkTerms {
        link: link.partner.row.name.to_string(),
        version: known.in_force.v.get(),
        since: known.since.map(show::time),
        terms: members(&known.in_force),
        ours: known.ours.as_ref().map(proposal),
        theirs: known.theirs.as_ref().map(proposal),
        before: known.before,
        takes_calendars: known.takes_calendars,
    })
}

fn proposal(proposal: &query::Proposal) -> api::TermsProposal {
    let difference = |one: &deskwire_machine::terms::Difference| api::TermsDifference {
        member: one.member.clone(),
        now: one.now.clone(),
        then: one.then.clone(),
    };
    api::TermsProposal {
        version: proposal.terms.v.get(),
        hash: proposal.hash.to_string(),
        at: show::time(proposal.at),
        terms: members(&proposal.terms),
        differences: proposal.differences.iter().map(difference).collect(),
    }
}

/// The members of terms but for their version, which stands apart.
fn members(terms: &Terms) -> BTreeMap<String, Value> {
    let mut all: BTreeMap<String, Value> = serde_json::to_value(terms)
        .ok()
        .and_then(|value| serde_json::from_value(value).ok())
        .unwrap_or_default();
    all.remove("v");
    all
}

/// The terms with some members set and others taken away.
fn changed(terms: &Terms, set: BTreeMap<String, Value>) -> Result<Terms, Refusal> {
    let (mut all, named) = (members(terms), set.keys().cloned().collect::<Vec<_>>());
    if set.contains_key("v") {
        return Err(Refusal::invalid("v", "the version counts by itself"));
    }
    for (member, value) in set {
        match value {
            Value::Null => drop(all.remove(&member)),
            value => drop(all.insert(member, value)),
        }
    }
    for list in ["fields", "principals"] {
        if let Some(Value::Array(values)) = all.get_mut(list) {
            sort_as_agreed(list, values);
        }
    }
    all.insert("v".to_owned(), Value::from(terms.v.get()));
    serde_json::from_value(Value::Object(all.clone().into_iter().collect()))
        .map_err(|_| unfit(&members(terms), &named, &all))
}

/// Puts members of a set into the order in which the terms have them; unknown ones are for the reader to refuse.
fn sort_as_agreed(list: &str, values: &mut Vec<Value>) {
    let known: Vec<Value> = match list {
        "fields" => serde_json::to_value(deskwire_proto::terms::FieldName::ALL)
            .ok()
            .and_then(|all| all.as_array().cloned())
            .unwrap_or_default(),
        _ => vec![Value::from("inviter"), Value::from("accepter")],
    };
    let place = |value: &Value| known.iter().position(|one| one == value).unwrap_or(usize::MAX);
    values.sort_by_key(place);
    values.dedup();
}

fn mapping_of(reader: &Reader, link: &str) -> Result<api::LinkMapping, Refusal> {
    let link: Link = query::link(reader, link)?;
    let known = query::mapping(reader, &link.partner.row)?;
    let code = |own: &dyn ToString, link: &dyn ToString| api::MappedCode {
        own: own.to_string(),
        link: link.to_string(),
    };
    Ok(api::LinkMapping {
        statuses: known
            .statuses
            .iter()
            .map(|pair| api::MappedStatus {
                own: pair.own.to_string(),
                link: pair.link.to_string(),
                label: pair.label.as_ref().map(ToString::to_string),
            })
            .collect(),
        priorities: known
            .priorities
            .iter()
            .map(|pair| api::MappedPriority {
                own: shown_priority(pair.own),
                link: shown_priority(pair.link),
            })
            .collect(),
        categories: known.categories.iter().map(|pair| code(&pair.own, &pair.link)).collect(),
        custom: known
            .custom
            .iter()
            .map(|field| api::MappedField {
                own: field.own.to_string(),
                link: field.link.to_string(),
                values: field.values.iter().map(|pair| code(&pair.own, &pair.link)).collect(),
            })
            .collect(),
    })
}

fn mapping(value: &api::LinkMapping) -> Result<Mapping, Refusal> {
    let status = |one: &api::MappedStatus| {
        let label = parse::maybe("statuses.label", one.label.as_ref())?;
        Ok(StatusPair {
            own: parse::text("statuses.own", &one.own)?,
            link: parse::text("statuses.link", &one.link)?,
            label,
        })
    };
    let category = |one: &api::MappedCode| {
        Ok(CodePair {
            own: parse::text("categories.own", &one.own)?,
            link: parse::text("categories.link", &one.link)?,
        })
    };
    let value_pair = |one: &api::MappedCode| {
        Ok(ValuePair {
            own: parse::text("custom.values.own", &one.own)?,
            link: parse::text("custom.values.link", &one.link)?,
        })
    };
    let field = |one: &api::MappedField| {
        Ok(FieldPair {
            own: parse::text("custom.own", &one.own)?,
            link: parse::text("custom.link", &one.link)?,
            values: one.values.iter().map(value_pair).collect::<Result<_, Refusal>>()?,
        })
    };
    let priority = |one: &api::MappedPriority| PriorityPair {
        own: parsed_priority(one.own),
        link: parsed_priority(one.link),
    };
    Ok(Mapping {
        statuses: value.statuses.iter().map(status).collect::<Result<_, Refusal>>()?,
        priorities: value.priorities.iter().map(priority).collect(),
        categories: value.categories.iter().map(category).collect::<Result<_, Refusal>>()?,
        custom: value.custom.iter().map(field).collect::<Result<_, Refusal>>()?,
    })
}

const fn shown_priority(priority: Priority) -> api::Priority {
    match priority {
        Priority::Low => api::Priority::Low,
        Priority::Normal => api::Priority::Normal,
        Priority::High => api::Priority::High,
        Priority::Urgent => api::Priority::Urgent,
    }
}

const fn parsed_priority(priority: api::Priority) -> Priority {
    match priority {
        api::Priority::Low => Priority::Low,
        api::Priority::Normal => Priority::Normal,
        api::Priority::High => Priority::High,
        api::Priority::Urgent => Priority::Urgent,
    }
}

fn rules_of(reader: &Reader, link: &str) -> Result<api::RuleList, Refusal> {
    let link = query::link(reader, link)?;
    let rules = query::rules(reader, &link.partner.row)?;
    let rules = rules.iter().map(shown_rule).collect();
    Ok(api::RuleList { link: link.partner.row.name.to_string(), rules })
}

const fn shown_role(role: Role) -> api::Role {
    match role {
        Role::Principal => api::Role::Principal,
        Role::Contractor => api::Role::Contractor,
    }
}

fn shown_rule(rule: &Rule) -> api::Rule {
    let Then { status, notify, confirm, resolve, pass } = &rule.then;
    let role = rule.role.map(shown_role);
    api::Rule {
        no: rule.no,
        rule: api::NewRule {
            role,
            when: show::delegation_state(rule.when),
            status: status.as_ref().map(|(status, _)| status.to_string()),
            label: status.as_ref().and_then(|(_, label)| label.as_ref().map(ToString::to_string)),
            notify: notify.as_ref().map(ToString::to_string),
            confirm: *confirm,
            resolve: resolve.is_some(),
            solution: resolve.as_ref().and_then(|solution| solution.as_ref().map(ToString::to_string)),
            pass_solution: *pass,
        },
    }
}

fn rule(value: &api::NewRule) -> Result<Rule, Refusal> {
    let role = value.role.map(|role| match role {
        api::Role::Principal => Role::Principal,
        api::Role::Contractor => Role::Contractor,
    });
    let status = match (&value.status, &value.label) {
        (Some(status), label) => {
            Some((parse::text("status", status)?, parse::maybe("label", label.as_ref())?))
        }
        (None, None) => None,
        (None, Some(_)) => return Err(Refusal::invalid("label", "a label belongs to a status")),
    };
    if value.solution.is_some() && !value.resolve {
        return Err(Refusal::invalid("solution", "a solution is told with a resolution"));
    }
    let solution = parse::maybe_prose("solution", value.solution.as_ref())?;
    let then = Then {
        status,
        notify: parse::maybe("notify", value.notify.as_ref())?,
        confirm: value.confirm,
        resolve: value.resolve.then_some(solution),
        pass: value.pass_solution,
    };
    let when = parse::states(value.when).into_iter().next().unwrap_or(Settled::Unoffered);
    Ok(Rule { no: 0, role, when, then })
}
