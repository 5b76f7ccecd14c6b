//! What the people of the story do with the command line, and how they see that it came about.

use std::fs;

use deskwire_tests::{desk::Desk, links::until, world::World};
use serde_json::Value;

/// Invitation, the six words compared, and approval, as two operators do it.
pub(super) async fn link_by_command(inviter: &Desk, accepter: &Desk) {
    // Whoever is behind a router learns of an approval only when it asks again: it is given in advance.
    let hidden = accepter.run(&["id"]).await.out.contains("goes to its partners");
    let invite: &[&str] = if hidden { &["link", "invite", "--approved"] } else { &["link", "invite"] };
    let text = inviter.run(invite).await;
    assert_eq!(text.code, 0, "{text:?}");
    let accepted = accepter.json(&["link", "accept", text.out.trim()]).await;
    let (here, there) = (inviter.name.to_lowercase(), accepter.name.to_lowercase());
    let words = text_list(&accepted["words"]["ru"]);
    inviter.json(&["link", "verify", &there, "--words", &words]).await;
    accepter.json(&["link", "verify", &here, "--words", &words]).await;
    if !hidden {
        assert_eq!(accepted["state"], "waiting-partner", "{accepted}");
        let approved = inviter.json(&["link", "approve", &there]).await;
        assert_eq!(
            (&approved["state"], &approved["verified"]),
            (&"active".into(), &true.into()),
            "{approved}"
        );
    }
    until("The approval", async || {
        let link = accepter.json(&["link", "show", &here]).await;
        Ok((link["state"] == "active" && link["verified"] == true).then_some(()))
    })
    .await;
}

/// What will leave is shown first; then it is handed over.
pub(super) async fn delegate(desk: &Desk, ticket: &str, link: &str) -> String {
    let preview = desk.json(&["ticket", "delegate", ticket, link, "--preview"]).await;
    let sent = preview["will_send"].as_array().unwrap();
    let title = sent.iter().find(|field| field["field"] == "title").unwrap();
    assert_eq!(title["value"], "Cash register 3 is dead");
    text(&desk.json(&["ticket", "delegate", ticket, link, "--yes"]).await, "id")
}

pub(super) async fn accept(desk: &Desk, delegation: &str) -> String {
    state_is(desk, delegation, "offered").await;
    text(&desk.json(&["delegation", "accept", delegation]).await["own"], "ticket")
}

/// Both numbers and the state are visible at the principal.
pub(super) async fn agree(principal: &Desk, delegation: &str, state: &str, own: &str, partner: &str) {
    state_is(principal, delegation, state).await;
    let seen = principal.json(&["delegation", "show", delegation]).await;
    assert_eq!(
        (&seen["own"]["ticket"], &seen["partner"]["ticket"]),
        (&own.into(), &partner.into()),
        "{seen}"
    );
}

pub(super) async fn state_is(desk: &Desk, delegation: &str, state: &str) {
    until(&format!("{state} at {}", desk.name), async || {
        let said = desk.run(&["delegation", "show", delegation, "--json"]).await;
        let seen: Value = serde_json::from_str(&said.out).unwrap();
        Ok((seen["state"] == state).then_some(()))
    })
    .await;
}

pub(super) async fn partner_says(desk: &Desk, delegation: &str, state: &str, label: &str) {
    until(&format!("“{label}” at {}", desk.name), async || {
        let seen = desk.json(&["delegation", "show", delegation]).await;
        Ok((seen["state"] == state && seen["partner"]["label"] == label).then_some(()))
    })
    .await;
}

pub(super) async fn comment_is_there(desk: &Desk, ticket: &str, body: &str) {
    until(&format!("“{body}” at {}", desk.name), async || {
        let seen = desk.json(&["ticket", "show", ticket]).await;
        let thread = seen["thread"].as_array().unwrap();
        Ok(thread.iter().any(|entry| entry["body"] == body).then_some(()))
    })
    .await;
}

pub(super) async fn file_is_here(desk: &Desk, ticket: &str, name: &str) -> String {
    until(&format!("{name} at {}", desk.name), async || {
        let seen = desk.json(&["ticket", "show", ticket]).await;
        let here = |entry: &&Value| entry["name"] == name && entry["state"] == "here";
        Ok(seen["thread"].as_array().unwrap().iter().find(here).map(|file| text(file, "id")))
    })
    .await
}

pub(super) async fn read_back(desk: &Desk, ticket: &str, words: &[&str]) {
    let shown = desk.run(&["ticket", "show", ticket]).await;
    let all = everything(desk).await;
    assert_eq!(shown.code, 0, "{shown:?}");
    for words in words {
        assert!(all.contains(words), "{} has lost “{words}”", desk.name);
    }
}

/// All that a desk answers about its tickets, delegations and links, as one text.
pub(super) async fn everything(desk: &Desk) -> String {
    deskwire_tests::answers::of(desk).await.to_string()
}

pub(super) fn text(document: &Value, member: &str) -> String {
    document[member].as_str().unwrap_or_else(|| panic!("{member} of {document}")).to_owned()
}

fn text_list(words: &Value) -> String {
    words.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

/// One side proposes terms, the other one accepts them; both say so.
pub(super) async fn terms_by_command(proposer: &Desk, accepter: &Desk, changes: &[&str]) {
    let (here, there) = (proposer.name.to_lowercase(), accepter.name.to_lowercase());
    let changes: Vec<&str> = changes.iter().flat_map(|change| ["--set", change]).collect();
    let proposed = proposer.json(&[&["link", "terms", "propose", &there], &changes[..]].concat()).await;
    let version = Value::from(proposed["version"].as_u64().unwrap() + 1);
    until("The proposal", async || {
        let known = accepter.json(&["link", "terms", "show", &here]).await;
        Ok((known["theirs"]["version"] == version).then_some(()))
    })
    .await;
    accepter.json(&["link", "terms", "accept", &here, "--yes"]).await;
    for (desk, link) in [(proposer, &there), (accepter, &here)] {
        until("The new terms", async || {
            let known = desk.json(&["link", "terms", "show", link]).await;
            Ok((known["version"] == version).then_some(()))
        })
        .await;
    }
}

/// What waits before it goes onward is looked at and let go.
pub(super) async fn approve_onward(desk: &Desk, ticket: &str, count: usize) {
    let waiting = until("What waits to go onward", async || {
        let list = desk.json(&["relay", "list", "--ticket", ticket]).await;
        let relays = list["relays"].as_array().cloned().unwrap_or_default();
        Ok((relays.len() >= count).then_some(relays))
    })
    .await;
    for one in waiting {
        desk.json(&["relay", "approve", ticket, &text(&one, "item"), "--yes"]).await;
    }
}

/// A line of work is booked, and seen by the principal.
pub(super) async fn book(contractor: &Desk, principal: &Desk, id: &str, line: &[&str]) {
    let count = async |desk: &Desk| {
        let list = desk.json(&["work", "list", id]).await;
        list["lines"].as_array().map_or(0, Vec::len)
    };
    contractor.json(&[&["work", "add", id], line, &["--currency", "EUR", "--tax", "20"]].concat()).await;
    let booked = count(contractor).await;
    until("The line", async || Ok((count(principal).await == booked).then_some(()))).await;
}

/// A year's statement: proposed by one side, signed by both, the same to the byte.
pub(super) async fn settle(contractor: &Desk, principal: &Desk) {
    let (here, there) = (contractor.name.to_lowercase(), principal.name.to_lowercase());
    let list = contractor.json(&["ticket", "list"]).await;
    let year = list["tickets"][0]["created"].as_str().unwrap()[..4].to_owned();
    let proposed = until("Settled approvals", async || {
        let said = contractor.run(&["statement", "propose", &there, "--period", &year, "--json"]).await;
        Ok((said.code == 0).then(|| said.document()))
    })
    .await;
    let id = text(&proposed["statement"], "id");
    until("The statement", async || {
        let list = principal.json(&["statement", "list", &here]).await;
        Ok((list["statements"][0]["state"] == "to-sign").then_some(()))
    })
    .await;
    principal.json(&["statement", "sign", &id]).await;
    let mut shown = Vec::new();
    for desk in [contractor, principal] {
        shown.push(
            until("Both signatures", async || {
                let shown = desk.json(&["statement", "show", &id]).await;
                Ok((shown["statement"]["state"] == "signed").then_some(shown))
            })
            .await,
        );
    }
    assert_eq!(shown[0]["statement"]["hash"], shown[1]["statement"]["hash"]);
    assert_eq!(shown[0]["computed_hash"], shown[1]["computed_hash"]);
    assert_eq!(shown[0]["totals"], shown[1]["totals"]);
}

/// The comments of a ticket, as they stand.
pub(super) async fn comments(desk: &Desk, ticket: &str) -> Vec<String> {
    let seen = desk.json(&["ticket", "show", ticket]).await;
    let thread = seen["thread"].as_array().unwrap().iter();
    thread.filter_map(|entry| entry["body"].as_str().map(str::to_owned)).collect()
}

/// The whole history of a link, verified from a file by somebody who has no desk; and no longer after one bit changed.
pub(super) async fn prove(world: &World, kassa: &Desk) {
    let (path, nowhere) = (world.path("acme.proof"), world.path("nowhere"));
    kassa.json(&["export", "--link", "acme", "-o", path.to_str().unwrap()]).await;
    let verify = async |path: &std::path::Path| {
        let args = ["verify", "--file", path.to_str().unwrap(), "--json"];
        deskwire_tests::cli::run(&nowhere, &args).await
    };
    let good = verify(&path).await;
    assert_eq!(good.code, 0, "{good:?}");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let changed = world.path("changed.proof");
    fs::write(&changed, bytes).unwrap();
    assert_eq!(verify(&changed).await.code, 1, "a changed bit is not found");
}
