//! What a client sees of a refusal.

use serde_json::json;

use super::*;

fn busy() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "disk-full", "The disk is full")
        .detail("Nothing new is taken.")
        .next("Wait; what was sent is kept.")
        .retry_after(Duration::from_millis(1500))
        .with("free_bytes", 12)
        .with("code", "overwritten")
}

/// Scripts and screens depend on these names and on nothing else.
#[test]
fn the_object_has_the_members_of_the_standard_and_ours() {
    assert_eq!(
        busy().to_json(),
        json!({
            "type": "urn:deskwire:problem:disk-full",
            "title": "The disk is full",
            "status": 503,
            "detail": "Nothing new is taken.",
            "code": "disk-full",
            "next": "Wait; what was sent is kept.",
            "retry_after": 2,
            "free_bytes": 12,
        })
    );
}

/// Clients that know HTTP only must learn when to come back, and caches must not keep a refusal.
#[test]
fn the_response_says_in_headers_what_headers_can_say() {
    let response = busy().into_response();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["retry-after"], "2");
    assert_eq!(response.headers()["cache-control"], "no-store");
}

/// A refusal read from another server keeps its meaning and loses what could harm a screen or a log.
#[test]
fn a_strangers_refusal_is_read_and_cleaned() {
    let own = Problem::from_json(StatusCode::SERVICE_UNAVAILABLE, busy().to_json().to_string().as_bytes());
    let own = own.unwrap();
    assert_eq!((own.code(), own.retry_after_wait()), ("disk-full", Some(Duration::from_secs(2))));
    assert_eq!(own.next_text(), Some("Wait; what was sent is kept."));

    let bad = json!({ "code": "x", "title": "a\u{1b}[31mb\r\nc", "detail": "d".repeat(9000) }).to_string();
    let bad = Problem::from_json(StatusCode::BAD_REQUEST, bad.as_bytes()).unwrap();
    assert_eq!(bad.title(), "a[31mbc");
    assert_eq!(bad.detail_text().unwrap().len(), 500);

    for not_ours in ["", "[]", "{}", r#"{"code":5}"#, r#"{"code":"Not Kebab"}"#, r#"{"code":""}"#] {
        assert_eq!(Problem::from_json(StatusCode::BAD_REQUEST, not_ours.as_bytes()), None, "{not_ours}");
    }
}
