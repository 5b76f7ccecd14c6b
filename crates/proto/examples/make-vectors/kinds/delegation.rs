//! Kinds of a delegation, from the offer to its end.

use serde_json::{Value, json};

use super::Half::{Facts, Text as InText};
use super::{Bad, Kind, Text};
use crate::value::h;
use crate::world::{NOW, sha};

pub(crate) fn kinds() -> Vec<Kind> {
    let mut kinds = vec![offer()];
    kinds.extend(first_answers());
    kinds.extend(progress());
    kinds.extend(ends());
    kinds.push(update());
    kinds.extend(changes());
    kinds.extend(questions());
    kinds.push(digest());
    kinds
}

fn own() -> Value {
    json!({"status": "in-progress", "ticket": "T-2026-0042", "status-label": "In work"})
}

/// What can be wrong with the sender's own ticket.
fn bad_own() -> Vec<Bad> {
    vec![
        (
            "own-status-capital",
            "A status that is no code.",
            Facts,
            "own",
            json!({"status": "Open", "ticket": "T"}),
        ),
        ("own-ticket-missing", "A status without its ticket.", Facts, "own", json!({"status": "open"})),
        (
            "own-ticket-long",
            "A ticket id of 121 bytes.",
            Facts,
            "own",
            json!({"status": "open", "ticket": "x".repeat(121)}),
        ),
    ]
}

/// The text of an offer, every member.
fn description() -> Value {
    json!({
        "title": "Cash register 3 does not print",
        "custom": [["floor", "2"], ["shift", "early"]],
        "object": {"name": "Shop 17", "address": "Example Road 5, 1010 Vienna", "coordinates": ["48.2082", "16.3738"]},
        "company": "Shop Ltd",
        "contact": {"name": "Bob Example", "email": "bob@shop.example", "phone": "+43 1 555 0100", "onward": true},
        "agreement": "Frame contract 12",
        "equipment": {"kind": "cash register", "maker": "Acme", "model": "CR-9", "serial": "0815", "inventory": "INV-3"},
        "description": "It prints *nothing*.\n\nSince this morning.",
    })
}

const DESCRIPTION: &[&str] =
    &["custom", "object", "company", "contact", "agreement", "equipment", "description", "by"];

fn bad_description() -> Vec<Bad> {
    vec![
        ("title-long", "A title of 241 bytes.", InText, "title", json!("x".repeat(241))),
        ("title-empty", "An empty title.", InText, "title", json!("")),
        ("custom-33", "33 custom values.", InText, "custom", json!(vec![["k", "v"]; 33])),
        ("custom-three", "A custom value of three.", InText, "custom", json!([["k", "v", "w"]])),
        ("custom-key", "A custom value whose key is no code.", InText, "custom", json!([["Floor", "2"]])),
        (
            "object-nameless",
            "An object without a name.",
            InText,
            "object",
            json!({"address": "Example Road 5"}),
        ),
        (
            "coordinates-one",
            "Coordinates of one number.",
            InText,
            "object",
            json!({"name": "S", "coordinates": ["48.2"]}),
        ),
        (
            "coordinates-exponent",
            "Coordinates with an exponent.",
            InText,
            "object",
            json!({"name": "S", "coordinates": ["4.8e1", "16"]}),
        ),
        (
            "contact-onward-missing",
            "A contact that does not say whether it may travel on.",
            InText,
            "contact",
            json!({"name": "Bob"}),
        ),
        (
            "contact-nameless",
            "A contact without a name.",
            InText,
            "contact",
            json!({"phone": "1", "onward": false}),
        ),
        (
            "equipment-number",
            "A serial number that is a number.",
            InText,
            "equipment",
            json!({"serial": 815}),
        ),
        (
            "description-long",
            "A description of 48001 bytes.",
            InText,
            "description",
            json!("x".repeat(48_001)),
        ),
    ]
}

fn turned() -> Vec<Bad> {
    vec![
        ("title-two-lines", "A title of two lines.", InText, "title", json!("a\nb")),
        (
            "title-turned",
            "A title that turns the direction of writing.",
            InText,
            "title",
            json!("a\u{202e}b"),
        ),
        ("description-nul", "A NUL in the description.", InText, "description", json!("a\0b")),
    ]
}

fn offer() -> Kind {
    let mut bad = vec![
        ("hops-9", "A hop budget of 9.", Facts, "hops", json!(9)),
        ("hops-negative", "A hop budget of -1.", Facts, "hops", json!(-1)),
        ("rules-zero", "Fold rules 0.", Facts, "rules", json!(0)),
        ("price-zeros", "A price with superfluous zeros.", Facts, "price", json!(["0100.00", "EUR"])),
        ("price-exponent", "A price with an exponent.", Facts, "price", json!(["1e3", "EUR"])),
        ("price-currency", "A price in no currency.", Facts, "price", json!(["100"])),
        ("price-currency-small", "A currency in small letters.", Facts, "price", json!(["100", "eur"])),
        ("priority-unknown", "A priority that there is not.", Facts, "priority", json!("highest")),
        ("priority-index", "A priority by its place.", Facts, "priority", json!(2)),
        ("loop-tags-9", "Nine loop tags.", Facts, "loop-tags", json!(vec![h(&[1; 16]); 9])),
        ("loop-tag-short", "A loop tag of 15 bytes.", Facts, "loop-tags", json!([h(&[1; 15])])),
        ("resolve-wide", "`resolve` 2^53.", Facts, "resolve", json!(1u64 << 53)),
        ("category-long", "A category of 41 bytes.", Facts, "category", json!("x".repeat(41))),
    ];
    bad.extend(bad_own());
    bad.extend(bad_description());
    Kind {
        name: "delegation.offer",
        section: "6.10",
        facts: json!({
            "own": own(), "hops": 7, "test": false, "price": ["250.00", "EUR"], "rules": 1,
            "resolve": NOW + 14_400_000, "respond": NOW + 1_800_000, "category": "hardware", "priority": "high",
            "loop-tags": [h(&[0x77; 16])],
        }),
        optional: &["price", "resolve", "respond", "category", "priority", "loop-tags"],
        text: Text::Needed(description(), DESCRIPTION),
        bad,
        beyond: turned(),
        ..Kind::default()
    }
}

fn first_answers() -> [Kind; 4] {
    let code = |name| vec![("code-capital", "A code that is none.", Facts, name, json!("No-Parts"))];
    let mut accept = bad_own();
    accept.push(("version-zero", "`version` 0.", Facts, "version", json!(0)));
    [
        Kind {
            name: "delegation.accept",
            section: "6.11",
            facts: json!({"own": own(), "version": 1}),
            text: Text::By,
            bad: accept,
            ..Kind::default()
        },
        Kind {
            name: "delegation.decline",
            section: "6.12",
            facts: json!({"code": "no-capacity"}),
            optional: &["code"],
            text: Text::Reason,
            bad: code("code"),
            ..Kind::default()
        },
        Kind {
            name: "delegation.return",
            section: "6.13",
            facts: json!({"own": own(), "code": "no-parts"}),
            optional: &["own", "code"],
            text: Text::Reason,
            bad: code("code"),
            ..Kind::default()
        },
        Kind {
            name: "delegation.recall",
            section: "6.14",
            facts: json!({"own": own(), "code": "done-otherwise"}),
            optional: &["own", "code"],
            text: Text::Reason,
            bad: code("code"),
            ..Kind::default()
        },
    ]
}

fn progress() -> [Kind; 2] {
    let mut status = bad_own();
    status.push(("state-unknown", "A state that there is not.", Facts, "state", json!("waiting")));
    status.push(("state-array", "A state in an array.", Facts, "state", json!(["in-progress"])));
    status.push(("state-map", "A state as the key of a map.", Facts, "state", json!({"in-progress": 1})));
    let mut resolve = bad_own();
    resolve.push(("solution-empty", "An empty solution.", InText, "solution", json!("")));
    resolve.push(("relayed-number", "`relayed` as a number.", InText, "relayed", json!(1)));
    resolve.push(("origin-empty", "An origin without a name.", InText, "origin", json!("")));
    [
        Kind {
            name: "delegation.status",
            section: "6.15",
            facts: json!({"own": own(), "state": "waiting-third"}),
            optional: &["state"],
            text: Text::By,
            bad: status,
            ..Kind::default()
        },
        Kind {
            name: "delegation.resolve",
            section: "6.16",
            facts: json!({"own": own(), "code": "replaced"}),
            optional: &["code"],
            text: Text::Needed(json!({"solution": "Print head replaced."}), &["solution"]),
            bad: resolve,
            more_text: Some((
                "relayed",
                "The solution of a desk further down, which is named.",
                vec![("relayed", json!(true)), ("origin", json!("Field Service"))],
            )),
            ..Kind::default()
        },
    ]
}

fn ends() -> [Kind; 3] {
    [
        Kind {
            name: "delegation.confirm",
            section: "6.17",
            facts: json!({"own": own(), "auto": true}),
            optional: &["own", "auto"],
            text: Text::By,
            bad: vec![("auto-text", "`auto` as text.", Facts, "auto", json!("yes"))],
            ..Kind::default()
        },
        Kind {
            name: "delegation.reopen",
            section: "6.18",
            facts: json!({"own": own(), "code": "came-back"}),
            optional: &["own", "code"],
            text: Text::Reason,
            bad: bad_own(),
            ..Kind::default()
        },
        Kind {
            name: "delegation.rate",
            section: "6.33",
            facts: json!({"stars": 4}),
            text: Text::Needed(json!({"words": "Quick, and friendly."}), &["words"]),
            bad: vec![
                ("stars-0", "No star.", Facts, "stars", json!(0)),
                ("stars-6", "Six stars.", Facts, "stars", json!(6)),
                ("stars-text", "Stars as text.", Facts, "stars", json!("*****")),
                ("words-empty", "An empty word.", InText, "words", json!("")),
            ],
            ..Kind::default()
        },
    ]
}

fn update() -> Kind {
    let mut bad = bad_description();
    bad.push(("version-zero", "`version` 0.", Facts, "version", json!(0)));
    bad.push(("priority-unknown", "A priority that there is not.", Facts, "priority", json!("top")));
    bad.push(("scope-number", "`scope` as a number.", Facts, "scope", json!(1)));
    let mut beyond = turned();
    beyond.push(("version-one", "`version` 1, which is the offer.", Facts, "version", json!(1)));
    Kind {
        name: "delegation.update",
        section: "6.19",
        facts: json!({
            "price": ["300.00", "EUR"], "resolve": NOW + 20_000_000, "respond": NOW + 1_900_000, "version": 2,
            "category": "software", "priority": "urgent",
        }),
        optional: &["price", "resolve", "respond", "category", "priority"],
        text: Text::Needed(
            description(),
            &["title", "custom", "object", "company", "contact", "agreement", "equipment", "description"],
        ),
        bad,
        beyond,
        more: Some(("scope", "Title and description change, and the facts say so.", "scope", json!(true))),
        ..Kind::default()
    }
}

fn changes() -> [Kind; 2] {
    let bad = || vec![("version-zero", "`version` 0.", Facts, "version", json!(0))];
    let beyond = || vec![("version-one", "`version` 1, which is the offer.", Facts, "version", json!(1))];
    [
        Kind {
            name: "delegation.change-take",
            section: "6.20",
            facts: json!({"version": 2}),
            text: Text::By,
            bad: bad(),
            beyond: beyond(),
            ..Kind::default()
        },
        Kind {
            name: "delegation.change-decline",
            section: "6.21",
            facts: json!({"version": 2}),
            text: Text::Reason,
            bad: bad(),
            beyond: beyond(),
            ..Kind::default()
        },
    ]
}

fn questions() -> [Kind; 2] {
    [
        Kind {
            name: "delegation.ask",
            section: "6.22",
            facts: json!({"own": own()}),
            optional: &["own"],
            text: Text::Needed(json!({"question": "Which floor?"}), &[]),
            bad: vec![("question-empty", "An empty question.", InText, "question", json!(""))],
            ..Kind::default()
        },
        Kind {
            name: "delegation.answer",
            section: "6.23",
            facts: json!({"own": own(), "needed": true}),
            optional: &["own"],
            text: Text::Reason,
            bad: vec![("needed-number", "`needed` as a number.", Facts, "needed", json!(0))],
            ..Kind::default()
        },
    ]
}

fn digest() -> Kind {
    let hash = |text: &[u8]| h(&sha(text));
    Kind {
        name: "delegation.digest",
        section: "6.24",
        facts: json!({"at": [12, 9], "work": hash(b"work"), "state": hash(b"state"), "thread": hash(b"thread")}),
        bad: vec![
            ("at-one", "One length.", Facts, "at", json!([12])),
            ("at-three", "Three lengths.", Facts, "at", json!([12, 9, 1])),
            ("at-negative", "A negative length.", Facts, "at", json!([12, -1])),
            ("state-short", "A hash of 16 bytes.", Facts, "state", h(&[1; 16])),
        ],
        ..Kind::default()
    }
}
