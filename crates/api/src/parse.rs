//! Texts of the API become types of the protocol; what does not fit is refused with the name of its field.

use deskwire_api_types as api;
use deskwire_engine::query::DueFilter;
use deskwire_engine::query::{find_delegation, find_ticket};
use deskwire_engine::{Reader, Refusal};
use deskwire_machine::delegation::State;
use deskwire_proto::list::List;
use deskwire_proto::message::common::{Contact, Equipment, Money, Object, Priority};
use deskwire_proto::terms;
use deskwire_proto::text::{Code, Label, Line, Prose, TextError};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::TicketNumber;
use deskwire_store::row;

/// Which deadlines a list is about.
pub(crate) const fn due(due: api::DueFilter) -> DueFilter {
    match due {
        api::DueFilter::Near => DueFilter::Near,
        api::DueFilter::Overdue => DueFilter::Overdue,
    }
}

/// A text of one of the protocol's types.
pub(crate) fn text<T>(field: &str, value: &str) -> Result<T, Refusal>
where
    T: for<'a> TryFrom<&'a str, Error = TextError>,
{
    T::try_from(value).map_err(|error| Refusal::invalid(field, error))
}

/// A text that may be absent.
pub(crate) fn maybe<T>(field: &str, value: Option<&String>) -> Result<Option<T>, Refusal>
where
    T: for<'a> TryFrom<&'a str, Error = TextError>,
{
    value.map(|value| text(field, value)).transpose()
}

/// A name for a link, which must not be a word of the paths below `/v1/links`.
pub(crate) fn link_name(value: Option<&String>) -> Result<Option<Label>, Refusal> {
    match value.map(String::as_str) {
        Some("accept" | "add" | "invitations") => {
            Err(Refusal::invalid("name", "the API needs this word itself"))
        }
        Some(_) | None => maybe("name", value),
    }
}

/// What a person wrote, whichever ends of lines their system has.
pub(crate) fn prose(field: &str, value: &str) -> Result<Prose, Refusal> {
    text(field, &value.replace("\r\n", "\n"))
}

/// What a person may have written.
pub(crate) fn maybe_prose(field: &str, value: Option<&String>) -> Result<Option<Prose>, Refusal> {
    value.map(|value| prose(field, value)).transpose()
}

/// What a person has to have written.
pub(crate) fn needed(field: &str, value: &str) -> Result<Prose, Refusal> {
    if value.trim().is_empty() {
        return Err(Refusal::invalid(field, "it is empty, and the partner's people have to know"));
    }
    prose(field, value)
}

/// A moment.
pub(crate) fn time(field: &str, value: Option<api::Time>) -> Result<Option<Timestamp>, Refusal> {
    let moment = |time: api::Time| {
        let millis = u64::try_from(time.millis());
        millis.map(Timestamp).map_err(|_| Refusal::invalid(field, format!("{time} is before 1970")))
    };
    value.map(moment).transpose()
}

/// A number of entries for a list.
pub(crate) fn limit(value: Option<u32>, usual: usize) -> Result<usize, Refusal> {
    match value.map(usize::try_from) {
        None => Ok(usual),
        Some(Ok(limit @ 1..=500)) => Ok(limit),
        Some(_) => Err(Refusal::invalid("limit", "it takes 1 to 500")),
    }
}

pub(crate) fn contact(value: &api::Contact) -> Result<Contact, Refusal> {
    if value.name.trim().is_empty() {
        return Err(Refusal::invalid(
            "requester.name",
            "it is empty, and the partner's people have to know whom to ask for",
        ));
    }
    Ok(Contact {
        name: text("requester.name", &value.name)?,
        email: maybe("requester.email", value.email.as_ref())?,
        phone: maybe("requester.phone", value.phone.as_ref())?,
        onward: value.onward,
    })
}

pub(crate) fn object(value: &api::ServiceObject) -> Result<Object, Refusal> {
    let degrees = |[latitude, longitude]: &[String; 2]| -> Result<_, Refusal> {
        Ok((text("object.coordinates", latitude)?, text("object.coordinates", longitude)?))
    };
    Ok(Object {
        name: text("object.name", &value.name)?,
        address: maybe("object.address", value.address.as_ref())?,
        coordinates: value.coordinates.as_ref().map(degrees).transpose()?,
    })
}

pub(crate) fn equipment(value: &api::Equipment) -> Result<Equipment, Refusal> {
    Ok(Equipment {
        kind: maybe("equipment.kind", value.kind.as_ref())?,
        maker: maybe("equipment.maker", value.maker.as_ref())?,
        model: maybe("equipment.model", value.model.as_ref())?,
        serial: maybe("equipment.serial", value.serial.as_ref())?,
        inventory: maybe("equipment.inventory", value.inventory.as_ref())?,
    })
}

/// Fields of this desk's own, once each.
pub(crate) fn custom(values: &[api::Custom]) -> Result<Vec<(Code, Line)>, Refusal> {
    let mut fields: Vec<(Code, Line)> = Vec::new();
    for api::Custom { key, value } in values {
        let key: Code = text("custom.key", key)?;
        if fields.iter().any(|(known, _)| *known == key) {
            return Err(Refusal::invalid("custom", format!("it has '{key}' twice")));
        }
        fields.push((key, text("custom.value", value.trim())?));
    }
    if fields.len() > CUSTOM_MAX {
        return Err(Refusal::invalid("custom", format!("it has more than {CUSTOM_MAX} fields")));
    }
    Ok(fields)
}

/// As many custom fields as terms define at most. proto-spec, section 6.2.
const CUSTOM_MAX: usize = 32;

pub(crate) fn money(value: &api::Money) -> Result<Money, Refusal> {
    Ok(Money(text("price.amount", &value.amount)?, text("price.currency", &value.currency)?))
}

pub(crate) fn priority(value: api::Priority) -> Priority {
    match value {
        api::Priority::Low => Priority::Low,
        api::Priority::Normal => Priority::Normal,
        api::Priority::High => Priority::High,
        api::Priority::Urgent => Priority::Urgent,
    }
}

pub(crate) fn field_name(value: api::FieldName) -> terms::FieldName {
    match value {
        api::FieldName::Company => terms::FieldName::Company,
        api::FieldName::Contact => terms::FieldName::Contact,
        api::FieldName::Custom => terms::FieldName::Custom,
        api::FieldName::Equipment => terms::FieldName::Equipment,
        api::FieldName::Agreement => terms::FieldName::Agreement,
        api::FieldName::Category => terms::FieldName::Category,
        api::FieldName::Object => terms::FieldName::Object,
        api::FieldName::Priority => terms::FieldName::Priority,
        api::FieldName::Deadline => terms::FieldName::Deadline,
        api::FieldName::Status => terms::FieldName::Status,
        api::FieldName::Price => terms::FieldName::Price,
    }
}

/// The states of the fold that one word of the API stands for.
pub(crate) fn states(value: api::DelegationState) -> Vec<State> {
    match value {
        api::DelegationState::Offered => vec![State::Offered],
        api::DelegationState::Accepted => vec![State::Accepted],
        api::DelegationState::InProgress => vec![State::InProgress],
        api::DelegationState::Waiting => vec![State::WAITING_PRINCIPAL, State::WAITING_THIRD],
        api::DelegationState::Resolved => vec![State::Resolved],
        api::DelegationState::Confirmed => vec![State::Confirmed],
        api::DelegationState::Declined => vec![State::Declined, State::Unoffered],
        api::DelegationState::Returned => vec![State::Returned],
        api::DelegationState::Recalled => vec![State::Recalled],
    }
}

/// An audience with this desk's own numbers.
pub(crate) fn audience(reader: &Reader, value: &api::Audience) -> Result<row::Audience, Refusal> {
    Ok(match value {
        api::Audience::Internal => row::Audience::Internal,
        api::Audience::Requester => row::Audience::Requester,
        api::Audience::Thread => row::Audience::Thread,
        api::Audience::Delegations { ids } => {
            if ids.is_empty() {
                return Err(Refusal::invalid("audience", "it names no delegation"));
            }
            let chosen: Result<Vec<_>, _> = ids.iter().map(|id| find_delegation(reader, id)).collect();
            let mut chosen = chosen?;
            chosen.sort_unstable();
            chosen.dedup();
            row::Audience::Delegations(chosen)
        }
    })
}

/// A ticket as it was typed.
pub(crate) fn ticket(reader: &Reader, text: &str) -> Result<TicketNumber, Refusal> {
    find_ticket(reader, text)
}

/// The sides that may hand work over, for a desk that is `own` side of a new link.
pub(crate) fn principals(value: api::Principals, own: terms::Side) -> List<terms::Side, 1, 2> {
    let sides = match value {
        api::Principals::Both => vec![terms::Side::Inviter, terms::Side::Accepter],
        api::Principals::Me => vec![own],
        api::Principals::Partner => vec![own.other()],
    };
    List::new(sides).expect("one or two sides")
}
