//! The desk's own records are kept as they were given, and nothing that was not said to leave is shown as leaving.

use axum::http::Method;
use serde_json::{Value, json};

use super::desks::{Desk, linked, talk};

#[tokio::test]
async fn everything_said_of_a_ticket_comes_back() {
    let desk = Desk::new("Acme", "ACME", 1);
    let given = json!({
        "title": "Dead cash register", "description": "Line 1\nLine 2", "category": "till", "priority": "high",
        "requester": {"name": "Maria", "email": "m@shop.example", "phone": "+7 1", "onward": true},
        "company": "Shop", "agreement": "A-1",
        "object": {"name": "Shop 12", "address": "Main street 1", "coordinates": ["55.75", "37.62"]},
        "equipment": {"kind": "cash register", "maker": "Kassa", "model": "K1", "serial": "S", "inventory": "I"},
        "custom": [{"key": "floor", "value": "2"}, {"key": "account", "value": "4711"}],
    });
    let made = desk.post("/v1/tickets", given.clone()).await;
    assert_eq!(made["number"], "ACME-1");
    assert_eq!(made["status"], "new");
    for (member, value) in given.as_object().unwrap() {
        assert_eq!(&made[member], value, "{member}");
    }
    for name in ["ACME-1", "acme-1", "1"] {
        assert_eq!(desk.get(&format!("/v1/tickets/{name}")).await["ticket"], made, "{name}");
    }
}

#[tokio::test]
async fn values_that_cannot_be_taken_are_named() {
    let desk = Desk::new("Acme", "ACME", 1);
    let wrong = [
        ("title", json!({"title": ""})),
        ("title", json!({"title": "two\nlines"})),
        ("description", json!({"title": "x", "description": ""})),
        ("category", json!({"title": "x", "category": "Till"})),
        ("requester.phone", json!({"title": "x", "requester": {"name": "M", "phone": "\u{1b}[2J"}})),
        ("object.coordinates", json!({"title": "x", "object": {"name": "S", "coordinates": ["55,7", "1"]}})),
        ("custom.key", json!({"title": "x", "custom": [{"key": "Floor", "value": "2"}]})),
        ("custom.value", json!({"title": "x", "custom": [{"key": "floor", "value": " "}]})),
        ("custom", json!({"title": "x", "custom": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]})),
    ];
    for (field, document) in wrong {
        let answer = desk.call(Method::POST, "/v1/tickets").json(document).send().await;
        assert_eq!(answer.refusal(), (400, "invalid-value".into()), "{field}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains(&format!("'{field}'")), "{detail}");
    }
    assert_eq!(desk.get("/v1/tickets").await["tickets"], json!([]));
}

#[tokio::test]
async fn pages_run_from_the_newest_to_the_oldest_and_end() {
    let desk = Desk::new("Acme", "ACME", 1);
    for title in ["one", "two", "three", "four", "five"] {
        desk.post("/v1/tickets", json!({"title": title, "description": "long"})).await;
    }
    desk.post("/v1/tickets/2/status", json!({"status": "waiting", "label": "For the part"})).await;
    let numbers = |page: &Value| {
        let tickets = page["tickets"].as_array().unwrap();
        tickets.iter().map(|ticket| ticket["number"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = desk.get("/v1/tickets?limit=2").await;
    assert_eq!(numbers(&first), ["ACME-5", "ACME-4"]);
    assert!(first["tickets"][0].get("description").is_none());
    let second = desk.get(&format!("/v1/tickets?limit=3&before={}", first["before"])).await;
    assert_eq!(numbers(&second), ["ACME-3", "ACME-2", "ACME-1"]);
    assert!(second.get("before").is_none(), "there is no further page");
    assert_eq!(numbers(&desk.get("/v1/tickets?status=waiting").await), ["ACME-2"]);
}

#[tokio::test]
async fn what_does_not_exist_is_said_in_words() {
    let desk = Desk::new("Acme", "ACME", 1);
    desk.post("/v1/tickets", json!({"title": "x"})).await;
    for name in ["ACME-2", "KAS-1", "2", "-1", "1x", "+1", "18446744073709551616", "%20"] {
        let answer = desk.call(Method::GET, &format!("/v1/tickets/{name}")).send().await;
        assert_eq!(answer.refusal(), (404, "unknown-ticket".into()), "{name}");
        assert!(answer.body["next"].as_str().unwrap().contains("deskwire ticket list"));
    }
    let comment = desk.refused("/v1/tickets/7/comments", json!({"body": "x"})).await;
    assert_eq!(comment, (404, "unknown-ticket".into()));
    assert_eq!(desk.refused("/v1/tickets/7/status", json!({"status": "open"})).await.1, "unknown-ticket");
}

#[tokio::test]
async fn the_thread_tells_what_happened_in_its_order() {
    let desk = Desk::new("Acme", "ACME", 1);
    desk.post("/v1/tickets", json!({"title": "x"})).await;
    let comment = desk.post("/v1/tickets/1/comments", json!({"body": "one\r\ntwo"})).await;
    assert_eq!(comment["body"], "one\ntwo");
    assert_eq!(comment["audience"], json!({"kind": "internal"}));
    assert!(comment.get("deliveries").is_none(), "nothing of it leaves");
    desk.post("/v1/tickets/1/status", json!({"status": "open", "label": "In work"})).await;
    let requester = json!({"body": "We are on it.", "audience": {"kind": "requester"}});
    desk.post("/v1/tickets/1/comments", requester).await;
    let detail = desk.get("/v1/tickets/1").await;
    let thread = detail["thread"].as_array().unwrap();
    let kinds: Vec<_> = thread.iter().map(|entry| (entry["kind"].clone(), entry["event"].clone())).collect();
    assert_eq!(
        kinds,
        [
            (json!("event"), json!("opened")),
            (json!("comment"), Value::Null),
            (json!("event"), json!("status")),
            (json!("comment"), Value::Null),
        ]
    );
    assert_eq!(thread[1], {
        let mut said = comment.clone();
        said["kind"] = json!("comment");
        said
    });
    assert_eq!(thread[2]["words"], "status is open “In work”");
    assert_eq!(
        (&detail["ticket"]["status"], &detail["ticket"]["label"]),
        (&json!("open"), &json!("In work"))
    );
    assert_eq!(detail["ticket"]["updated"], thread[3]["time"]);
}

#[tokio::test]
async fn a_comment_says_to_whom_it_goes_and_how_far_it_has_come() {
    let (acme, kassa) = linked().await;
    acme.post("/v1/tickets", json!({"title": "x"})).await;
    let alone = json!({"body": "x", "audience": {"kind": "thread"}});
    assert_eq!(acme.refused("/v1/tickets/1/comments", alone.clone()).await, (409, "no-partners".into()));
    let delegation = acme.post("/v1/tickets/1/delegations", json!({"link": "kassa"})).await;
    let id = delegation["id"].as_str().unwrap();

    let said = acme.post("/v1/tickets/1/comments", alone).await;
    assert_eq!(said["deliveries"][0]["partner"], "Kassa");
    assert_eq!(said["deliveries"][0]["state"], "waiting");
    let internal = acme.post("/v1/tickets/1/comments", json!({"body": "MARKER"})).await;
    let chosen = json!({"body": "y", "audience": {"kind": "delegations", "ids": [id, "1"]}});
    let chosen = acme.post("/v1/tickets/1/comments", chosen).await;
    assert_eq!(chosen["audience"], json!({"kind": "delegations", "ids": [id]}), "one partner gets it once");
    talk(&acme, &kassa).await;

    let detail = acme.get("/v1/tickets/1").await;
    let entry = |id: &Value| {
        let thread = detail["thread"].as_array().unwrap();
        thread.iter().find(|entry| entry["id"] == *id).unwrap().clone()
    };
    assert_eq!(entry(&said["id"])["deliveries"][0]["state"], "delivered");
    assert!(entry(&internal["id"]).get("deliveries").is_none());
    let theirs = kassa.get("/v1/tickets/1").await;
    let comments: Vec<_> =
        theirs["thread"].as_array().unwrap().iter().filter(|entry| entry["kind"] == "comment").collect();
    assert_eq!(comments.len(), 2);
    assert_eq!(comments[0]["partner"], "Acme Service");
    assert_eq!(comments[0]["delegation"], id);
    assert_eq!(comments[0]["by"]["name"], "Anna");
    assert!(!theirs.to_string().contains("MARKER"));
    let wrong = json!({"body": "y", "audience": {"kind": "delegations", "ids": ["9"]}});
    assert_eq!(acme.refused("/v1/tickets/1/comments", wrong).await, (404, "unknown-delegation".into()));
    let nobody = json!({"body": "y", "audience": {"kind": "delegations", "ids": []}});
    assert_eq!(acme.refused("/v1/tickets/1/comments", nobody).await, (400, "invalid-value".into()));
}
