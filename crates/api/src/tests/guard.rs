//! Nobody but the operator's own programs gets in, and every refusal can be read by a program and by a person.

use axum::http::Method;
use serde_json::json;

use super::desks::Desk;

#[tokio::test]
async fn without_the_right_token_nothing_is_told() {
    let desk = Desk::new("Acme", "ACME", 1);
    for (path, method) in
        [("/v1/desk", Method::GET), ("/v1/tickets", Method::POST), ("/nowhere", Method::GET)]
    {
        let answer = desk.call(method.clone(), path).without("authorization").send().await;
        assert_eq!(answer.refusal(), (401, "token-missing".into()), "{path}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        for wrong in ["Bearer wrong", "Bearer ", "Basic YTpi", "a token of this desk"] {
            let answer = desk.call(method.clone(), path).header("authorization", wrong).send().await;
            assert_eq!(answer.refusal(), (401, "token-wrong".into()), "{path} {wrong}");
        }
    }
}

/// A page in the operator's browser can point a name of its own to 127.0.0.1; it cannot change the name.
#[tokio::test]
async fn only_loopback_names_are_answered() {
    let desk = Desk::new("Acme", "ACME", 1);
    for host in
        ["evil.example", "evil.example:8440", "127.0.0.1.evil.example", "10.0.0.1:8440", "", "localhost@evil"]
    {
        for path in ["/v1/desk", "/healthz"] {
            let answer = desk.call(Method::GET, path).header("host", host).send().await;
            assert_eq!(answer.refusal(), (421, "wrong-host".into()), "{host}");
        }
    }
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1:8440", "[::1]:8440", "127.1.2.3"] {
        let answer = desk.call(Method::GET, "/v1/desk").header("host", host).send().await;
        assert_eq!(answer.status, 200, "{host}");
    }
    let answer = desk.call(Method::GET, "/v1/desk").without("host").send().await;
    assert_eq!(answer.refusal().1, "wrong-host");
}

#[tokio::test]
async fn whoever_watches_the_process_needs_no_token() {
    let desk = Desk::new("Acme", "ACME", 1);
    let health = desk.call(Method::GET, "/healthz").without("authorization").send().await;
    assert_eq!((health.status.as_u16(), health.body), (200, json!({"status": "ok"})));
    let ready = desk.call(Method::GET, "/readyz").without("authorization").send().await;
    assert_eq!((ready.status.as_u16(), ready.body), (200, json!({"ready": true})));
}

#[tokio::test]
async fn a_desk_without_room_says_that_it_is_not_ready() {
    let desk = Desk::new("Acme", "ACME", 1);
    let disk = desk.store.disk();
    disk.set_capacity(Some(disk.used() + 1_000));
    let ready = desk.call(Method::GET, "/readyz").send().await;
    assert_eq!(ready.refusal(), (503, "disk-nearly-full".into()));
    assert_eq!(ready.body["ready"], false);
    assert_eq!(ready.body["reason"], ready.body["detail"]);
    assert!(ready.headers.contains_key("retry-after"));
    disk.set_capacity(None);
    assert_eq!(desk.call(Method::GET, "/readyz").send().await.status, 200);
}

#[tokio::test]
async fn the_acting_person_is_the_tokens_or_the_one_that_the_call_names() {
    let desk = Desk::new("Acme", "ACME", 1);
    let anna = desk.post("/v1/tickets", json!({"title": "one"})).await;
    assert_eq!(anna["by"], json!({"name": "Anna", "function": "engineer"}));
    let call = desk.call(Method::POST, "/v1/tickets").json(json!({"title": "two"}));
    let petr = call.header("deskwire-acting-person", "%D0%9F%D1%91%D1%82%D1%80").send().await;
    assert_eq!(petr.body["by"], json!({"name": "Пётр"}));
    for wrong in ["%zz", "%0A", ""] {
        let call = desk.call(Method::POST, "/v1/tickets").json(json!({"title": "three"}));
        let answer = call.header("deskwire-acting-person", wrong).send().await;
        assert_eq!(answer.refusal(), (400, "invalid-value".into()), "{wrong}");
    }
}

#[tokio::test]
async fn wrong_paths_methods_bodies_and_queries_are_problems_too() {
    let desk = Desk::new("Acme", "ACME", 1);
    let unknown = desk.call(Method::GET, "/v1/tickers").send().await;
    assert_eq!(unknown.refusal(), (404, "unknown-path".into()));
    let method = desk.call(Method::DELETE, "/v1/tickets").send().await;
    assert_eq!(method.refusal(), (405, "method-not-allowed".into()));
    assert!(method.headers["allow"].to_str().unwrap().contains("POST"));

    let post = |body: &[u8]| desk.call(Method::POST, "/v1/tickets").bytes(body.to_vec()).send();
    assert_eq!(post(b"{").await.refusal(), (400, "malformed-json".into()));
    assert_eq!(post(b"\xff").await.refusal().1, "malformed-json");
    let member = post(br#"{"title": "x", "priorty": "high"}"#).await;
    assert_eq!(member.refusal(), (400, "invalid-value".into()));
    assert!(member.body["detail"].as_str().unwrap().contains("priorty"));
    assert_eq!(post(&vec![b' '; (1 << 20) + 1]).await.refusal(), (413, "body-too-large".into()));
    let form = desk.call(Method::POST, "/v1/tickets").header("content-type", "text/plain").send().await;
    assert_eq!(form.refusal(), (415, "media-type-unsupported".into()));

    for query in ["limit=0", "limit=501", "limit=x", "limt=5", "status=IN%20WORK", "status="] {
        let answer = desk.call(Method::GET, &format!("/v1/tickets?{query}")).send().await;
        assert_eq!(answer.refusal(), (400, "invalid-value".into()), "{query}");
    }
    let path = desk.call(Method::GET, "/v1/tickets/%ff").send().await;
    assert_eq!(path.refusal(), (400, "invalid-value".into()));
}

/// What a proxy or a browser keeps, it may show to somebody else.
#[tokio::test]
async fn answers_are_not_stored_by_whatever_lies_between() {
    let desk = Desk::new("Acme", "ACME", 1);
    for path in ["/v1/desk", "/v1/links", "/nowhere"] {
        let answer = desk.call(Method::GET, path).send().await;
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
    }
}

#[tokio::test]
async fn the_desk_says_who_and_where_it_is() {
    let desk = Desk::new("Acme Service", "ACME", 1);
    let body = desk.get("/v1/desk").await;
    assert_eq!(body["name"], "Acme Service");
    assert_eq!(body["id"], desk.id().to_string());
    assert_eq!(body["id_hex"], desk.id().to_hex());
    assert_eq!(body["api"], "127.0.0.1:8440");
    assert_eq!(body["endpoints"], json!(["https://127.0.0.1:9001"]));
    assert_eq!(body["links"], 0);
    assert_eq!(body["started"], "2026-05-28T20:26:40.000Z");
}
