//! Work that is done and not paid, a bill that nobody can check, a figure that nobody can trust.

use axum::http::Method;
use serde_json::{Value, json};

use super::desks::{Desk, linked, talk};

/// A ticket of Acme that Kassa accepted; the path of the delegation.
async fn working(acme: &Desk, kassa: &Desk) -> String {
    acme.post("/v1/tickets", json!({"title": "Dead cash register"})).await;
    let made = acme.post("/v1/tickets/1/delegations", json!({"link": "kassa"})).await;
    talk(acme, kassa).await;
    let path = format!("/v1/delegations/{}", made["id"].as_str().unwrap());
    kassa.post(&format!("{path}/accept"), json!({})).await;
    talk(acme, kassa).await;
    path
}

fn line(what: &str) -> Value {
    json!({
        "type": "time", "quantity": "1.25", "unit": "hour", "price": "95.00", "currency": "EUR", "tax": "20",
        "what": what,
    })
}

fn id(list: &Value, at: usize) -> String {
    list["lines"][at]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn work_goes_from_the_line_to_the_signed_statement_and_its_exports() {
    let (acme, kassa) = linked().await;
    let path = working(&acme, &kassa).await;
    let work = format!("{path}/work");
    let added = kassa.post(&work, line("=cmd|' /C calc'!A0 <script>")).await;
    assert_eq!((&added["lines"][0]["state"], added["lines"][0].get("settled_state")), (&json!("open"), None));
    assert_eq!(added["lines"][0]["delivery"]["state"], "waiting");
    kassa.post(&work, line("Another hour")).await;
    talk(&acme, &kassa).await;
    let seen = acme.get(&work).await;
    let (first, second) = (id(&seen, 0), id(&seen, 1));
    acme.post(&format!("{work}/approve"), json!({"line": first})).await;
    let judged =
        acme.post(&format!("{work}/dispute"), json!({"line": second, "reason": "It was one."})).await;
    assert_eq!(judged["lines"][0]["settled_state"], "open", "approved, and not settled");
    assert_eq!(
        (&judged["lines"][1]["state"], &judged["lines"][1]["verdict"]["reason"]),
        (&json!("disputed"), &json!("It was one."))
    );
    talk(&acme, &kassa).await;
    let shown = kassa.get(&path).await;
    assert_eq!(shown["work"]["sums"][0]["settled"], "142.50");
    assert_eq!(shown["work"]["sums"][0]["disputed"], "142.50");

    let period =
        json!({"from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z", "zone": "Europe/Berlin"});
    let proposed = kassa.post("/v1/links/acme-service/statements", period).await;
    let statement = format!("/v1/statements/{}", proposed["statement"]["id"].as_str().unwrap());
    talk(&acme, &kassa).await;
    let (ours, theirs) = (acme.get(&statement).await, kassa.get(&statement).await);
    assert_eq!(
        (&ours["statement"]["state"], &theirs["statement"]["state"]),
        (&json!("to-sign"), &json!("proposed"))
    );
    assert_eq!(ours["computed_hash"], theirs["statement"]["hash"]);
    let signed = acme.post(&format!("{statement}/sign"), json!({})).await;
    assert_eq!(signed["statement"]["state"], "signing");
    talk(&acme, &kassa).await;
    for (desk, ours) in [(&acme, false), (&kassa, true)] {
        let link = if ours { "acme-service" } else { "kassa" };
        let list = desk.get(&format!("/v1/links/{link}/statements")).await;
        assert_eq!(
            (&list["statements"][0]["state"], &list["statements"][0]["ours"]),
            (&json!("signed"), &json!(ours))
        );
        let json: Value = serde_json::from_str(&export(desk, &statement, "json").await).unwrap();
        assert_eq!(
            (json["lines"].as_array().unwrap().len(), json["evidence"].as_array().unwrap().len()),
            (1, 2)
        );
        assert_eq!(json["totals"], json!([{"amount": "142.50", "currency": "EUR"}]));
        let csv = export(desk, &statement, "csv").await;
        assert!(
            csv.contains("\"'=cmd|' /C calc'!A0 <script>\"") && csv.ends_with("118.75,23.75\r\n"),
            "{csv}"
        );
        let page = export(desk, &statement, "html&language=ru").await;
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script") && page.contains("Акт сверки"));
    }
}

/// Whoever signs reads that it pays what was disputed meanwhile: the cut decides, and not the signature.
#[tokio::test]
async fn a_statement_says_which_of_its_lines_were_disputed_since() {
    let (acme, kassa) = linked().await;
    let path = working(&acme, &kassa).await;
    let work = format!("{path}/work");
    for what in ["One hour", "Another hour"] {
        kassa.post(&work, line(what)).await;
    }
    talk(&acme, &kassa).await;
    let seen = acme.get(&work).await;
    for at in [0, 1] {
        acme.post(&format!("{work}/approve"), json!({"line": id(&seen, at)})).await;
    }
    talk(&acme, &kassa).await;
    let period = json!({"from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z", "zone": "UTC"});
    let proposed = kassa.post("/v1/links/acme-service/statements", period).await;
    let statement = format!("/v1/statements/{}", proposed["statement"]["id"].as_str().unwrap());
    talk(&acme, &kassa).await;
    assert!(acme.get(&statement).await.get("disputed_since").is_none());
    let second = id(&seen, 1);
    acme.post(&format!("{work}/dispute"), json!({"line": second, "reason": "It was one."})).await;
    // With the dispute on its way, and once it has arrived.
    super::desks::lose(&acme, &kassa).await;
    assert_eq!(acme.get(&statement).await["disputed_since"], json!([second]));
    talk(&acme, &kassa).await;
    for desk in [&acme, &kassa] {
        assert_eq!(desk.get(&statement).await["disputed_since"], json!([second]));
    }
    let signed = acme.post(&format!("{statement}/sign"), json!({})).await;
    assert_eq!(
        (&signed["disputed_since"], &signed["totals"][0]["amount"]),
        (&json!([second]), &json!("285.00"))
    );
}

async fn export(desk: &Desk, statement: &str, format: &str) -> String {
    let answer = desk.call(Method::GET, &format!("{statement}/export?format={format}")).send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert!(answer.headers["content-security-policy"].to_str().unwrap().contains("sandbox"));
    String::from_utf8(answer.raw).unwrap()
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_a_code_and_books_nothing() {
    let (acme, kassa) = linked().await;
    let path = working(&acme, &kassa).await;
    let work = format!("{path}/work");
    for (field, value, code) in [
        ("quantity", "0", "impossible-amount"),
        ("quantity", "1e3", "invalid-value"),
        ("price", "95,00", "invalid-value"),
        ("currency", "ERU", "unknown-currency"),
        ("tax", "-1", "invalid-value"),
        ("what", "two\nlines", "invalid-value"),
        ("date", "2126-01-01T00:00:00Z", "impossible-date"),
    ] {
        let mut document = line("Something");
        document[field] = json!(value);
        assert_eq!(kassa.refused(&work, document).await.1, code, "{field} {value}");
    }
    let reasons = json!({"line": "00000000000000000000000000000000", "reason": " "});
    assert_eq!(acme.refused(&format!("{work}/dispute"), reasons).await.1, "invalid-value");
    let unknown = json!({"line": "00000000000000000000000000000000"});
    assert_eq!(acme.refused(&format!("{work}/approve"), unknown).await, (404, "unknown-work-line".into()));
    assert_eq!(acme.refused(&work, line("By the principal")).await.1, "action-not-allowed");
    assert_eq!(kassa.refused(&format!("{path}/rate"), json!({"stars": 5})).await.1, "action-not-allowed");
    assert_eq!(acme.refused(&format!("{path}/rate"), json!({"stars": 6})).await.1, "invalid-value");
    let unknown = format!("/v1/statements/{}/sign", "0".repeat(32));
    assert_eq!(acme.refused(&unknown, json!({})).await, (404, "unknown-statement".into()));
    let empty = json!({"from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z", "zone": "UTC"});
    assert_eq!(acme.refused("/v1/links/kassa/statements", empty).await.1, "nothing-to-settle");
    assert_eq!(kassa.get(&work).await["lines"], json!([]));
}

#[tokio::test]
async fn the_report_tells_of_each_partner_what_is_settled() {
    let (acme, kassa) = linked().await;
    let path = working(&acme, &kassa).await;
    kassa.post(&format!("{path}/resolve"), json!({"solution": "Done"})).await;
    talk(&acme, &kassa).await;
    acme.post(&format!("{path}/confirm"), json!({})).await;
    acme.post(&format!("{path}/rate"), json!({"stars": 4, "words": "Quick"})).await;
    talk(&acme, &kassa).await;
    let report = acme.get("/v1/reports/partners").await;
    let one = &report["partners"][0];
    assert_eq!(
        (&one["role"], &one["offers"], &one["accept_rate"]),
        (&json!("contractor"), &json!(1), &json!("100.0"))
    );
    assert_eq!((&one["rating"], &one["resolved"]), (&json!("4.00"), &json!(1)));
    assert_eq!(kassa.get("/v1/reports/partners").await["partners"][0]["role"], "principal");
    let none = acme.get("/v1/reports/partners?from=2030-01-01T00:00:00Z").await;
    assert_eq!(none["partners"], json!([]));
    let answer = acme.call(Method::GET, "/v1/reports/partners?format=csv&link=kassa").send().await;
    let text = String::from_utf8(answer.raw).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert!(text.starts_with("link,partner,role,offers") && text.contains("kassa,"), "{text}");
}
