//! Tickets.

use deskwire_api_types as api;
use deskwire_engine::identity::Identity;
use deskwire_engine::query::{Changed, Ticket, TicketDetail, Untold};
use deskwire_proto::terms::FieldName;

use super::{
    contact, custom, delegation_brief, equipment, lost, object, person, priority, relay, string, thread, time,
};

/// A ticket; in lists without its description.
pub(crate) fn ticket(identity: &Identity, ticket: &Ticket, whole: bool) -> api::Ticket {
    let text = ticket.text.as_ref();
    api::Ticket {
        number: identity.ticket_label(ticket.number).to_string(),
        title: ticket.row.title.to_string(),
        description: text.filter(|_| whole).and_then(|text| string(text.description.as_ref())),
        category: string(ticket.row.category.as_ref()),
        priority: priority(ticket.row.priority),
        status: ticket.row.status.to_string(),
        label: string(ticket.row.status_label.as_ref()),
        requester: text.and_then(|text| text.requester.as_ref()).map(contact),
        company: text.and_then(|text| string(text.company.as_ref())),
        object: text.and_then(|text| text.object.as_ref()).map(object),
        equipment: text.and_then(|text| text.equipment.as_ref()).map(equipment),
        agreement: text.and_then(|text| string(text.agreement.as_ref())),
        custom: text.map(|text| custom(&text.custom)).unwrap_or_default(),
        unmapped: ticket.unmapped.iter().map(lost).collect(),
        due: ticket.due.map(time),
        next_due: ticket.next_due.as_ref().map(super::clock::due),
        created: time(ticket.row.created),
        updated: time(ticket.updated),
        by: person(text.map(|text| &text.by)),
        origin: ticket.origin.as_ref().map(|(id, _)| id.to_string()),
        origin_partner: ticket.origin.as_ref().map(|(_, partner)| partner.to_string()),
        handed: relay::handed(ticket.handed),
    }
}

/// A ticket with everything on it.
pub(crate) fn detail(identity: &Identity, detail: &TicketDetail) -> api::TicketDetail {
    let number = identity.ticket_label(detail.ticket.number);
    api::TicketDetail {
        ticket: ticket(identity, &detail.ticket, true),
        thread: detail.thread.iter().map(|entry| thread::entry(&number, entry)).collect(),
        delegations: detail.delegations.iter().map(|one| delegation_brief(identity, one)).collect(),
        untold: detail.untold.iter().map(untold).collect(),
    }
}

fn untold(untold: &Untold) -> api::Untold {
    api::Untold {
        delegation: untold.delegation.to_string(),
        partner: untold.partner.to_string(),
        fields: untold.changed.iter().map(|what| changed(*what).to_owned()).collect(),
    }
}

const fn changed(what: Changed) -> &'static str {
    match what {
        Changed::Title => "title",
        Changed::Description => "description",
        Changed::Deadline | Changed::Field(FieldName::Deadline) => "resolve_by",
        Changed::Field(FieldName::Company) => "company",
        Changed::Field(FieldName::Contact) => "contact",
        Changed::Field(FieldName::Custom) => "custom",
        Changed::Field(FieldName::Equipment) => "equipment",
        Changed::Field(FieldName::Agreement) => "agreement",
        Changed::Field(FieldName::Category) => "category",
        Changed::Field(FieldName::Object) => "object",
        Changed::Field(FieldName::Priority) => "priority",
        Changed::Field(FieldName::Status) => "status",
        Changed::Field(FieldName::Price) => "price",
    }
}
