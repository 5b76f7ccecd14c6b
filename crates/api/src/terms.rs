//! Terms: what a caller asks for on a new link, on top of what the desk is configured for.

use std::collections::BTreeMap;

use deskwire_api_types as api;
use deskwire_engine::Refusal;
use deskwire_proto::limits::FILE_BYTES;
use deskwire_proto::terms::{PersonRule, Redelegate, Side, Terms};

use serde_json::Value;

use crate::parse::{field_name, principals};

/// The configured terms with what the caller wants otherwise. `own` is the side that this desk will be.
pub(crate) fn wanted(
    configured: &Terms,
    offer: Option<&api::TermsOffer>,
    own: Side,
) -> Result<Terms, Refusal> {
    let mut terms = configured.clone();
    let Some(offer) = offer else { return Ok(terms) };
    if let Some(who) = offer.principals {
        terms.principals = principals(who, own);
    }
    if let Some(fields) = &offer.fields {
        terms.fields = fields.iter().copied().map(field_name).collect();
        terms.fields.sort_unstable();
        terms.fields.dedup();
    }
    if let Some(person) = offer.person {
        terms.person = match person {
            api::PersonTerm::Name => PersonRule::Name,
            api::PersonTerm::Function => PersonRule::Function,
            api::PersonTerm::Nothing => PersonRule::Nothing,
        };
    }
    if let Some(redelegate) = offer.redelegate {
        terms.redelegate = match redelegate {
            api::Redelegate::Forbidden => Redelegate::Forbidden,
            api::Redelegate::Allowed => Redelegate::Allowed,
            api::Redelegate::Named => Redelegate::Named,
        };
    }
    if let Some(file) = offer.file {
        if file > FILE_BYTES {
            return Err(Refusal::invalid("terms.file", format!("the largest file is {FILE_BYTES} bytes")));
        }
        terms.file = file;
    }
    terms.check().map_err(|error| Refusal::invalid("terms", error))?;
    Ok(terms)
}

/// Every member that can be set, and what it takes.
const MEMBERS: [(&str, &str); 14] = [
    ("principals", "it takes inviter, accepter, or both of them"),
    (
        "fields",
        "it takes names of fields: company, contact, custom, equipment, agreement, category, object, priority, deadline, \
         status, price",
    ),
    (
        "custom",
        "it takes at most 32 fields, each with a key of its own, a name, and a type: text, number, date, or choice with its choices",
    ),
    ("person", "it takes name, function or nothing"),
    ("redelegate", "it takes forbidden, allowed or named"),
    ("file", "it takes a number of bytes"),
    ("late", "it takes reopen, follow-up or refuse"),
    (
        "deadlines",
        "it takes a time to respond and a time to resolve, milliseconds, at most once for each priority: low, normal, high or urgent",
    ),
    (
        "calendar",
        "it takes own, or at most 800 intervals of UTC, ascending, none of them empty, and none that touches the next",
    ),
    ("auto-confirm", "it takes milliseconds"),
    ("tolerance", "it takes milliseconds"),
    ("currency", "it takes the three capital letters of a currency, such as EUR"),
    ("loop-tags", "it takes true or false"),
    ("retention", "it takes a number of days"),
];

/// Why these members cannot be as they are in `wanted`: names the first of them that by itself spoils the terms that hold, in
/// words of ours.
pub(crate) fn unfit(
    holding: &BTreeMap<String, Value>,
    named: &[String],
    wanted: &BTreeMap<String, Value>,
) -> Refusal {
    let spoils = |member: &String| {
        let mut one = holding.clone();
        match wanted.get(member) {
            None => drop(one.remove(member)),
            Some(value) => drop(one.insert(member.clone(), value.clone())),
        }
        one.insert("v".to_owned(), Value::from(1));
        serde_json::from_value::<Terms>(Value::Object(one.into_iter().collect())).is_err()
    };
    let Some(member) = named.iter().find(|member| spoils(member)) else {
        return Refusal::invalid("terms", "together these members contradict each other");
    };
    let taken_away = !wanted.contains_key(member);
    match MEMBERS.iter().find(|(known, _)| known == member) {
        Some((_, takes)) if taken_away => {
            Refusal::invalid(member, format!("it cannot be taken away: {takes}"))
        }
        Some((_, takes)) => Refusal::invalid(member, takes),
        None => {
            let known: Vec<_> = MEMBERS.iter().map(|(member, _)| *member).collect();
            let words = format!("terms have no such member; there are {}", known.join(", "));
            Refusal::invalid(member, words)
        }
    }
}
