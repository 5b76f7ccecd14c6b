//! Chapter 5: sessions, batches, pull, recovery, change of key.

use serde_json::{Value, json};

use crate::case::{Cases, Group};
use crate::file::unhex;
use crate::messages::{Content, deliver, part};
use crate::receipts::receipt_body;
use crate::value::{bstr, cbor, h, hex, map, members, with};
use crate::world::{A, B, NOW, link, seal, sha};

pub(crate) fn make(cases: &mut Cases) {
    hellos(cases);
    welcomes(cases);
    key_changes(cases);
    batches(cases);
    batch_lax(cases);
    pull_requests(cases);
    pull_answers(cases);
    recover_requests(cases);
    recover_pages(cases);
}

const HELLO_NONCE: [u8; 32] = [0xc0; 32];
const WELCOME_NONCE: [u8; 32] = [0xd0; 32];

fn hello_body() -> Value {
    json!({
        "v": 1, "to": h(&A.id()), "from": h(&B.id()), "head": h(&link()), "keys": h(&sha(&B.first_event())),
        "link": h(&link()), "time": NOW, "nonce": h(&HELLO_NONCE), "length": 0, "instance": h(&[0x1a; 16]),
    })
}

fn welcome_body() -> Value {
    json!({
        "v": 1, "to": h(&B.id()), "from": h(&A.id()), "head": h(&link()), "link": h(&link()), "time": NOW + 20,
        "hello": h(&HELLO_NONCE), "known": 0, "nonce": h(&WELCOME_NONCE), "length": 0,
    })
}

/// SHA-256 of both nonces.
fn session() -> Vec<u8> {
    sha(&[HELLO_NONCE, WELCOME_NONCE].concat())
}

/// A signed document and what is wrong with copies of it.
pub(crate) fn documents(
    cases: &mut Cases,
    group: &Group<'_>,
    seed: u8,
    body: &Value,
    prefix: &str,
    bad: &[(&str, &str, (&str, Value))],
) {
    for (name, description, change) in bad {
        let bytes = seal(group.purpose, &with(body, std::slice::from_ref(change)), seed);
        cases.add(group, &format!("{prefix}-{name}"), description, &bytes, "malformed");
    }
    let version = seal(group.purpose, &with(body, &[("v", json!(2))]), seed);
    cases.add(group, &format!("{prefix}-version-2"), "`v` 2.", &version, "unsupported-version");
    let other = seal("author-proof", body, seed);
    cases
        .add(group, &format!("{prefix}-purpose"), "Signed for another purpose.", &other, "bad-signature")
        .section("4.2");
    let stranger = seal(group.purpose, body, 9);
    cases
        .add(
            group,
            &format!("{prefix}-stranger"),
            "Signed with a key that the desk does not have.",
            &stranger,
            "key-unknown",
        )
        .section("4.2");
    let mut all = members(body);
    let last = all.len() - 1;
    all.swap(0, last);
    let unsorted = crate::world::sign(group.purpose, &map(&all), seed);
    cases
        .add(group, &format!("{prefix}-unsorted"), "Unsorted keys.", &unsorted, "not-deterministic")
        .section("4.1");
    let more = seal(group.purpose, &with(body, &[("x-later", json!(["a", 1]))]), seed);
    cases
        .add(group, &format!("{prefix}-unknown-member"), "A member that a reader ignores.", &more, "ok")
        .unknown();
}

fn hellos(cases: &mut Cases) {
    let group = Group::new("session", "5.3", "hello", "hello").keys(&[B.key_hex(0)]);
    let body = hello_body();
    cases.add(&group, "hello", "The first hello on a new link.", &seal("hello", &body, 3), "ok");
    let descriptor =
        with(&body, &[("descriptor", h(&B.descriptor())), ("length", json!(2)), ("head", h(&sha(b"2")))]);
    cases.add(
        &group,
        "hello-descriptor",
        "A hello with the descriptor, after a start.",
        &seal("hello", &descriptor, 3),
        "ok",
    );
    documents(
        cases,
        &group,
        3,
        &body,
        "hello",
        &[
            ("nonce-missing", "No nonce.", ("nonce", Value::Null)),
            ("nonce-16", "A nonce of 16 bytes.", ("nonce", h(&[1; 16]))),
            ("nonce-empty", "A nonce of no bytes.", ("nonce", json!("h'"))),
            ("instance-32", "An instance of 32 bytes.", ("instance", h(&[1; 32]))),
            ("length-negative", "A length of -1.", ("length", json!(-1))),
            ("length-wide", "A length of 2^53.", ("length", json!(1u64 << 53))),
            ("change-length-alone", "A place without the hash.", ("change", json!([4]))),
            ("later-number", "`later` as a number.", ("later", json!(1))),
            ("change-map", "A place as a map.", ("change", json!({"length": 4}))),
            ("descriptor-map", "The descriptor as a map.", ("descriptor", json!({}))),
        ],
    );
}

fn welcomes(cases: &mut Cases) {
    let group = Group::new("session", "5.3", "welcome", "welcome").keys(&[A.key_hex(0)]);
    let body = welcome_body();
    cases
        .add(&group, "welcome", "The answer to session/hello.", &seal("welcome", &body, 1), "ok")
        .value(json!({"session": hex(&session())}));
    let descriptor = with(&body, &[("descriptor", h(&A.descriptor())), ("known", json!(7))]);
    cases.add(
        &group,
        "welcome-descriptor",
        "A welcome with the descriptor.",
        &seal("welcome", &descriptor, 1),
        "ok",
    );
    let placed = with(&body, &[("placed", h(&seal("hello", &disowning(), 4)))]);
    cases.add(
        &group,
        "welcome-placed",
        "A welcome with the hello in which the author told where its newest key begins.",
        &seal("welcome", &placed, 1),
        "ok",
    );
    documents(
        cases,
        &group,
        1,
        &body,
        "welcome",
        &[
            ("known-missing", "No `known`.", ("known", Value::Null)),
            ("hello-missing", "No nonce of the hello.", ("hello", Value::Null)),
            ("hello-31", "A nonce of the hello of 31 bytes.", ("hello", h(&[1; 31]))),
            ("length-text", "A length as text.", ("length", json!("0"))),
            ("placed-map", "An earlier hello as a map.", ("placed", json!({}))),
        ],
    );
}

/// A hello under the second key.
fn rotated() -> Value {
    let rotated =
        [("keys", h(&sha(&B.second_event()))), ("length", json!(2)), ("head", h(&sha(b"message 2")))];
    with(&hello_body(), &rotated)
}

/// A hello that disowns message 2.
fn disowning() -> Value {
    with(&rotated(), &[("change", json!([1, h(&sha(b"message 1"))]))])
}

fn key_changes(cases: &mut Cases) {
    let keys = [B.key_hex(0), B.key_hex(1)];
    let group = Group::new("key-change", "5.8", "hello", "hello").keys(&keys);
    let body = rotated();
    let change = with(&body, &[("change", json!([2, h(&sha(b"message 2"))]))]);
    cases.add(
        &group,
        "hello",
        "The first hello under the new key: it begins behind message 2.",
        &seal("hello", &change, 4),
        "ok",
    );
    cases.add(
        &group,
        "hello-disowns",
        "After a theft: message 2 is disowned.",
        &seal("hello", &disowning(), 4),
        "ok",
    );
    cases.add(
        &group,
        "hello-later",
        "A restored desk that cannot tell the place yet.",
        &seal("hello", &body, 4),
        "ok",
    );
    let nothing = [("length", json!(0)), ("head", h(&link())), ("later", json!(true))];
    cases.add(
        &group,
        "hello-later-of-nothing",
        "No receipt covers anything yet, and the reader has counted something: the place is told later.",
        &seal("hello", &with(&body, &nothing), 4),
        "ok",
    );
    let empty =
        with(&body, &[("change", json!([0, h(&link())])), ("length", json!(0)), ("head", h(&link()))]);
    cases.add(
        &group,
        "hello-from-nothing",
        "The new key stands from the beginning.",
        &seal("hello", &empty, 4),
        "ok",
    );
    cases.add(
        &group,
        "hello-retired",
        "The hello signed with the retired key.",
        &seal("hello", &change, 3),
        "bad-signature",
    );
    cases
        .add(
            &group,
            "hello-unknown",
            "The new key, before the reader has the new key log.",
            &seal("hello", &change, 4),
            "key-unknown",
        )
        .section("5.3")
        .keys(&keys[..1]);
    for (name, description, place) in [
        ("place-negative", "A place before the beginning.", json!([-1, h(&link())])),
        ("place-short", "A place with a hash of 31 bytes.", json!([2, h(&[1; 31])])),
        ("place-three", "A place of three.", json!([2, h(&link()), 1])),
        ("place-swapped", "The hash first.", json!([h(&link()), 2])),
    ] {
        let body = with(&body, &[("change", place)]);
        cases.add(&group, name, description, &seal("hello", &body, 4), "malformed");
    }
}

/// Message 1 of B's stream, and message 2 with a text part.
fn deliveries() -> (Vec<u8>, Vec<u8>) {
    let first = Content { kind: "link.resume", facts: vec![0xa0], text: None, delegation: false };
    let signed = seal("message", &first.head(), 3);
    let text = part(&json!({"by": {"name": "Ann"}, "reason": "Server moves this weekend."}));
    let second = Content { kind: "link.suspend", text: Some(text.clone()), ..first };
    let changes = [("seq", json!(2)), ("item", h(&[0x33; 16])), ("prev", h(&sha(&signed)))];
    let second = seal("message", &with(&second.head(), &changes), 3);
    (deliver(&signed, None), deliver(&second, Some(&text)))
}

fn batch_head() -> Value {
    json!({"v": 1, "link": h(&link()), "known": 0, "session": h(&session())})
}

fn batches(cases: &mut Cases) {
    let group = Group::new("batch", "5.4", "batch", "batch");
    let (one, two) = deliveries();
    let head = cbor(&batch_head());
    cases.add(&group, "one", "One message.", &[&head[..], &one].concat(), "ok");
    cases.add(
        &group,
        "two",
        "Two messages, the second with a text part.",
        &[&head[..], &one, &two].concat(),
        "ok",
    );
    let small = deliver(&[0x84], None);
    cases
        .add(
            &group,
            "most",
            "256 deliveries, whose messages are looked at later.",
            &[&head[..], &small.repeat(256)].concat(),
            "ok",
        )
        .skipped();
    let later = cbor(&with(&batch_head(), &[("x-later", json!("a"))]));
    cases
        .add(
            &group,
            "unknown-member",
            "A member of the head that a reader ignores.",
            &[&later[..], &one].concat(),
            "ok",
        )
        .unknown();
    cases
        .add(&group, "too-many", "257 deliveries.", &[&head[..], &small.repeat(257)].concat(), "too-many")
        .section("12.1");
    let larger = deliver(&vec![0; 65_537], None);
    cases
        .add(
            &group,
            "message-too-large",
            "A message above 64 KiB.",
            &[&head[..], &larger].concat(),
            "too-large",
        )
        .section("12.1");
    cases.add(&group, "none", "A head alone.", &head, "malformed");
    for (name, description, change) in [
        ("session-missing", "No session.", ("session", Value::Null)),
        ("session-31", "A session of 31 bytes.", ("session", h(&[1; 31]))),
        ("known-negative", "`known` -1.", ("known", json!(-1))),
        ("known-wide", "`known` 2^53.", ("known", json!(1u64 << 53))),
        ("link-text", "The link as text.", ("link", json!("29b2"))),
    ] {
        let head = cbor(&with(&batch_head(), &[change]));
        cases.add(&group, name, description, &[&head[..], &one].concat(), "malformed");
    }
    let version = cbor(&with(&batch_head(), &[("v", json!(2))]));
    cases.add(&group, "version-2", "`v` 2.", &[&version[..], &one].concat(), "unsupported-version");
    cases.add(&group, "head-missing", "No head.", &one, "malformed");
    cases.add(&group, "head-twice", "The head twice.", &[&head[..], &head, &one].concat(), "malformed");
    cases.add(
        &group,
        "message-bare",
        "A message that is not in a delivery.",
        &[&head[..], &bstr(&[1])].concat(),
        "malformed",
    );
}

fn batch_lax(cases: &mut Cases) {
    let group = Group::new("batch", "4.1", "batch", "batch");
    let (one, _) = deliveries();
    let head = cbor(&batch_head());
    let mut swapped = members(&batch_head());
    swapped.swap(0, 1);
    let announced = unhex("825bffffffffffffffff");
    for (name, description, bytes) in [
        ("empty", "No bytes.", Vec::new()),
        ("cut", "The last byte is missing.", [&head[..], &one[..one.len() - 1]].concat()),
        ("trailing", "A break behind the last delivery.", [&head[..], &one, &[0xff]].concat()),
        ("head-unsorted", "Unsorted keys in the head.", [&map(&swapped)[..], &one].concat()),
        (
            "head-indefinite",
            "A head of indefinite length.",
            [&[0xbf][..], &head[1..], &[0xff], &one].concat(),
        ),
        ("tagged", "A tag in front of a delivery.", [&head[..], &[0xc0], &one].concat()),
        ("announces-2-64", "A message that announces 2^64 - 1 bytes.", [&head[..], &announced].concat()),
        (
            "in-an-array",
            "The sequence inside an array of indefinite length.",
            [&[0x9f][..], &head, &one, &[0xff]].concat(),
        ),
    ] {
        cases.add(&group, name, description, &bytes, "not-deterministic");
    }
}

fn pull_body() -> Value {
    json!({
        "v": 1, "to": h(&A.id()), "from": h(&B.id()), "link": h(&link()), "time": NOW, "upto": 12, "wait": 30_000,
        "nonce": h(&[0xe0; 32]),
    })
}

fn pull_requests(cases: &mut Cases) {
    let group = Group::new("pull", "5.6", "pull", "pull-request").keys(&[B.key_hex(0)]);
    let body = pull_body();
    cases.add(&group, "request", "A desk asks for what it does not have.", &seal("pull", &body, 3), "ok");
    let receipt = with(&receipt_body(), &[("to", h(&A.id())), ("from", h(&B.id()))]);
    let welcome = with(&welcome_body(), &[("to", h(&A.id())), ("from", h(&B.id()))]);
    let riding = with(
        &body,
        &[("receipt", h(&seal("receipt", &receipt, 3))), ("welcome", h(&seal("welcome", &welcome, 3)))],
    );
    cases.add(&group, "request-riding", "With a receipt and a welcome.", &seal("pull", &riding, 3), "ok");
    let page = with(&body, &[("page", h(&recover_page()))]);
    cases
        .add(&group, "request-page", "With a page for a restored desk.", &seal("pull", &page, 3), "ok")
        .section("5.7");
    documents(
        cases,
        &group,
        3,
        &body,
        "request",
        &[
            ("nonce-missing", "No nonce.", ("nonce", Value::Null)),
            ("nonce-24", "A nonce of 24 bytes.", ("nonce", h(&[1; 24]))),
            ("wait-negative", "`wait` -1.", ("wait", json!(-1))),
            ("upto-missing", "No `upto`.", ("upto", Value::Null)),
            ("receipt-map", "A receipt that is a map.", ("receipt", receipt_body())),
            ("page-text", "A page that is text.", ("page", json!("x"))),
        ],
    );
}

fn pull_answers(cases: &mut Cases) {
    let group = Group::new("pull", "5.6", "pull-answer", "pull-answer");
    let nothing = json!({"v": 1, "link": h(&link()), "wait": 1000});
    cases.add(&group, "nothing", "Nothing to say.", &cbor(&nothing), "ok");
    let from_a =
        with(&hello_body(), &[("to", h(&B.id())), ("from", h(&A.id())), ("keys", h(&sha(&A.first_event())))]);
    let hello = json!({"v": 1, "link": h(&link()), "hello": h(&seal("hello", &from_a, 1))});
    cases.add(&group, "hello", "There is no session: a hello.", &cbor(&hello), "ok");
    let recover = json!({"v": 1, "link": h(&link()), "recover": h(&seal("recover", &recover_body(), 1))});
    cases.add(&group, "recover", "The author has lost something.", &cbor(&recover), "ok").section("5.7");
    let (one, two) = deliveries();
    let batch = [&cbor(&batch_head())[..], &one, &two].concat();
    cases.add(&group, "batch", "Messages.", &batch, "ok").set("cddl", json!("batch"));
    let later = with(&nothing, &[("x-later", json!([1]))]);
    cases.add(&group, "unknown-member", "A member that a reader ignores.", &cbor(&later), "ok").unknown();
    for (name, description, answer) in [
        ("wait-missing", "None of the four.", with(&nothing, &[("wait", Value::Null)])),
        ("wait-text", "`wait` as text.", with(&nothing, &[("wait", json!("1000"))])),
        ("link-missing", "No link.", with(&nothing, &[("link", Value::Null)])),
        ("hello-map", "A hello that is a map.", json!({"v": 1, "link": h(&link()), "hello": from_a})),
        ("recover-text", "A request that is text.", json!({"v": 1, "link": h(&link()), "recover": "x"})),
        ("array", "An array.", json!([1, 2])),
    ] {
        cases.add(&group, &format!("answer-{name}"), description, &cbor(&answer), "malformed");
    }
    let twice = [&cbor(&nothing)[..], &cbor(&nothing)].concat();
    cases.add(&group, "answer-twice", "Two answers.", &twice, "malformed").skipped();
    let long = [&cbor(&nothing)[..cbor(&nothing).len() - 3], &unhex("1a000003e8")].concat();
    cases.add(&group, "answer-long", "`wait` in five bytes.", &long, "not-deterministic");
}

fn recover_body() -> Value {
    json!({
        "v": 1, "to": h(&B.id()), "from": h(&A.id()), "link": h(&link()), "time": NOW, "upto": 4,
        "welcome": h(&WELCOME_NONCE), "from-seq": 3,
    })
}

fn recover_requests(cases: &mut Cases) {
    let group = Group::new("recovery", "5.7", "recover", "recover-request").keys(&[A.key_hex(0)]);
    let body = recover_body();
    cases.add(
        &group,
        "request",
        "A restored desk asks for its messages from 3 on.",
        &seal("recover", &body, 1),
        "ok",
    );
    documents(
        cases,
        &group,
        1,
        &body,
        "request",
        &[
            ("from-zero", "From message 0 on.", ("from-seq", json!(0))),
            ("from-missing", "No `from-seq`.", ("from-seq", Value::Null)),
            ("welcome-missing", "No nonce of a welcome.", ("welcome", Value::Null)),
            ("welcome-short", "A nonce of 16 bytes.", ("welcome", h(&[1; 16]))),
            ("upto-wide", "`upto` 2^53.", ("upto", json!(1u64 << 53))),
        ],
    );
}

fn recover_head() -> Value {
    json!({"v": 1, "link": h(&link()), "more": true, "receipts": [h(&seal("receipt", &receipt_body(), 1))]})
}

fn recover_page() -> Vec<u8> {
    let (one, two) = deliveries();
    let head = with(&recover_head(), &[("descriptor", h(&B.descriptor()))]);
    [&cbor(&head)[..], &one, &two].concat()
}

fn recover_pages(cases: &mut Cases) {
    let group = Group::new("recovery", "5.7", "recover-page", "recover-page");
    cases.add(&group, "page", "Receipts, the descriptor, two messages.", &recover_page(), "ok");
    let end = json!({"v": 1, "link": h(&link()), "more": false, "receipts": []});
    cases.add(&group, "page-empty", "There is nothing more.", &cbor(&end), "ok");
    let later = with(&end, &[("x-later", json!({"a": 1}))]);
    cases
        .add(&group, "page-unknown-member", "A member that a reader ignores.", &cbor(&later), "ok")
        .unknown();
    for (name, description, change) in [
        ("more-number", "`more` as a number.", ("more", json!(1))),
        ("receipts-missing", "No receipts.", ("receipts", Value::Null)),
        (
            "receipts-257",
            "257 receipts.",
            ("receipts", json!(vec![h(&seal("receipt", &receipt_body(), 1)); 257])),
        ),
        ("receipt-map", "A receipt that is a map.", ("receipts", json!([receipt_body()]))),
    ] {
        let bytes = cbor(&with(&recover_head(), &[change]));
        cases.add(&group, &format!("page-{name}"), description, &bytes, "malformed");
    }
    let (one, _) = deliveries();
    let head = cbor(&end);
    let many = [&head[..], &deliver(&[0x84], None).repeat(257)].concat();
    cases.add(&group, "page-too-many", "257 messages.", &many, "too-many").section("12.1");
    let cut = [&head[..], &one[..one.len() - 1]].concat();
    cases.add(&group, "page-cut", "The last byte is missing.", &cut, "not-deterministic").section("4.1");
    cases.add(&group, "page-headless", "No head.", &one, "malformed");
}
