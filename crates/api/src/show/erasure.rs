//! Erasures.

use deskwire_api_types as api;
use deskwire_engine::Reader;
use deskwire_engine::query::{Asked, Erasure, ErasureState, Found};
use deskwire_store::local::TicketNumber;
use deskwire_store::record::Subject;
use deskwire_store::table::{LINKS, Rows};

use super::{string, time};

/// One erasure.
pub(crate) fn one(reader: &Reader, erasure: &Erasure) -> api::Erasure {
    let (about, ticket) = match erasure.subject {
        Subject::Case(ticket) => ("case", Some(ticket)),
        Subject::Person => ("person", None),
        Subject::Partner(..) => ("partner", None),
        Subject::Returned(..) => ("restored", None),
    };
    api::Erasure {
        id: format!("{}-{}", erasure.at.segment, erasure.at.offset),
        about: about.to_owned(),
        ticket: ticket.map(|ticket| label(reader, ticket)),
        by: string(erasure.by.as_ref()),
        basis: erasure.basis.to_string(),
        since: time(erasure.since),
        texts: erasure.texts,
        state: match erasure.state {
            ErasureState::Here => api::ErasureState::Here,
            ErasureState::Partners => api::ErasureState::Partners,
            ErasureState::Done => api::ErasureState::Done,
        },
        asked: erasure.asked.iter().map(asked).collect(),
        done: erasure.done.map(time),
    }
}

/// What would go, and who would be asked.
pub(crate) fn plan(reader: &Reader, found: &Found, partners: &[Asked]) -> api::ErasurePlan {
    let link = |no| reader.rows().get(LINKS, &no).ok().flatten().map(|row| row.name.to_string());
    let texts = found.shown.iter().map(|shown| api::ErasedText {
        ticket: shown.ticket.map(|ticket| label(reader, ticket)),
        kind: shown.kind.clone(),
        link: shown.link.and_then(link),
        time: time(shown.at),
    });
    api::ErasurePlan {
        texts: texts.collect(),
        files: found.files.len() as u64,
        tickets: found.tickets.iter().map(|ticket| label(reader, *ticket)).collect(),
        open: found.open.iter().map(|ticket| label(reader, *ticket)).collect(),
        partners: partners.iter().map(asked).collect(),
    }
}

fn asked(asked: &Asked) -> api::ErasureAsked {
    api::ErasureAsked {
        partner: asked.partner.to_string(),
        items: asked.items,
        since: asked.since.map(time),
        reachable: asked.reachable,
        done: asked.done.map(time),
        refused: asked.refused.clone(),
    }
}

fn label(reader: &Reader, ticket: TicketNumber) -> String {
    reader.identity().ticket_label(ticket).to_string()
}
