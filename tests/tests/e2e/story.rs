//! The story of the product, told with the command line as its users have it: three desks, two links, one dead register.

use std::fs;

use deskwire_tests::{
    desk::Desk,
    links::{PATIENCE, quiet, until},
    world::World,
};
use serde_json::Value;

/// Without this nobody could do the main job: hand a ticket down a chain and get the answer back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_goes_down_the_chain_and_its_answer_comes_back() {
    let world = World::new("a_ticket_goes_down");
    let (shop, acme, kassa) =
        tokio::join!(Desk::new(&world, "Shop"), Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"));
    link_by_command(&acme, &shop).await;
    link_by_command(&kassa, &acme).await;

    // Shop's ticket goes to Acme, with an internal remark that stays.
    let new =
        ["ticket", "new", "Cash register 3 is dead", "-d", "It beeps three times.", "--priority", "urgent"];
    let at_shop = text(&shop.json(&new).await, "number");
    shop.json(&["ticket", "comment", &at_shop, "The manager is furious"]).await;
    let first = delegate(&shop, &at_shop, "acme").await;
    let at_acme = accept(&acme, &first).await;
    agree(&shop, &first, "accepted", &at_shop, &at_acme).await;

    // Acme sees that it is the vendor's fault, and hands it on.
    acme.json(&["ticket", "comment", &at_acme, "Their third one this year"]).await;
    let second = delegate(&acme, &at_acme, "kassa").await;
    let at_kassa = accept(&kassa, &second).await;
    agree(&acme, &second, "accepted", &at_acme, &at_kassa).await;

    // Statuses both ways.
    let status = ["delegation", "status", &second, "--state", "in-progress", "--label", "on the bench"];
    kassa.json(&status).await;
    partner_says(&acme, &second, "in-progress", "on the bench").await;
    acme.json(&["delegation", "status", &second, "--status", "waiting", "--label", "waits for Kassa"]).await;
    partner_says(&kassa, &second, "in-progress", "waits for Kassa").await;

    // Comments both ways, and a file.
    acme.json(&["ticket", "comment", &at_acme, "It is the model of 2019", "--to", "kassa"]).await;
    kassa.json(&["ticket", "comment", &at_kassa, "Which firmware?", "--to", "acme"]).await;
    comment_is_there(&kassa, &at_kassa, "It is the model of 2019").await;
    comment_is_there(&acme, &at_acme, "Which firmware?").await;
    let log = world.path("register.log");
    let content: Vec<u8> =
        (0..3_000_000_u32).map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(&log, &content).unwrap();
    acme.json(&["ticket", "attach", &at_acme, log.to_str().unwrap(), "--to", "kassa"]).await;
    let copy = world.path("copy.log");
    let file = file_is_here(&kassa, &at_kassa, "register.log").await;
    kassa.json(&["file", "get", &file, "-o", copy.to_str().unwrap()]).await;
    assert_eq!(fs::read(&copy).unwrap(), content, "the file has changed on its way");

    // Solved, upward.
    kassa.json(&["delegation", "resolve", &second, "--solution", "Replaced the power supply"]).await;
    state_is(&acme, &second, "resolved").await;
    acme.json(&["delegation", "confirm", &second]).await;
    state_is(&kassa, &second, "confirmed").await;
    acme.json(&["delegation", "resolve", &first, "--solution", "The vendor replaced a part"]).await;
    state_is(&shop, &first, "resolved").await;
    shop.json(&["delegation", "confirm", &first]).await;
    state_is(&acme, &first, "confirmed").await;

    tokio::join!(quiet(PATIENCE, &shop, &acme), quiet(PATIENCE, &acme, &kassa));
    read_back(&shop, &at_shop, &["The manager is furious", "The vendor replaced a part"]).await;
    read_back(
        &acme,
        &at_acme,
        &["Their third one this year", "Which firmware?", "Replaced the power supply"],
    )
    .await;
    read_back(&kassa, &at_kassa, &["It is the model of 2019", "Cash register 3 is dead"]).await;
    for (desk, foreign) in [
        (&shop, vec!["Their third one this year", "Which firmware?", "register.log", "Kassa"]),
        (&acme, vec!["The manager is furious"]),
        (&kassa, vec!["The manager is furious", "Their third one this year", "Shop"]),
    ] {
        let all = everything(desk).await;
        for words in foreign {
            assert!(!all.contains(words), "{} knows “{words}”", desk.name);
        }
    }
    for desk in [&shop, &acme, &kassa] {
        let report = desk.json(&["verify"]).await;
        assert_eq!(report["ok"], true, "{}: {report}", desk.name);
    }
}

/// Invitation, the six words compared, and approval, as two operators do it.
async fn link_by_command(inviter: &Desk, accepter: &Desk) {
    let text = inviter.run(&["link", "invite"]).await;
    assert_eq!(text.code, 0, "{text:?}");
    let accepted = accepter.json(&["link", "accept", text.out.trim()]).await;
    assert_eq!(accepted["state"], "waiting-partner", "{accepted}");
    let (here, there) = (inviter.name.to_lowercase(), accepter.name.to_lowercase());
    let words = text_list(&accepted["words"]["ru"]);
    inviter.json(&["link", "verify", &there, "--words", &words]).await;
    accepter.json(&["link", "verify", &here, "--words", &words]).await;
    let approved = inviter.json(&["link", "approve", &there]).await;
    assert_eq!((&approved["state"], &approved["verified"]), (&"active".into(), &true.into()), "{approved}");
    until("The approval", async || {
        let link = accepter.json(&["link", "show", &here]).await;
        Ok((link["state"] == "active" && link["verified"] == true).then_some(()))
    })
    .await;
}

/// What will leave is shown first; then it is handed over.
async fn delegate(desk: &Desk, ticket: &str, link: &str) -> String {
    let preview = desk.json(&["ticket", "delegate", ticket, link, "--preview"]).await;
    let sent = preview["will_send"].as_array().unwrap();
    let title = sent.iter().find(|field| field["field"] == "title").unwrap();
    assert_eq!(title["value"], "Cash register 3 is dead");
    text(&desk.json(&["ticket", "delegate", ticket, link, "--yes"]).await, "id")
}

async fn accept(desk: &Desk, delegation: &str) -> String {
    state_is(desk, delegation, "offered").await;
    text(&desk.json(&["delegation", "accept", delegation]).await["own"], "ticket")
}

/// Both numbers and the state are visible at the principal.
async fn agree(principal: &Desk, delegation: &str, state: &str, own: &str, partner: &str) {
    state_is(principal, delegation, state).await;
    let seen = principal.json(&["delegation", "show", delegation]).await;
    assert_eq!(
        (&seen["own"]["ticket"], &seen["partner"]["ticket"]),
        (&own.into(), &partner.into()),
        "{seen}"
    );
}

async fn state_is(desk: &Desk, delegation: &str, state: &str) {
    until(&format!("{state} at {}", desk.name), async || {
        let said = desk.run(&["delegation", "show", delegation, "--json"]).await;
        let seen: Value = serde_json::from_str(&said.out).unwrap();
        Ok((seen["state"] == state).then_some(()))
    })
    .await;
}

async fn partner_says(desk: &Desk, delegation: &str, state: &str, label: &str) {
    until(&format!("“{label}” at {}", desk.name), async || {
        let seen = desk.json(&["delegation", "show", delegation]).await;
        Ok((seen["state"] == state && seen["partner"]["label"] == label).then_some(()))
    })
    .await;
}

async fn comment_is_there(desk: &Desk, ticket: &str, body: &str) {
    until(&format!("“{body}” at {}", desk.name), async || {
        let seen = desk.json(&["ticket", "show", ticket]).await;
        let thread = seen["thread"].as_array().unwrap();
        Ok(thread.iter().any(|entry| entry["body"] == body).then_some(()))
    })
    .await;
}

async fn file_is_here(desk: &Desk, ticket: &str, name: &str) -> String {
    until(&format!("{name} at {}", desk.name), async || {
        let seen = desk.json(&["ticket", "show", ticket]).await;
        let here = |entry: &&Value| entry["name"] == name && entry["state"] == "here";
        Ok(seen["thread"].as_array().unwrap().iter().find(here).map(|file| text(file, "id")))
    })
    .await
}

async fn read_back(desk: &Desk, ticket: &str, words: &[&str]) {
    let shown = desk.run(&["ticket", "show", ticket]).await;
    let all = everything(desk).await;
    assert_eq!(shown.code, 0, "{shown:?}");
    for words in words {
        assert!(all.contains(words), "{} has lost “{words}”", desk.name);
    }
}

/// All that a desk answers about its tickets, delegations and links, as one text.
async fn everything(desk: &Desk) -> String {
    deskwire_tests::answers::of(desk).await.to_string()
}

fn text(document: &Value, member: &str) -> String {
    document[member].as_str().unwrap_or_else(|| panic!("{member} of {document}")).to_owned()
}

fn text_list(words: &Value) -> String {
    words.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect::<Vec<_>>().join(" ")
}
