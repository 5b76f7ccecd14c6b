//! A file hangs on its ticket whole and as it was, or nothing of it is left.

use axum::body::Body;
use axum::http::Method;
use bytes::Bytes;
use deskwire_proto::id::Hash;
use deskwire_store::BlobId;
use futures_util::stream;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::desks::{Answer, Call, Desk, FILE_LIMIT, linked, talk};

async fn with_ticket() -> Desk {
    let desk = Desk::new("Acme", "ACME", 1);
    desk.post("/v1/tickets", json!({"title": "x"})).await;
    desk
}

fn upload<'a>(desk: &'a Desk, query: &str, bytes: &[u8]) -> Call<'a> {
    let call = desk.call(Method::POST, &format!("/v1/tickets/1/files?{query}")).bytes(bytes.to_vec());
    call.header("content-length", &bytes.len().to_string())
}

fn sample(size: usize) -> Vec<u8> {
    (0..size).map(|place| (place % 251) as u8).collect()
}

fn blobs(desk: &Desk) -> usize {
    desk.engine.reader().blobs().list().unwrap().len()
}

#[tokio::test]
async fn a_file_comes_back_byte_by_byte() {
    let desk = with_ticket().await;
    for (place, size) in [0, 1, (1 << 20) + 3].into_iter().enumerate() {
        let bytes = sample(size);
        let call = upload(&desk, "name=log%201.txt&media=text%2Fplain", &bytes);
        let answer = call.header("deskwire-content-sha256", &Hash::of(&bytes).to_hex()).send().await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let info = answer.body;
        assert_eq!((&info["name"], &info["media"]), (&json!("log 1.txt"), &json!("text/plain")));
        assert_eq!((&info["size"], &info["state"]), (&json!(size), &json!("here")));
        assert_eq!(info["sha256"], Hash::of(&bytes).to_hex());
        assert_eq!(info["audience"], json!({"kind": "internal"}));
        for id in [info["id"].as_str().unwrap(), &(place + 1).to_string()] {
            assert_eq!(desk.get(&format!("/v1/files/{id}")).await, info);
            let content = desk.call(Method::GET, &format!("/v1/files/{id}/content")).send().await;
            assert_eq!(content.raw, bytes);
            assert_eq!(content.headers["content-length"], size.to_string().as_str());
            assert_eq!(content.headers["content-type"], "application/octet-stream");
            assert_eq!(content.headers["content-disposition"], "attachment; filename*=UTF-8''log%201.txt");
        }
    }
    let thread = desk.get("/v1/tickets/1").await;
    let files = thread["thread"].as_array().unwrap().iter().filter(|entry| entry["kind"] == "file").count();
    assert_eq!(files, 3);
}

/// Fault 31: whoever reads a file takes it for what was attached. Bytes that the disk has damaged must never pass for it, nor
/// be called damaged once they are right again.
#[tokio::test]
async fn fault_31_damaged_bytes_are_never_given_out_as_the_file() {
    let desk = with_ticket().await;
    for size in [5, (1 << 20) + 3] {
        let bytes = sample(size);
        let info = upload(&desk, "name=log.txt", &bytes).send().await.body;
        let path = format!("/v1/files/{}/content", info["id"].as_str().unwrap());
        let content = || desk.call(Method::GET, &path).send();
        let disk = desk.store.disk();
        let hash = info["sha256"].as_str().unwrap();
        let stored = disk.names().into_iter().find(|name| name.ends_with(hash)).unwrap();
        let new_doubts = || desk.engine.reader().new_doubts().len();

        let mut wrong = bytes.clone();
        wrong[size / 2] ^= 1;
        disk.set_content(&stored, wrong);
        if size > 5 {
            let mut body = desk.call(Method::GET, &path).body().await;
            let mut came = 0;
            let broken = loop {
                match body.frame().await {
                    Some(Ok(frame)) => came += frame.into_data().unwrap().len(),
                    end => break end.is_some(),
                }
            };
            assert!(broken && came < size, "{came} of {size} damaged bytes came as if they were whole");
        }
        for _ in 0..2 {
            assert_eq!(content().await.refusal(), (500, "file-damaged".into()));
        }
        assert_eq!((new_doubts(), new_doubts()), (1, 0), "the care of the store is told once");

        disk.set_content(&stored, bytes.clone());
        for _ in 0..2 {
            assert_eq!(content().await.raw, bytes);
        }
        disk.set_content(&stored, bytes[1..].to_vec());
        assert_eq!(content().await.refusal(), (500, "file-damaged".into()));
        assert_eq!(new_doubts(), 1);
        disk.set_content(&stored, bytes.clone());
        assert_eq!(content().await.raw, bytes);
        desk.engine.reader().blobs().remove(&BlobId(*Hash::of(&bytes).as_bytes())).unwrap();
        assert_eq!(content().await.refusal(), (500, "file-lost".into()));
        assert_eq!(new_doubts(), 1);
    }
}

#[tokio::test]
async fn a_repeated_upload_attaches_one_file() {
    let desk = with_ticket().await;
    let call = |bytes: &'static [u8]| upload(&desk, "name=a", bytes).header("idempotency-key", "once").send();
    let (first, second) = (call(b"hello").await, call(b"hello").await);
    assert_eq!((first.status.as_u16(), first.body), (201, second.body));
    assert_eq!(call(b"other").await.refusal(), (409, "idempotency-key-reused".into()));
    assert_eq!(blobs(&desk), 1, "the refused bytes are gone, the others are not");
    let detail = desk.get("/v1/tickets/1").await;
    assert_eq!(detail["thread"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_not_what_it_was_said_to_be_leaves_nothing() {
    let desk = with_ticket().await;
    let wrong = Hash::of(b"something else").to_hex();
    let answer = upload(&desk, "name=a", b"hello").header("deskwire-content-sha256", &wrong).send().await;
    assert_eq!(answer.refusal(), (409, "hash-mismatch".into()));
    for announced in ["4", "6"] {
        let answer = upload(&desk, "name=a", b"hello").header("content-length", announced).send().await;
        assert_eq!(answer.refusal(), (409, "file-changed".into()), "{announced}");
    }
    let broken = stream::iter([Ok(Bytes::from_static(b"he")), Err(std::io::Error::other("line down"))]);
    let answer = upload(&desk, "name=a", b"hello").stream(Body::from_stream(broken)).await;
    assert_eq!(answer.refusal(), (400, "body-cut".into()));
    assert_eq!(blobs(&desk), 0);
    assert_eq!(desk.get("/v1/tickets/1").await["thread"].as_array().unwrap().len(), 1);
}

/// Whoever goes on with a second file of the same bytes must not lose the first one by a mistake in the second.
#[tokio::test]
async fn a_refused_copy_does_not_take_the_bytes_of_another_file() {
    let desk = with_ticket().await;
    let kept = upload(&desk, "name=a", b"hello").header("idempotency-key", "one").send().await;
    let wrong = Hash::of(b"else").to_hex();
    upload(&desk, "name=b", b"hello").header("deskwire-content-sha256", &wrong).send().await.refusal();
    upload(&desk, "name=b", b"hello").header("idempotency-key", "one").send().await.refusal();
    let id = kept.body["id"].as_str().unwrap();
    let content = desk.call(Method::GET, &format!("/v1/files/{id}/content")).send().await;
    assert_eq!(content.raw, b"hello");
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_before_a_byte_is_read() {
    let (acme, _kassa) = linked().await;
    acme.post("/v1/tickets", json!({"title": "x"})).await;
    let unread = || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let refused = async |call: Call<'_>| -> Answer { call.stream(unread()).await };

    let large = upload(&acme, "name=a", b"").header("content-length", &(FILE_LIMIT + 1).to_string());
    let answer = refused(large).await;
    assert_eq!(answer.refusal(), (413, "file-too-large".into()));
    assert_eq!(answer.body["extra"], json!({"limit": FILE_LIMIT, "size": FILE_LIMIT + 1}));
    assert_eq!(refused(upload(&acme, "name=a", b"x").without("content-length")).await.refusal().0, 411);
    for query in ["", "name=", "name=..%2Fetc", "name=a&media=", "name=a&audience=all", "name=a&x=1"] {
        let answer = refused(upload(&acme, query, b"x")).await;
        assert_eq!(answer.refusal(), (400, "invalid-value".into()), "{query}");
    }
    let hash = upload(&acme, "name=a", b"x").header("deskwire-content-sha256", "abc");
    assert_eq!(refused(hash).await.refusal(), (400, "invalid-value".into()));
    let ticket = acme.call(Method::POST, "/v1/tickets/9/files?name=a").header("content-length", "1");
    assert_eq!(refused(ticket).await.refusal(), (404, "unknown-ticket".into()));
    let key = upload(&acme, "name=a", b"x").without("idempotency-key");
    assert_eq!(refused(key).await.refusal(), (400, "idempotency-key-missing".into()));
}

#[tokio::test]
async fn a_partners_limit_is_said_before_the_file_is_sent() {
    let (acme, kassa) = (Desk::new("Acme", "ACME", 1), Desk::new("Kassa", "KAS", 2));
    super::desks::link(&acme, &kassa, json!({"approved": true, "terms": {"file": 10}})).await;
    acme.post("/v1/tickets", json!({"title": "x"})).await;
    acme.post("/v1/tickets/1/delegations", json!({"link": "kassa"})).await;
    let answer = upload(&acme, "name=a&audience=thread", &[7; 11]).send().await;
    assert_eq!(answer.refusal(), (413, "file-too-large".into()));
    assert!(answer.body["detail"].as_str().unwrap().contains("Kassa"));
    assert_eq!(upload(&acme, "name=a&audience=internal", &[7; 11]).send().await.status, 201);
}

#[tokio::test]
async fn an_announced_file_is_seen_at_the_partner_and_fetched_before_it_is_read() {
    let (acme, kassa) = linked().await;
    acme.post("/v1/tickets", json!({"title": "x"})).await;
    acme.post("/v1/tickets/1/delegations", json!({"link": "kassa"})).await;
    let sent = upload(&acme, "name=photo.jpg&audience=thread", b"bytes").send().await.body;
    assert_eq!(sent["deliveries"][0]["state"], "waiting");
    talk(&acme, &kassa).await;
    let theirs = kassa.get("/v1/tickets/1").await;
    let file = theirs["thread"].as_array().unwrap().iter().find(|entry| entry["kind"] == "file").unwrap();
    assert_eq!((&file["name"], &file["state"]), (&json!("photo.jpg"), &json!("fetching")));
    assert_eq!((&file["partner"], &file["sha256"]), (&json!("Acme Service"), &sent["sha256"]));
    let path = format!("/v1/files/{}", file["id"].as_str().unwrap());
    let content = kassa.call(Method::GET, &format!("{path}/content")).send().await;
    assert_eq!(content.refusal(), (409, "file-not-here".into()));
    assert_eq!(kassa.get(&path).await["fetched"], 0);
    let mine = acme.get(&format!("/v1/files/{}", sent["id"].as_str().unwrap())).await;
    assert_eq!(mine["deliveries"][0]["state"], "delivered");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_said_so() {
    let desk = with_ticket().await;
    for id in ["1", "x", "00000000000000000000000000000000"] {
        for path in [format!("/v1/files/{id}"), format!("/v1/files/{id}/content")] {
            let answer = desk.call(Method::GET, &path).send().await;
            assert_eq!(answer.refusal(), (404, "unknown-file".into()), "{path}");
        }
    }
    assert_eq!(desk.get("/v1/tickets/1").await["delegations"], Value::Array(Vec::new()));
}
