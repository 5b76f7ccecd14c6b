//! What two desks see of one case can be compared, and shown to somebody who has neither of them.

use axum::http::Method;
use deskwire_machine::delegation::State;
use deskwire_machine::proof::{Report, Verifier};
use deskwire_proto::proof::{EXTENSION, Item};
use serde_json::json;

use super::desks::{Answer, Desk, linked, talk};

/// A ticket of Acme that Kassa accepted and spoke of, and another; the path of the first delegation.
async fn told(acme: &Desk, kassa: &Desk) -> String {
    acme.post("/v1/tickets", json!({"title": "Dead cash register"})).await;
    acme.post("/v1/tickets", json!({"title": "Another client"})).await;
    let made = acme.post("/v1/tickets/1/delegations", json!({"link": "kassa"})).await;
    acme.post("/v1/tickets/2/delegations", json!({"link": "kassa"})).await;
    talk(acme, kassa).await;
    let path = format!("/v1/delegations/{}", made["id"].as_str().unwrap());
    kassa.post(&format!("{path}/accept"), json!({})).await;
    let comment = json!({"body": "We look at it.", "audience": {"kind": "thread"}});
    kassa.post("/v1/tickets/1/comments", comment).await;
    talk(acme, kassa).await;
    path
}

fn items(mut bytes: &[u8]) -> Vec<(Item, Vec<u8>)> {
    let mut items = Vec::new();
    while !bytes.is_empty() {
        let (item, rest) = Item::take(bytes).unwrap();
        items.push((item, bytes[..bytes.len() - rest.len()].to_vec()));
        bytes = rest;
    }
    items
}

fn verify(items: &[(Item, Vec<u8>)]) -> Report {
    let mut verifier = Verifier::new();
    for (item, bytes) in items {
        verifier.take(item.clone(), bytes);
    }
    verifier.finish()
}

async fn download(desk: &Desk, path: &str) -> Answer {
    let answer = desk.call(Method::GET, path).send().await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/vnd.deskwire.proof");
    let name = answer.headers["content-disposition"].to_str().unwrap();
    assert!(name.ends_with(&format!(".{EXTENSION}")), "{name}");
    answer
}

#[tokio::test]
async fn each_desk_can_prove_alone_what_both_have_signed() {
    let (acme, kassa) = linked().await;
    let path = told(&acme, &kassa).await;
    for (desk, link) in [(&acme, "kassa"), (&kassa, "acme-service")] {
        let file = download(desk, &format!("/v1/links/{link}/export")).await;
        let whole = items(&file.raw);
        let report = verify(&whole);
        assert!(report.holds(), "{:?}", report.findings);
        let mut states: Vec<_> = report.cases.iter().map(|case| case.state).collect();
        states.sort_by_key(|state| state.name());
        assert_eq!(states, [State::Accepted, State::Offered]);
        let said: u64 = report.streams.iter().map(|stream| stream.texts).sum();
        assert!(said >= 3, "both offers and the comment: {said}");
        for stream in &report.streams {
            assert_eq!(stream.received, stream.length, "everything has its receipt");
        }
        let message = whole.iter().position(|(item, _)| matches!(item, Item::Message(_))).unwrap();
        let mut less = whole.clone();
        less.remove(message);
        assert!(!verify(&less).holds(), "a message was taken out");
        assert!(!verify(&whole[..whole.len() - 1]).holds(), "the end was cut off");

        let one = download(desk, &format!("{path}/export?others=left-out")).await;
        let report = verify(&items(&one.raw));
        assert!(report.holds(), "{:?}", report.findings);
        assert_eq!(report.cases.len(), 1);
        assert!(report.streams.iter().any(|stream| stream.left_out > 0), "the other case is left out");
        let other = b"Another client";
        assert!(!one.raw.windows(other.len()).any(|part| part == other));
    }
}

#[tokio::test]
async fn nothing_is_exported_of_what_is_not_there() {
    let desk = Desk::new("Acme", "ACME", 1);
    for (path, code) in [
        ("/v1/links/nobody/export", "unknown-link"),
        ("/v1/delegations/7/export", "unknown-delegation"),
        ("/v1/delegations/7/agreement", "unknown-delegation"),
    ] {
        let refused = desk.call(Method::GET, path).send().await.refusal();
        assert_eq!(refused, (404, code.into()), "{path}");
    }
    let refused = desk.refused("/v1/delegations/7/digest", json!({})).await;
    assert_eq!(refused, (404, "unknown-delegation".into()));
}

#[tokio::test]
async fn a_digest_tells_the_partner_whether_both_see_the_same() {
    let (acme, kassa) = linked().await;
    let path = told(&acme, &kassa).await;
    let unheard = acme.get(&format!("{path}/agreement")).await;
    assert!(unheard.get("heard").is_none() && unheard.get("same").is_none(), "{unheard}");
    let asked = acme.call(Method::POST, &format!("{path}/digest")).send().await;
    assert_eq!(asked.status, 200, "{}", asked.body);
    assert!(asked.body.get("same").is_none(), "the partner has said nothing yet");
    talk(&acme, &kassa).await;
    let found = kassa.get(&format!("{path}/agreement")).await;
    assert_eq!((&found["same"], &found["differs"]), (&json!(true), &json!([])), "{found}");
    let here = &found["here"];
    assert_eq!((&here["state"], here["thread"].as_array().unwrap().len()), (&json!("accepted"), 1));
    assert_eq!(here["thread"][0]["author"], "contractor");
    assert!(path.ends_with(found["delegation"].as_str().unwrap()));
}
