//! Whoever looks for something that did not arrive finds it, with the reason, and can send it again or drop it.

use axum::http::Method;
use serde_json::{Value, json};

use super::desks::{Desk, linked, talk};

/// A ticket of Acme handed over to Kassa, and a comment that waits.
async fn waiting() -> (Desk, Desk, String) {
    let (acme, kassa) = linked().await;
    acme.post("/v1/tickets", json!({"title": "Dead cash register"})).await;
    acme.post("/v1/tickets/1/delegations", json!({"link": "kassa"})).await;
    talk(&acme, &kassa).await;
    acme.post("/v1/tickets/1/comments", json!({"body": "Any news?", "audience": {"kind": "thread"}})).await;
    let item = items(&acme, "").await[0]["item"].as_str().unwrap().to_owned();
    (acme, kassa, item)
}

async fn items(desk: &Desk, query: &str) -> Vec<Value> {
    desk.get(&format!("/v1/queue{query}")).await["items"].as_array().unwrap().clone()
}

async fn delivery(desk: &Desk) -> Value {
    let ticket = desk.get("/v1/tickets/1").await;
    let thread = ticket["thread"].as_array().unwrap();
    let comment = thread.iter().find(|entry| entry["kind"] == "comment").unwrap();
    comment["deliveries"][0].clone()
}

#[tokio::test]
async fn what_waits_is_shown_as_late_then_as_given_up_and_is_sent_again_from_there() {
    let (acme, kassa, item) = waiting().await;
    assert!(delivery(&acme).await.get("not_delivered_since").is_none());
    acme.live(2).await;
    let late = delivery(&acme).await;
    assert_eq!(late["state"], "waiting");
    assert!(late["not_delivered_since"].is_string(), "{late}");
    let listed = items(&acme, "?link=kassa&state=waiting").await;
    assert_eq!((&listed[0]["late"], &listed[0]["ticket"]), (&json!(true), &json!("ACME-1")));
    let link = acme.get("/v1/links/kassa").await;
    assert_eq!(link["health"]["state"], "late");
    assert!(link["health"]["not_delivered_since"].is_string(), "{link}");
    assert_eq!(link["events"][0]["code"], "not-delivered");
    let health = acme.get("/healthz").await;
    assert_eq!(health["status"], "degraded");
    assert!(health["reasons"][0].as_str().unwrap().contains("delivered nothing"), "{health}");
    let open = acme.get("/v1/tickets/1").await["delegations"][0]["undelivered"].clone();
    assert_eq!((&open["late"], &open["items"]), (&json!(true), &json!(1)));

    acme.live(31 * 24).await;
    let dead = delivery(&acme).await;
    assert_eq!((&dead["state"], &dead["code"]), (&json!("parked"), &json!("dead-letter")));
    assert_eq!(dead["item"], json!(item), "the item to name");
    assert!(dead["words"].as_str().unwrap().contains("deskwire queue retry"), "{dead}");
    let link = acme.get("/v1/links/kassa").await;
    assert_eq!((&link["health"]["state"], &link["health"]["parked"]), (&json!("parked"), &json!(1)));
    assert_eq!(link["events"][0]["code"], "dead-letters");

    let done = acme.post("/v1/queue/retry", json!({"item": item})).await;
    assert_eq!((&done["count"], &done["items"][0]["kind"]), (&json!(1), &json!("comment.add")));
    talk(&acme, &kassa).await;
    assert_eq!(delivery(&acme).await["state"], "delivered");
    assert_eq!(items(&acme, "").await, Vec::<Value>::new());
    let link = acme.get("/v1/links/kassa").await;
    assert_eq!(
        (&link["health"]["state"], &link["health"]["clock"]),
        (&json!("good"), &json!("31 days behind"))
    );
    assert!(link["events"].as_array().unwrap().iter().any(|event| event["code"] == "clock-skew"));
    let health = acme.get("/healthz").await;
    assert!(health["reasons"][0].as_str().unwrap().contains("clock"), "Kassa's clock stood still: {health}");
}

#[tokio::test]
async fn a_dry_run_shows_what_a_drop_drops_and_changes_nothing() {
    let (acme, kassa, item) = waiting().await;
    acme.post("/v1/queue/park", json!({"item": item})).await;
    acme.post("/v1/tickets/1/comments", json!({"body": "Hello?", "audience": {"kind": "thread"}})).await;
    let preview = acme.post("/v1/queue/drop/preview", json!({"link": "kassa"})).await;
    assert_eq!(preview["items"].as_array().unwrap().len(), 2);
    assert_eq!(items(&acme, "").await.len(), 2, "nothing has changed");
    let dropped = acme.post("/v1/queue/drop", json!({"link": "kassa"})).await;
    assert_eq!((&dropped["count"], &dropped["more"]), (&json!(2), &json!(false)));
    assert_eq!(items(&acme, "").await.len(), 0);
    let told = delivery(&acme).await;
    assert_eq!((&told["state"], &told["code"]), (&json!("refused"), &json!("dropped")));
    talk(&acme, &kassa).await;
    let theirs = kassa.get("/v1/tickets/1").await;
    assert!(theirs["thread"].as_array().unwrap().iter().all(|entry| entry["kind"] != "comment"));
}

#[tokio::test]
async fn a_change_that_is_repeated_with_its_key_is_made_once() {
    let (acme, _, item) = waiting().await;
    let park = || {
        let call = acme.call(Method::POST, "/v1/queue/park").without("idempotency-key");
        call.header("idempotency-key", "one").json(json!({"item": item}))
    };
    let (first, second) = (park().send().await, park().send().await);
    assert_eq!((first.status, &first.body), (second.status, &second.body));
    assert_eq!(items(&acme, "?state=parked").await.len(), 1);
}

#[tokio::test]
async fn bad_requests_are_refused_with_a_sentence() {
    let (acme, kassa, item) = waiting().await;
    let both = json!({"item": item, "link": "kassa"});
    for (path, document, code) in [
        ("/v1/queue/park", json!({}), "invalid-value"),
        ("/v1/queue/park", both, "invalid-value"),
        ("/v1/queue/park", json!({"item": "xyz"}), "invalid-value"),
        ("/v1/queue/drop", json!({"link": "nobody"}), "unknown-link"),
        ("/v1/queue/drop", json!({"item": "ab".repeat(16)}), "unknown-item"),
        ("/v1/queue/drop/preview", json!({"item": "ab".repeat(16)}), "unknown-item"),
        ("/v1/queue/retry", json!({"item": item}), "not-parked"),
        ("/v1/queue/retry", json!({"item": item, "parked": true}), "invalid-value"),
    ] {
        assert_eq!(acme.refused(path, document.clone()).await.1, code, "{path} {document}");
    }
    talk(&acme, &kassa).await;
    assert_eq!(acme.refused("/v1/queue/drop", json!({"item": item})).await.1, "unknown-item");
}

#[tokio::test]
async fn a_long_queue_is_shown_in_pages_without_gaps() {
    let (acme, _, _) = waiting().await;
    for number in 0..6 {
        let comment = json!({"body": format!("{number}"), "audience": {"kind": "thread"}});
        acme.post("/v1/tickets/1/comments", comment).await;
    }
    let third = items(&acme, "").await[2]["item"].clone();
    acme.post("/v1/queue/park", json!({"item": third})).await;
    let mut seen = Vec::new();
    let mut path = "/v1/queue?limit=2".to_owned();
    loop {
        let page = acme.get(&path).await;
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["item"].to_string()));
        let Some(after) = page["after"].as_str() else { break };
        path = format!("/v1/queue?limit=2&after={after}");
    }
    assert_eq!(seen.len(), 7);
    assert_eq!(seen.iter().collect::<std::collections::BTreeSet<_>>().len(), 7);
    assert_eq!(seen[6], third.to_string(), "what is parked comes last");
}
