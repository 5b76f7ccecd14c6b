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
use deskwire_store::row::LinkState;
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

/// One line for each link and measure. A measure is one family, so all links are read first.
fn links(page: &mut Page, reader: &Reader) -> Result<(), Refusal> {
    let mut all = Vec::new();
    for partner in reader.partners()? {
        let stream = reader.stream(partner.no)?;
        let health = query::health(reader, &partner, &stream)?;
        all.push((partner.no, partner.row.name.to_string(), partner.row.state.clone(), stream, health));
    }
    let now = reader.now();
    let age = |since: Option<Timestamp>| since.map_or(0, |since| now.since(since));
    let mut each = |name: &str, kind: Kind, help: &str, value: &dyn Fn(&Health) -> Option<Value>| {
        page.family(name, kind, help);
        for (_, link, state, _, health) in &all {
            if *state == LinkState::Closed {
                continue;
            }
            match value(health) {
                Some(Value::Count(count)) => page.sample(&[("link", link)], count),
                Some(Value::Millis(millis)) => page.sample_seconds(&[("link", link)], millis),
                Some(Value::Signed(millis)) => page.sample_signed_seconds(&[("link", link)], millis),
                None => {}
            }
        }
    };
    let count = |value: u64| Some(Value::Count(value));
    each("deskwire_link_waiting_items", Kind::Gauge, "Items accepted and without a number.", &|health| {
        count(health.waiting)
    });
    each(
        "deskwire_link_unacknowledged_messages",
        Kind::Gauge,
        "Numbered messages that no receipt covers.",
        &|health| count(health.unacknowledged),
    );
    each(
        "deskwire_link_parked_items",
        Kind::Gauge,
        "Items taken out of the queue until somebody sends them again.",
        &|health| count(health.parked),
    );
    each(
        "deskwire_link_oldest_item_age_seconds",
        Kind::Gauge,
        "Age of the oldest item neither delivered nor parked; 0 for none.",
        &|health| Some(Value::Millis(age(health.oldest))),
    );
    each(
        "deskwire_link_late",
        Kind::Gauge,
        "1 when something has not been delivered for more than an hour.",
        &|health| count(u64::from(health.late)),
    );
    each("deskwire_link_failed_attempts", Kind::Gauge, "Failed tries since the last contact.", &|health| {
        count(u64::from(health.failures))
    });
    each(
        "deskwire_link_last_contact_time_seconds",
        Kind::Gauge,
        "When an authenticated word of the partner last came, seconds since 1970.",
        &|health| health.last_contact.map(|at| Value::Millis(at.0)),
    );
    each(
        "deskwire_link_clock_ahead_seconds",
        Kind::Gauge,
        "By how much the partner's clock is ahead of this one's.",
        &|health| health.skew.map(|skew| Value::Signed(skew.ahead)),
    );
    each(
        "deskwire_link_partner_instances",
        Kind::Gauge,
        "Starts of the partner's daemon that are remembered.",
        &|health| count(health.instances_retired as u64 + u64::from(health.instance_since.is_some())),
    );
    page.family("deskwire_link_messages_total", Kind::Counter, "Length of each stream of a link.");
    for (_, link, _, stream, _) in &all {
        page.sample(&[("link", link), ("direction", "out")], stream.out_length);
        page.sample(&[("link", link), ("direction", "in")], stream.in_length);
    }
    page.family("deskwire_link_healthy", Kind::Gauge, "1 when nothing stands in the way of a link.");
    for (_, link, _, _, health) in all.iter().filter(|(_, _, state, _, _)| *state != LinkState::Closed) {
        page.sample(&[("link", link)], u64::from(health.state == HealthState::Good));
    }
    page.family(
        "deskwire_link_partner_session_open",
        Kind::Gauge,
        "1 when the partner has a session for its stream.",
    );
    for (_, link, _, stream, _) in all.iter().filter(|(_, _, state, _, _)| *state != LinkState::Closed) {
        page.sample(&[("link", link)], u64::from(stream.session.is_some()));
    }
    page.family("deskwire_links", Kind::Gauge, "Links by state.");
    let mut states: BTreeMap<&str, u64> = BTreeMap::new();
    all.iter().for_each(|(_, _, state, _, _)| *states.entry(state_word(state)).or_default() += 1);
    states.into_iter().for_each(|(state, count)| page.sample(&[("state", state)], count));
    open_delegations(page, reader, &all.iter().map(|(no, link, ..)| (*no, link.as_str())).collect())?;
    events(page, reader, &all.iter().map(|(no, link, ..)| (*no, link.as_str())).collect())
}

enum Value {
    Count(u64),
    Millis(u64),
    Signed(i64),
}

type Names<'a> = BTreeMap<deskwire_store::local::LinkNo, &'a str>;

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
