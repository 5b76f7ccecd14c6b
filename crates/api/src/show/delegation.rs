//! Delegations: state, both sides, offer, timeline.

use deskwire_api_types as api;
use deskwire_engine::identity::Identity;
use deskwire_engine::query::{Delegation, DelegationClock, Fate, Offer, PendingChange, TimelineEvent};
use deskwire_machine::delegation::{EventKind, Role, State, Turn, View, WaitingOn, Words};
use deskwire_machine::mapping::{Here, Lost};
use deskwire_proto::text::{Code, Line};

use super::{contact, equipment, object, person, priority, string, time};

/// A delegation with its timeline.
pub(crate) fn delegation(identity: &Identity, delegation: &Delegation) -> api::Delegation {
    let clock = delegation.clock.as_ref();
    let timeline = delegation.timeline.iter().map(|event| self::event(event, clock)).collect();
    let clock = clock.map(super::clock::clock);
    api::Delegation { timeline, clock, ..brief(identity, delegation) }
}

/// A delegation as lists show it.
pub(crate) fn brief(identity: &Identity, delegation: &Delegation) -> api::Delegation {
    let view = &delegation.view;
    api::Delegation {
        id: delegation.id.to_string(),
        role: role(delegation.role),
        link: delegation.partner.row.name.to_string(),
        state: unoffered(delegation).unwrap_or(state(view.state)),
        settled_state: unoffered(delegation).unwrap_or(settled(view)),
        provisional: view.provisional || unoffered(delegation) == Some(api::DelegationState::Offered),
        waiting_for: waiting_for(view.state),
        turn: turn(view, delegation.role),
        own: own_side(identity, delegation),
        partner: partner_side(delegation),
        offer: offer(&delegation.offer),
        version: view.version,
        reading: delegation.reading.as_ref().map(reading),
        change: delegation.changes.first().map(change),
        changes: delegation.changes.iter().map(change).collect(),
        left_out: Vec::new(),
        question: string(delegation.question.as_ref()),
        confirms: delegation.confirms.map(time),
        actions: actions(&delegation.allowed),
        created: time(delegation.created),
        updated: time(delegation.updated),
        undelivered: delegation.undelivered.map(|open| api::Undelivered {
            items: open.items,
            since: time(open.since),
            late: open.late,
            parked: open.parked,
        }),
        work: None,
        due: delegation.due.as_ref().map(super::clock::due),
        clock: None,
        timeline: Vec::new(),
    }
}

/// The action of the API by which an event is said; nothing for what people do not say here.
const fn action(kind: EventKind) -> Option<api::Action> {
    match kind {
        EventKind::Accept => Some(api::Action::Accept),
        EventKind::Decline => Some(api::Action::Decline),
        EventKind::Return => Some(api::Action::Return),
        EventKind::Recall => Some(api::Action::Recall),
        EventKind::Status | EventKind::StatusInProgress | EventKind::StatusWaitingThird => {
            Some(api::Action::Status)
        }
        EventKind::Resolve => Some(api::Action::Resolve),
        EventKind::Confirm => Some(api::Action::Confirm),
        EventKind::Reopen => Some(api::Action::Reopen),
        EventKind::Update => Some(api::Action::Update),
        EventKind::Ask => Some(api::Action::Ask),
        EventKind::Answer | EventKind::AnswerNotNeeded => Some(api::Action::Answer),
        EventKind::ChangeTake => Some(api::Action::ChangeTake),
        EventKind::ChangeDecline => Some(api::Action::ChangeDecline),
        EventKind::Rate => Some(api::Action::Rate),
        EventKind::Offer | EventKind::LinkClose => None,
    }
}

fn actions(allowed: &[EventKind]) -> Vec<api::Action> {
    let said: Vec<_> = allowed.iter().filter_map(|kind| action(*kind)).collect();
    api::Action::ALL.into_iter().filter(|action| said.contains(action)).collect()
}

const fn role(role: Role) -> api::Role {
    match role {
        Role::Principal => api::Role::Principal,
        Role::Contractor => api::Role::Contractor,
    }
}

/// An offer that has not left this desk: it waits to be sent again, or was taken back.
fn unoffered(delegation: &Delegation) -> Option<api::DelegationState> {
    if delegation.view.state != State::Unoffered {
        return None;
    }
    let parked = delegation.undelivered.is_some_and(|open| open.parked > 0);
    match (delegation.withdrawn, parked) {
        (true, _) => Some(api::DelegationState::Recalled),
        (false, true) => Some(api::DelegationState::Offered),
        (false, false) => None,
    }
}

/// An offer that the partner's desk refused has not come about: the work was not taken.
pub(crate) const fn state(state: State) -> api::DelegationState {
    match state {
        State::Offered => api::DelegationState::Offered,
        State::Accepted => api::DelegationState::Accepted,
        State::InProgress => api::DelegationState::InProgress,
        State::Waiting { on: WaitingOn::Principal | WaitingOn::ThirdParty } => api::DelegationState::Waiting,
        State::Resolved => api::DelegationState::Resolved,
        State::Confirmed => api::DelegationState::Confirmed,
        State::Unoffered | State::Declined => api::DelegationState::Declined,
        State::Returned => api::DelegationState::Returned,
        State::Recalled => api::DelegationState::Recalled,
    }
}

const fn waiting_for(state: State) -> Option<api::WaitingFor> {
    match state {
        State::Waiting { on: WaitingOn::Principal } => Some(api::WaitingFor::Principal),
        State::Waiting { on: WaitingOn::ThirdParty } => Some(api::WaitingFor::Third),
        State::Unoffered | State::Offered | State::Accepted | State::InProgress | State::Resolved => None,
        State::Confirmed | State::Declined | State::Returned | State::Recalled => None,
    }
}

/// Before the offer is settled, the least that can be said is that it was made.
fn settled(view: &View) -> api::DelegationState {
    let not_yet = view.settled_state == State::Unoffered && view.state != State::Unoffered;
    if not_yet { api::DelegationState::Offered } else { state(view.settled_state) }
}

fn turn(view: &View, ours: Role) -> api::Turn {
    if view.state == State::Unoffered {
        return api::Turn::Nobody;
    }
    match (view.turn, ours) {
        (Turn::Nobody, Role::Principal | Role::Contractor) => api::Turn::Nobody,
        (Turn::Principal, Role::Principal) | (Turn::Contractor, Role::Contractor) => api::Turn::Own,
        (Turn::Principal, Role::Contractor) | (Turn::Contractor, Role::Principal) => api::Turn::Partner,
    }
}

fn words_of(delegation: &Delegation, role: Role) -> &Words {
    match role {
        Role::Principal => &delegation.view.principal,
        Role::Contractor => &delegation.view.contractor,
    }
}

fn own_side(identity: &Identity, delegation: &Delegation) -> api::OwnSide {
    let words = words_of(delegation, delegation.role);
    api::OwnSide {
        ticket: identity.ticket_label(delegation.ticket).to_string(),
        status: said(&words.status),
        label: said(&words.label),
    }
}

fn partner_side(delegation: &Delegation) -> api::PartnerSide {
    let words = words_of(delegation, delegation.role.other());
    api::PartnerSide {
        name: delegation.partner.row.partner_name.to_string(),
        desk: delegation.partner.desk().to_string(),
        ticket: said(&words.ticket),
        status: said(&words.status),
        label: said(&words.label),
        here: string(delegation.here.as_ref()),
    }
}

fn said(words: &str) -> Option<String> {
    (!words.is_empty()).then(|| words.to_owned())
}

fn change(change: &PendingChange) -> api::PendingChange {
    api::PendingChange { version: change.version, fields: offer(&change.fields) }
}

fn reading(here: &Here) -> api::Reading {
    api::Reading {
        category: string(here.category.as_ref()),
        priority: here.priority.map(priority),
        custom: custom(&here.custom),
        unmapped: here.unmapped.iter().map(lost).collect(),
    }
}

/// A value without a counterpart.
pub(crate) fn lost(lost: &Lost) -> api::FieldValue {
    api::FieldValue { field: lost.field.clone(), value: lost.value.clone() }
}

/// Custom fields.
pub(crate) fn custom(fields: &[(Code, Line)]) -> Vec<api::Custom> {
    fields.iter().map(|(key, value)| api::Custom { key: key.to_string(), value: value.to_string() }).collect()
}

fn offer(offer: &Offer) -> api::OfferFields {
    api::OfferFields {
        title: string(offer.title.as_ref()),
        description: string(offer.description.as_ref()),
        category: string(offer.category.as_ref()),
        priority: offer.priority.map(priority),
        respond_by: offer.respond.map(time),
        resolve_by: offer.resolve.map(time),
        contact: offer.contact.as_ref().map(contact),
        company: string(offer.company.as_ref()),
        object: offer.object.as_ref().map(object),
        equipment: offer.equipment.as_ref().map(equipment),
        agreement: string(offer.agreement.as_ref()),
        price: offer
            .price
            .as_ref()
            .map(|price| api::Money { amount: price.0.to_string(), currency: price.1.to_string() }),
        custom: custom(&offer.custom),
        test: offer.test,
        hops: u8::try_from(offer.hops).unwrap_or(u8::MAX),
    }
}

fn event(event: &TimelineEvent, clock: Option<&DelegationClock>) -> api::TimelineEvent {
    let counted = clock.and_then(|clock| clock.counted.iter().find(|(item, _)| *item == event.item));
    let (effect, why) = match &event.fate {
        Fate::Applied => (api::Effect::Applied, None),
        Fate::Provisional => (api::Effect::Provisional, None),
        Fate::Waiting => (api::Effect::Waiting, None),
        Fate::Parked(why) => (api::Effect::Parked, Some(why)),
        Fate::Superseded(why) => (api::Effect::Superseded, Some(why)),
        Fate::Refused(why) => (api::Effect::Refused, Some(why)),
        Fate::Unsupported(why) => (api::Effect::Unsupported, Some(why)),
    };
    api::TimelineEvent {
        item: event.item.to_string(),
        kind: event.kind.to_string(),
        from: role(event.from),
        by: person(event.by.as_ref()),
        time: time(event.time),
        counted: counted.map(|(_, counted)| super::clock::counted(counted)),
        effect,
        code: why.map(|why| why.code.to_string()),
        words: why.map(|why| why.words.to_string()),
        reason: string(event.words.as_ref()),
        state: event.state.map(state),
    }
}
