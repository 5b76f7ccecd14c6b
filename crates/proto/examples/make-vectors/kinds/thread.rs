//! Comments, files and the reports of a chain.

use serde_json::{Value, json};

use super::Half::{Facts, Text as InText};
use super::{Bad, Kind, Text};
use crate::files::author_proof;
use crate::value::h;
use crate::world::sha;

pub(crate) fn kinds() -> Vec<Kind> {
    vec![add(), edit(), retract(), file(), file_retract(), report()]
}

const BODY: &str = "Spare part ordered, arrives *Tuesday*.";

fn comment() -> Value {
    json!({"body": BODY, "proof": author_proof(BODY), "origin": "Kassa Service", "relayed": true})
}

const COMMENT: &[&str] = &["proof", "origin", "relayed"];

fn bad_comment() -> Vec<Bad> {
    vec![
        ("body-empty", "An empty comment.", InText, "body", json!("")),
        ("body-long", "A comment of 48001 bytes.", InText, "body", json!("x".repeat(48_001))),
        ("body-bytes", "A comment as a byte string.", InText, "body", h(b"x")),
        ("proof-two", "A proof of two.", InText, "proof", json!([h(&sha(b"x")), []])),
    ]
}

fn add() -> Kind {
    let mut bad = bad_comment();
    bad.push(("audience-internal", "Internal comments do not travel.", Facts, "audience", json!("internal")));
    bad.push((
        "audience-requester",
        "Comments for a requester do not travel.",
        Facts,
        "audience",
        json!("requester"),
    ));
    Kind {
        name: "comment.add",
        section: "6.25",
        facts: json!({"audience": "thread"}),
        text: Text::Needed(comment(), COMMENT),
        bad,
        beyond: vec![(
            "body-escape",
            "An escape sequence of terminals.",
            InText,
            "body",
            json!("\u{1b}]0;x\u{7}"),
        )],
        ..Kind::default()
    }
}

fn edit() -> Kind {
    let mut bad = bad_comment();
    bad.push(("comment-short", "A comment id of 15 bytes.", Facts, "comment", h(&[1; 15])));
    bad.push(("version-zero", "`version` 0.", Facts, "version", json!(0)));
    Kind {
        name: "comment.edit",
        section: "6.26",
        facts: json!({"comment": h(&[0x44; 16]), "version": 2}),
        text: Text::Needed(comment(), COMMENT),
        bad,
        beyond: vec![(
            "version-one",
            "`version` 1, which is the comment itself.",
            Facts,
            "version",
            json!(1),
        )],
        ..Kind::default()
    }
}

fn retract() -> Kind {
    Kind {
        name: "comment.retract",
        section: "6.27",
        facts: json!({"comment": h(&[0x44; 16])}),
        bad: vec![("comment-long", "A comment id of 32 bytes.", Facts, "comment", h(&[1; 32]))],
        ..Kind::default()
    }
}

fn file() -> Kind {
    let name = |name: &'static str, description: &'static str, text: &str| {
        (name, description, InText, "name", json!(text))
    };
    Kind {
        name: "file.add",
        section: "6.28",
        facts: json!({
            "blob": h(&sha(b"abc")), "size": 3, "chunks": h(&sha(&sha(b"abc"))), "comment": h(&[0x44; 16]),
            "audience": "delegation",
        }),
        optional: &["comment"],
        text: Text::Needed(
            json!({"name": "photo 1.jpg", "media": "image/jpeg", "origin": "Kassa Service", "relayed": false}),
            &["media", "origin", "relayed"],
        ),
        bad: vec![
            ("size-negative", "A size of -1.", Facts, "size", json!(-1)),
            ("size-wide", "A size of 2^53.", Facts, "size", json!(1u64 << 53)),
            ("audience-internal", "Internal files do not travel.", Facts, "audience", json!("internal")),
            ("blob-short", "A hash of 20 bytes.", Facts, "blob", h(&[1; 20])),
            name("name-empty", "An empty name.", ""),
        ],
        beyond: vec![
            name("name-path", "A name with a slash.", "../../etc/passwd"),
            name("name-backslash", "A name with a backslash.", "a\\b"),
            name("name-dot", "A name that is the folder itself.", "."),
            name("name-dots", "A name that is the folder above.", ".."),
            name("name-turned", "A name that hides its ending.", "invoice\u{202e}fdp.exe"),
        ],
        ..Kind::default()
    }
}

fn file_retract() -> Kind {
    Kind {
        name: "file.retract",
        section: "6.29",
        facts: json!({"file": h(&[0x55; 16])}),
        bad: vec![("file-short", "A file id of 15 bytes.", Facts, "file", h(&[1; 15]))],
        ..Kind::default()
    }
}

fn report() -> Kind {
    let hop = json!({"held": 3_600_000, "alias": "A", "stars": 5, "state": "in-progress", "waited": 0, "breaches": 1});
    let changed = |name, value| json!([crate::value::with(&hop, &[(name, value)])]);
    Kind {
        name: "chain.report",
        section: "6.36",
        facts: json!({"hops": [hop, {"held": 1, "alias": "B", "state": "resolved", "waited": 2, "breaches": 0}]}),
        bad: vec![
            ("hops-none", "No hop.", Facts, "hops", json!([])),
            ("hops-9", "Nine hops.", Facts, "hops", json!(vec![hop.clone(); 9])),
            ("hop-stars-6", "Six stars.", Facts, "hops", changed("stars", json!(6))),
            ("hop-alias-missing", "A hop without a name.", Facts, "hops", changed("alias", Value::Null)),
            ("hop-held-negative", "A negative time in hand.", Facts, "hops", changed("held", json!(-1))),
            (
                "hop-state-capital",
                "A state that is no code.",
                Facts,
                "hops",
                changed("state", json!("In progress")),
            ),
        ],
        ..Kind::default()
    }
}
