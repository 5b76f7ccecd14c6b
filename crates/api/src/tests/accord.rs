//! Terms, mapping, rules, suspension and end of a link, as a program on the operator's machine asks for them.

use axum::http::Method;
use serde_json::{Value, json};

use super::desks::{carry, linked, talk};

#[tokio::test]
async fn terms_are_proposed_shown_with_their_differences_and_accepted() {
    let (acme, kassa) = linked().await;
    let before = acme.get("/v1/links/kassa/terms").await;
    assert_eq!((&before["version"], &before["ours"]), (&json!(1), &Value::Null));
    let set = json!({"set": {"auto-confirm": 3_600_000, "late": "reopen", "fields": ["status", "company"]}});
    acme.post("/v1/links/kassa/terms/propose", set).await;
    talk(&acme, &kassa).await;
    let seen = kassa.get("/v1/links/acme-service/terms").await;
    assert_eq!((&seen["version"], &seen["theirs"]["version"]), (&json!(1), &json!(2)));
    let differences = seen["theirs"]["differences"].as_array().unwrap();
    let members: Vec<_> = differences.iter().map(|one| one["member"].as_str().unwrap()).collect();
    assert_eq!(members, ["fields", "late", "auto-confirm"]);
    let wrong = json!({"hash": "00".repeat(32)});
    assert_eq!(
        kassa.refused("/v1/links/acme-service/terms/accept", wrong).await,
        (409, "proposal-changed".into())
    );
    let read = json!({"version": 2, "hash": seen["theirs"]["hash"]});
    kassa.post("/v1/links/acme-service/terms/accept", read).await;
    talk(&kassa, &acme).await;
    for (desk, link) in [(&acme, "kassa"), (&kassa, "acme-service")] {
        let now = desk.get(&format!("/v1/links/{link}/terms")).await;
        assert_eq!((&now["version"], &now["terms"]["late"]), (&json!(2), &json!("reopen")));
        assert_eq!(now["before"], json!([1]));
        assert!(now["theirs"].is_null() && now["ours"].is_null());
    }
    acme.post("/v1/links/kassa/terms/calendars", json!({"on": true})).await;
    assert_eq!(acme.get("/v1/links/kassa/terms").await["takes_calendars"], true);
}

#[tokio::test]
async fn own_words_and_rules_are_data_of_the_link() {
    let (acme, _kassa) = linked().await;
    let mapping = json!({
        "statuses": [{"own": "in-workshop", "link": "in-progress", "label": "In the workshop"}],
        "priorities": [{"own": "urgent", "link": "high"}],
        "categories": [{"own": "till", "link": "cash-register"}],
        "custom": [{"own": "floor", "link": "level", "values": [{"own": "ground", "link": "0"}]}],
    });
    assert_eq!(acme.post("/v1/links/kassa/map", mapping.clone()).await, mapping);
    assert_eq!(acme.get("/v1/links/kassa/map").await, mapping);
    let check = acme.get("/v1/links/kassa/check").await;
    let codes: Vec<_> =
        check["findings"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"custom-not-in-terms") && codes.contains(&"unverified"), "{codes:?}");
    let rule = json!({"when": "resolved", "status": "solved", "label": "Solved by partner", "confirm": true});
    let made = acme.post("/v1/links/kassa/rules", rule).await;
    assert_eq!((&made["rules"][0]["no"], &made["rules"][0]["status"]), (&json!(1), &json!("solved")));
    let gone = acme.call(Method::DELETE, "/v1/links/kassa/rules/1").send().await;
    assert_eq!(gone.status, 204);
    assert_eq!(acme.get("/v1/links/kassa/rules").await["rules"], json!([]));
}

#[tokio::test]
async fn a_link_is_suspended_and_closed_with_reasons_that_both_read() {
    let (acme, kassa) = linked().await;
    acme.post("/v1/links/kassa/suspend", json!({"reason": "Stocktaking"})).await;
    talk(&acme, &kassa).await;
    let seen = kassa.get("/v1/links/acme-service").await;
    assert_eq!(seen["suspended"][0]["reason"], "Stocktaking");
    assert_eq!(seen["suspended"][0]["ours"], false);
    acme.post("/v1/links/kassa/resume", json!({})).await;
    talk(&acme, &kassa).await;
    assert!(kassa.get("/v1/links/acme-service").await.get("suspended").is_none());
    let closing = acme.post("/v1/links/kassa/close", json!({"reason": "The contract has ended"})).await;
    assert_eq!((&closing["state"], &closing["closing"]), (&json!("active"), &json!(true)));
    carry(&acme, &kassa).await;
    let seen = kassa.get("/v1/links/acme-service").await;
    assert_eq!(seen["ends"].as_array().unwrap().last().unwrap()["reason"], "The contract has ended");
}

#[tokio::test]
async fn what_cannot_be_is_refused_in_a_sentence_and_changes_nothing() {
    let (acme, _kassa) = linked().await;
    let before = acme.get("/v1/links/kassa").await;
    let wrong = [
        ("terms/propose", json!({"set": {}}), (400, "terms-same")),
        ("terms/propose", json!({"set": {"nonsense": 1}}), (400, "invalid-value")),
        ("terms/propose", json!({"set": {"v": 9}}), (400, "invalid-value")),
        ("terms/propose", json!({"set": {"fields": ["nose"]}}), (400, "invalid-value")),
        ("terms/propose", json!({"set": {"currency": "Euro"}}), (400, "invalid-value")),
        ("terms/propose", json!({"set": {"auto-confirm": -1}}), (400, "invalid-value")),
        ("terms/propose", json!({"base": 4, "set": {"file": 1}}), (409, "terms-changed")),
        ("terms/accept", json!({}), (409, "no-proposal")),
        ("suspend", json!({"reason": "  "}), (400, "invalid-value")),
        ("suspend", json!({"reason": "x", "until": "2001-01-01T00:00:00Z"}), (400, "invalid-value")),
        ("close", json!({"reason": ""}), (400, "invalid-value")),
        (
            "map",
            json!({"statuses": [{"own": "a", "link": "b"}, {"own": "a", "link": "c"}]}),
            (400, "invalid-value"),
        ),
        ("map", json!({"categories": [{"own": "NOT A CODE", "link": "b"}]}), (400, "invalid-value")),
        ("rules", json!({"when": "resolved"}), (400, "invalid-value")),
        ("rules", json!({"when": "accepted", "confirm": true}), (400, "invalid-value")),
        ("rules", json!({"when": "resolved", "label": "x"}), (400, "invalid-value")),
    ];
    for (path, body, (status, code)) in wrong {
        let path = format!("/v1/links/kassa/{path}");
        let refused = acme.refused(&path, body.clone()).await;
        assert_eq!(refused, (status, code.into()), "{path} {body}");
    }
    let gone = acme.call(Method::DELETE, "/v1/links/kassa/rules/7").send().await;
    assert_eq!(gone.refusal(), (404, "unknown-rule".into()));
    assert_eq!(acme.get("/v1/links/kassa").await["out"], before["out"], "nothing was said");
    assert_eq!(acme.get("/v1/links/kassa/map").await, json!({}));
}

/// Whoever mistypes one member of the terms is told which, and what it takes.
#[tokio::test]
async fn a_wrong_member_of_terms_is_named_with_what_it_takes() {
    let (acme, _kassa) = linked().await;
    for (set, code, words) in [
        (
            json!({"late": "maybe"}),
            "invalid-value",
            "'late' cannot be taken: it takes reopen, follow-up or refuse",
        ),
        (
            json!({"currency": "eur", "fields": ["status", "company"]}),
            "invalid-value",
            "'currency' cannot be taken",
        ),
        (json!({"currency": "XXQ"}), "unknown-currency", "no currency XXQ"),
        (
            json!({"calendar": [["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", 1]]}),
            "invalid-value",
            "'calendar'",
        ),
        (json!({"person": null}), "invalid-value", "'person' cannot be taken: it cannot be taken away"),
        (
            json!({"lat": "reopen"}),
            "invalid-value",
            "terms have no such member; there are principals, fields",
        ),
        (json!({"tolerance": 34_560_000_000_u64}), "invalid-value", "'tolerance'"),
    ] {
        let answer =
            acme.call(Method::POST, "/v1/links/kassa/terms/propose").json(json!({"set": set})).send().await;
        assert_eq!(answer.refusal(), (400, code.to_owned()), "{set}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{set}: {detail}");
    }
    assert!(acme.get("/v1/links/kassa/terms").await["ours"].is_null());
}
