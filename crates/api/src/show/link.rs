//! Links, desks added by hand, invitations, terms.

use deskwire_api_types as api;
use deskwire_engine::Partner;
use deskwire_engine::query::{
    Branches, Expected, Invitation, InvitationState, Link, LinkTrouble, SaidOnLink,
};
use deskwire_proto::terms::{self, Terms};
use deskwire_proto::words::{Language, VerificationWords};
use deskwire_store::row::{LinkEventRow, LinkState};

use super::log::{entry, hexadecimal};
use super::queue::health;
use super::{string, time};

/// One link.
pub(crate) fn link(link: &Link) -> api::Link {
    let (partner, stream) = (&link.partner, &link.stream);
    api::Link {
        id: Some(partner.row.link.to_string()),
        name: partner.row.name.to_string(),
        partner: partner_desk(partner),
        state: state(&partner.row.state),
        verified: partner.row.verified == Some(true),
        words: Some(words(&link.words)),
        terms: terms(&partner.terms),
        side: side(partner.row.side),
        out: api::Outgoing {
            waiting: stream.waiting,
            unacknowledged: stream.out_length.saturating_sub(stream.acked),
            length: stream.out_length,
            acknowledged: stream.acked,
        },
        incoming: api::Incoming { length: stream.in_length },
        created: time(partner.row.created),
        last_contact: link.last_contact.map(time),
        last_error: link.trouble.as_ref().map(trouble),
        next_attempt: link.next_attempt.map(time),
        partner_fetches: link.partner_fetches,
        last_asked: link.last_asked.map(time),
        fetches: link.fetches,
        health: Some(health(&link.health)),
        suspended: link.suspensions.iter().map(said).collect(),
        ends: link.ends.iter().map(said).collect(),
        closing: partner.row.state != LinkState::Closed && partner.row.accord.close.is_begun(),
        events: link.events.iter().map(event).collect(),
    }
}

/// Something that one side said to a link as a whole.
fn said(said: &SaidOnLink) -> api::SaidOnLink {
    api::SaidOnLink {
        ours: said.ours,
        at: time(said.at),
        until: said.until.map(time),
        reason: said.reason.clone(),
    }
}

/// Something that happened to a link.
fn event(event: &LinkEventRow) -> api::LinkEvent {
    api::LinkEvent {
        at: time(event.at),
        code: event.code.to_string(),
        words: event.words.to_string(),
        details: event.details.iter().map(ToString::to_string).collect(),
    }
}

/// Both branches of a fork.
pub(crate) fn branches(link: &Link, branches: &Branches) -> api::Branches {
    api::Branches {
        link: link.partner.row.name.to_string(),
        own: branches.own,
        same: branches.same,
        length: branches.length,
        ours: branches.ours.iter().map(|one| entry(one, false)).collect(),
        theirs: branches.theirs.as_ref().map(|(seq, kind, said)| api::BranchMessage {
            seq: *seq,
            kind: kind.to_string(),
            time: time(*said),
        }),
        their_length: branches.their_length,
        held_hex: evidence(&branches.held),
        other_hex: evidence(&branches.other),
    }
}

fn evidence(signed: &[u8]) -> Option<String> {
    (!signed.is_empty()).then(|| hexadecimal(signed))
}

/// A desk added by hand: a link without an id.
pub(crate) fn expected(expected: &Expected) -> api::Link {
    api::Link {
        id: None,
        name: expected.name.clone(),
        partner: api::PartnerDesk {
            id: expected.desk.to_string(),
            id_hex: expected.desk.to_hex(),
            name: expected.name.clone(),
            endpoints: expected.row.endpoint.iter().map(ToString::to_string).collect(),
        },
        state: api::LinkState::WaitingPartner,
        verified: false,
        words: None,
        terms: terms(&expected.terms),
        side: side(expected.side),
        out: api::Outgoing::default(),
        incoming: api::Incoming::default(),
        created: time(expected.row.created),
        last_contact: None,
        last_error: expected.trouble.as_ref().map(trouble),
        next_attempt: expected.next_attempt.map(time),
        partner_fetches: false,
        last_asked: None,
        fetches: false,
        health: None,
        suspended: Vec::new(),
        ends: Vec::new(),
        closing: false,
        events: Vec::new(),
    }
}

/// An invitation; its text is known only while it is made.
pub(crate) fn invitation(invitation: &Invitation, text: Option<String>) -> api::Invitation {
    api::Invitation {
        id: invitation.id.to_string(),
        text,
        created: time(invitation.row.created),
        expires: time(invitation.row.expires),
        terms: terms(&invitation.terms),
        approved: invitation.row.approved,
        state: match invitation.state {
            InvitationState::Open => api::InvitationState::Open,
            InvitationState::Used => api::InvitationState::Used,
            InvitationState::Expired => api::InvitationState::Expired,
            InvitationState::Revoked => api::InvitationState::Withdrawn,
        },
        link: string(invitation.link.as_ref()),
    }
}

/// The desk at the other end.
pub(crate) fn partner_desk(partner: &Partner) -> api::PartnerDesk {
    api::PartnerDesk {
        id: partner.desk().to_string(),
        id_hex: partner.desk().to_hex(),
        name: partner.row.partner_name.to_string(),
        endpoints: partner.endpoints().iter().map(ToString::to_string).collect(),
    }
}

/// Terms.
fn terms(terms: &Terms) -> api::Terms {
    api::Terms {
        version: terms.v.get(),
        principals: terms.principals.iter().copied().map(side).collect(),
        fields: terms.fields.iter().copied().map(field_name).collect(),
        person: match terms.person {
            terms::PersonRule::Name => api::PersonTerm::Name,
            terms::PersonRule::Function => api::PersonTerm::Function,
            terms::PersonRule::Nothing => api::PersonTerm::Nothing,
        },
        redelegate: match terms.redelegate {
            terms::Redelegate::Forbidden => api::Redelegate::Forbidden,
            terms::Redelegate::Allowed => api::Redelegate::Allowed,
            terms::Redelegate::Named => api::Redelegate::Named,
        },
        file: terms.file,
    }
}

fn trouble(trouble: &LinkTrouble) -> api::Trouble {
    api::Trouble { code: trouble.code.clone(), words: trouble.words.clone(), at: None }
}

const fn state(state: &LinkState) -> api::LinkState {
    match state {
        LinkState::WaitingApproval => api::LinkState::WaitingApproval,
        LinkState::WaitingPartner => api::LinkState::WaitingPartner,
        LinkState::Active => api::LinkState::Active,
        LinkState::Paused(_) => api::LinkState::Paused,
        LinkState::Quarantined(_) => api::LinkState::Quarantined,
        LinkState::Closed => api::LinkState::Closed,
    }
}

const fn side(side: terms::Side) -> api::Side {
    match side {
        terms::Side::Inviter => api::Side::Inviter,
        terms::Side::Accepter => api::Side::Accepter,
    }
}

fn words(words: &VerificationWords) -> api::Words {
    let list = |language| words.words(language).map(str::to_owned).to_vec();
    api::Words {
        en: list(Language::English),
        ru: list(Language::Russian),
        de: list(Language::German),
        digits: words.digits(),
    }
}

const fn field_name(field: terms::FieldName) -> api::FieldName {
    match field {
        terms::FieldName::Company => api::FieldName::Company,
        terms::FieldName::Contact => api::FieldName::Contact,
        terms::FieldName::Custom => api::FieldName::Custom,
        terms::FieldName::Equipment => api::FieldName::Equipment,
        terms::FieldName::Agreement => api::FieldName::Agreement,
        terms::FieldName::Category => api::FieldName::Category,
        terms::FieldName::Object => api::FieldName::Object,
        terms::FieldName::Priority => api::FieldName::Priority,
        terms::FieldName::Deadline => api::FieldName::Deadline,
        terms::FieldName::Status => api::FieldName::Status,
        terms::FieldName::Price => api::FieldName::Price,
    }
}
