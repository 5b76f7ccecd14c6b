//! A call that got no answer is repeated, and has effect once.

use axum::http::Method;
use serde_json::json;

use super::desks::{Desk, linked};

#[tokio::test]
async fn a_repeated_call_has_effect_once_and_gets_the_same_answer() {
    let desk = Desk::new("Acme", "ACME", 1);
    let call = || {
        let call = desk.call(Method::POST, "/v1/tickets").json(json!({"title": "Dead cash register"}));
        call.header("idempotency-key", "once")
    };
    let (first, second) = (call().send().await, call().send().await);
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 201));
    assert_eq!(first.body, second.body);
    assert_eq!(desk.get("/v1/tickets").await["tickets"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_used_for_another_request_is_refused_whatever_differs() {
    let desk = Desk::new("Acme", "ACME", 1);
    let call = |path: &str, title: &str| {
        let call = desk.call(Method::POST, path).json(json!({"title": title}));
        call.header("idempotency-key", "once")
    };
    assert_eq!(call("/v1/tickets", "one").send().await.status, 201);
    assert_eq!(call("/v1/tickets", "two").send().await.refusal(), (409, "idempotency-key-reused".into()));
    let query = call("/v1/tickets?x", "one").send().await;
    assert_eq!(query.refusal().1, "idempotency-key-reused");
    let person = call("/v1/tickets", "one").header("deskwire-acting-person", "Petr").send().await;
    assert_eq!(person.refusal().1, "idempotency-key-reused");
    // Another token is another caller, whose keys are its own.
    let other = call("/v1/tickets", "three").header("authorization", "Bearer another token").send().await;
    assert_eq!(other.status, 201);
}

#[tokio::test]
async fn each_changing_call_needs_a_key_and_no_question_does() {
    let (acme, _kassa) = linked().await;
    let ticket = acme.post("/v1/tickets", json!({"title": "x"})).await["number"].as_str().unwrap().to_owned();
    for path in ["/v1/tickets", "/v1/links/accept", "/v1/links/kassa/approve"] {
        let answer = acme.call(Method::POST, path).json(json!({})).without("idempotency-key").send().await;
        assert_eq!(answer.refusal(), (400, "idempotency-key-missing".into()), "{path}");
        assert!(answer.body["next"].as_str().unwrap().contains("Idempotency-Key"));
    }
    for wrong in ["", "a b", &"k".repeat(129), "schlüssel"] {
        let call = acme.call(Method::POST, "/v1/tickets").json(json!({"title": "x"}));
        assert_eq!(
            call.header("idempotency-key", wrong).send().await.refusal(),
            (400, "idempotency-key-invalid".into()),
            "{wrong}"
        );
    }
    let link = json!({"link": "kassa"});
    let preview = acme.call(Method::POST, &format!("/v1/tickets/{ticket}/delegations/preview")).json(link);
    assert_eq!(preview.without("idempotency-key").send().await.status, 200);
    let verify = acme.call(Method::POST, "/v1/verify").without("idempotency-key").send().await;
    assert_eq!(verify.status, 200);
}

/// Two windows that accept one invitation with one key must not make two links.
#[tokio::test]
async fn linking_is_asked_for_once_under_one_key() {
    let (_acme, kassa) = linked().await;
    let call = || {
        let call = kassa.call(Method::POST, "/v1/links/accept").json(json!({"invitation": "https://x"}));
        call.header("idempotency-key", "once").send()
    };
    let (first, second) = tokio::join!(call(), call());
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 201), "{}", first.body);
    assert_eq!(first.body["id"], second.body["id"]);
    assert_eq!(kassa.linker.accepted.load(std::sync::atomic::Ordering::Relaxed), 1);
    let other = kassa.call(Method::POST, "/v1/links/accept").json(json!({"invitation": "https://y"}));
    let other = other.header("idempotency-key", "once").send().await;
    assert_eq!(other.refusal(), (409, "idempotency-key-reused".into()));
    assert_eq!(kassa.linker.accepted.load(std::sync::atomic::Ordering::Relaxed), 1);
}
