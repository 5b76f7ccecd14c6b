//! Small things in words: times, sizes, people, ids.

use deskwire_api_types::{Delivery, DeliveryState, Person, Time};

use super::style::Style;

/// A time to the minute, in UTC: `2026-07-01 09:30Z`.
pub(crate) fn when(time: Time) -> String {
    let text = time.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(minute)) => format!("{day} {minute}Z"),
        _ => text,
    }
}

/// A time to the second, in UTC: `2026-07-01 09:30:05Z`.
pub(crate) fn exactly(time: Time) -> String {
    let text = time.to_string();
    match (text.get(..10), text.get(11..19)) {
        (Some(day), Some(second)) => format!("{day} {second}Z"),
        _ => text,
    }
}

/// A number of bytes.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut scaled = count as f64 / 1024.0;
    for unit in UNITS {
        // 1023.95 would be written as 1024.0.
        if scaled < 1023.95 || unit == "TiB" {
            return if count < 1024 { format!("{count} bytes") } else { format!("{scaled:.1} {unit}") };
        }
        scaled /= 1024.0;
    }
    format!("{count} bytes")
}

/// The beginning of an id, enough to name it by.
pub(crate) fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

/// A person, as far as known: "Anna, second line", "second line", "somebody".
pub(crate) fn person(person: Option<&Person>) -> String {
    let Some(person) = person else { return "somebody".to_owned() };
    match (&person.name, &person.function) {
        (Some(name), Some(function)) => format!("{name}, {function}"),
        (Some(one), None) | (None, Some(one)) => one.clone(),
        (None, None) => "somebody".to_owned(),
    }
}

/// A person and, when it is a partner's, whose.
pub(crate) fn author(by: Option<&Person>, partner: Option<&String>) -> String {
    match (by, partner) {
        (Some(_), Some(partner)) => format!("{} of {partner}", person(by)),
        (None, Some(partner)) => partner.clone(),
        (_, None) => person(by),
    }
}

/// How far something has come, one line per partner; nothing for what arrived as it should.
pub(crate) fn deliveries(deliveries: &[Delivery], style: Style) -> String {
    deliveries.iter().map(|delivery| delivered(delivery, style)).collect()
}

fn delivered(delivery: &Delivery, style: Style) -> String {
    let partner = &delivery.partner;
    let words = delivery.words.as_deref().unwrap_or("no reason given");
    let code = delivery.code.as_deref().unwrap_or("no code");
    let since = delivery.not_delivered_since.map(|since| format!("; not delivered since {}", when(since)));
    let since = since.unwrap_or_default();
    match delivery.state {
        DeliveryState::Delivered => String::new(),
        DeliveryState::Waiting => style.yellow(&format!("waits to be sent to {partner}{since}")) + "\n",
        DeliveryState::Sent => {
            style.yellow(&format!("sent to {partner}, not acknowledged yet{since}")) + "\n"
        }
        DeliveryState::Parked => {
            let item = delivery.item.as_deref().map(|item| format!(": deskwire queue retry {}", short(item)));
            let again = item.unwrap_or_default();
            style.red(&format!("parked on its way to {partner}{since}. {words} ({code}){again}")) + "\n"
        }
        DeliveryState::Lost => style.red(&format!("on its way to {partner}: {words} ({code})")) + "\n",
        DeliveryState::Refused => style.red(&format!("refused by {partner}: {words} ({code})")) + "\n",
        DeliveryState::Unsupported => {
            style.red(&format!("{partner} does not understand it: {words} ({code})")) + "\n"
        }
    }
}
