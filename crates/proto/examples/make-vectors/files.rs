//! Chapter 10: parts of files; chapter 9: the author's proof.

use serde_json::{Value, json};

use crate::case::{Cases, Group};
use crate::value::{bstr, cbor, h, with};
use crate::world::{A, B, NOW, link, seal, sha};

pub(crate) fn make(cases: &mut Cases) {
    requests(cases);
    puts(cases);
    uploads(cases);
    haves(cases);
    proofs(cases);
}

/// The file of the example of section 10.2.
fn blob() -> Vec<u8> {
    [vec![0; 1 << 20], b"abc".to_vec()].concat()
}

fn chunk_list() -> Vec<u8> {
    [sha(&blob()[..1 << 20]), sha(b"abc")].concat()
}

fn request_body() -> Value {
    json!({
        "v": 1, "to": h(&A.id()), "blob": h(&sha(&blob())), "from": h(&B.id()), "link": h(&link()), "part": "chunks",
        "time": NOW,
    })
}

const BAD_PARTS: [(&str, &str); 8] = [
    ("word", "A part by a word that there is not."),
    ("none", "No chunk."),
    ("nine", "Nine chunks."),
    ("one-number", "One number."),
    ("three-numbers", "Three numbers."),
    ("negative", "A negative place."),
    ("number", "A number alone."),
    ("map", "A map."),
];

fn bad_part(name: &str) -> Value {
    match name {
        "word" => json!("all"),
        "none" => json!([0, 0]),
        "nine" => json!([0, 9]),
        "one-number" => json!([0]),
        "three-numbers" => json!([0, 1, 1]),
        "negative" => json!([-1, 1]),
        "number" => json!(0),
        _ => json!({"first": 0, "count": 1}),
    }
}

fn requests(cases: &mut Cases) {
    let group = Group::new("blob", "10.3", "blob", "blob-request").keys(&[B.key_hex(0)]);
    let body = request_body();
    cases.add(&group, "request-list", "The chunk list is wanted.", &seal("blob", &body, 3), "ok");
    let chunks = with(&body, &[("part", json!([1, 8]))]);
    cases.add(&group, "request-chunks", "Eight chunks from the second on.", &seal("blob", &chunks, 3), "ok");
    let more = with(&body, &[("x-later", json!(1))]);
    cases
        .add(
            &group,
            "request-unknown-member",
            "A member that a reader ignores.",
            &seal("blob", &more, 3),
            "ok",
        )
        .unknown();
    for (name, description) in BAD_PARTS {
        let bytes = seal("blob", &with(&body, &[("part", bad_part(name))]), 3);
        cases.add(&group, &format!("request-part-{name}"), description, &bytes, "malformed");
    }
    for (name, description, change) in [
        ("blob-missing", "No blob.", ("blob", Value::Null)),
        ("blob-short", "A blob of 20 bytes.", ("blob", h(&[1; 20]))),
        ("time-missing", "No time.", ("time", Value::Null)),
    ] {
        cases.add(
            &group,
            &format!("request-{name}"),
            description,
            &seal("blob", &with(&body, &[change]), 3),
            "malformed",
        );
    }
    cases
        .add(
            &group,
            "request-purpose",
            "Signed for the purpose `blob-put`.",
            &seal("blob-put", &body, 3),
            "bad-signature",
        )
        .section("4.2");
    cases
        .add(
            &group,
            "request-stranger",
            "Signed with a key that the desk does not have.",
            &seal("blob", &body, 9),
            "key-unknown",
        )
        .section("4.2");
    let version = with(&body, &[("v", json!(2))]);
    cases.add(&group, "request-version-2", "`v` 2.", &seal("blob", &version, 3), "unsupported-version");
}

fn put_body() -> Value {
    with(&request_body(), &[("bytes", h(&sha(&chunk_list())))])
}

fn puts(cases: &mut Cases) {
    let group = Group::new("blob", "10.4", "blob-put", "blob-put").keys(&[B.key_hex(0)]);
    cases.add(
        &group,
        "put",
        "The chunk list of section 10.2 is brought.",
        &seal("blob-put", &put_body(), 3),
        "ok",
    );
    for (name, description, change) in [
        ("bytes-missing", "No hash of the bytes.", ("bytes", Value::Null)),
        ("bytes-short", "A hash of 31 bytes.", ("bytes", h(&[1; 31]))),
        ("part-nine", "Nine chunks.", ("part", json!([0, 9]))),
    ] {
        let bytes = seal("blob-put", &with(&put_body(), &[change]), 3);
        cases.add(&group, &format!("put-{name}"), description, &bytes, "malformed");
    }
    cases
        .add(
            &group,
            "put-purpose",
            "Signed for the purpose `blob`.",
            &seal("blob", &put_body(), 3),
            "bad-signature",
        )
        .section("4.2");
}

fn uploads(cases: &mut Cases) {
    let group = Group::new("blob", "10.4", "blob-put", "blob-upload").keys(&[B.key_hex(0)]);
    let put = seal("blob-put", &put_body(), 3);
    let list = bstr(&chunk_list());
    let good = [&put[..], &list].concat();
    cases.add(&group, "upload", "The signed put and the chunk list.", &good, "ok");
    let last = with(&put_body(), &[("part", json!([1, 1])), ("bytes", h(&sha(b"abc")))]);
    let last = [&seal("blob-put", &last, 3)[..], &bstr(b"abc")].concat();
    cases.add(&group, "upload-chunk", "The last chunk.", &last, "ok");
    let other = [&put[..], &bstr(b"abd")].concat();
    cases
        .add(
            &group,
            "upload-other-bytes",
            "Other bytes than those whose hash is signed.",
            &other,
            "blob-mismatch",
        )
        .beyond();
    for (name, description, bytes) in [
        ("text", "Text in the place of the bytes.", [&put[..], &cbor(&json!("abc"))].concat()),
        ("three", "A third item.", [&good[..], &list].concat()),
        ("swapped", "The bytes first.", [&list[..], &put].concat()),
    ] {
        cases.add(&group, &format!("upload-{name}"), description, &bytes, "malformed");
    }
    for (name, description, bytes) in [
        ("alone", "The put alone.", put.clone()),
        ("cut", "The last byte is missing.", good[..good.len() - 1].to_vec()),
        ("indefinite", "Bytes of indefinite length.", [&put[..], &[0x5f], &list, &[0xff]].concat()),
    ] {
        cases.add(&group, &format!("upload-{name}"), description, &bytes, "not-deterministic").section("4.1");
    }
    let mut forged = good.clone();
    forged[put.len() - 1] ^= 1;
    cases
        .add(&group, "upload-signature", "A bit of the signature is changed.", &forged, "bad-signature")
        .section("4.2");
}

fn haves(cases: &mut Cases) {
    let group = Group::new("blob", "10.4", "blob-have", "blob-have");
    let have = json!({"v": 1, "blob": h(&sha(&blob())), "have": 1});
    cases.add(&group, "have", "One chunk is held.", &cbor(&have), "ok");
    for (name, description, change) in [
        ("negative", "-1 chunks.", ("have", json!(-1))),
        ("missing", "No number.", ("have", Value::Null)),
        ("wide", "2^53 chunks.", ("have", json!(1u64 << 53))),
        ("text", "A number as text.", ("have", json!("1"))),
    ] {
        cases.add(&group, &format!("have-{name}"), description, &cbor(&with(&have, &[change])), "malformed");
    }
}

fn proof_body(body: &str) -> Value {
    json!({"v": 1, "text": h(&sha(body.as_bytes())), "time": NOW, "author": h(&A.id()), "comment": h(&[0x99; 16])})
}

fn proof_of(proof: &Value) -> Value {
    json!([h(&A.id()), [h(&A.first_event())], h(&seal("author-proof", proof, 1))])
}

/// The proof that desk A wrote this comment.
pub(crate) fn author_proof(body: &str) -> Value {
    proof_of(&proof_body(body))
}

fn proofs(cases: &mut Cases) {
    let body = "Part ordered.";
    let group =
        Group::new("author-proof", "9.4", "author-proof", "author-proof").context(json!({"body": body}));
    let good = author_proof(body);
    cases.add(&group, "good", "Desk A wrote this comment.", &cbor(&good), "ok");
    let rotated = json!([
        h(&A.id()),
        [h(&A.first_event()), h(&A.second_event())],
        h(&seal("author-proof", &proof_body(body), 1))
    ]);
    cases.add(
        &group,
        "retired-key",
        "Signed with a key of the log that is retired now.",
        &cbor(&rotated),
        "ok",
    );
    let mut foreign = good.clone();
    foreign[0] = h(&B.id());
    let mut stranger = good.clone();
    stranger[2] = h(&seal("author-proof", &proof_body(body), 9));
    let mut purpose = good.clone();
    purpose[2] = h(&seal("message", &proof_body(body), 1));
    let other_author = proof_of(&with(&proof_body(body), &[("author", h(&B.id()))]));
    for (name, description, proof) in [
        ("other-text", "The proof of another comment.", author_proof("Part refused.")),
        ("foreign-log", "The key log is not that of the author.", foreign),
        ("other-author", "The signed author is another desk.", other_author),
        ("stranger", "Signed with a key that is not in the log.", stranger),
        ("purpose", "Signed as a message.", purpose),
    ] {
        cases.add(&group, name, description, &cbor(&proof), "malformed-text").beyond();
    }
    let mut empty = good.clone();
    empty[1] = json!([]);
    let short = proof_of(&with(&proof_body(body), &[("comment", h(&[1; 15]))]));
    for (name, description, proof) in [
        ("log-empty", "An empty key log.", empty),
        ("comment-short", "A comment id of 15 bytes.", short),
        ("map", "A map.", json!({"author": h(&A.id())})),
    ] {
        cases.add(&group, name, description, &cbor(&proof), "malformed-text");
    }
}
