//! Items on their way, and how a link fares.

use deskwire_api_types as api;
use deskwire_engine::identity::Identity;
use deskwire_engine::query::{Health, HealthState, QueueItem, QueueState};

use super::time;

/// One item on its way.
pub(crate) fn item(identity: &Identity, item: &QueueItem) -> api::QueueItem {
    api::QueueItem {
        item: item.item.to_string(),
        link: item.link.to_string(),
        partner: item.partner.to_string(),
        state: match item.state {
            QueueState::Sent => api::QueueState::Sent,
            QueueState::Waiting => api::QueueState::Waiting,
            QueueState::Parked => api::QueueState::Parked,
        },
        seq: item.seq,
        kind: item.kind.to_string(),
        ticket: item.ticket.map(|ticket| identity.ticket_label(ticket).to_string()),
        delegation: item.delegation.map(|id| id.to_string()),
        since: time(item.since),
        late: item.late,
        dead: item.dead,
        code: item.why.as_ref().map(|why| why.code.to_string()),
        words: item.why.as_ref().map(|why| why.words.to_string()),
    }
}

/// How a link fares.
pub(super) fn health(health: &Health) -> api::LinkHealth {
    api::LinkHealth {
        state: match health.state {
            HealthState::Good => api::HealthState::Good,
            HealthState::Ended => api::HealthState::Ended,
            HealthState::Unapproved => api::HealthState::Unapproved,
            HealthState::Troubled => api::HealthState::Troubled,
            HealthState::Parked => api::HealthState::Parked,
            HealthState::Late => api::HealthState::Late,
            HealthState::Stopped => api::HealthState::Stopped,
        },
        parked: health.parked,
        oldest: health.oldest.map(time),
        not_delivered_since: health.oldest.filter(|_| health.late).map(time),
        oldest_parked: health.oldest_parked.map(time),
        failures: health.failures,
        clock_ahead_ms: health.skew.map(|skew| skew.ahead),
        clock: health.skew.filter(deskwire_engine::command::clock::Skew::is_shown).map(|skew| skew.words()),
        partner_started: health.instance_since.map(time),
        partner_instances: health.instances_retired as u64 + u64::from(health.instance_since.is_some()),
    }
}
