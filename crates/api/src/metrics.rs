//! `/metrics`: what the desk measures, in the text format of Prometheus (version 0.0.4), for the operator's monitoring.
//!
//! Names follow its conventions: a unit at the end, `_total` for what only grows. Labels hold local names and words of
//! fixed sets alone, never what a partner or a requester wrote; nothing of a ticket is in here.

mod page;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use deskwire_engine::gauge::Gauges;
use deskwire_engine::query::{self, Health, HealthState};
use deskwire_engine::{Reader, Refusal};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::LinkNo;
use deskwire_store::row::{LinkState, StreamRow};
use deskwire_store::table::{LINK_EVENTS, OPEN_DELEGATIONS, Rows};

pub use page::{Kind, Page};

use crate::error::ApiError;
use crate::state::Api;

/// Writes what another part of the daemon measures.
pub type Meter = Arc<dyn Fn(&mut Page) + Send + Sync>;

/// The media type of the text format.
const MEDIA: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the desk measures, for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "desk",
    responses((status = 200, description = "Text in the exposition format of Prometheus, version 0.0.4.",
               body = String, content_type = "text/plain")),
)]
pub(crate) async fn show(State(api): State<Api>) -> Result<Response, ApiError> {
    let (engine, started) = (api.state.engine.clone(), api.state.started);
    let meters = api.state.meters.clone();
    let page = api.read(move |reader| {
        let mut page = Page::default();
        desk(&mut page, reader, started);
        links(&mut page, reader)?;
        gauges(&mut page, engine.gauges());
        page.family("deskwire_disk_free_bytes", Kind::Gauge, "Bytes free where the store lives.");
        page.sample(&[], reader.keeper().free_bytes()?);
        meters.iter().for_each(|meter| meter(&mut page));
        Ok(page.into_text())
    });
    Ok(([(CONTENT_TYPE, MEDIA)], page.await?).into_response())
}

fn desk(page: &mut Page, reader: &Reader, started: Timestamp) {
    page.family("deskwire_build_info", Kind::Gauge, "Always 1; the version is in the label.");
    page.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.family("deskwire_start_time_seconds", Kind::Gauge, "When the daemon started, seconds since 1970.");
    page.sample_seconds(&[], started.0);
    let tail = reader.journal().tail();
    page.family(
        "deskwire_journal_groups_total",
        Kind::Counter,
        "Groups of records in the journal since it began.",
    );
    page.sample(&[], tail.group);
}

/// One link, as it is measured.
struct Measured {
    no: LinkNo,
    name: String,
    state: LinkState,
    stream: StreamRow,
    health: Health,
}

/// What is measured of one link: nothing where there is nothing to say.
enum Value {
    Count(u64),
    Millis(u64),
    Signed(i64),
    Nothing,
}

type Measure = (&'static str, &'static str, fn(&Measured, Timestamp) -> Value);

/// What is measured of each link that has not ended.
const MEASURES: &[Measure] = &[
    ("deskwire_link_waiting_items", "Items accepted and without a number.", |link, _| {
        Value::Count(link.health.waiting)
    }),
    ("deskwire_link_unacknowledged_messages", "Numbered messages that no receipt covers.", |link, _| {
        Value::Count(link.health.unacknowledged)
    }),
    (
        "deskwire_link_parked_items",
        "Items taken out of the queue until somebody sends them again.",
        |link, _| Value::Count(link.health.parked),
    ),
    (
        "deskwire_link_oldest_item_age_seconds",
        "Age of the oldest item neither delivered nor parked; 0 for none.",
        |link, now| Value::Millis(link.health.oldest.map_or(0, |since| now.since(since))),
    ),
    ("deskwire_link_late", "1 when something has not been delivered for more than an hour.", |link, _| {
        Value::Count(u64::from(link.health.late))
    }),
    ("deskwire_link_failed_attempts", "Failed tries since the last contact.", |link, _| {
        Value::Count(u64::from(link.health.failures))
    }),
    (
        "deskwire_link_last_contact_time_seconds",
        "When an authenticated word of the partner last came, seconds since 1970.",
        |link, _| link.health.last_contact.map_or(Value::Nothing, |at| Value::Millis(at.0)),
    ),
    (
        "deskwire_link_clock_ahead_seconds",
        "By how much the partner's clock is ahead of this one's.",
        |link, _| link.health.skew.map_or(Value::Nothing, |skew| Value::Signed(skew.ahead)),
    ),
    ("deskwire_link_partner_instances", "Starts of the partner's daemon that are remembered.", |link, _| {
        Value::Count(link.health.instances_retired as u64 + u64::from(link.health.instance_since.is_some()))
    }),
    ("deskwire_link_partner_session_open", "1 when the partner has a session for its stream.", |link, _| {
        Value::Count(u64::from(link.stream.session.is_some()))
    }),
    ("deskwire_link_healthy", "1 when nothing stands in the way of a link.", |link, _| {
        Value::Count(u64::from(link.health.state == HealthState::Good))
    }),
];

/// One line for each link and measure. A measure is one family, so all links are read first.
fn links(page: &mut Page, reader: &Reader) -> Result<(), Refusal> {
    let mut all = Vec::new();
    for partner in reader.partners()? {
        let stream = reader.stream(partner.no)?;
        let health = query::health(reader, &partner, &stream)?;
        let (name, state) = (partner.row.name.to_string(), partner.row.state.clone());
        all.push(Measured { no: partner.no, name, state, stream, health });
    }
    let now = reader.now();
    for (name, help, value) in MEASURES {
        page.family(name, Kind::Gauge, help);
        for link in all.iter().filter(|link| link.state != LinkState::Closed) {
            let labels = [("link", link.name.as_str())];
            match value(link, now) {
                Value::Count(count) => page.sample(&labels, count),
                Value::Millis(millis) => page.sample_seconds(&labels, millis),
                Value::Signed(millis) => page.sample_signed_seconds(&labels, millis),
                Value::Nothing => {}
            }
        }
    }
    page.family("deskwire_link_messages_total", Kind::Counter, "Length of each stream of a link.");
    for link in &all {
        page.sample(&[("link", &link.name), ("direction", "out")], link.stream.out_length);
        page.sample(&[("link", &link.name), ("direction", "in")], link.stream.in_length);
    }
    page.family("deskwire_links", Kind::Gauge, "Links by state.");
    let mut states: BTreeMap<&str, u64> = BTreeMap::new();
    all.iter().for_each(|link| *states.entry(state_word(&link.state)).or_default() += 1);
    states.into_iter().for_each(|(state, count)| page.sample(&[("state", state)], count));
    let names = all.iter().map(|link| (link.no, link.name.as_str())).collect();
    open_delegations(page, reader, &names)?;
    events(page, reader, &names)
}

type Names<'a> = BTreeMap<LinkNo, &'a str>;

fn open_delegations(page: &mut Page, reader: &Reader, names: &Names<'_>) -> Result<(), Refusal> {
    page.family(
        "deskwire_delegations_open",
        Kind::Gauge,
        "Delegations that have not come to an end, by this desk's role.",
    );
    for (no, row) in reader.rows().list(OPEN_DELEGATIONS, &(), usize::MAX)? {
        let Some(link) = names.get(&no) else { continue };
        page.sample(&[("link", link), ("role", "principal")], row.ours);
        page.sample(&[("link", link), ("role", "contractor")], row.theirs);
    }
    Ok(())
}

/// What operators were told of, by code. The codes are this program's own.
fn events(page: &mut Page, reader: &Reader, names: &Names<'_>) -> Result<(), Refusal> {
    let mut of_links: BTreeMap<(&str, String), u64> = BTreeMap::new();
    let mut of_desk: BTreeMap<String, u64> = BTreeMap::new();
    for ((no, _), event) in reader.rows().list(LINK_EVENTS, &(), usize::MAX)? {
        let code = event.code.to_string();
        match names.get(&no) {
            Some(link) => *of_links.entry((link, code)).or_default() += 1,
            None => *of_desk.entry(code).or_default() += 1,
        }
    }
    let help = "Events of a link that operators were told of and that are kept, by code.";
    page.family("deskwire_link_events", Kind::Gauge, help);
    for ((link, code), count) in of_links {
        page.sample(&[("link", link), ("code", &code)], count);
    }
    let help = "Events of the whole desk that are kept, by code: what the care of the store has found, and the like.";
    page.family("deskwire_desk_events", Kind::Gauge, help);
    for (code, count) in of_desk {
        page.sample(&[("code", &code)], count);
    }
    Ok(())
}

fn gauges(page: &mut Page, gauges: &Gauges) {
    let micros = 1_000_000;
    page.histogram(
        "deskwire_command_queue_seconds",
        "From a wish to the beginning of its work.",
        &gauges.queued.read(),
        micros,
    );
    page.histogram(
        "deskwire_commit_commands",
        "Commands that were committed together.",
        &gauges.group.read(),
        1,
    );
    page.histogram(
        "deskwire_commit_sync_seconds",
        "From the end of a group to its being on stable storage.",
        &gauges.sync.read(),
        micros,
    );
    page.family(
        "deskwire_messages_refused_total",
        Kind::Counter,
        "Messages without effect, by who refused them and why.",
    );
    for (code, count) in gauges.refused_in.read() {
        page.sample(&[("by", "desk"), ("code", &code)], count);
    }
    for (code, count) in gauges.refused_out.read() {
        page.sample(&[("by", "partner"), ("code", &code)], count);
    }
}

const fn state_word(state: &LinkState) -> &'static str {
    match state {
        LinkState::WaitingApproval => "waiting-approval",
        LinkState::WaitingPartner => "waiting-partner",
        LinkState::Active => "active",
        LinkState::Paused(_) => "paused",
        LinkState::Quarantined(_) => "quarantined",
        LinkState::Closed => "closed",
    }
}
