//! Files.

use deskwire_api_types as api;
use deskwire_engine::query::File;
use deskwire_proto::text::Label;
use deskwire_store::row::FileState;

use super::{audience, deliveries, person, relay, time};

/// One file on a ticket.
pub(crate) fn file(ticket: &Label, file: &File) -> api::FileInfo {
    let (state, fetched, trouble) = match &file.row.state {
        FileState::Here => (api::FileState::Here, file.row.size, None),
        FileState::Fetching => (api::FileState::Fetching, file.arrived, None),
        FileState::Failed(why) => {
            let trouble = api::Trouble { code: why.code.to_string(), words: why.words.to_string(), at: None };
            (api::FileState::Failed, 0, Some(trouble))
        }
    };
    api::FileInfo {
        id: file.row.item.to_string(),
        ticket: ticket.to_string(),
        name: file.name.clone().unwrap_or_else(|| "(erased)".to_owned()),
        media: file.media.clone(),
        size: file.row.size,
        sha256: file.row.blob.to_string(),
        state,
        fetched,
        trouble,
        time: time(file.row.at),
        by: person(file.by.as_ref()),
        partner: file.origin.as_ref().map(|origin| origin.partner.to_string()),
        delegation: file.origin.as_ref().map(|origin| origin.delegation.to_string()),
        audience: audience(&file.audience),
        retracted: file.retracted,
        relayed: file.relayed.as_ref().map(relay::relayed),
        retraction: file.retraction.as_ref().map(relay::retraction),
        relays: file.relays.iter().map(|one| relay::waiting(ticket, one)).collect(),
        deliveries: deliveries(&file.deliveries),
    }
}
