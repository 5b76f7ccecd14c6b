//! What became of contributions, and what goes onward.

use deskwire_api_types as api;
use deskwire_engine::command::revise;
use deskwire_engine::{Partner, Reader, Refusal, query};
use deskwire_machine::aggregate::{Turns, Whole};
use deskwire_machine::disclosure::Preview;
use deskwire_proto::text::Label;
use deskwire_store::local::DelegationNo;
use deskwire_store::table::{DELEGATIONS, Rows};

use super::{deliveries, partner_desk, person, string, time};

pub(super) fn relayed(relayed: &query::Relayed) -> api::Relayed {
    api::Relayed { author: string(relayed.author.as_ref()), proven: string(relayed.proven.as_ref()) }
}

pub(super) fn version(version: &query::Version) -> api::CommentVersion {
    api::CommentVersion {
        time: time(version.time),
        by: person(version.by.as_ref()),
        body: string(version.body.as_ref()),
        deliveries: deliveries(&version.deliveries),
    }
}

pub(super) fn retraction(retraction: &query::Retraction) -> api::Retraction {
    api::Retraction {
        time: time(retraction.time),
        by: person(retraction.by.as_ref()),
        kept: retraction.kept,
        deliveries: deliveries(&retraction.deliveries),
    }
}

/// Something that waits before it goes onward.
pub(crate) fn waiting(ticket: &Label, relay: &query::Relay) -> api::RelayWaiting {
    api::RelayWaiting {
        ticket: ticket.to_string(),
        item: relay.item.to_string(),
        delegation: relay.delegation.to_string(),
        partner: relay.partner.to_string(),
        skipped: relay.skipped,
        code: relay.why.as_ref().map(|why| why.code.to_string()),
        words: relay.why.as_ref().map(|why| why.words.to_string()),
        since: time(relay.since),
    }
}

pub(super) fn handed((whole, turns): (Whole, Turns)) -> Option<api::Handed> {
    let state = match whole {
        Whole::Nothing => return None,
        Whole::Offered => api::HandedState::Offered,
        Whole::Accepted => api::HandedState::Accepted,
        Whole::InProgress => api::HandedState::InProgress,
        Whole::WaitingThird => api::HandedState::WaitingThird,
        Whole::WaitingPrincipal => api::HandedState::WaitingPrincipal,
        Whole::Resolved => api::HandedState::Resolved,
        Whole::Confirmed => api::HandedState::Confirmed,
        Whole::Back => api::HandedState::Back,
    };
    Some(api::Handed { state, our_turn: turns.ours, their_turn: turns.theirs })
}

/// What became of a contribution at partners, by their names.
pub(crate) fn revised(
    reader: &Reader,
    id: String,
    revised: &revise::Revised,
) -> Result<api::Revised, Refusal> {
    let names = |all: &[DelegationNo]| -> Result<Vec<String>, Refusal> {
        let mut names = Vec::new();
        for no in all {
            let row = reader.rows().get(DELEGATIONS, no)?;
            let partner = row.map(|row| reader.partner(row.link)).transpose()?.flatten();
            names.extend(partner.map(|partner| partner.row.partner_name.to_string()));
        }
        names.dedup();
        Ok(names)
    };
    Ok(api::Revised {
        id,
        told: names(&revised.told)?,
        never: names(&revised.never)?,
        read: names(&revised.read)?,
    })
}

/// What would leave to a partner.
pub(crate) fn previewed(partner: &Partner, preview: Preview) -> api::Preview {
    let fields =
        preview.sent.into_iter().map(|sent| api::FieldValue { field: sent.field, value: sent.value });
    api::Preview {
        to: partner_desk(partner),
        link: partner.row.name.to_string(),
        verified: partner.row.verified == Some(true),
        will_send: fields.collect(),
        files: Vec::new(),
        will_not_send: Vec::new(),
    }
}
