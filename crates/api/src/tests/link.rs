//! How desks become linked, how a link fares, and that what was said on it can be read and checked.

use axum::http::Method;
use deskwire_engine::query::{Way, log};
use deskwire_engine::{Command, Refusal, Step};
use deskwire_proto::id::Hash;
use deskwire_proto::invitation::Invitation;
use deskwire_store::local::LinkNo;
use deskwire_store::record::{Local, Received, Record};
use serde_json::{Value, json};

use super::desks::{Desk, link, linked, talk};

#[tokio::test]
async fn an_invitation_is_told_once_and_can_be_taken_back() {
    let desk = Desk::new("Acme", "ACME", 1);
    let request =
        json!({"expires_in_seconds": 3600, "terms": {"principals": "me", "file": 1000, "fields": []}});
    let call = || {
        let call = desk.call(Method::POST, "/v1/links/invitations").json(request.clone());
        call.header("idempotency-key", "once").send()
    };
    let (made, again) = (call().await, call().await);
    assert_eq!(made.status, 201);
    assert_eq!(made.body, again.body, "a repeated call gets the text again");
    let text: Invitation = made.body["text"].as_str().unwrap().parse().unwrap();
    assert_eq!((text.desk, text.terms.file), (desk.id(), 1000));
    assert_eq!(made.body["terms"]["principals"], json!(["inviter"]));
    assert_eq!(made.body["state"], "open");
    let other = desk.post("/v1/links/invitations", json!({})).await;
    assert_ne!(other["text"], made.body["text"]);

    let list = desk.get("/v1/links/invitations").await;
    assert_eq!(list["invitations"].as_array().unwrap().len(), 2);
    assert_eq!(list["invitations"][0]["id"], other["id"], "the newest first");
    assert!(!list.to_string().contains("#"), "no text, hence no secret, is told again");
    let path = format!("/v1/links/invitations/{}", made.body["id"].as_str().unwrap());
    let gone = desk.call(Method::DELETE, &path).send().await;
    assert_eq!((gone.status.as_u16(), gone.raw.len()), (204, 0));
    assert_eq!(desk.get("/v1/links/invitations").await["invitations"][1]["state"], "withdrawn");
    let unknown = format!("/v1/links/invitations/{}", "0".repeat(64));
    assert_eq!(
        desk.call(Method::DELETE, &unknown).send().await.refusal(),
        (404, "unknown-invitation".into())
    );
    assert_eq!(desk.call(Method::DELETE, "/v1/links/invitations/x").send().await.refusal().0, 400);
    for wrong in
        [json!({"expires_in_seconds": 0}), json!({"terms": {"file": u64::MAX}}), json!({"terms": {"x": 1}})]
    {
        assert_eq!(desk.refused("/v1/links/invitations", wrong).await, (400, "invalid-value".into()));
    }
}

#[tokio::test]
async fn a_link_is_approved_and_its_words_compared() {
    let (acme, kassa) = (Desk::new("Acme Service", "ACME", 1), Desk::new("Kassa", "KAS", 2));
    link(&acme, &kassa, json!({})).await;
    let waiting = acme.get("/v1/links/kassa").await;
    assert_eq!((&waiting["state"], &waiting["verified"]), (&json!("waiting-approval"), &json!(false)));
    let theirs = kassa.get("/v1/links").await["links"][0].clone();
    assert_eq!((&theirs["state"], &theirs["side"]), (&json!("waiting-partner"), &json!("accepter")));
    assert_eq!(theirs["words"], waiting["words"], "both sides read the same");
    assert_eq!(theirs["id"], waiting["id"]);
    assert_eq!(kassa.refused("/v1/links/acme-service/approve", json!({})).await.0, 409);

    let id = waiting["id"].as_str().unwrap();
    let approved = acme.post(&format!("/v1/links/{id}/approve"), json!({})).await;
    assert_eq!(approved["state"], "active");
    assert_eq!(acme.refused("/v1/links/kassa/approve", json!({})).await, (409, "already-approved".into()));

    let differ = json!({"matches": true, "words": "abandon ability able about above absent"});
    assert_eq!(acme.refused("/v1/links/kassa/verify", differ).await, (409, "words-differ".into()));
    assert_eq!(acme.get("/v1/links/kassa").await["verified"], false);
    let spoken = |language: &str| {
        let words = waiting["words"][language].as_array().unwrap();
        words.iter().map(|word| word.as_str().unwrap().to_uppercase()).collect::<Vec<_>>().join(", ")
    };
    let digits = waiting["words"]["digits"].as_str().unwrap().replace(' ', "");
    for heard in [spoken("en"), spoken("ru"), spoken("de"), digits] {
        let verified = acme.post("/v1/links/kassa/verify", json!({"matches": true, "words": heard})).await;
        assert_eq!(verified["verified"], true, "{heard}");
    }
    acme.post("/v1/links/kassa/resume", json!({})).await;
    let differ = acme.post("/v1/links/kassa/verify", json!({"matches": false})).await;
    assert_eq!((&differ["verified"], &differ["state"]), (&json!(false), &json!("closed")));
    assert_eq!(acme.refused("/v1/links/kassa/resume", json!({})).await, (409, "cannot-resume".into()));
    assert_eq!(acme.refused("/v1/links/kassa/end", json!({})).await, (409, "link-closed".into()));
    for path in ["/v1/links/x", "/v1/links/x/log"] {
        assert_eq!(acme.call(Method::GET, path).send().await.refusal(), (404, "unknown-link".into()));
    }
}

/// A call that is repeated must not look for the partner twice, and a wrong address is said at once.
#[tokio::test]
async fn a_partner_is_looked_for_once_at_the_address_that_was_given() {
    let (acme, kassa) = (Desk::new("Acme", "ACME", 1), Desk::new("Kassa", "KAS", 2));
    link(&acme, &kassa, json!({"approved": true})).await;
    let body = json!({"endpoint": "https://kassa.example:9441/"});
    for _ in 0..2 {
        let call = acme.call(Method::POST, "/v1/links/kassa/find").json(body.clone());
        let answer = call.header("idempotency-key", "once").send().await;
        assert_eq!((answer.status.as_u16(), &answer.body["name"]), (200, &json!("kassa")));
    }
    assert_eq!(*acme.linker.found.lock().unwrap(), [(LinkNo(1), "https://kassa.example:9441".to_owned())]);
    for wrong in ["http://kassa.example", "https://kassa.example/path", "kassa"] {
        let refused = acme.refused("/v1/links/kassa/find", json!({"endpoint": wrong})).await;
        assert_eq!(refused, (400, "invalid-value".into()), "{wrong}");
    }
    assert_eq!(acme.refused("/v1/links/nobody/find", body).await, (404, "unknown-link".into()));
}

#[tokio::test]
async fn a_desk_added_by_hand_is_shown_until_it_comes() {
    let (acme, kassa) = (Desk::new("Acme", "ACME", 1), Desk::new("Kassa", "KAS", 2));
    let request =
        json!({"desk": kassa.id().to_string(), "endpoint": "https://kassa.example:8441/", "name": "kassa"});
    let added = acme.post("/v1/links/add", request).await;
    assert!(added.get("id").is_none() && added.get("words").is_none());
    assert_eq!((&added["name"], &added["state"]), (&json!("kassa"), &json!("waiting-partner")));
    assert_eq!(added["partner"]["endpoints"], json!(["https://kassa.example:8441"]));
    assert_eq!(*acme.linker.asked.lock().unwrap(), [kassa.id()]);
    assert_eq!(acme.get("/v1/links/kassa").await, added);
    assert_eq!(acme.get("/v1/links").await["links"], json!([added]));

    let unnamed = kassa.post("/v1/links/add", json!({"desk": acme.id().to_hex()})).await;
    assert!(unnamed["name"].as_str().unwrap().starts_with("desk-"));
    assert!(kassa.linker.asked.lock().unwrap().is_empty(), "nobody can be asked without an address");
    let mistyped = format!("{}X", &kassa.id().to_string()[..62]);
    for wrong in [
        json!({"desk": mistyped}),
        json!({"desk": ""}),
        json!({"desk": kassa.id().to_hex(), "endpoint": "http://kassa.example"}),
        json!({"desk": kassa.id().to_hex(), "endpoint": "kassa"}),
        json!({"desk": kassa.id().to_hex(), "name": "invitations"}),
    ] {
        assert_eq!(
            acme.refused("/v1/links/add", wrong.clone()).await,
            (400, "invalid-value".into()),
            "{wrong}"
        );
    }
    let own = json!({"desk": acme.id().to_string()});
    assert_eq!(acme.refused("/v1/links/add", own).await, (409, "own-desk".into()));
}

#[tokio::test]
async fn the_streams_can_be_read_with_what_came_of_each_message() {
    let (acme, kassa) = linked().await;
    acme.post("/v1/tickets", json!({"title": "Dead cash register"})).await;
    acme.post("/v1/tickets/1/delegations", json!({"link": "kassa"})).await;
    for body in ["one", "two"] {
        let document = json!({"body": body, "audience": {"kind": "thread"}});
        acme.post("/v1/tickets/1/comments", document).await;
    }
    assert_eq!(acme.get("/v1/links/kassa").await["out"]["waiting"], 3);
    talk(&acme, &kassa).await;
    let link = acme.get("/v1/links/kassa").await;
    assert_eq!(link["out"], json!({"waiting": 0, "unacknowledged": 0, "length": 3, "acknowledged": 3}));
    assert!(link.get("last_contact").is_some());

    let page = acme.get("/v1/links/kassa/log?limit=2").await;
    assert_eq!((&page["length"], &page["next"], &page["direction"]), (&json!(3), &json!(3), &json!("out")));
    let first = &page["entries"][0];
    assert_eq!(
        (&first["seq"], &first["kind"], &first["outcome"]),
        (&json!(1), &json!("delegation.offer"), &json!("applied"))
    );
    assert_eq!(first["facts"]["own"]["ticket"], "ACME-1");
    assert_eq!(first["text"]["title"], "Dead cash register");
    assert_eq!(first["prev"], link["id"]);
    assert!(first.get("signed_hex").is_none());
    assert_eq!(page["entries"][1]["prev"], first["hash"]);
    let rest = acme.get("/v1/links/kassa/log?from=3&signed=true").await;
    assert_eq!(rest["entries"].as_array().unwrap().len(), 1);
    assert!(rest.get("next").is_none());
    assert!(rest["entries"][0]["signed_hex"].as_str().unwrap().starts_with("84"));

    let theirs = kassa.get("/v1/links/acme-service/log?direction=in").await;
    let hashes = |page: &Value| -> Vec<Value> {
        page["entries"].as_array().unwrap().iter().map(|entry| entry["hash"].clone()).collect()
    };
    assert_eq!(hashes(&theirs), hashes(&acme.get("/v1/links/kassa/log").await));
    assert!(theirs["entries"][0].get("committed").is_some());
    assert_eq!(kassa.get("/v1/links/acme-service/log").await["entries"], json!([]));
    let answer = acme.call(Method::GET, "/v1/links/kassa/log?direction=up").send().await;
    assert_eq!(answer.refusal(), (400, "invalid-value".into()));
}

/// Puts a message into the store as no desk would.
struct Forge {
    link: LinkNo,
    seq: u64,
    signed: Vec<u8>,
    text: Option<Vec<u8>>,
}

impl Command for Forge {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let received = Received {
            no: self.link,
            seq: self.seq,
            hash: Hash::of(&self.signed),
            seen: 0,
            signed: self.signed.into(),
            refused: None,
            local: Local::default(),
            event: None,
            at: step.now,
            key: 0,
            here: None,
        };
        step.record(&Record::Received(received), self.text).map(drop)
    }
}

/// Whoever can write into the store cannot make it say what the partner has not signed.
#[tokio::test]
async fn a_message_that_was_changed_swapped_or_given_another_text_is_named() {
    let (acme, kassa) = linked().await;
    acme.post("/v1/tickets", json!({"title": "x"})).await;
    acme.post("/v1/tickets/1/delegations", json!({"link": "kassa"})).await;
    talk(&acme, &kassa).await;
    let reader = kassa.engine.reader().clone();
    let link = reader.partners().unwrap()[0].no;
    let signed = log(&reader, link, Way::In, 1, 1).unwrap().entries.remove(0).signed;
    let mut changed = signed.clone();
    *changed.last_mut().unwrap() ^= 1;
    let forgeries =
        [(2, changed, None), (3, signed.clone(), None), (4, signed, Some(b"other words".to_vec()))];
    for (seq, signed, text) in forgeries {
        kassa.engine.call(Forge { link, seq, signed, text }).await.unwrap();
    }
    let report = kassa.post("/v1/verify", json!({"link": "acme-service"})).await;
    let found: Vec<_> = report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| (problem["code"].as_str().unwrap(), problem["seq"].as_u64().unwrap()))
        .collect();
    assert_eq!(found, [("bad-signature", 2), ("chain-broken", 3), ("chain-broken", 4), ("text-differs", 4)]);
    assert!(report["problems"].as_array().unwrap().iter().all(|problem| problem["direction"] == "in"));
}

#[tokio::test]
async fn a_good_store_is_found_good_and_a_changed_bit_is_found() {
    let (acme, kassa) = linked().await;
    acme.post("/v1/tickets", json!({"title": "x"})).await;
    acme.post("/v1/tickets/1/delegations", json!({"link": "kassa"})).await;
    talk(&acme, &kassa).await;
    kassa.post("/v1/delegations/1/accept", json!({})).await;
    talk(&acme, &kassa).await;
    for desk in [&acme, &kassa] {
        let report = desk.post("/v1/verify", json!({})).await;
        assert_eq!((&report["ok"], &report["problems"]), (&json!(true), &json!([])));
        let streams = report["streams"].as_array().unwrap();
        assert!(streams.iter().all(|stream| stream["messages"] == 1 && stream["receipts"] == 1), "{report}");
        assert!(report["journal"]["records"].as_u64().unwrap() > 5);
    }
    let one = acme.post("/v1/verify", json!({"link": "kassa"})).await;
    assert!(one.get("journal").is_none());
    assert_eq!(acme.refused("/v1/verify", json!({"link": "x"})).await, (404, "unknown-link".into()));

    let disk = acme.store.disk();
    let name = disk.names().into_iter().find(|name| name.contains("journal")).unwrap();
    let mut bytes = disk.content(&name).unwrap();
    let place = bytes.windows(16).position(|window| window == b"delegation.offer").unwrap();
    // One flipped bit is corrected as it is read; this is more.
    bytes[place] ^= 0x5a;
    bytes[place + 5] ^= 0xa5;
    disk.set_content(&name, bytes);
    let report = acme.post("/v1/verify", json!({})).await;
    assert_eq!(report["ok"], false);
    let codes: Vec<_> =
        report["problems"].as_array().unwrap().iter().map(|found| found["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"journal-damaged"), "{codes:?}");
}
