//! Chapter 4: the envelope of a message and its text part.

use serde_json::{Value, json};

use crate::case::{Cases, Group};
use crate::file::unhex;
use crate::value::{bstr, cbor, h, hex, map, members, with};
use crate::world::{A, B, NOW, array, link, seal, sha, sign};

pub(crate) fn make(cases: &mut Cases) {
    examples(cases);
    head_shapes(cases);
    head_forms(cases);
    head_lax(cases);
    addresses(cases);
    signatures(cases);
    sizes(cases);
    deliveries(cases);
    bodies(cases);
    lax_facts(cases);
    must(cases);
    text_parts(cases);
    lax_text_parts(cases);
}

/// The desks and the link that a message is expected on: from B to A.
pub(crate) fn context() -> Value {
    json!({"from": hex(&B.id()), "to": hex(&A.id()), "link": hex(&link())})
}

/// What goes into a message of a vector.
pub(crate) struct Content<'a> {
    pub(crate) kind: &'a str,
    pub(crate) facts: Vec<u8>,
    pub(crate) text: Option<Vec<u8>>,
    pub(crate) delegation: bool,
}

impl Content<'_> {
    /// The head, as message 1 of B's stream.
    pub(crate) fn head(&self) -> Value {
        with(
            &json!({
                "v": 1, "to": h(&A.id()), "seq": 1, "from": h(&B.id()), "item": h(&[0x11; 16]), "kind": self.kind,
                "link": h(&link()), "prev": h(&link()), "seen": 0, "time": NOW, "facts": h(&self.facts),
            }),
            &[
                ("text", self.text.as_ref().map_or(Value::Null, |part| h(&sha(part)))),
                ("delegation", if self.delegation { h(&[0xde; 16]) } else { Value::Null }),
            ],
        )
    }

    /// The signed message and its text part as a delivery.
    pub(crate) fn delivery(&self) -> Vec<u8> {
        deliver(&seal("message", &self.head(), 3), self.text.as_deref())
    }
}

/// `[message, text part]`.
pub(crate) fn deliver(signed: &[u8], text: Option<&[u8]>) -> Vec<u8> {
    array(&[bstr(signed), text.map_or_else(|| vec![0xf6], bstr)])
}

/// `[salt, body]`.
pub(crate) fn part(body: &Value) -> Vec<u8> {
    array(&[bstr(&[0x22; 16]), cbor(body)])
}

fn resume() -> Content<'static> {
    Content { kind: "link.resume", facts: vec![0xa0], text: None, delegation: false }
}

fn suspend(text: Vec<u8>) -> Content<'static> {
    Content { kind: "link.suspend", facts: vec![0xa0], text: Some(text), delegation: false }
}

fn reason() -> Vec<u8> {
    part(&json!({"by": {"name": "Ann"}, "reason": "Server moves this weekend."}))
}

fn group() -> Group<'static> {
    Group::new("envelope", "4.3", "message", "message").keys(&[B.key_hex(0)]).context(context())
}

fn delivery_group() -> Group<'static> {
    Group::new("envelope", "4.4", "message", "delivery").keys(&[B.key_hex(0)]).context(context())
}

fn examples(cases: &mut Cases) {
    let first = seal("message", &resume().head(), 3);
    cases
        .add(&group(), "example-1", "The first message of section 4.9.", &first, "ok")
        .value(json!({"hash": hex(&sha(&first))}));
    let facts = cbor(&json!({"until": 1_790_100_000_000u64}));
    let second = Content { facts, ..suspend(reason()) };
    let head = with(
        &second.head(),
        &[
            ("seq", json!(2)),
            ("item", h(&[0x33; 16])),
            ("prev", h(&sha(&first))),
            ("time", json!(1_790_000_200_000u64)),
        ],
    );
    let second = seal("message", &head, 3);
    cases
        .add(
            &delivery_group(),
            "example-2",
            "The second message of section 4.9, with its text part.",
            &deliver(&second, Some(&reason())),
            "ok",
        )
        .value(json!({"hash": hex(&sha(&second))}));
    let most = with(
        &resume().head(),
        &[("seq", json!((1u64 << 53) - 1)), ("seen", json!((1u64 << 53) - 1)), ("prev", h(&sha(b"x")))],
    );
    cases.add(&group(), "largest-numbers", "`seq` and `seen` of 2^53 - 1.", &seal("message", &most, 3), "ok");
    let more = with(&resume().head(), &[("x-trace", json!({"a": [1, null]}))]);
    cases
        .add(&group(), "unknown-member", "A member that a reader ignores.", &seal("message", &more, 3), "ok")
        .unknown();
}

fn head_shapes(cases: &mut Cases) {
    let head = resume().head();
    for member in ["to", "seq", "from", "item", "kind", "link", "prev", "seen", "time", "facts"] {
        let bytes = seal("message", &with(&head, &[(member, Value::Null)]), 3);
        cases.add(&group(), &format!("{member}-missing"), &format!("No `{member}`."), &bytes, "malformed");
    }
    for (name, description, change) in [
        ("seq-zero", "`seq` 0.", ("seq", json!(0))),
        ("seq-wide", "`seq` 2^53.", ("seq", json!(1u64 << 53))),
        ("seq-huge", "`seq` 2^64 - 1.", ("seq", json!(u64::MAX))),
        ("seq-negative", "`seq` -1.", ("seq", json!(-1))),
        ("seq-text", "`seq` as text.", ("seq", json!("1"))),
        ("seen-wide", "`seen` 2^53.", ("seen", json!(1u64 << 53))),
        ("to-31-bytes", "`to` of 31 bytes.", ("to", h(&[1; 31]))),
        ("link-text", "`link` as text.", ("link", json!("29b2"))),
        ("link-array", "`link` as an array of numbers.", ("link", json!(vec![1; 32]))),
        ("item-17-bytes", "`item` of 17 bytes.", ("item", h(&[1; 17]))),
        ("kind-empty", "An empty `kind`.", ("kind", json!(""))),
        ("kind-long", "A `kind` of 41 bytes.", ("kind", json!("x".repeat(41)))),
        ("kind-capital", "A `kind` with a capital.", ("kind", json!("Link.resume"))),
        ("kind-bytes", "`kind` as a byte string.", ("kind", h(b"link.resume"))),
        ("facts-map", "The facts as a map in the place of a byte string.", ("facts", json!({}))),
        ("facts-text", "The facts as text.", ("facts", json!("x"))),
        ("text-short", "`text` of 31 bytes.", ("text", h(&[1; 31]))),
        ("delegation-32-bytes", "`delegation` of 32 bytes.", ("delegation", h(&[1; 32]))),
        ("must-empty", "`must` with nothing in it.", ("must", json!([]))),
        (
            "must-17",
            "`must` with 17 keys.",
            ("must", json!((0..17).map(|n| format!("k{n}")).collect::<Vec<_>>())),
        ),
        ("must-text", "`must` as text.", ("must", json!("until"))),
    ] {
        cases.add(&group(), name, description, &seal("message", &with(&head, &[change]), 3), "malformed");
    }
}

fn head_forms(cases: &mut Cases) {
    let head = resume().head();
    for version in [0, 2] {
        let bytes = seal("message", &with(&head, &[("v", json!(version))]), 3);
        let name = format!("version-{version}");
        cases.add(&group(), &name, &format!("`v` {version}."), &bytes, "unsupported-version").section("13.1");
    }
    let mut null = head.clone();
    null["text"] = Value::Null;
    cases.add(
        &group(),
        "text-null",
        "`text` null in the place of being absent.",
        &seal("message", &null, 3),
        "malformed",
    );
    let capital = with(&head, &[("Trace", json!(1))]);
    cases.add(
        &group(),
        "member-no-code",
        "An unknown member whose name is no code.",
        &seal("message", &capital, 3),
        "malformed",
    );
    let mut numbered = members(&head);
    numbered.insert(0, (vec![0x00], vec![0x00]));
    cases.add(
        &group(),
        "member-number",
        "An unknown member whose name is a number.",
        &sign("message", &map(&numbered), 3),
        "malformed",
    );
    let positional = array(&members(&head).into_iter().map(|member| member.1).collect::<Vec<_>>());
    cases.add(
        &group(),
        "head-array",
        "The values of the head as an array.",
        &sign("message", &positional, 3),
        "malformed",
    );
}

fn head_lax(cases: &mut Cases) {
    let head = resume().head();
    let good = cbor(&head);
    let all = members(&head);
    let mut swapped = all.clone();
    swapped.swap(2, 3);
    let mut doubled = all.clone();
    doubled.insert(3, (all[2].0.clone(), vec![0x02]));
    let replace = |key: &str, value: &[u8]| {
        let key = cbor(&json!(key));
        let change = |member: &(Vec<u8>, Vec<u8>)| {
            if member.0 == key { (key.clone(), value.to_vec()) } else { member.clone() }
        };
        map(&all.iter().map(change).collect::<Vec<_>>())
    };
    let nested = [vec![0x81; 9], vec![0]].concat();
    for (name, description, payload) in [
        ("unsorted", "Two members swapped.", map(&swapped)),
        ("duplicate-seq", "`seq` twice, with two values.", map(&doubled)),
        ("seq-long", "`seq` 1 in two bytes.", replace("seq", &[0x18, 0x01])),
        ("seq-float", "`seq` as a float.", replace("seq", &[0xf9, 0x3c, 0x00])),
        ("seq-bignum", "`seq` as a bignum.", replace("seq", &[0xc2, 0x41, 0x01])),
        ("time-tagged", "`time` with the tag of a date.", replace("time", &[0xc1, 0x01])),
        (
            "link-indefinite",
            "`link` as a byte string of indefinite length.",
            replace("link", &[&[0x5f, 0x58, 0x20][..], &link(), &[0xff]].concat()),
        ),
        ("facts-2-64", "Facts that announce 2^64 - 1 bytes.", replace("facts", &unhex("5bffffffffffffffff"))),
        ("head-indefinite", "The map of indefinite length.", [&[0xbf][..], &good[1..], &[0xff]].concat()),
        ("head-trailing", "A byte behind the map.", [&good[..], &[0xf6]].concat()),
        ("head-cut", "The last byte of the map is missing.", good[..good.len() - 1].to_vec()),
        ("head-empty", "A payload of no bytes.", Vec::new()),
        ("nested", "An unknown member that is nested too deep.", {
            let mut all = all.clone();
            all.push((cbor(&json!("x-nest-of-arrays")), nested));
            map(&all)
        }),
    ] {
        cases
            .add(&group(), name, description, &sign("message", &payload, 3), "not-deterministic")
            .section("4.1");
    }
}

fn addresses(cases: &mut Cases) {
    let head = resume().head();
    for (name, description, change, expect) in [
        ("other-link", "A message of another link.", ("link", h(&sha(b"other"))), "wrong-link"),
        ("other-reader", "Addressed to another desk.", ("to", h(&sha(b"other"))), "wrong-desk"),
        ("other-author", "From another desk.", ("from", h(&sha(b"other"))), "wrong-desk"),
    ] {
        cases
            .add(&group(), name, description, &seal("message", &with(&head, &[change]), 3), expect)
            .beyond()
            .section("4.5");
    }
    let back = with(&head, &[("from", h(&A.id())), ("to", h(&B.id()))]);
    let bytes = seal("message", &back, 1);
    cases
        .add(&group(), "came-back", "A message of the reader that comes back to it.", &bytes, "wrong-desk")
        .section("4.5")
        .beyond()
        .keys(&[A.key_hex(0)]);
}

fn signatures(cases: &mut Cases) {
    let head = resume().head();
    let good = seal("message", &head, 3);
    for purpose in ["receipt", "hello", "author-proof"] {
        let bytes = seal(purpose, &head, 3);
        let name = format!("purpose-{purpose}");
        let description = format!("Signed for the purpose `{purpose}`.");
        cases.add(&group(), &name, &description, &bytes, "bad-signature").section("4.2");
    }
    let receipt = json!({
        "v": 1, "to": h(&A.id()), "base": 0, "from": h(&B.id()), "hash": h(&link()), "link": h(&link()), "upto": 0,
        "times": [], "length": 0, "outcomes": [],
    });
    let bytes = seal("receipt", &receipt, 3);
    cases
        .add(
            &group(),
            "receipt-as-message",
            "A good receipt in the place of a message.",
            &bytes,
            "bad-signature",
        )
        .section("4.2")
        .skipped();
    for (name, description, at) in [
        ("bit-seq", "One bit of the payload is changed.", 80),
        ("bit-signature", "One bit of the signature is changed.", good.len() - 3),
    ] {
        let mut wrong = good.clone();
        wrong[at] ^= 0x02;
        cases.add(&group(), name, description, &wrong, "bad-signature").section("4.2");
    }
    cases
        .add(
            &group(),
            "other-key",
            "Signed with the key of a stranger.",
            &seal("message", &head, 9),
            "key-unknown",
        )
        .section("4.2");
    cases
        .add(
            &group(),
            "retired-key",
            "Signed with a key that was rotated away before its place.",
            &good,
            "bad-signature",
        )
        .section("4.2")
        .keys(&[B.key_hex(0), B.key_hex(1)])
        .notes("The same bytes are good below the place at which the newer key begins.");
    let tagged = [&[0xd2][..], &good].concat();
    cases.add(&group(), "tag-18", "With the tag of COSE_Sign1.", &tagged, "not-deterministic").section("4.2");
    let doubled = cbor(&json!(h(&good)));
    cases
        .add(
            &group(),
            "wrapped",
            "The message as a byte string in the place of itself.",
            &doubled,
            "malformed",
        )
        .section("4.2");
}

fn sizes(cases: &mut Cases) {
    let fill = |size: usize| Content { facts: cbor(&json!({"x-fill": "x".repeat(size)})), ..resume() };
    let empty = seal("message", &fill(65_000).head(), 3).len() - 65_000;
    let exact = seal("message", &fill(65_536 - empty).head(), 3);
    cases.add(&group(), "size-65536", "The largest message.", &exact, "ok").section("12.1").unknown();
    let larger = seal("message", &fill(65_537 - empty).head(), 3);
    cases
        .add(&group(), "size-65537", "A byte larger than a message may be.", &larger, "too-large")
        .section("12.1")
        .beyond();
    let text = part(&json!({"reason": "x".repeat(40_000)}));
    let both = Content { facts: cbor(&json!({"x-fill": "x".repeat(26_000)})), ..suspend(text) };
    cases
        .add(
            &delivery_group(),
            "size-with-text",
            "Message and text part together are too large.",
            &both.delivery(),
            "too-large",
        )
        .section("12.1")
        .beyond();
}

fn deliveries(cases: &mut Cases) {
    let group = delivery_group();
    let signed = seal("message", &resume().head(), 3);
    let good = deliver(&signed, None);
    cases.add(&group, "delivery", "A delivery without text part.", &good, "ok");
    for (name, description, bytes) in [
        ("delivery-one", "An array of one.", array(&[bstr(&signed)])),
        ("delivery-three", "An array of three.", array(&[bstr(&signed), vec![0xf6], vec![0xf6]])),
        (
            "delivery-inline",
            "The message itself in the place of a byte string with it.",
            array(&[signed.clone(), vec![0xf6]]),
        ),
        ("delivery-text", "A text part that is text.", array(&[bstr(&signed), cbor(&json!("x"))])),
        ("delivery-false", "False in the place of null.", array(&[bstr(&signed), vec![0xf4]])),
        ("delivery-map", "A map.", cbor(&json!({"message": h(&signed)}))),
    ] {
        cases.add(&group, name, description, &bytes, "malformed");
    }
    for (name, description, bytes) in [
        (
            "delivery-indefinite",
            "An array of indefinite length.",
            [&[0x9f][..], &good[1..], &[0xff]].concat(),
        ),
        ("delivery-undefined", "Undefined in the place of null.", array(&[bstr(&signed), vec![0xf7]])),
        (
            "delivery-long",
            "A length that is not the shortest.",
            [&[0x82, 0x5a, 0, 0][..], &good[2..]].concat(),
        ),
        ("delivery-2-64", "A message that announces 2^64 - 1 bytes.", unhex("825bffffffffffffffff00")),
        ("delivery-trailing", "A byte behind the delivery.", [&good[..], &[0xf6]].concat()),
    ] {
        cases.add(&group, name, description, &bytes, "not-deterministic").section("4.1");
    }
}

fn bodies(cases: &mut Cases) {
    let group = delivery_group();
    let mut add = |name: &str, description: &str, bytes: &[u8], expect: &str| {
        cases.add(&group, name, description, bytes, expect).section("4.6");
    };
    let unknown = Content { kind: "delegation.dance", ..resume() };
    add("kind-unknown", "A kind that this version does not know.", &unknown.delivery(), "unsupported-kind");
    let signed = seal("message", &suspend(reason()).head(), 3);
    add("text-gone", "The head names a text part, and none came.", &deliver(&signed, None), "text-missing");
    let other = part(&json!({"reason": "Another one."}));
    add(
        "text-other",
        "Another text part than the one whose hash is signed.",
        &deliver(&signed, Some(&other)),
        "text-mismatch",
    );
    let silent = seal("message", &resume().head(), 3);
    add(
        "text-smuggled",
        "A text part that the head does not name.",
        &deliver(&silent, Some(&reason())),
        "text-mismatch",
    );
    let with_delegation = Content { delegation: true, ..resume() };
    add(
        "delegation-odd",
        "A delegation where the kind has none.",
        &with_delegation.delivery(),
        "malformed-facts",
    );
    let without = Content { kind: "delegation.recall", delegation: false, ..suspend(reason()) };
    add(
        "delegation-missing",
        "No delegation where the kind needs one.",
        &without.delivery(),
        "malformed-facts",
    );
}

fn lax_facts(cases: &mut Cases) {
    let group = delivery_group();
    let mut add = |name: &str, description: &str, bytes: &[u8]| {
        cases.add(&group, name, description, bytes, "malformed-facts").section("4.6").skipped();
    };
    for (name, description, facts) in [
        ("facts-empty", "Facts of no bytes.", ""),
        ("facts-unsorted", "Unsorted keys in the facts.", "a2617a00616100"),
        ("facts-float", "A float in the facts.", "a16161f93c00"),
        ("facts-trailing", "A byte behind the facts.", "a000"),
        ("facts-tagged", "A tag in front of the facts.", "d9d9f7a0"),
        ("facts-wide", "An integer beyond 2^53 - 1 in the facts.", "a161611b0020000000000000"),
    ] {
        let content = Content { facts: unhex(facts), ..resume() };
        add(name, description, &content.delivery());
    }
    let deep = [&[0xa1, 0x61, b'a'][..], &[0x81; 8], &[0]].concat();
    add("facts-nested", "Facts that are nested too deep.", &Content { facts: deep, ..resume() }.delivery());
}

fn must(cases: &mut Cases) {
    let group = delivery_group();
    let head = with(&suspend(reason()).head(), &[("must", json!(["until"]))]);
    let known = seal("message", &head, 3);
    cases
        .add(
            &group,
            "must-known",
            "`must` lists a key that this kind has.",
            &deliver(&known, Some(&reason())),
            "ok",
        )
        .section("13.2");
    let head = with(&suspend(reason()).head(), &[("must", json!(["until", "slower"]))]);
    let unknown = seal("message", &head, 3);
    cases
        .add(
            &group,
            "must-unknown",
            "`must` lists a key that this version does not know.",
            &deliver(&unknown, Some(&reason())),
            "unsupported-key",
        )
        .section("13.2")
        .beyond();
}

fn text_group() -> Group<'static> {
    Group::new("text-part", "4.4", "text-part", "text-part")
        .context(json!({"kind": "link.suspend", "facts": "a0"}))
}

fn text_parts(cases: &mut Cases) {
    let group = text_group();
    cases
        .add(&group, "good", "Salt, person and reason.", &reason(), "ok")
        .value(json!({"hash": hex(&sha(&reason()))}));
    cases.add(&group, "least", "A reason alone.", &part(&json!({"reason": "x"})), "ok");
    let whole = part(
        &json!({"by": {"name": "Ann", "function": "dispatcher"}, "reason": "Line one.\n\n\tLine two: € 5 😀"}),
    );
    cases.add(&group, "lines", "Line feeds, a tabulator, letters beyond ASCII.", &whole, "ok");
    let most = part(&json!({"reason": "x".repeat(48_000)}));
    cases.add(&group, "longest", "A reason of 48000 bytes.", &most, "ok");
    let more = part(&json!({"reason": "x", "mood": "grim", "by": {"name": "Ann", "mood": 1}}));
    cases.add(&group, "unknown-members", "Members that a reader ignores.", &more, "ok").unknown();
    for (name, description, bytes) in [
        ("salt-15", "A salt of 15 bytes.", array(&[bstr(&[1; 15]), cbor(&json!({"reason": "x"}))])),
        ("salt-missing", "No salt.", array(&[cbor(&json!({"reason": "x"}))])),
        ("salt-behind", "The salt behind the text.", array(&[cbor(&json!({"reason": "x"})), bstr(&[1; 16])])),
        (
            "salt-text",
            "A salt that is text.",
            array(&[cbor(&json!("0123456789abcdef")), cbor(&json!({"reason": "x"}))]),
        ),
        ("three", "An array of three.", array(&[bstr(&[1; 16]), cbor(&json!({"reason": "x"})), vec![0xf6]])),
        ("map", "The text without the array.", cbor(&json!({"reason": "x"}))),
        ("body-array", "The values of the text as an array.", part(&json!(["x"]))),
        ("reason-long", "A reason of 48001 bytes.", part(&json!({"reason": "x".repeat(48_001)}))),
        ("reason-empty", "An empty reason.", part(&json!({"reason": ""}))),
        ("reason-bytes", "A reason as a byte string.", part(&json!({"reason": h(b"x")}))),
        ("by-text", "A person as text.", part(&json!({"reason": "x", "by": "Ann"}))),
        ("by-null", "A person null.", part(&json!({"reason": "x", "by": null}))),
        ("name-long", "A name of 121 bytes.", part(&json!({"reason": "x", "by": {"name": "x".repeat(121)}}))),
    ] {
        cases.add(&group, name, description, &bytes, "malformed-text");
    }
    cases
        .add(&group, "reason-missing", "No reason.", &part(&json!({"by": {"name": "Ann"}})), "reason-missing")
        .section("4.6");
    cases
        .add(
            &group,
            "reason-blank",
            "A reason of white space.",
            &part(&json!({"reason": " \n\t"})),
            "reason-missing",
        )
        .section("6.1")
        .beyond();
}

fn lax_text_parts(cases: &mut Cases) {
    let group = text_group();
    for (name, description, text) in [
        ("nul", "A NUL in the reason.", json!({"reason": "a\0b"})),
        ("escape", "An escape sequence of terminals in the reason.", json!({"reason": "\u{1b}[2J"})),
        ("carriage-return", "A carriage return in the reason.", json!({"reason": "a\r\nb"})),
        ("c1-control", "A control character above ASCII.", json!({"reason": "a\u{9b}b"})),
        ("turned", "A reason that turns the direction of writing.", json!({"reason": "abc\u{202e}gpj.exe"})),
        ("isolate", "An isolate of direction.", json!({"reason": "a\u{2066}b"})),
        ("line-separator", "U+2028.", json!({"reason": "a\u{2028}b"})),
        ("name-two-lines", "A name of two lines.", json!({"reason": "x", "by": {"name": "A\nB"}})),
    ] {
        cases.add(&group, name, description, &part(&text), "malformed-text").section("1.4").beyond();
    }
    let body = json!({"by": {"name": "Ann"}, "reason": "x"});
    let mut all = members(&body);
    all.reverse();
    let salted = |body: &[u8]| array(&[bstr(&[0x22; 16]), body.to_vec()]);
    for (name, description, bytes) in [
        ("unsorted", "Unsorted keys.", salted(&map(&all))),
        ("duplicate", "Two reasons.", salted(&unhex("a266726561736f6e616166726561736f6e6162"))),
        ("indefinite", "A map of indefinite length.", salted(&unhex("bf66726561736f6e6178ff"))),
        ("trailing", "A byte behind the text part.", [&part(&body)[..], &[0]].concat()),
        ("utf8", "A reason that is not UTF-8.", salted(&unhex("a166726561736f6e62c328"))),
        ("long-length", "A length that is not the shortest.", salted(&unhex("a166726561736f6e780178"))),
    ] {
        cases.add(&group, name, description, &bytes, "malformed-text").section("4.1").skipped();
    }
}
