//! Chapter 3: terms, invitations, the linking exchange, verification words.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::case::{Cases, Group};
use crate::value::{cbor, h, hex, with};
use crate::world::{A, B, NOW, link, seal, sha, terms};

pub(crate) fn make(cases: &mut Cases) {
    good_terms(cases);
    bad_terms(cases);
    terms_rules(cases);
    invitations(cases);
    invitation_texts(cases);
    requests(cases);
    answers(cases);
    reveals(cases);
    states(cases);
    words(cases);
}

fn terms_group() -> Group<'static> {
    Group::new("terms", "3.2", "terms", "terms")
}

/// Terms with every member.
pub(crate) fn all_terms() -> Value {
    with(
        &terms(),
        &[
            ("late", json!("follow-up")),
            (
                "custom",
                json!([
                    {"key": "floor", "name": "Floor", "type": "number"},
                    {"key": "shift", "name": "Shift", "type": "choice", "choices": ["early", "late"]},
                ]),
            ),
            (
                "fields",
                json!([
                    "company",
                    "contact",
                    "custom",
                    "equipment",
                    "agreement",
                    "category",
                    "object",
                    "priority",
                    "deadline",
                    "status",
                    "price"
                ]),
            ),
            ("calendar", json!([[NOW, NOW + 36_000_000], [NOW + 86_400_000, NOW + 122_400_000]])),
            ("currency", json!("EUR")),
            ("deadlines", json!([{"resolve": 14_400_000, "respond": 1_800_000, "priority": "urgent"}])),
            ("loop-tags", json!(true)),
            ("retention", json!(365)),
            ("tolerance", json!(60_000)),
            ("principals", json!(["inviter", "accepter"])),
            ("auto-confirm", json!(604_800_000)),
        ],
    )
}

fn good_terms(cases: &mut Cases) {
    let group = terms_group();
    for (name, description, terms) in [
        ("example", "The terms of the example of section 3.3.", terms()),
        ("all-members", "Every member.", all_terms()),
        (
            "least",
            "No optional field travels.",
            with(&terms(), &[("fields", json!([])), ("person", json!("nothing"))]),
        ),
    ] {
        let bytes = cbor(&terms);
        cases.add(&group, name, description, &bytes, "ok").value(json!({"hash": hex(&sha(&bytes))}));
    }
}

fn bad_terms(cases: &mut Cases) {
    let group = terms_group();
    let many = |count: usize| (0..count).map(|n| json!([2 * n, 2 * n + 1])).collect::<Vec<_>>();
    for (name, description, change) in [
        ("version-zero", "`v` 0.", ("v", json!(0))),
        ("version-missing", "No `v`.", ("v", Value::Null)),
        ("file-negative", "`file` -1.", ("file", json!(-1))),
        ("unknown-member", "A member that is not known: terms are closed.", ("bonus", json!(1))),
        ("field-unknown", "A field that no offer has.", ("fields", json!(["company", "salary"]))),
        ("fields-text", "`fields` as text.", ("fields", json!("company"))),
        ("person-unknown", "A rule for persons that there is not.", ("person", json!("initials"))),
        ("principals-none", "Nobody may hand work over.", ("principals", json!([]))),
        ("principals-three", "Three principals.", ("principals", json!(["inviter", "accepter", "inviter"]))),
        ("principal-unknown", "A side that there is not.", ("principals", json!(["host"]))),
        ("redelegate-bool", "`redelegate` as a truth value.", ("redelegate", json!(true))),
        ("late-unknown", "A rule for late comments that there is not.", ("late", json!("accept"))),
        ("calendar-801", "801 intervals.", ("calendar", json!(many(801)))),
        ("interval-of-three", "An interval of three times.", ("calendar", json!([[1, 2, 3]]))),
        ("currency-small", "A currency in small letters.", ("currency", json!("eur"))),
        (
            "deadline-more",
            "A deadline with a fourth member.",
            ("deadlines", json!([{"resolve": 1, "respond": 1, "priority": "low", "x": 1}])),
        ),
        (
            "deadline-priority",
            "A deadline for a priority that there is not.",
            ("deadlines", json!([{"resolve": 1, "respond": 1, "priority": "top"}])),
        ),
        (
            "custom-33",
            "33 custom fields.",
            (
                "custom",
                json!(
                    (0..33)
                        .map(|n| json!({"key": format!("k{n}"), "name": "K", "type": "text"}))
                        .collect::<Vec<_>>()
                ),
            ),
        ),
        (
            "custom-type",
            "A custom field of a type that there is not.",
            ("custom", json!([{"key": "k", "name": "K", "type": "photo"}])),
        ),
        ("loop-tags-number", "`loop-tags` as a number.", ("loop-tags", json!(1))),
    ] {
        cases.add(&group, name, description, &cbor(&with(&terms(), &[change])), "malformed");
    }
    let mut null = terms();
    null["late"] = Value::Null;
    cases.add(&group, "late-null", "An absent member as null.", &cbor(&null), "malformed");
    let mut members = crate::value::members(&terms());
    members.swap(0, 1);
    cases.add(&group, "unsorted", "Unsorted keys.", &crate::value::map(&members), "not-deterministic");
    let mut members = crate::value::members(&terms());
    members.insert(0, members[0].clone());
    cases.add(&group, "twice", "`v` twice.", &crate::value::map(&members), "not-deterministic");
}

fn terms_rules(cases: &mut Cases) {
    let group = terms_group();
    let choice = |kind: &str, choices: Value| {
        with(&json!({"key": "k", "name": "K", "type": kind}), &[("choices", choices)])
    };
    for (name, description, change) in [
        (
            "fields-unsorted",
            "Fields that are not in the order of the schema.",
            ("fields", json!(["object", "company"])),
        ),
        ("fields-twice", "A field twice.", ("fields", json!(["company", "company"]))),
        (
            "principals-unsorted",
            "The accepter before the inviter.",
            ("principals", json!(["accepter", "inviter"])),
        ),
        ("principals-twice", "The inviter twice.", ("principals", json!(["inviter", "inviter"]))),
        (
            "custom-twice",
            "Two custom fields with one key.",
            ("custom", json!([choice("text", Value::Null), choice("date", Value::Null)])),
        ),
        (
            "custom-no-choices",
            "A choice without choices.",
            ("custom", json!([choice("choice", Value::Null)])),
        ),
        ("custom-odd-choices", "Choices of a text.", ("custom", json!([choice("text", json!(["x"]))]))),
        ("calendar-touching", "Intervals that touch.", ("calendar", json!([[1, 2], [2, 3]]))),
        ("calendar-falling", "Intervals that fall.", ("calendar", json!([[5, 6], [1, 2]]))),
        ("interval-empty", "An interval that ends where it begins.", ("calendar", json!([[5, 5]]))),
        (
            "deadline-twice",
            "Two deadlines for one priority.",
            (
                "deadlines",
                json!([
                    {"resolve": 1, "respond": 1, "priority": "low"}, {"resolve": 2, "respond": 1, "priority": "low"},
                ]),
            ),
        ),
    ] {
        cases.add(&group, name, description, &cbor(&with(&terms(), &[change])), "malformed").beyond();
    }
}

fn invitation() -> Value {
    json!({
        "v": 1, "desk": h(&A.id()), "terms": terms(), "secret": "h'000102030405060708090a0b0c0d0e0f",
        "expires": 1_800_000_000_000u64, "endpoint": A.endpoint,
    })
}

fn invitations(cases: &mut Cases) {
    let group = Group::new("invitation", "3.3", "invitation", "invitation");
    cases.add(&group, "good", "An invitation as a map.", &cbor(&invitation()), "ok");
    let approved = with(&invitation(), &[("approved", json!(true)), ("terms", all_terms())]);
    cases.add(
        &group,
        "approved",
        "Approved in advance, with every member of the terms.",
        &cbor(&approved),
        "ok",
    );
    let more = with(&invitation(), &[("x-colour", json!("red"))]);
    cases.add(&group, "unknown-member", "A member that a reader ignores.", &cbor(&more), "ok").unknown();
    for (name, description, change) in [
        ("secret-short", "A secret of 15 bytes.", ("secret", h(&[1; 15]))),
        ("secret-missing", "No secret.", ("secret", Value::Null)),
        ("desk-text", "A desk id as text.", ("desk", json!("DDSN7HX"))),
        (
            "terms-open",
            "Terms with a member that is not known.",
            ("terms", with(&terms(), &[("bonus", json!(1))])),
        ),
        ("approved-number", "`approved` as a number.", ("approved", json!(1))),
        ("expires-missing", "No expiry.", ("expires", Value::Null)),
    ] {
        cases.add(&group, name, description, &cbor(&with(&invitation(), &[change])), "malformed");
    }
    let version = cbor(&with(&invitation(), &[("v", json!(2))]));
    cases.add(&group, "version-2", "`v` 2.", &version, "unsupported-version");
    for (name, description, change) in [
        ("endpoint-path", "An endpoint with a path.", ("endpoint", json!("https://a.example/x"))),
        ("endpoint-http", "An endpoint without TLS.", ("endpoint", json!("http://a.example"))),
    ] {
        cases.add(&group, name, description, &cbor(&with(&invitation(), &[change])), "malformed").beyond();
    }
}

fn text_of(endpoint: &str, map: &[u8]) -> String {
    let check = sha(&[b"deskwire invitation", map].concat());
    format!("{endpoint}/deskwire/1/link#{}", BASE64URL_NOPAD.encode(&[map, &check[..4]].concat()))
}

fn invitation_texts(cases: &mut Cases) {
    let group = Group::new("invitation", "3.3", "invitation-text", "invitation");
    let map = cbor(&invitation());
    let text = text_of(A.endpoint, &map);
    cases.add(&group, "text", "The example of section 3.3, in one line.", text.as_bytes(), "ok");
    let broken = format!(" {}\r\n{}\n  {}\n", &text[..30], &text[30..150], &text[150..]);
    cases
        .add(&group, "text-broken-lines", "The same as a mail breaks it.", broken.as_bytes(), "ok")
        .unknown();
    let at = text.find('#').expect("a fragment") + 1;
    let other = if &text[at + 40..=at + 40] == "A" { "B" } else { "A" };
    let changed = format!("{}{other}{}", &text[..at + 40], &text[at + 41..]);
    let last = text.len() - 1;
    let (open, closed) = (cbor(&with(&invitation(), &[("v", json!(2))])), [&map[..], &[0]].concat());
    for (name, description, text) in [
        ("text-changed", "One letter is another one.", changed),
        ("text-cut", "The end is missing.", text[..text.len() - 20].to_owned()),
        ("text-cut-by-one", "The last letter is missing.", text[..last].to_owned()),
        ("text-padded", "With the padding of base64.", format!("{text}=")),
        (
            "text-base64",
            "A letter of the other base64 alphabet.",
            format!("{}+{}", &text[..at + 40], &text[at + 41..]),
        ),
        ("text-other-endpoint", "Another endpoint in front.", text.replacen("a.example", "b.example", 1)),
        ("text-other-path", "Another path.", text.replacen("/1/link", "/2/link", 1)),
        ("text-no-fragment", "Nothing behind the path.", text[..at].to_owned()),
        (
            "text-not-deterministic",
            "A byte behind the map; the check bytes fit.",
            text_of(A.endpoint, &closed),
        ),
        ("text-version-2", "`v` 2; the check bytes fit.", text_of(A.endpoint, &open)),
        ("text-no-invitation", "Something else.", "https://a.example:8443/".to_owned()),
    ] {
        cases.add(&group, name, description, text.as_bytes(), "malformed");
    }
}

const NONCE_A: [u8; 32] = [0xa0; 32];

fn request_body() -> Value {
    json!({
        "v": 1, "to": h(&A.id()), "from": h(&B.id()), "time": NOW, "terms": terms(), "commit": h(&sha(&NONCE_A)),
        "secret": "h'000102030405060708090a0b0c0d0e0f", "descriptor": h(&B.descriptor()),
    })
}

fn requests(cases: &mut Cases) {
    let group = Group::new("linking", "3.4", "link-request", "link-request").keys(&[B.key_hex(0)]);
    let body = request_body();
    cases.add(
        &group,
        "request",
        "A request with the secret of the invitation.",
        &seal("link-request", &body, 3),
        "ok",
    );
    let by_hand = with(&body, &[("secret", Value::Null)]);
    cases
        .add(&group, "request-by-hand", "A request without secret.", &seal("link-request", &by_hand, 3), "ok")
        .section("3.8");
    for (name, description, change) in [
        ("request-secret-long", "A secret of 17 bytes.", ("secret", h(&[0; 17]))),
        ("request-commit-missing", "No `commit`.", ("commit", Value::Null)),
        (
            "request-terms-open",
            "Terms with a member that is not known.",
            ("terms", with(&terms(), &[("bonus", json!(1))])),
        ),
        ("request-descriptor-text", "A descriptor that is text.", ("descriptor", json!("x"))),
        ("request-time-text", "`time` as text.", ("time", json!("now"))),
    ] {
        cases.add(&group, name, description, &seal("link-request", &with(&body, &[change]), 3), "malformed");
    }
    let other = with(&body, &[("descriptor", h(&A.descriptor()))]);
    cases
        .add(
            &group,
            "request-foreign-descriptor",
            "The descriptor of another desk.",
            &seal("link-request", &other, 3),
            "wrong-desk",
        )
        .section("3.5");
    cases.add(
        &group,
        "request-other-key",
        "Signed with a key that the descriptor does not have.",
        &seal("link-request", &body, 9),
        "key-unknown",
    );
    cases.add(
        &group,
        "request-purpose",
        "Signed for the purpose `link-answer`.",
        &seal("link-answer", &body, 3),
        "bad-signature",
    );
    let version = with(&body, &[("v", json!(2))]);
    cases.add(
        &group,
        "request-version-2",
        "`v` 2.",
        &seal("link-request", &version, 3),
        "unsupported-version",
    );
}

fn answer_body() -> Value {
    json!({
        "v": 1, "to": h(&B.id()), "from": h(&A.id()), "time": NOW + 100, "nonce": h(&[0xb0; 32]), "terms": terms(),
        "request": h(&sha(&seal("link-request", &request_body(), 3))), "descriptor": h(&A.descriptor()),
    })
}

fn answers(cases: &mut Cases) {
    let group = Group::new("linking", "3.4", "link-answer", "link-answer").keys(&[A.key_hex(0)]);
    let body = answer_body();
    cases.add(&group, "answer", "The answer to linking/request.", &seal("link-answer", &body, 1), "ok");
    for (name, description, change) in [
        ("answer-nonce-short", "A nonce of 16 bytes.", ("nonce", h(&[0; 16]))),
        ("answer-request-missing", "No `request`.", ("request", Value::Null)),
        ("answer-terms-missing", "No `terms`.", ("terms", Value::Null)),
    ] {
        cases.add(&group, name, description, &seal("link-answer", &with(&body, &[change]), 1), "malformed");
    }
    let forged = with(&body, &[("descriptor", h(&B.descriptor()))]);
    cases.add(
        &group,
        "answer-foreign-descriptor",
        "The descriptor of another desk.",
        &seal("link-answer", &forged, 1),
        "wrong-desk",
    );
    let mut signature = seal("link-answer", &body, 1);
    let at = signature.len() - 1;
    signature[at] ^= 1;
    cases.add(&group, "answer-signature", "A bit of the signature is changed.", &signature, "bad-signature");
}

fn reveals(cases: &mut Cases) {
    let request = seal("link-request", &request_body(), 3);
    let answer = seal("link-answer", &answer_body(), 1);
    let id = sha(&[&b"deskwire link"[..], &sha(&request), &sha(&answer), &NONCE_A].concat());
    let group = Group::new("linking", "3.4", "link-reveal", "link-reveal")
        .keys(&[B.key_hex(0)])
        .context(json!({"request": hex(&request), "answer": hex(&answer)}));
    let body = json!({"v": 1, "to": h(&A.id()), "from": h(&B.id()), "nonce": h(&NONCE_A), "answer": h(&sha(&answer))});
    cases
        .add(
            &group,
            "reveal",
            "Nonce A, and the link id that the exchange makes.",
            &seal("link-reveal", &body, 3),
            "ok",
        )
        .value(json!({"link": hex(&id)}));
    for (name, description, change) in [
        ("reveal-other-nonce", "A nonce that was not committed to.", ("nonce", h(&[0xa1; 32]))),
        ("reveal-other-answer", "The hash of another answer.", ("answer", h(&sha(b"x")))),
    ] {
        cases
            .add(&group, name, description, &seal("link-reveal", &with(&body, &[change]), 3), "bad-reveal")
            .beyond();
    }
    let short = with(&body, &[("nonce", h(&[0xa0; 31]))]);
    cases.add(
        &group,
        "reveal-nonce-short",
        "A nonce of 31 bytes.",
        &seal("link-reveal", &short, 3),
        "malformed",
    );
    cases.add(
        &group,
        "reveal-empty-nonce",
        "A nonce of no bytes.",
        &seal("link-reveal", &with(&body, &[("nonce", json!("h'"))]), 3),
        "malformed",
    );
    cases.add(
        &group,
        "reveal-other-key",
        "Signed by the inviter.",
        &seal("link-reveal", &body, 1),
        "key-unknown",
    );
}

fn states(cases: &mut Cases) {
    let group = Group::new("linking", "3.7", "link-state", "link-state").keys(&[A.key_hex(0)]);
    let body = json!({"v": 1, "to": h(&B.id()), "from": h(&A.id()), "link": h(&link()), "state": "waiting"});
    cases.add(&group, "state-waiting", "A person has to approve yet.", &seal("link-state", &body, 1), "ok");
    let active = with(&body, &[("state", json!("active"))]);
    cases.add(&group, "state-active", "The link may be used.", &seal("link-state", &active, 1), "ok");
    for (name, description, change) in [
        ("state-unknown", "A state that there is not.", ("state", json!("open"))),
        ("state-number", "A number for a word.", ("state", json!(1))),
        ("state-link-missing", "No `link`.", ("link", Value::Null)),
    ] {
        cases.add(&group, name, description, &seal("link-state", &with(&body, &[change]), 1), "malformed");
    }
}

fn words(cases: &mut Cases) {
    let group = Group::new("words", "3.6", "words", "link-id");
    let example = json!({
        "en": "claim noodle convince hurt bid need", "ru": "голый плохой дверь много весело пилот",
        "de": "bund manege datum jaguar auster lurch", "digits": "1201 8703 2984 9351 4910",
    });
    cases.add(&group, "example", "The example of section 3.6.", &link(), "ok").value(example);
    let first = json!({
        "en": "abandon abandon abandon abandon abandon abandon", "ru": FIRST_RU, "de": FIRST_DE,
        "digits": "0000 0000 0000 0000 0000",
    });
    cases.add(&group, "first", "All bits zero.", &[0; 32], "ok").value(first);
    let last = json!({
        "en": "zoo zoo zoo zoo zoo zoo", "ru": LAST_RU, "de": LAST_DE, "digits": "7378 6976 2948 3820 6463",
    });
    cases.add(&group, "last", "All bits one.", &[0xff; 32], "ok").value(last);
}

const FIRST_RU: &str = "абзац абзац абзац абзац абзац абзац";
const FIRST_DE: &str = "aal aal aal aal aal aal";
const LAST_RU: &str = "ящик ящик ящик ящик ящик ящик";
const LAST_DE: &str = "zypresse zypresse zypresse zypresse zypresse zypresse";
