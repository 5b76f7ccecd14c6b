//! Each desk's own words and fields, from the ticket over the link to the other desk's ticket.

use serde_json::{Value, json};

use super::desks::{Desk, linked, talk};

/// Two desks whose terms define two custom fields.
async fn with_fields() -> (Desk, Desk) {
    let (acme, kassa) = linked().await;
    let custom = json!([
        {"key": "floor", "name": "Floor", "type": "text"}, {"key": "account", "name": "Account", "type": "number"},
    ]);
    acme.post("/v1/links/kassa/terms/propose", json!({"set": {"custom": custom}})).await;
    talk(&acme, &kassa).await;
    kassa.post("/v1/links/acme-service/terms/accept", json!({})).await;
    talk(&kassa, &acme).await;
    (acme, kassa)
}

fn fields(custom: &[(&str, &str)]) -> Value {
    custom.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

async fn delegated(acme: &Desk, kassa: &Desk, custom: &[(&str, &str)]) -> String {
    let ticket =
        json!({"title": "Dead till", "priority": "urgent", "category": "tills", "custom": fields(custom)});
    acme.post("/v1/tickets", ticket).await;
    let made = acme.post("/v1/tickets/1/delegations", json!({"link": "kassa"})).await;
    talk(acme, kassa).await;
    format!("/v1/delegations/{}", made["id"].as_str().unwrap())
}

#[tokio::test]
async fn custom_fields_go_from_ticket_to_ticket_as_the_terms_define_them() {
    let (acme, kassa) = with_fields().await;
    let ticket =
        json!({"title": "x", "custom": fields(&[("floor", "2"), ("account", "none"), ("colour", "red")])});
    acme.post("/v1/tickets", ticket).await;
    let preview = acme.post("/v1/tickets/1/delegations/preview", json!({"link": "kassa"})).await;
    let kept = preview["will_not_send"].as_array().unwrap().iter();
    let kept: Vec<_> = kept.map(|one| one["field"].as_str().unwrap()).collect();
    assert_eq!(kept, ["custom.account", "custom.colour"]);
    let made = acme.post("/v1/tickets/1/delegations", json!({"link": "kassa"})).await;
    let path = format!("/v1/delegations/{}", made["id"].as_str().unwrap());
    talk(&acme, &kassa).await;
    let floor = fields(&[("floor", "2")]);
    for desk in [&acme, &kassa] {
        assert_eq!(desk.get(&path).await["offer"]["custom"], floor);
    }
    assert_eq!(kassa.get("/v1/tickets/1").await["ticket"]["custom"], floor);
    let later = fields(&[("floor", "3"), ("account", "12")]);
    acme.post(&format!("{path}/update"), json!({"custom": later})).await;
    talk(&acme, &kassa).await;
    assert_eq!(kassa.get("/v1/tickets/1").await["ticket"]["custom"], later);
    let wrong = json!({"custom": fields(&[("account", "none")])});
    assert_eq!(acme.refused(&format!("{path}/update"), wrong).await, (403, "not-allowed-by-terms".into()));
}

#[tokio::test]
async fn a_received_offer_is_shown_in_own_words_and_what_has_none_is_named() {
    let (acme, kassa) = with_fields().await;
    let mapping = json!({
        "priorities": [{"own": "low", "link": "urgent"}],
        "categories": [{"own": "kassen", "link": "tills"}],
        "custom": [{"own": "etage", "link": "floor", "values": [{"own": "EG", "link": "ground"}]}],
    });
    kassa.post("/v1/links/acme-service/map", mapping).await;
    let path = delegated(&acme, &kassa, &[("floor", "ground"), ("account", "12")]).await;
    let ticket = kassa.get("/v1/tickets/1").await["ticket"].clone();
    assert_eq!((&ticket["priority"], &ticket["category"]), (&json!("low"), &json!("kassen")));
    assert_eq!(ticket["custom"], fields(&[("etage", "EG"), ("account", "12")]));
    assert_eq!(ticket["unmapped"], json!([{"field": "custom.account", "value": "12"}]));
    let seen = kassa.get(&path).await;
    assert_eq!(
        (&seen["offer"]["category"], &seen["reading"]["category"]),
        (&json!("tills"), &json!("kassen"))
    );
    assert!(acme.get(&path).await.get("reading").is_none());
    // A value without a counterpart keeps the rest of a change from nothing, and is told.
    acme.post("/v1/links/kassa/map", json!({"categories": [{"own": "tills", "link": "tills"}]})).await;
    let change = json!({"category": "lager", "title": "Two dead tills"});
    let changed = acme.post(&format!("{path}/update"), change).await;
    assert_eq!(changed["left_out"][0]["field"], "category");
    assert_eq!(changed["left_out"][0]["reason"], "unmapped");
    talk(&acme, &kassa).await;
    let thread = kassa.get("/v1/tickets/1").await;
    assert_eq!(thread["ticket"]["title"], "Two dead tills");
    let words = thread["thread"].as_array().unwrap().last().unwrap()["words"].as_str().unwrap().to_owned();
    assert_eq!(words, "Acme Service changed the offer: title Two dead tills");
}

#[tokio::test]
async fn every_open_proposal_is_in_the_delegation() {
    let (acme, kassa) = linked().await;
    let path = delegated(&acme, &kassa, &[]).await;
    kassa.post(&format!("{path}/accept"), json!({})).await;
    talk(&acme, &kassa).await;
    acme.post(&format!("{path}/update"), json!({"title": "Two dead tills"})).await;
    acme.post(&format!("{path}/update"), json!({"priority": "low"})).await;
    talk(&acme, &kassa).await;
    let seen = kassa.get(&path).await;
    assert_eq!((&seen["changes"][0], &seen["changes"][1]["version"]), (&seen["change"], &json!(3)));
    assert_eq!(seen["changes"][0]["fields"]["title"], "Two dead tills");
    assert_eq!(seen["changes"][1]["fields"]["priority"], "low");
}

#[tokio::test]
async fn the_check_of_a_link_names_words_without_a_counterpart_and_terms_that_wait() {
    let (acme, kassa) = linked().await;
    acme.post("/v1/tickets", json!({"title": "x", "category": "scales"})).await;
    let mapping = json!({
        "priorities": [{"own": "urgent", "link": "high"}], "categories": [{"own": "tills", "link": "pos"}],
    });
    acme.post("/v1/links/kassa/map", mapping).await;
    let deadlines = json!([{"priority": "urgent", "respond": 60_000, "resolve": 120_000}]);
    acme.post("/v1/links/kassa/terms/propose", json!({"set": {"deadlines": deadlines}})).await;
    talk(&acme, &kassa).await;
    let found = async |desk: &Desk, link: &str| -> Vec<(String, String)> {
        let check = desk.get(&format!("/v1/links/{link}/check")).await;
        let text = |one: &Value, member: &str| one[member].as_str().unwrap().to_owned();
        let findings = check["findings"].as_array().unwrap().iter();
        findings.map(|one| (text(one, "code"), text(one, "about"))).collect()
    };
    let ours = found(&acme, "kassa").await;
    for (code, about) in [
        ("category-unmapped", "scales"),
        ("priority-unmapped", "low"),
        ("priority-unmapped-here", "urgent"),
        ("terms-wait", "terms"),
    ] {
        assert!(ours.contains(&(code.into(), about.into())), "{code} {about}: {ours:?}");
    }
    assert!(found(&kassa, "acme-service").await.contains(&("terms-proposed".into(), "terms".into())));
    kassa.post("/v1/links/acme-service/terms/accept", json!({})).await;
    talk(&kassa, &acme).await;
    let ours = found(&acme, "kassa").await;
    assert!(ours.contains(&("no-deadline".into(), "high".into())), "{ours:?}");
    assert!(
        !ours
            .iter()
            .any(|(code, about)| code.starts_with("terms-") || (code == "no-deadline" && about == "urgent"))
    );
}
