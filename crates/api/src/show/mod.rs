//! How what the engine knows is laid out in the documents of the API.

mod clock;
mod delegation;
mod erasure;
mod file;
mod link;
mod log;
mod queue;
mod relay;
mod report;
mod statement;
mod thread;
mod ticket;
mod verify;
mod work;

pub(crate) use delegation::{brief as delegation_brief, custom, delegation, lost, state as delegation_state};
pub(crate) use erasure::{one as erasure, plan as erasure_plan};
pub(crate) use file::file;
pub(crate) use link::{branches, expected, invitation, link, partner_desk};
pub(crate) use log::page as log_page;
pub(crate) use queue::item as queue_item;
pub(crate) use relay::{previewed, revised, waiting as relay_waiting};
pub(crate) use report::{csv as report_csv, partner_figures};
pub(crate) use statement::{
    cell as statement_cell, statement, statement_csv, statement_html, statement_info,
};
pub(crate) use thread::comment;
pub(crate) use ticket::{detail as ticket_detail, ticket};
pub(crate) use verify::report;
pub(crate) use work::work;

use deskwire_api_types as api;
use deskwire_engine::query::{Delivery, DeliveryState, SeenBy};
use deskwire_proto::message::common;
use deskwire_proto::time::Timestamp;

/// A moment.
pub(crate) fn time(at: Timestamp) -> api::Time {
    api::Time::from_millis(i64::try_from(at.0).unwrap_or(i64::MAX))
}

/// Who acted; nothing where nothing is known.
fn person(person: Option<&common::Person>) -> Option<api::Person> {
    let person = person.filter(|person| **person != common::Person::default())?;
    Some(api::Person {
        name: person.name.as_ref().map(ToString::to_string),
        function: person.function.as_ref().map(ToString::to_string),
    })
}

fn string(text: Option<&impl ToString>) -> Option<String> {
    text.map(ToString::to_string)
}

fn audience(seen: &SeenBy) -> api::Audience {
    match seen {
        SeenBy::Internal => api::Audience::Internal,
        SeenBy::Requester => api::Audience::Requester,
        SeenBy::Thread => api::Audience::Thread,
        SeenBy::Delegations(ids) => {
            api::Audience::Delegations { ids: ids.iter().map(ToString::to_string).collect() }
        }
    }
}

fn deliveries(all: &[Delivery]) -> Vec<api::Delivery> {
    all.iter().map(delivery).collect()
}

fn delivery(delivery: &Delivery) -> api::Delivery {
    let (state, why) = match &delivery.state {
        DeliveryState::Waiting => (api::DeliveryState::Waiting, None),
        DeliveryState::Sent => (api::DeliveryState::Sent, None),
        DeliveryState::Parked(why, _) => (api::DeliveryState::Parked, Some(why)),
        DeliveryState::Lost(why) => (api::DeliveryState::Lost, Some(why)),
        DeliveryState::Delivered => (api::DeliveryState::Delivered, None),
        DeliveryState::Refused(why) => (api::DeliveryState::Refused, Some(why)),
        DeliveryState::Unsupported(why) => (api::DeliveryState::Unsupported, Some(why)),
    };
    api::Delivery {
        delegation: delivery.delegation.to_string(),
        partner: delivery.partner.to_string(),
        state,
        item: string(delivery.item.as_ref()),
        not_delivered_since: delivery.late.map(time),
        code: why.map(|why| why.code.to_string()),
        words: why.map(|why| why.words.to_string()),
        at: None,
    }
}

fn contact(contact: &common::Contact) -> api::Contact {
    api::Contact {
        name: contact.name.to_string(),
        email: string(contact.email.as_ref()),
        phone: string(contact.phone.as_ref()),
        onward: contact.onward,
    }
}

fn object(object: &common::Object) -> api::ServiceObject {
    let degrees = |(latitude, longitude): &(_, _)| {
        let texts: [&deskwire_proto::text::Decimal; 2] = [latitude, longitude];
        texts.map(ToString::to_string)
    };
    api::ServiceObject {
        name: object.name.to_string(),
        address: string(object.address.as_ref()),
        coordinates: object.coordinates.as_ref().map(degrees),
    }
}

fn equipment(equipment: &common::Equipment) -> api::Equipment {
    api::Equipment {
        kind: string(equipment.kind.as_ref()),
        maker: string(equipment.maker.as_ref()),
        model: string(equipment.model.as_ref()),
        serial: string(equipment.serial.as_ref()),
        inventory: string(equipment.inventory.as_ref()),
    }
}

fn priority(priority: common::Priority) -> api::Priority {
    match priority {
        common::Priority::Low => api::Priority::Low,
        common::Priority::Normal => api::Priority::Normal,
        common::Priority::High => api::Priority::High,
        common::Priority::Urgent => api::Priority::Urgent,
    }
}
