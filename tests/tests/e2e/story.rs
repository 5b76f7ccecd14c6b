//! The story of the product, told with the command line as its users have it: four desks, one of them behind a router, one
//! dead register, one night without power, one bill.

mod telling;

use std::fs;

use deskwire_tests::{
    desk::Desk,
    links::{PATIENCE, quiet, until},
    world::World,
};
use serde_json::Value;

use telling::{
    accept, agree, approve_onward, book, comment_is_there, comments, delegate, everything, file_is_here,
    link_by_command, partner_says, prove, read_back, settle, state_is, terms_by_command, text,
};

/// What Shop says while Acme has no power.
const NIGHT: [&str; 3] = ["Night: one", "Night: two", "Night: three"];

/// Without this nobody could do the main job: hand a ticket down a chain, and get answer, bill and proof back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_goes_down_the_chain_and_its_answer_comes_back() {
    let world = World::new("a_ticket_goes_down");
    let (shop, mut acme, kassa, petrov) = tokio::join!(
        Desk::new(&world, "Shop"),
        Desk::new(&world, "Acme"),
        Desk::new(&world, "Kassa"),
        Desk::hidden(&world, "Petrov")
    );
    introduce(&shop, &acme, &kassa, &petrov).await;

    // Shop's ticket goes to Acme, with an internal remark that stays.
    let new =
        ["ticket", "new", "Cash register 3 is dead", "-d", "It beeps three times.", "--priority", "urgent"];
    let at_shop = text(&shop.json(&new).await, "number");
    shop.json(&["ticket", "comment", &at_shop, "The manager is furious"]).await;
    let first = delegate(&shop, &at_shop, "acme").await;
    let at_acme = accept(&acme, &first).await;
    agree(&shop, &first, "accepted", &at_shop, &at_acme).await;

    // Acme sees that it is the vendor's fault, and hands it on; by Acme's rule Shop reads so.
    acme.json(&["ticket", "comment", &at_acme, "Their third one this year"]).await;
    let second = delegate(&acme, &at_acme, "kassa").await;
    let at_kassa = accept(&kassa, &second).await;
    agree(&acme, &second, "accepted", &at_acme, &at_kassa).await;
    partner_says(&shop, &first, "accepted", "accepted by partner").await;
    let status = ["delegation", "status", &second, "--state", "in-progress", "--label", "on the bench"];
    kassa.json(&status).await;
    partner_says(&acme, &second, "in-progress", "on the bench").await;

    // Kassa hands the visit to Petrov. He cannot hand it to Acme, from where it came.
    let visit = delegate(&kassa, &at_kassa, "petrov").await;
    let at_petrov = accept(&petrov, &visit).await;
    agree(&kassa, &visit, "accepted", &at_kassa, &at_petrov).await;
    let circle = text(&petrov.json(&["ticket", "delegate", &at_petrov, "acme", "--yes"]).await, "id");
    state_is(&petrov, &circle, "declined").await;

    let tickets = [&at_shop, &at_acme, &at_kassa, &at_petrov].map(String::as_str);
    talk(&world, [&shop, &acme, &kassa, &petrov], tickets).await;
    acme.kill().await;
    night([&shop, &kassa, &petrov], tickets).await;
    acme.start().await;
    morning([&shop, &acme, &kassa, &petrov], tickets).await;

    // Solved and billed, upward; Acme's part of it by its rules.
    book(&petrov, &kassa, &visit, &["travel", "34", "km", "0.42", "There and back"]).await;
    book(&petrov, &kassa, &visit, &["material", "1", "piece", "80", "Power supply, street price"]).await;
    petrov.json(&["delegation", "resolve", &visit, "--solution", "Replaced the power supply"]).await;
    state_is(&kassa, &visit, "resolved").await;
    kassa.json(&["work", "approve", &visit, "--all"]).await;
    kassa.json(&["delegation", "confirm", &visit]).await;
    state_is(&petrov, &visit, "confirmed").await;
    book(&kassa, &acme, &second, &["fixed", "1", "piece", "190", "Repair, flat rate"]).await;
    kassa.json(&["delegation", "resolve", &second, "--solution", "The vendor replaced a part"]).await;
    partner_says(&shop, &first, "accepted", "solved by partner").await;
    acme.json(&["work", "approve", &second, "--all"]).await;
    acme.json(&["delegation", "confirm", &second]).await;
    acme.json(&["delegation", "rate", &second, "4", "Fast"]).await;
    state_is(&shop, &first, "resolved").await;
    // The client gets the answer, without anybody at Acme typing it again, and without learning whose it is.
    let case = shop.json(&["delegation", "show", &first]).await;
    let said =
        case["timeline"].as_array().unwrap().iter().find(|event| event["kind"] == "delegation.resolve");
    assert_eq!(said.unwrap()["reason"], "Our partner: The vendor replaced a part", "{case}");
    shop.json(&["delegation", "confirm", &first]).await;
    state_is(&acme, &first, "confirmed").await;

    settle(&petrov, &kassa).await;
    settle(&kassa, &acme).await;
    for (principal, id) in [(&shop, &first), (&acme, &second), (&kassa, &visit)] {
        until("The answer of the partner's desk", async || {
            let said = principal.run(&["delegation", "agreement", id, "--json"]).await;
            let seen: Value = serde_json::from_str(&said.out).unwrap();
            assert_ne!(seen["same"], false, "{seen}");
            if seen["same"].is_null() && seen["heard"].is_null() {
                principal.run(&["delegation", "agreement", id, "--ask"]).await;
            }
            Ok((seen["same"] == true).then_some(()))
        })
        .await;
    }
    prove(&world, &kassa).await;

    tokio::join!(
        quiet(PATIENCE, &shop, &acme),
        quiet(PATIENCE, &acme, &kassa),
        quiet(PATIENCE, &kassa, &petrov)
    );
    who_knows_what([&shop, &acme, &kassa, &petrov], tickets).await;
}

/// Links, terms with loop tags, relays, and Acme's rules.
async fn introduce(shop: &Desk, acme: &Desk, kassa: &Desk, petrov: &Desk) {
    tokio::join!(
        async {
            link_by_command(acme, shop).await;
            link_by_command(kassa, acme).await;
        },
        async {
            link_by_command(kassa, petrov).await;
            link_by_command(acme, petrov).await;
        }
    );
    for (proposer, accepter) in [(acme, shop), (kassa, acme), (kassa, petrov), (acme, petrov)] {
        terms_by_command(proposer, accepter, &["loop-tags=yes", "currency=EUR", "person=function"]).await;
    }
    for (desk, link, mode) in [
        (acme, "kassa", "automatic"),
        (acme, "shop", "click"),
        (kassa, "petrov", "automatic"),
        (kassa, "acme", "automatic"),
    ] {
        desk.json(&["relay", "set", link, mode]).await;
    }
    let rule = ["rule", "add", "kassa", "--role", "principal"];
    let accepted = ["--when", "accepted", "--status", "with-partner", "--label", "accepted by partner"];
    let solved = ["--when", "resolved", "--status", "solved", "--label", "solved by partner"];
    for rest in [&accepted[..], &solved, &["--when", "confirmed", "--resolve", "--pass-solution"]] {
        acme.json(&[&rule, rest].concat()).await;
    }
    let shown = acme.run(&["rule", "list", "kassa"]).await;
    assert!(shown.out.contains("resolve the case above with the partner's solution"), "{shown:?}");
}

/// Comments through the whole chain, each once; a file for one partner alone, and one for all.
async fn talk(
    world: &World,
    [shop, acme, kassa, petrov]: [&Desk; 4],
    [at_shop, at_acme, at_kassa, at_petrov]: [&str; 4],
) {
    acme.json(&["ticket", "comment", at_acme, "It is the model of 2019", "--to", "kassa"]).await;
    kassa.json(&["ticket", "comment", at_kassa, "Which firmware?", "--to", "acme"]).await;
    comment_is_there(kassa, at_kassa, "It is the model of 2019").await;
    comment_is_there(acme, at_acme, "Which firmware?").await;
    shop.json(&["ticket", "comment", at_shop, "Ring twice", "--to", "thread"]).await;
    comment_is_there(petrov, at_petrov, "Ring twice").await;
    petrov.json(&["ticket", "comment", at_petrov, "I am at the door", "--to", "thread"]).await;
    comment_is_there(acme, at_acme, "I am at the door").await;
    approve_onward(acme, at_acme, 1).await;
    comment_is_there(shop, at_shop, "I am at the door").await;

    let content: Vec<u8> =
        (0..3_000_000_u32).map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for (name, from, ticket, to, readers) in [
        ("register.log", acme, at_acme, "kassa", vec![(kassa, at_kassa)]),
        ("photo.jpg", petrov, at_petrov, "thread", vec![(kassa, at_kassa), (acme, at_acme)]),
    ] {
        let path = world.path(name);
        fs::write(&path, &content).unwrap();
        from.json(&["ticket", "attach", ticket, path.to_str().unwrap(), "--to", to]).await;
        for (reader, ticket) in readers {
            let copy = world.path(&format!("copy-{}-{name}", reader.name));
            let file = file_is_here(reader, ticket, name).await;
            reader.json(&["file", "get", &file, "-o", copy.to_str().unwrap()]).await;
            assert!(fs::read(&copy).unwrap() == content, "{name} has changed on its way");
        }
    }
    approve_onward(acme, at_acme, 1).await;
    file_is_here(shop, at_shop, "photo.jpg").await;
}

/// Acme has no power; the others go on.
async fn night([shop, kassa, petrov]: [&Desk; 3], [at_shop, _, at_kassa, at_petrov]: [&str; 4]) {
    for body in NIGHT {
        shop.json(&["ticket", "comment", at_shop, body, "--to", "thread"]).await;
    }
    kassa.json(&["ticket", "comment", at_kassa, "Night: the part is good", "--to", "thread"]).await;
    comment_is_there(petrov, at_petrov, "Night: the part is good").await;
}

/// Everything is there, once, in the order of each author.
async fn morning(
    [shop, acme, kassa, petrov]: [&Desk; 4],
    [at_shop, at_acme, at_kassa, at_petrov]: [&str; 4],
) {
    comment_is_there(acme, at_acme, "Night: the part is good").await;
    approve_onward(acme, at_acme, 1).await;
    comment_is_there(shop, at_shop, "Night: the part is good").await;
    for (desk, ticket) in [(acme, at_acme), (kassa, at_kassa), (petrov, at_petrov)] {
        comment_is_there(desk, ticket, NIGHT[2]).await;
    }
    for (desk, ticket) in [(shop, at_shop), (acme, at_acme), (kassa, at_kassa), (petrov, at_petrov)] {
        let all = comments(desk, ticket).await;
        let of_shop: Vec<_> = all.iter().filter(|body| NIGHT.contains(&body.as_str())).collect();
        assert_eq!(of_shop, NIGHT.iter().collect::<Vec<_>>(), "at {}", desk.name);
        assert_eq!(
            all.iter().filter(|body| *body == "Night: the part is good").count(),
            1,
            "at {}",
            desk.name
        );
    }
}

async fn who_knows_what(desks: [&Desk; 4], [at_shop, at_acme, at_kassa, at_petrov]: [&str; 4]) {
    let [shop, acme, kassa, petrov] = desks;
    read_back(shop, at_shop, &["The manager is furious", "solved by partner"]).await;
    read_back(acme, at_acme, &["Their third one this year", "Which firmware?", "The vendor replaced a part"])
        .await;
    read_back(kassa, at_kassa, &["It is the model of 2019", "Replaced the power supply"]).await;
    read_back(petrov, at_petrov, &["Cash register 3 is dead", "Ring twice"]).await;
    let of_acme = "Their third one this year";
    for (desk, foreign) in [
        (
            shop,
            vec![
                of_acme,
                "Which firmware?",
                "register.log",
                "Kassa",
                "Petrov",
                at_kassa,
                at_petrov,
                "flat rate",
            ],
        ),
        (acme, vec!["The manager is furious", "street price", "Replaced the power supply"]),
        (kassa, vec!["The manager is furious", of_acme, "Shop", at_shop]),
        (petrov, vec!["The manager is furious", of_acme, "Shop", at_shop, "Which firmware?", "flat rate"]),
    ] {
        let all = everything(desk).await;
        for words in foreign {
            assert!(!all.contains(words), "{} knows “{words}”", desk.name);
        }
        let report = desk.json(&["verify"]).await;
        assert_eq!(report["ok"], true, "{}: {report}", desk.name);
    }
}
