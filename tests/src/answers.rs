//! Everything that a desk answers, to compare what it says before and after.

use deskwire_api_types::{DelegationQuery, Direction, LogQuery, TicketQuery};
use serde_json::{Value, json};

use crate::desk::Desk;

/// What a desk says of everything it has, without what changes by itself: times of contact and of the next attempt.
pub async fn of(desk: &Desk) -> Value {
    let client = desk.client();
    let mut tickets = Vec::new();
    let query = TicketQuery { limit: Some(500), ..Default::default() };
    for ticket in client.tickets(&query).await.unwrap().tickets {
        tickets.push(json!([ticket, client.ticket(&ticket.number).await.unwrap()]));
    }
    let mut delegations = Vec::new();
    let query = DelegationQuery { limit: Some(500), ..Default::default() };
    for delegation in client.delegations(&query).await.unwrap().delegations {
        delegations.push(json!([delegation, client.delegation(&delegation.id).await.unwrap()]));
    }
    let mut links = Vec::new();
    for mut link in client.links().await.unwrap().links {
        // How the line fares is another matter than what the desk holds.
        (link.last_contact, link.last_error, link.next_attempt) = (None, None, None);
        link.health = Default::default();
        let mut logs = Vec::new();
        for direction in [Direction::Out, Direction::In] {
            let query = LogQuery { direction: Some(direction), limit: Some(500), ..Default::default() };
            if link.id.is_some() {
                logs.push(client.log(&link.name, &query).await.unwrap());
            }
        }
        links.push(json!([link, logs]));
    }
    let invitations = client.invitations().await.unwrap();
    json!({ "tickets": tickets, "delegations": delegations, "links": links, "invitations": invitations })
}

/// Fails with the first places at which two documents differ.
#[track_caller]
pub fn assert_same(what: &str, before: &Value, after: &Value) {
    let mut found = Vec::new();
    differences("", before, after, &mut found);
    assert!(found.is_empty(), "{what}:\n{}", found[..found.len().min(8)].join("\n"));
}

fn differences(place: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let names: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
            // Time in hand grows by itself.
            let grows = |name: &str| place.ends_with(".clock") && matches!(name, "time" | "wall");
            for name in names.into_iter().filter(|name| !grows(name)) {
                let null = Value::Null;
                let (one, other) = (one.get(name).unwrap_or(&null), other.get(name).unwrap_or(&null));
                differences(&format!("{place}.{name}"), one, other, found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                differences(&format!("{place}[{index}]"), one, other, found);
            }
        }
        _ if one == other => {}
        _ => {
            let short = |value: &Value| value.to_string().chars().take(300).collect::<String>();
            found.push(format!("{place}: {} became {}", short(one), short(other)));
        }
    }
}
