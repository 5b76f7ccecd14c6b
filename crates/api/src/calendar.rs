//! `/v1/calendar`: the business hours of this desk, and how much of a deadline stays with it on each link.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use deskwire_api_types as api;
use deskwire_engine::calendar::{self, Hours, Span, WEEKDAYS};
use deskwire_engine::command::hours::{SetHours, SetReserve};
use deskwire_engine::{Fault, Reader, Refusal, query};
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::idempotency::Change;
use crate::parse;
use crate::request::{Asked, Document, Named};
use crate::show;
use crate::state::Api;

/// Months of intervals that one answer holds.
const MOST_MONTHS: u32 = 24;

/// When this desk is open, and the intervals that terms would take.
#[utoipa::path(
    get, path = "/v1/calendar", tag = "desk", params(api::CalendarQuery),
    responses((status = 200, description = "The hours, and their intervals from today on.", body = api::Calendar)),
)]
pub(crate) async fn show_hours(
    State(api): State<Api>,
    Asked(asked): Asked<api::CalendarQuery>,
) -> Result<Json<api::Calendar>, ApiError> {
    let months = asked.months.unwrap_or(calendar::MONTHS);
    if !(1..=MOST_MONTHS).contains(&months) {
        return Err(Refusal::invalid("months", "it is 1 to 24").into());
    }
    api.read(move |reader| shown(reader, months)).await.map(Json)
}

/// Says when this desk is open. Links keep the calendars of their terms until other terms are agreed.
#[utoipa::path(
    post, path = "/v1/calendar", tag = "desk", request_body = api::SetCalendar,
    responses((status = 200, description = "The hours, and their intervals from today on.", body = api::Calendar)),
)]
pub(crate) async fn set_hours(
    State(api): State<Api>,
    change: Change,
    Document { value, bytes }: Document<api::SetCalendar>,
) -> Result<Json<api::Calendar>, ApiError> {
    let hours = value.hours.map(hours).transpose()?;
    api.state.engine.call(change.keyed(&bytes, SetHours { hours })).await?;
    api.read(|reader| shown(reader, calendar::MONTHS)).await.map(Json)
}

/// How much of an inherited deadline stays with this desk when it hands work over on a link.
#[utoipa::path(
    get, path = "/v1/links/{link}/reserve", tag = "links",
    params(("link" = String, Path, description = "Local name or id.")),
    responses((status = 200, description = "The setting.", body = api::LinkReserve)),
)]
pub(crate) async fn reserve(
    State(api): State<Api>,
    Named(link): Named,
) -> Result<Json<api::LinkReserve>, ApiError> {
    let reserve =
        api.read(move |reader| query::reserve(reader, query::link(reader, &link)?.partner.no)).await?;
    Ok(Json(api::LinkReserve { reserve: reserve.map(|reserve| reserve / 1_000) }))
}

/// Sets how much of an inherited deadline stays with this desk when it hands work over on a link.
#[utoipa::path(
    post, path = "/v1/links/{link}/reserve", tag = "links", request_body = api::LinkReserve,
    params(("link" = String, Path, description = "Local name or id.")),
    responses((status = 200, description = "The setting.", body = api::LinkReserve)),
)]
pub(crate) async fn set_reserve(
    State(api): State<Api>,
    Named(link): Named,
    change: Change,
    Document { value, bytes }: Document<api::LinkReserve>,
) -> Result<Json<api::LinkReserve>, ApiError> {
    let link = api.read(move |reader| Ok(query::link(reader, &link)?.partner.no)).await?;
    let reserve = value.reserve.map(|seconds| seconds.saturating_mul(1_000));
    api.state.engine.call(change.keyed(&bytes, SetReserve { link, reserve })).await?;
    Ok(Json(value))
}

/// The calendar of terms as a caller gives it: `own` is what this desk's hours say for 13 months; intervals may be in RFC 3339,
/// as [`show_hours`] tells them.
pub(crate) fn of_terms(reader: &Reader, given: Value) -> Result<Value, Refusal> {
    match given {
        Value::String(word) if word == "own" => own(reader),
        Value::Array(all) => all.into_iter().map(interval).collect(),
        other => Ok(other),
    }
}

fn own(reader: &Reader) -> Result<Value, Refusal> {
    let Some(hours) = query::hours(reader)? else {
        return Err(Refusal::new(
            Fault::Conflict,
            "always-open",
            "This desk has no business hours: it is always open.",
            "Set them with `deskwire calendar set FILE`, or agree on no calendar at all: --set calendar=none.",
        ));
    };
    let made = calendar::intervals(&hours, reader.now(), calendar::MONTHS);
    let made = made.map_err(|error| Refusal::invalid("calendar", error.to_string()))?;
    Ok(made.open.iter().map(|open| json!([open.0.0, open.1.0])).collect())
}

fn interval(pair: Value) -> Result<Value, Refusal> {
    let Value::Array(ends) = pair else { return Ok(pair) };
    let end = |end: Value| match end {
        Value::String(text) => {
            let read: Option<api::Time> = serde_json::from_value(Value::String(text.clone())).ok();
            let at = parse::time("calendar", read)?.map(|at| json!(at.0));
            at.ok_or_else(|| {
                Refusal::invalid(
                    "calendar",
                    format!("“{text}” is no time: write it like 2026-07-01T08:00:00Z"),
                )
            })
        }
        other => Ok(other),
    };
    ends.into_iter().map(end).collect()
}

fn shown(reader: &Reader, months: u32) -> Result<api::Calendar, Refusal> {
    let Some(hours) = query::hours(reader)? else {
        return Ok(api::Calendar { hours: None, intervals: Vec::new(), until: None, cut: false });
    };
    let made = calendar::intervals(&hours, reader.now(), months);
    let made = made.map_err(|error| Refusal::invalid("hours", error.to_string()))?;
    Ok(api::Calendar {
        hours: Some(told(&hours)),
        intervals: made.open.iter().map(|open| (show::time(open.0), show::time(open.1))).collect(),
        until: Some(show::time(made.until)),
        cut: made.cut,
    })
}

fn told(hours: &Hours) -> api::Hours {
    let week = WEEKDAYS.iter().zip(&hours.week).filter(|(_, spans)| !spans.is_empty());
    api::Hours {
        zone: hours.zone.clone(),
        week: week.map(|(day, spans)| ((*day).to_owned(), texts(spans))).collect(),
        days: hours.days.iter().map(|(day, spans)| (day.clone(), texts(spans))).collect(),
    }
}

fn texts(spans: &[Span]) -> Vec<String> {
    let text = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    spans.iter().map(|span| format!("{}-{}", text(span.0), text(span.1))).collect()
}

fn hours(given: api::Hours) -> Result<Hours, Refusal> {
    if let Some(wrong) = given.week.keys().find(|day| !WEEKDAYS.contains(&day.as_str())) {
        let words = format!("“{wrong}” is no day: write monday, tuesday and so on");
        return Err(Refusal::invalid("hours.week", &words));
    }
    let day = |name: &&str| given.week.get(*name).map_or(Ok(Vec::new()), |spans| read(spans));
    let week: Result<Vec<_>, Refusal> = WEEKDAYS.iter().map(day).collect();
    let days: Result<BTreeMap<_, _>, Refusal> =
        given.days.iter().map(|(day, spans)| Ok((day.clone(), read(spans)?))).collect();
    Ok(Hours { zone: given.zone, week: week?, days: days? })
}

fn read(spans: &[String]) -> Result<Vec<Span>, Refusal> {
    let wrong = |text: &str| {
        let words = format!("“{text}” is no span of hours: write it like 08:00-12:30");
        Refusal::invalid("hours", &words)
    };
    let span = |text: &String| {
        let ends = text.split_once('-').and_then(|(from, to)| Some(Span(minutes(from)?, minutes(to)?)));
        ends.ok_or_else(|| wrong(text))
    };
    spans.iter().map(span).collect()
}

fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let whole = hours.checked_mul(60)?.checked_add(minutes)?;
    (minutes < 60 && whole <= 24 * 60).then_some(whole)
}
