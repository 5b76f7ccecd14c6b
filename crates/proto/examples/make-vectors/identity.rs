//! Chapter 2: desk ids as text, key events, key logs, descriptors.

use serde_json::{Value, json};

use crate::case::{Cases, Group};
use crate::value::{bstr, cbor, h, hex, with};
use crate::world::{A, B, NOW, array, key, next, public, seal, sha, sign};

pub(crate) fn make(cases: &mut Cases) {
    desk_ids(cases);
    inceptions(cases);
    rotations(cases);
    logs(cases);
    descriptors(cases);
    foreign_descriptors(cases);
    descriptor_rules(cases);
}

fn desk_ids(cases: &mut Cases) {
    let group = Group::new("desk-id", "2.2", "desk-id-text", "desk-id");
    let id = "DDSN7HX-272X3E0-ZE0HZKK-07YPHH0-XTFDVNC-4RE084H-82BNN69-1E0KY29";
    let value = json!({"desk": hex(&A.id())});
    cases.add(&group, "good", "The example of section 2.9.", id.as_bytes(), "ok").value(value.clone());
    for (name, description, text) in [
        ("lower-case", "Lower case.", id.to_lowercase()),
        ("spaces", "Spaces in the place of hyphens.", format!(" {} ", id.replace('-', " "))),
        ("confused", "O for 0, I and l for 1.", id.replace('0', "O").replacen('1', "l", 1).replace('1', "I")),
    ] {
        cases.add(&group, name, description, text.as_bytes(), "ok").value(value.clone()).unknown();
    }
    for (name, description, text) in [
        ("mistyped", "One character is another one.", id.replacen('D', "E", 1)),
        ("swapped", "Two characters are swapped.", id.replacen("SN", "NS", 1)),
        ("check-wrong", "The last check character is another one.", format!("{}8", &id[..id.len() - 1])),
        ("short", "A group is missing.", id[..id.len() - 8].to_owned()),
        ("long", "A character too many.", format!("{id}0")),
        ("letter-u", "A letter that the alphabet does not have.", id.replacen('E', "U", 1)),
        ("filling-bits", "The filling bits are not zero.", filling(id)),
        ("empty", "Nothing.", " ".to_owned()),
    ] {
        cases.add(&group, name, description, text.as_bytes(), "malformed");
    }
}

/// The 52nd character holds one bit of the id and four of filling.
fn filling(id: &str) -> String {
    let place = 51 + 51 / 7;
    let last = &id[place..=place];
    let other = if last == "0" { "1" } else { "H" };
    format!("{}{other}{}", &id[..place], &id[place + 1..])
}

fn event_group() -> Group<'static> {
    Group::new("key-event", "2.3", "key-event", "key-event")
}

fn inceptions(cases: &mut Cases) {
    let group = event_group();
    cases.add(&group, "inception", "The example of section 2.9.", &A.first_event(), "ok");
    let body = A.inception();
    for (name, description, changes) in [
        ("inception-next-missing", "No `next`.", vec![("next", Value::Null)]),
        ("inception-key-text", "`key` as text.", vec![("key", json!("8a88"))]),
        ("inception-next-short", "`next` of 31 bytes.", vec![("next", h(&[7; 31]))]),
        ("inception-more", "A member that a closed map does not have.", vec![("name", json!("A"))]),
        ("inception-version", "`v` 2.", vec![("v", json!(2))]),
        ("inception-type", "A type that there is not.", vec![("type", json!("revocation"))]),
    ] {
        let bytes = seal("key-event", &with(&body, &changes), 1);
        cases.add(&group, name, description, &bytes, "bad-key-log");
    }
    let mut null = body.clone();
    null["next"] = Value::Null;
    cases.add(&group, "inception-next-null", "`next` null.", &seal("key-event", &null, 1), "bad-key-log");
    let as_rotation = with(&body, &[("type", json!("rotation"))]);
    cases.add(
        &group,
        "inception-is-rotation",
        "The first event says that it is a rotation.",
        &seal("key-event", &as_rotation, 1),
        "bad-key-log",
    );
    let by_other = seal("key-event", &body, 3);
    cases
        .add(
            &group,
            "inception-other-kid",
            "Signed with another key, under the kid of that key.",
            &by_other,
            "bad-key-log",
        )
        .beyond();
    let mut forged = A.first_event();
    let at = forged.len() - 1;
    forged[at] ^= 1;
    cases.add(&group, "inception-signature", "The signature does not fit.", &forged, "bad-signature");
    let wrong = sign("descriptor", &cbor(&body), 1);
    cases.add(&group, "inception-purpose", "Signed for another purpose.", &wrong, "bad-signature");
    let weak = with(&body, &[("key", h(&[0; 32]))]);
    cases.add(
        &group,
        "inception-weak-key",
        "`key` is a point of small order.",
        &seal("key-event", &weak, 1),
        "weak-key",
    );
    let array = array(&[cbor(&body["v"]), cbor(&body["key"]), cbor(&body["next"]), cbor(&body["type"])]);
    cases.add(
        &group,
        "inception-array",
        "The values as an array in the place of the map.",
        &sign("key-event", &array, 1),
        "bad-key-log",
    );
    let mut members = crate::value::members(&body);
    members.swap(1, 2);
    cases.add(
        &group,
        "inception-unsorted",
        "Unsorted keys.",
        &sign("key-event", &crate::value::map(&members), 1),
        "not-deterministic",
    );
}

fn rotations(cases: &mut Cases) {
    let log = hex(&array(&[bstr(&A.first_event())]));
    let group = event_group().context(json!({"log": log}));
    cases.add(
        &group,
        "rotation",
        "The rotation of section 2.9, behind its inception.",
        &A.second_event(),
        "ok",
    );
    let body = A.rotation();
    for (name, description, changes) in [
        ("rotation-seq", "`seq` 2 for the second event.", vec![("seq", json!(2))]),
        ("rotation-prev", "`prev` is not the hash of the event before.", vec![("prev", h(&sha(b"x")))]),
        ("rotation-key", "A key that was not committed to.", vec![("key", h(&public(9)))]),
    ] {
        let body = with(&body, &changes);
        let seed = if name == "rotation-key" { 9 } else { 2 };
        cases.add(&group, name, description, &seal("key-event", &body, seed), "bad-key-log").beyond();
    }
    let zero = with(&body, &[("seq", json!(0))]);
    cases.add(&group, "rotation-seq-zero", "`seq` 0.", &seal("key-event", &zero, 2), "bad-key-log");
    let old = with(&body, &[("key", h(&public(1)))]);
    cases
        .add(
            &group,
            "rotation-stolen",
            "A thief with the key in use names it again.",
            &seal("key-event", &old, 1),
            "bad-key-log",
        )
        .beyond();
    let by_old = {
        let bytes =
            crate::world::to_be_signed(&crate::world::protected(2), "deskwire/1/key-event", &cbor(&body));
        let signature = ed25519_dalek::Signer::sign(&key(1), &bytes).to_bytes();
        crate::world::cose(&crate::world::protected(2), &[0xa0], &cbor(&body), &signature)
    };
    cases.add(
        &group,
        "rotation-signed-by-old",
        "Signed with the key before, under the kid of the new one.",
        &by_old,
        "bad-signature",
    );
    cases.add(&group, "second-inception", "A second inception.", &A.first_event(), "bad-key-log").beyond();
    let missing = with(&body, &[("prev", Value::Null)]);
    cases.add(&group, "rotation-prev-missing", "No `prev`.", &seal("key-event", &missing, 2), "bad-key-log");
}

fn logs(cases: &mut Cases) {
    let group = Group::new("key-log", "2.3", "key-log", "key-log");
    let (first, second) = (bstr(&A.first_event()), bstr(&A.second_event()));
    let value = |events: usize, head: &[u8]| json!({"desk": hex(&A.id()), "head": hex(&sha(head)), "keys": (0..events).map(|place| A.key_hex(place)).collect::<Vec<_>>()});
    cases
        .add(&group, "one", "An inception alone.", &array(std::slice::from_ref(&first)), "ok")
        .value(value(1, &A.first_event()));
    cases
        .add(&group, "two", "The log of section 2.9.", &array(&[first.clone(), second.clone()]), "ok")
        .value(value(2, &A.second_event()));
    let long = events(65);
    cases.add(&group, "full", "64 events.", &array(&long[..64]), "ok");
    cases.add(&group, "too-long", "65 events.", &array(&long), "bad-key-log");
    cases.add(&group, "empty", "No event.", &[0x80], "bad-key-log");
    for (name, description, events) in [
        ("rotation-alone", "No inception.", vec![&second]),
        ("swapped", "The rotation first.", vec![&second, &first]),
        ("repeated", "The rotation twice.", vec![&first, &second, &second]),
        ("inception-twice", "The inception twice.", vec![&first, &first]),
        ("skipped", "The second of three events is missing.", vec![&long[0], &long[2]]),
        ("foreign", "The inception of another desk behind this one.", vec![&first, &long[1]]),
    ] {
        let events: Vec<_> = events.into_iter().cloned().collect();
        cases.add(&group, name, description, &array(&events), "bad-key-log").beyond();
    }
    let mut forged = A.first_event();
    let at = forged.len() - 1;
    forged[at] ^= 1;
    cases.add(
        &group,
        "first-forged",
        "A bit of the inception's signature is changed.",
        &array(&[bstr(&forged), second.clone()]),
        "bad-signature",
    );
    let text = array(&[cbor(&json!("event"))]);
    cases.add(&group, "text", "A text in the place of an event.", &text, "bad-key-log");
    let inline = array(&[A.first_event()]);
    cases.add(
        &group,
        "inline",
        "The event itself in the place of a byte string with it.",
        &inline,
        "bad-key-log",
    );
    let mut trailing = array(&[first]);
    trailing.push(0);
    cases.add(&group, "trailing", "A byte behind the log.", &trailing, "not-deterministic");
}

/// Encoded events of a log with keys of its own.
fn events(count: u8) -> Vec<Vec<u8>> {
    let mut events = vec![];
    let mut prev = Vec::new();
    for place in 0..count {
        let seed = 100 + place;
        let mut body = json!({"v": 1, "key": h(&public(seed)), "next": next(seed + 1), "type": "inception"});
        if place > 0 {
            let rotation = [("seq", json!(place)), ("prev", h(&prev)), ("type", json!("rotation"))];
            body = with(&body, &rotation);
        }
        let event = seal("key-event", &body, seed);
        prev = sha(&event);
        events.push(bstr(&event));
    }
    events
}

fn descriptor_group() -> Group<'static> {
    Group::new("descriptor", "2.4", "descriptor", "descriptor")
}

fn descriptors(cases: &mut Cases) {
    let group = descriptor_group();
    let body = A.descriptor_body();
    cases.add(&group, "good", "A desk with an endpoint.", &A.descriptor(), "ok");
    cases.add(
        &group,
        "rotated",
        "After a rotation, signed with the newest key.",
        &seal("descriptor", &rotated(), 2),
        "ok",
    );
    let least = with(&body, &[("endpoints", json!([])), ("features", json!([]))]);
    cases.add(
        &group,
        "least",
        "A desk that only asks, without features.",
        &seal("descriptor", &least, 1),
        "ok",
    );
    let most = with(
        &body,
        &[
            ("tls", json!([h(&sha(b"1")), h(&sha(b"2"))])),
            (
                "endpoints",
                json!([
                    "https://a.example",
                    "https://192.0.2.1:8443",
                    "https://[2001:db8::1]:8443",
                    "https://xn--bcher-kva.example"
                ]),
            ),
            ("protocols", json!([1, 2])),
        ],
    );
    cases.add(
        &group,
        "most",
        "Two TLS keys, four endpoints, two versions.",
        &seal("descriptor", &most, 1),
        "ok",
    );
    let more =
        with(&body, &[("motto", json!("x")), ("limits", with(&body["limits"], &[("more", json!([1]))]))]);
    cases
        .add(&group, "unknown-members", "Members that a reader ignores.", &seal("descriptor", &more, 1), "ok")
        .unknown();
}

/// The body after a rotation.
fn rotated() -> Value {
    let keys = json!([h(&A.first_event()), h(&A.second_event())]);
    with(&A.descriptor_body(), &[("keys", keys), ("version", json!(NOW + 1))])
}

fn foreign_descriptors(cases: &mut Cases) {
    let group = descriptor_group();
    let body = A.descriptor_body();
    let by_old = seal("descriptor", &rotated(), 1);
    cases.add(
        &group,
        "signed-by-retired",
        "After a rotation, signed with the retired key.",
        &by_old,
        "bad-signature",
    );
    let by_other = seal("descriptor", &body, 3);
    cases.add(&group, "signed-by-stranger", "Signed with the key of another desk.", &by_other, "key-unknown");
    let other = with(&body, &[("desk", h(&B.id()))]);
    cases
        .add(
            &group,
            "other-desk",
            "`desk` is not that of the key log.",
            &seal("descriptor", &other, 1),
            "malformed",
        )
        .beyond();
    let log = with(&body, &[("keys", json!([h(&A.second_event())]))]);
    let bytes = seal("descriptor", &log, 1);
    cases.add(&group, "bad-key-log", "The key log has no inception.", &bytes, "bad-key-log").beyond();
    let future = with(&body, &[("protocols", json!([2]))]);
    cases
        .add(
            &group,
            "protocol-2-alone",
            "`protocols` does not hold 1.",
            &seal("descriptor", &future, 1),
            "unsupported-version",
        )
        .beyond()
        .section("13.1");
    let version = with(&body, &[("v", json!(2))]);
    cases
        .add(&group, "version-2", "`v` 2.", &seal("descriptor", &version, 1), "unsupported-version")
        .section("13.1");
    let float = cbor(&json!({"v": 1}));
    let bytes = [&float[..3], &[0xf9, 0x3c, 0x00]].concat();
    cases.add(&group, "float", "`v` as a float.", &sign("descriptor", &bytes, 1), "not-deterministic");
}

fn descriptor_rules(cases: &mut Cases) {
    let group = descriptor_group();
    let body = A.descriptor_body();
    let spki = || h(&sha(b"tls"));
    let url = |text: &str| ("endpoints", json!([text]));
    for (name, description, change) in [
        ("tls-none", "No TLS key.", ("tls", json!([]))),
        ("tls-three", "Three TLS keys.", ("tls", json!([spki(), spki(), spki()]))),
        ("tls-short", "A TLS key of 31 bytes.", ("tls", json!([h(&[1; 31])]))),
        ("keys-empty", "An empty key log.", ("keys", json!([]))),
        ("name-empty", "An empty name.", ("name", json!(""))),
        ("name-long", "A name of 121 bytes.", ("name", json!("x".repeat(121)))),
        ("limits-missing", "No `limits`.", ("limits", Value::Null)),
        ("limits-text", "A limit that is text.", ("limits", json!({"file": "1", "batch": 1, "message": 1}))),
        ("version-wide", "`version` 2^53.", ("version", json!(1u64 << 53))),
        ("version-negative", "`version` -1.", ("version", json!(-1))),
        (
            "features-33",
            "33 features.",
            ("features", json!((0..33).map(|n| format!("f{n:02}")).collect::<Vec<_>>())),
        ),
        ("feature-capital", "A feature that is no code.", ("features", json!(["Files"]))),
        ("endpoints-five", "Five endpoints.", ("endpoints", json!(vec!["https://a.example"; 5]))),
        ("protocols-none", "No version of the protocol.", ("protocols", json!([]))),
    ] {
        let expect = if name == "keys-empty" { "bad-key-log" } else { "malformed" };
        cases.add(&group, name, description, &seal("descriptor", &with(&body, &[change]), 1), expect);
    }
    for (name, description, change) in [
        ("name-control", "A name with a line feed.", ("name", json!("Desk\nA"))),
        ("name-turned", "A name that turns the direction of writing.", ("name", json!("Desk \u{202e}A"))),
        ("features-unsorted", "Features that are not sorted.", ("features", json!(["pull", "files"]))),
        ("features-twice", "A feature twice.", ("features", json!(["pull", "pull"]))),
        ("protocols-unsorted", "Versions that do not ascend.", ("protocols", json!([2, 1]))),
        (
            "limits-low",
            "A largest message below the floor of 64 KiB.",
            ("limits", json!({"file": 1, "batch": 1_048_576, "message": 65_535})),
        ),
        ("endpoint-http", "An endpoint without TLS.", url("http://a.example")),
        ("endpoint-path", "An endpoint with a path.", url("https://a.example/")),
        ("endpoint-user", "An endpoint with user information.", url("https://u@a.example")),
        ("endpoint-port", "An endpoint with port 0.", url("https://a.example:0")),
        ("endpoint-octal", "An IPv4 address with a leading zero.", url("https://0177.0.0.1")),
        ("endpoint-number", "An IPv4 address as one number.", url("https://2130706433")),
    ] {
        let section = if name.starts_with("endpoint") { "2.5" } else { "2.4" };
        let bytes = seal("descriptor", &with(&body, &[change]), 1);
        cases.add(&group, name, description, &bytes, "malformed").beyond().section(section);
    }
}
