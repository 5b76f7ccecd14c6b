//! Chapter 8: receipts.

use serde_json::{Value, json};

use crate::case::{Cases, Group};
use crate::file::unhex;
use crate::stream::documents;
use crate::value::{h, with};
use crate::world::{A, B, link, seal, sha};

pub(crate) fn make(cases: &mut Cases) {
    receipts(cases);
    bad_receipts(cases);
    receipt_rules(cases);
}

pub(crate) fn receipt_body() -> Value {
    json!({
        "v": 1, "to": h(&B.id()), "base": 0, "from": h(&A.id()), "hash": h(&sha(b"message 2")), "link": h(&link()),
        "upto": 2, "times": [1_790_000_300_000u64, 7], "length": 0,
        "outcomes": [[2, "refused", "text-mismatch", "The text does not belong to this message. Send it again as a new one."]],
    })
}

fn receipt_group() -> Group<'static> {
    Group::new("receipt", "8.2", "receipt", "receipt").keys(&[A.key_hex(0)])
}

fn receipts(cases: &mut Cases) {
    let group = receipt_group();
    let body = receipt_body();
    let hash = unhex("2c48e4a71f73715bb27c647b4828961b37a2874d219c703131705cba2025edb2");
    let example = with(&body, &[("hash", h(&hash))]);
    cases
        .add(&group, "example", "The receipt of section 8.6.", &seal("receipt", &example, 1), "ok")
        .section("8.6");
    let nothing = with(
        &body,
        &[("upto", json!(0)), ("times", json!([])), ("outcomes", json!([])), ("hash", h(&link()))],
    );
    cases.add(&group, "nothing", "Nothing is held yet.", &seal("receipt", &nothing, 1), "ok");
    let long = with(
        &body,
        &[
            ("base", json!(10)),
            ("upto", json!(4106)),
            ("times", json!(vec![1; 4096])),
            ("outcomes", json!([])),
        ],
    );
    cases.add(&group, "most", "4096 messages.", &seal("receipt", &long, 1), "ok");
    let strange = with(
        &body,
        &[(
            "outcomes",
            json!([
                [1, "unsupported", "unsupported-kind", "Not known here."],
                [2, "refused", "some-later-code", "No."]
            ]),
        )],
    );
    cases.add(
        &group,
        "unknown-code",
        "An outcome with a code that this version does not know.",
        &seal("receipt", &strange, 1),
        "ok",
    );
}

fn bad_receipts(cases: &mut Cases) {
    let group = receipt_group();
    let body = receipt_body();
    let outcome = |outcome: Value| ("outcomes", json!([outcome]));
    documents(
        cases,
        &group,
        1,
        &body,
        "receipt",
        &[
            ("hash-missing", "No hash.", ("hash", Value::Null)),
            ("times-4097", "4097 times.", ("times", json!(vec![1; 4097]))),
            ("times-negative", "A time that falls.", ("times", json!([1, -1]))),
            ("outcome-applied", "An outcome that is success.", outcome(json!([2, "applied", "ok", "Fine."]))),
            (
                "outcome-code-capital",
                "A code that is none.",
                outcome(json!([2, "refused", "Text-Mismatch", "No."])),
            ),
            ("outcome-wordless", "An outcome without words.", outcome(json!([2, "refused", "quota"]))),
            (
                "outcome-words-empty",
                "An outcome with empty words.",
                outcome(json!([2, "refused", "quota", ""])),
            ),
            (
                "outcome-words-long",
                "An outcome with 1001 bytes of words.",
                outcome(json!([2, "refused", "quota", "x".repeat(1001)])),
            ),
            ("outcome-zero", "An outcome of message 0.", outcome(json!([0, "refused", "quota", "No."]))),
        ],
    );
}

fn receipt_rules(cases: &mut Cases) {
    let group = receipt_group();
    let refused = |seq: u64| json!([seq, "refused", "quota", "No."]);
    for (name, description, changes) in [
        (
            "base-above-upto",
            "`base` above `upto`.",
            vec![("base", json!(3)), ("times", json!([])), ("outcomes", json!([]))],
        ),
        ("times-one", "One time for two messages.", vec![("times", json!([1]))]),
        ("times-three", "Three times for two messages.", vec![("times", json!([1, 1, 1]))]),
        (
            "outcome-outside",
            "An outcome of a message that the receipt does not tell of.",
            vec![("outcomes", json!([refused(3)]))],
        ),
        (
            "outcome-below",
            "An outcome at or below `base`.",
            vec![("base", json!(1)), ("times", json!([1])), ("outcomes", json!([refused(1)]))],
        ),
        (
            "outcome-twice",
            "Two outcomes of one message.",
            vec![("outcomes", json!([refused(2), refused(2)]))],
        ),
        ("outcomes-falling", "Outcomes that fall.", vec![("outcomes", json!([refused(2), refused(1)]))]),
        (
            "words-control",
            "Words with an escape sequence of terminals.",
            vec![("outcomes", json!([[2, "refused", "quota", "\u{1b}[2J"]]))],
        ),
    ] {
        let bytes = seal("receipt", &with(&receipt_body(), &changes), 1);
        cases.add(&group, name, description, &bytes, "malformed").beyond();
    }
}
