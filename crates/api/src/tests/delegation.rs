//! Both sides see one case, each in its own words; and what a person may do next is what the desk then takes.

use axum::http::Method;
use serde_json::{Value, json};

use super::desks::{Desk, carry, linked, lose, talk};

/// A ticket of Acme handed over to Kassa; the path of the delegation.
async fn delegated(acme: &Desk, kassa: &Desk) -> String {
    let ticket = json!({
        "title": "Dead cash register", "description": "It stays dark.", "priority": "high", "category": "till",
        "requester": {"name": "Maria", "phone": "+7 1"}, "company": "Shop",
    });
    acme.post("/v1/tickets", ticket).await;
    let made = acme.post("/v1/tickets/1/delegations", json!({"link": "kassa"})).await;
    talk(acme, kassa).await;
    format!("/v1/delegations/{}", made["id"].as_str().unwrap())
}

fn actions(delegation: &Value) -> Vec<&str> {
    delegation["actions"].as_array().unwrap().iter().map(|action| action.as_str().unwrap()).collect()
}

fn effects(delegation: &Value) -> Vec<(&str, &str)> {
    let timeline = delegation["timeline"].as_array().unwrap().iter();
    timeline.map(|event| (event["kind"].as_str().unwrap(), event["effect"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn a_case_runs_from_offer_to_confirmation_with_both_sides_words() {
    let (acme, kassa) = linked().await;
    let path = delegated(&acme, &kassa).await;

    let offered = kassa.get(&path).await;
    assert_eq!(
        (&offered["role"], &offered["state"], &offered["turn"]),
        (&json!("contractor"), &json!("offered"), &json!("own"))
    );
    assert_eq!(offered["offer"]["title"], "Dead cash register");
    assert_eq!(offered["offer"]["contact"]["name"], "Maria");
    assert_eq!(offered["partner"]["ticket"], "ACME-1");
    assert_eq!(offered["own"]["ticket"], "KAS-1");
    assert_eq!(actions(&offered), ["accept", "decline", "status"]);
    let ticket = kassa.get("/v1/tickets/1").await["ticket"].clone();
    assert_eq!(
        (&ticket["origin_partner"], &ticket["requester"]["name"]),
        (&json!("Acme Service"), &json!("Maria"))
    );

    let accepted = kassa.post(&format!("{path}/accept"), json!({"version": 1, "label": "On our list"})).await;
    assert_eq!((&accepted["state"], &accepted["settled_state"]), (&json!("accepted"), &json!("offered")));
    assert_eq!((&accepted["provisional"], &accepted["undelivered"]["items"]), (&json!(true), &json!(1)));
    assert_eq!(accepted["own"], json!({"ticket": "KAS-1", "status": "open", "label": "On our list"}));
    talk(&acme, &kassa).await;
    let seen = acme.get(&path).await;
    assert_eq!(seen["partner"]["label"], "On our list");
    assert_eq!((&seen["state"], &seen["turn"]), (&json!("accepted"), &json!("partner")));
    assert!(kassa.get(&path).await.get("undelivered").is_none());

    let working = json!({"state": "in-progress", "label": "Van 3"});
    let working = kassa.post(&format!("{path}/status"), working).await;
    assert_eq!(working["own"], json!({"ticket": "KAS-1", "status": "open", "label": "Van 3"}));
    assert_eq!(kassa.refused(&format!("{path}/status"), json!({})).await, (400, "invalid-value".into()));
    kassa.post(&format!("{path}/ask"), json!({"question": "Which door?"})).await;
    talk(&acme, &kassa).await;
    let asked = acme.get(&path).await;
    assert_eq!((&asked["state"], &asked["waiting_for"]), (&json!("waiting"), &json!("principal")));
    assert_eq!((&asked["question"], &asked["turn"]), (&json!("Which door?"), &json!("own")));
    acme.post(&format!("{path}/answer"), json!({"answer": "The back one."})).await;
    talk(&acme, &kassa).await;
    let done = kassa.post(&format!("{path}/resolve"), json!({"solution": "New power supply."})).await;
    assert_eq!(done["own"]["status"], "solved");
    talk(&acme, &kassa).await;
    assert_eq!(actions(&acme.get(&path).await), ["status", "confirm", "reopen", "update"]);
    acme.post(&format!("{path}/reopen"), json!({"reason": "Dark again."})).await;
    talk(&acme, &kassa).await;
    kassa.post(&format!("{path}/resolve"), json!({})).await;
    talk(&acme, &kassa).await;
    acme.post(&format!("{path}/confirm"), json!({"status": "closed"})).await;
    talk(&acme, &kassa).await;

    let (ours, theirs) = (acme.get(&path).await, kassa.get(&path).await);
    for side in [&ours, &theirs] {
        assert_eq!((&side["state"], &side["settled_state"]), (&json!("confirmed"), &json!("confirmed")));
        assert_eq!((&side["turn"], &side["provisional"]), (&json!("nobody"), &json!(false)));
    }
    assert_eq!(theirs["partner"]["status"], "closed");
    let kinds = ["offer", "accept", "status", "ask", "answer", "resolve", "reopen", "resolve", "confirm"];
    let expected: Vec<_> =
        kinds.iter().map(|kind| (format!("delegation.{kind}"), "applied".to_owned())).collect();
    for side in [&ours, &theirs] {
        let found: Vec<_> =
            effects(side).into_iter().map(|(kind, effect)| (kind.to_owned(), effect.to_owned())).collect();
        assert_eq!(found, expected);
    }
    let reasons: Vec<_> =
        ours["timeline"].as_array().unwrap().iter().filter_map(|event| event["reason"].as_str()).collect();
    assert_eq!(reasons, ["Which door?", "The back one.", "New power supply.", "Dark again."]);
    assert_eq!(ours["timeline"][3]["state"], "waiting");
    assert_eq!(ours["timeline"][3]["by"]["name"], "Anna");
    let words: Vec<_> = acme.get("/v1/tickets/1").await["thread"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["words"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(words[1], "delegated to Kassa");
    assert!(words.contains(&"Kassa asked: Which door?".to_owned()), "{words:?}");
}

#[tokio::test]
async fn work_that_is_not_done_goes_back_with_a_reason() {
    let (acme, kassa) = linked().await;
    let path = delegated(&acme, &kassa).await;
    for body in [json!({"reason": ""}), json!({"reason": " \n"}), json!({})] {
        assert_eq!(kassa.refused(&format!("{path}/decline"), body).await, (400, "invalid-value".into()));
    }
    let declined = kassa.post(&format!("{path}/decline"), json!({"reason": "No capacity."})).await;
    assert_eq!((&declined["state"], &declined["turn"]), (&json!("declined"), &json!("nobody")));
    let again = kassa.refused(&format!("{path}/accept"), json!({})).await;
    assert_eq!(again, (409, "action-not-allowed".into()));
    let wrong_side = kassa.refused(&format!("{path}/recall"), json!({"reason": "x"})).await;
    assert_eq!(wrong_side, (409, "action-not-allowed".into()));
    talk(&acme, &kassa).await;
    assert_eq!(acme.get(&path).await["timeline"][1]["reason"], "No capacity.");

    acme.post("/v1/tickets/1/delegations", json!({"link": "kassa"})).await;
    let list = acme.get("/v1/delegations?state=offered&role=principal&link=kassa").await;
    let second = format!("/v1/delegations/{}", list["delegations"][0]["id"].as_str().unwrap());
    let recalled = acme.post(&format!("{second}/recall"), json!({"reason": "Done here."})).await;
    assert_eq!((&recalled["state"], &recalled["settled_state"]), (&json!("recalled"), &json!("offered")));
    assert_eq!(effects(&recalled), [("delegation.offer", "waiting"), ("delegation.recall", "waiting")]);

    acme.post("/v1/tickets/1/delegations", json!({"link": "kassa"})).await;
    talk(&acme, &kassa).await;
    let third =
        kassa.get("/v1/delegations?state=offered").await["delegations"][0]["id"].as_str().unwrap().to_owned();
    kassa.post(&format!("/v1/delegations/{third}/accept"), json!({})).await;
    let returned =
        kassa.post(&format!("/v1/delegations/{third}/return"), json!({"reason": "Not ours."})).await;
    assert_eq!(returned["state"], "returned");
}

/// Of two events that cross, the contractor's comes first; the principal sees why its own has no effect.
#[tokio::test]
async fn a_recall_that_comes_too_late_is_shown_as_superseded() {
    let (acme, kassa) = linked().await;
    let path = delegated(&acme, &kassa).await;
    kassa.post(&format!("{path}/accept"), json!({})).await;
    talk(&acme, &kassa).await;
    kassa.post(&format!("{path}/resolve"), json!({})).await;
    lose(&kassa, &acme).await;
    let hoped = acme.post(&format!("{path}/recall"), json!({"reason": "Takes too long."})).await;
    assert_eq!((&hoped["state"], &hoped["provisional"]), (&json!("recalled"), &json!(true)));
    talk(&acme, &kassa).await;
    for desk in [&acme, &kassa] {
        let case = desk.get(&path).await;
        assert_eq!((&case["state"], &case["provisional"]), (&json!("resolved"), &json!(false)));
        let shown = effects(&case);
        assert_eq!(shown[2..], [("delegation.resolve", "applied"), ("delegation.recall", "superseded")]);
        let last = &case["timeline"][3];
        assert_eq!((&last["code"], &last["state"]), (&json!("superseded"), &json!("resolved")));
        assert!(last["words"].as_str().unwrap().contains("resolved"), "{last}");
    }
}

/// Whatever the partner sends shows how far it was: an own event is sure as soon as that has come, also when it was a
/// comment.
#[tokio::test]
async fn an_own_event_becomes_sure_with_whatever_the_partner_says() {
    let (acme, kassa) = linked().await;
    let path = delegated(&acme, &kassa).await;
    kassa
        .post("/v1/tickets/1/comments", json!({"body": "One moment.", "audience": {"kind": "thread"}}))
        .await;
    lose(&kassa, &acme).await;
    acme.post(&format!("{path}/recall"), json!({"reason": "It works again."})).await;
    carry(&acme, &kassa).await;
    let hoped = acme.get(&path).await;
    assert_eq!(
        (&hoped["provisional"], effects(&hoped)[1]),
        (&json!(true), ("delegation.recall", "provisional"))
    );
    carry(&kassa, &acme).await;
    let sure = acme.get(&path).await;
    assert_eq!((&sure["provisional"], effects(&sure)[1]), (&json!(false), ("delegation.recall", "applied")));
}

/// What waited while the partner was faster is never said, and its author sees why.
#[tokio::test]
async fn an_action_that_became_impossible_before_it_left_says_so() {
    let (acme, kassa) = linked().await;
    let path = delegated(&acme, &kassa).await;
    kassa.post(&format!("{path}/accept"), json!({})).await;
    acme.post(&format!("{path}/recall"), json!({"reason": "Done here."})).await;
    talk(&acme, &kassa).await;
    let case = kassa.get(&path).await;
    assert_eq!(case["state"], "recalled");
    let accept =
        case["timeline"].as_array().unwrap().iter().find(|event| event["from"] == "contractor").unwrap();
    assert_eq!((&accept["effect"], &accept["code"]), (&json!("superseded"), &json!("action-not-allowed")));
    let thread = kassa.get("/v1/tickets/1").await["thread"].clone();
    assert!(thread.as_array().unwrap().iter().any(|entry| entry["code"] == "action-not-allowed"), "{thread}");
}

#[tokio::test]
async fn the_preview_is_what_the_partner_then_has() {
    let (acme, kassa) = (Desk::new("Acme Service", "ACME", 1), Desk::new("Kassa", "KAS", 2));
    let terms = json!({"fields": ["category", "priority", "contact", "deadline"], "person": "function"});
    super::desks::link(&acme, &kassa, json!({"approved": true, "terms": terms})).await;
    let ticket = json!({
        "title": "Dead cash register", "description": "It stays dark.", "category": "till", "company": "SECRET COMPANY",
        "requester": {"name": "Maria", "phone": "+7 1"},
    });
    acme.post("/v1/tickets", ticket).await;
    acme.post("/v1/tickets/1/comments", json!({"body": "SECRET NOTE"})).await;
    let request = json!({
        "link": "kassa", "fields": ["priority", "contact"], "note": "Please today.",
        "resolve_by": "2026-07-01T09:30:00Z",
    });
    let preview = acme.post("/v1/tickets/1/delegations/preview", request.clone()).await;
    assert_eq!((&preview["to"]["name"], &preview["verified"]), (&json!("Kassa"), &json!(false)));
    let sent: Vec<_> = preview["will_send"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| (field["field"].as_str().unwrap(), field["value"].as_str().unwrap()))
        .collect();
    assert!(sent.contains(&("description", "Please today.\n\nIt stays dark.")), "{sent:?}");
    assert!(sent.contains(&("contact.phone", "+7 1")));
    let kept: Vec<_> = preview["will_not_send"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| (field["field"].as_str().unwrap(), field["reason"].as_str().unwrap()))
        .collect();
    for expected in [("company", "not-in-terms"), ("category", "not-chosen"), ("comments", "internal")] {
        assert!(kept.contains(&expected), "{expected:?} in {kept:?}");
    }
    assert!(!preview["will_send"].to_string().contains("SECRET"));
    assert_eq!(acme.get("/v1/delegations").await["delegations"], json!([]), "a preview changes nothing");

    acme.post("/v1/tickets/1/delegations", request).await;
    talk(&acme, &kassa).await;
    let offer = kassa.get("/v1/delegations/1").await;
    assert!(!offer.to_string().contains("SECRET"));
    assert_eq!(offer["offer"]["description"], "Please today.\n\nIt stays dark.");
    assert_eq!(offer["offer"]["resolve_by"], "2026-07-01T09:30:00.000Z");
    assert!(offer["offer"].get("category").is_none());
    assert_eq!(offer["timeline"][0]["by"], json!({"function": "engineer"}));
}

#[tokio::test]
async fn an_update_changes_the_offer_at_once_before_and_by_proposal_after_the_acceptance() {
    let (acme, kassa) = linked().await;
    let path = delegated(&acme, &kassa).await;
    let update = format!("{path}/update");
    let changed = acme.post(&update, json!({"priority": "urgent", "company": "Shop GmbH"})).await;
    assert_eq!((&changed["version"], &changed["offer"]["priority"]), (&json!(2), &json!("urgent")));
    talk(&acme, &kassa).await;
    let stale = kassa.refused(&format!("{path}/accept"), json!({"version": 1})).await;
    assert_eq!(stale, (409, "offer-changed".into()));
    assert_eq!(
        kassa.get("/v1/tickets/1").await["ticket"]["status"],
        "new",
        "nothing of a refused action stays"
    );
    kassa.post(&format!("{path}/accept"), json!({"version": 2})).await;
    talk(&acme, &kassa).await;
    acme.post(&update, json!({"priority": "low", "agreement": "A-2"})).await;
    talk(&acme, &kassa).await;
    for desk in [&acme, &kassa] {
        let case = desk.get(&path).await;
        assert_eq!(
            (&case["offer"]["priority"], &case["offer"]["agreement"]),
            (&json!("urgent"), &json!("A-2"))
        );
        assert_eq!(
            case["change"],
            json!({"version": 3, "fields": {"priority": "low", "test": false, "hops": 0}})
        );
        assert_eq!(case["offer"]["company"], "Shop GmbH");
    }
    // The contractor takes what was proposed, and it binds on both sides.
    assert!(actions(&kassa.get(&path).await).contains(&"change-take"));
    kassa.post(&format!("{path}/change-take"), json!({"version": 3})).await;
    talk(&acme, &kassa).await;
    assert!(!actions(&kassa.get(&path).await).contains(&"change-take"));
    for desk in [&acme, &kassa] {
        let case = desk.get(&path).await;
        assert!(case.get("change").is_none());
        assert_eq!(case["offer"]["priority"], "low");
    }
    assert_eq!(acme.refused(&update, json!({})).await, (400, "invalid-value".into()));
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let (acme, kassa) = linked().await;
    acme.post("/v1/tickets", json!({"title": "x"})).await;
    acme.post("/v1/tickets/1/delegations", json!({"link": "kassa"})).await;
    let twice = acme.refused("/v1/tickets/1/delegations", json!({"link": "kassa"})).await;
    assert_eq!(twice, (409, "already-delegated".into()));
    for _ in 0..2 {
        acme.post("/v1/tickets/1/delegations", json!({"link": "kassa", "anyway": true})).await;
    }
    let first = acme.get("/v1/delegations?limit=2").await;
    assert_eq!(first["delegations"].as_array().unwrap().len(), 2);
    assert!(first["delegations"][0].get("timeline").is_none());
    let next = first["before"].as_str().unwrap();
    let second = acme.get(&format!("/v1/delegations?limit=2&before={next}")).await;
    assert_eq!(second["delegations"].as_array().unwrap().len(), 1);
    assert!(second.get("before").is_none());
    for (query, count) in
        [("state=offered", 3), ("state=accepted", 0), ("role=contractor", 0), ("link=kassa", 3)]
    {
        let list = acme.get(&format!("/v1/delegations?{query}")).await;
        assert_eq!(list["delegations"].as_array().unwrap().len(), count, "{query}");
    }
    talk(&acme, &kassa).await;
    assert_eq!(
        kassa.get("/v1/delegations?role=contractor").await["delegations"].as_array().unwrap().len(),
        3
    );
    for query in ["state=open", "before=x", "role=boss", "limit=0"] {
        let answer = acme.call(Method::GET, &format!("/v1/delegations?{query}")).send().await;
        assert_eq!(answer.refusal(), (400, "invalid-value".into()), "{query}");
    }
    let answer = acme.call(Method::GET, "/v1/delegations?link=nobody").send().await;
    assert_eq!(answer.refusal(), (404, "unknown-link".into()));
}

#[tokio::test]
async fn what_cannot_be_handed_over_is_refused_in_words() {
    let (acme, kassa) = (Desk::new("Acme", "ACME", 1), Desk::new("Kassa", "KAS", 2));
    super::desks::link(&acme, &kassa, json!({"approved": true, "terms": {"principals": "partner"}})).await;
    acme.post("/v1/tickets", json!({"title": "x"})).await;
    let path = "/v1/tickets/1/delegations";
    let terms = (403, "not-allowed-by-terms".to_owned());
    assert_eq!(acme.refused(path, json!({"link": "kassa"})).await, terms);
    assert_eq!(acme.refused(&format!("{path}/preview"), json!({"link": "kassa"})).await, terms);
    assert_eq!(acme.refused(path, json!({"link": "x"})).await, (404, "unknown-link".into()));
    assert_eq!(
        acme.refused(path, json!({"link": "kassa", "files": ["5"]})).await,
        (404, "unknown-file".into())
    );
    assert_eq!(
        acme.refused(path, json!({"link": "kassa", "title": ""})).await,
        (400, "invalid-value".into())
    );
    let price = json!({"link": "kassa", "price": {"amount": "1,5", "currency": "EUR"}});
    assert_eq!(acme.refused(path, price).await, (400, "invalid-value".into()));
    for name in ["", "  "] {
        let ticket = json!({"title": "x", "requester": {"name": name}});
        assert_eq!(
            acme.refused("/v1/tickets", ticket).await,
            (400, "invalid-value".into()),
            "a contact without a name"
        );
    }
    assert_eq!(acme.refused("/v1/delegations/9/accept", json!({})).await, (404, "unknown-delegation".into()));
    for id in ["9", "x", "00000000000000000000000000000000"] {
        let answer = acme.call(Method::GET, &format!("/v1/delegations/{id}")).send().await;
        assert_eq!(answer.refusal(), (404, "unknown-delegation".into()), "{id}");
    }
}

/// The middle of a chain must not hand on more time than it was given, nor more than the desk below has agreed to take.
#[tokio::test]
async fn a_deadline_is_handed_on_unless_it_is_left_out() {
    let (acme, kassa) = linked().await;
    let petrov = Desk::new("Petrov", "PET", 3);
    super::desks::link(&kassa, &petrov, json!({"approved": true})).await;
    acme.post("/v1/tickets", json!({"title": "x"})).await;
    let request = json!({"link": "kassa", "resolve_by": "2026-07-01T09:30:00Z"});
    acme.post("/v1/tickets/1/delegations", request).await;
    talk(&acme, &kassa).await;
    let due = "2026-07-01T09:30:00.000Z";
    assert_eq!(kassa.get("/v1/tickets/1").await["ticket"]["due"], due);
    for (request, expected) in [
        (json!({"link": "petrov"}), json!(due)),
        (json!({"link": "petrov", "fields": ["priority"]}), Value::Null),
        (json!({"link": "petrov", "resolve_by": "2026-06-30T00:00:00Z"}), json!("2026-06-30T00:00:00.000Z")),
        (json!({"link": "petrov", "resolve_by": "2026-07-30T00:00:00Z"}), json!(due)),
        (json!({"link": "petrov", "reserve": 3_600}), json!("2026-07-01T08:30:00.000Z")),
    ] {
        let request = anyway(request);
        let delegation = kassa.post("/v1/tickets/1/delegations", request).await;
        assert_eq!(delegation["offer"]["resolve_by"], expected);
    }
    let path = "/v1/tickets/1/delegations";
    for (request, code) in [
        (json!({"link": "petrov", "reserve": 8_640_000}), "reserve-too-long"),
        (json!({"link": "petrov", "resolve_by": "1990-01-01T00:00:00Z"}), "impossible-date"),
        (json!({"link": "petrov", "respond_by": "2026-07-02T00:00:00Z"}), "impossible-date"),
        (json!({"link": "petrov", "price": {"amount": "200", "currency": "XXQ"}}), "unknown-currency"),
        (json!({"link": "petrov", "price": {"amount": "-5", "currency": "EUR"}}), "impossible-amount"),
    ] {
        for path in [path.to_owned(), format!("{path}/preview")] {
            assert_eq!(kassa.refused(&path, anyway(request.clone())).await, (400, code.into()), "{request}");
        }
    }
    let hops = |delegation: &Value| delegation["offer"]["hops"].as_u64().unwrap();
    let upper = kassa.get("/v1/delegations/1").await;
    assert_eq!(hops(&kassa.get("/v1/delegations/2").await) + 1, hops(&upper));
}

/// The same request where the partner has the ticket already.
fn anyway(mut request: Value) -> Value {
    request["anyway"] = json!(true);
    request
}

/// What the lower desk has agreed to do sooner it is asked for sooner, and a deadline that waiting has moved is inherited as it
/// stands now.
#[tokio::test]
async fn the_terms_of_the_lower_link_and_the_time_lost_above_decide_an_inherited_deadline() {
    let (acme, kassa) = linked().await;
    let petrov = Desk::new("Petrov", "PET", 3);
    super::desks::link(&kassa, &petrov, json!({"approved": true})).await;
    let hour = 3_600_000;
    let deadlines = json!({"set": {"deadlines": [
        {"priority": "normal", "respond": hour, "resolve": 48 * hour},
        {"priority": "urgent", "respond": hour / 4, "resolve": 2 * hour},
    ]}});
    kassa.post("/v1/links/petrov/terms/propose", deadlines).await;
    talk(&kassa, &petrov).await;
    petrov.post("/v1/links/kassa/terms/accept", json!({})).await;
    talk(&petrov, &kassa).await;
    // High here is urgent there.
    let map = json!({"priorities": [{"own": "high", "link": "urgent"}, {"own": "normal", "link": "normal"}]});
    kassa.post("/v1/links/petrov/map", map).await;

    let offered = |delegation: &Value, member: &str| {
        let time: deskwire_api_types::Time =
            serde_json::from_value(delegation["offer"][member].clone()).unwrap();
        time.millis()
    };
    for (number, priority) in [(1, "high"), (2, "normal")] {
        acme.post("/v1/tickets", json!({"title": "x", "priority": priority})).await;
        let request = json!({"link": "kassa", "resolve_by": "2026-06-01T00:00:00Z"});
        acme.post(&format!("/v1/tickets/{number}/delegations"), request).await;
    }
    talk(&acme, &kassa).await;
    let above = kassa.get("/v1/delegations/1").await;
    let sooner = kassa.post("/v1/tickets/1/delegations", json!({"link": "petrov"})).await;
    let (respond, resolve) = (offered(&sooner, "respond_by"), offered(&sooner, "resolve_by"));
    assert_eq!(resolve - respond, 2 * hour - hour / 4, "both by the terms for urgent");
    assert!(resolve < offered(&above, "resolve_by"));

    // An answer that took ten hours moves the deadline, above and so below.
    let second = format!("/v1/delegations/{}", kassa.get("/v1/delegations/2").await["id"].as_str().unwrap());
    kassa.post(&format!("{second}/accept"), json!({})).await;
    kassa.post(&format!("{second}/ask"), json!({"question": "Which door?"})).await;
    talk(&acme, &kassa).await;
    acme.live(10).await;
    kassa.live(10).await;
    acme.post(&format!("{second}/answer"), json!({"answer": "The back one."})).await;
    talk(&acme, &kassa).await;
    let moved = kassa.get(&second).await;
    let before = offered(&moved, "resolve_by");
    let without_terms = json!({"link": "petrov", "resolve_by": "2026-07-01T00:00:00Z"});
    let later = offered(&kassa.post("/v1/tickets/2/delegations", without_terms).await, "resolve_by");
    assert!((before + 9 * hour..before + 11 * hour).contains(&later), "{before} became {later}");
}
