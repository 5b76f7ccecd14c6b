//! Kinds of the link: terms, suspension, end, descriptor, withdrawal; erasure.

use serde_json::json;

use super::Half::Facts;
use super::{Kind, Text};
use crate::linking::all_terms;
use crate::value::{h, with};
use crate::world::{B, NOW, sha, terms};

pub(crate) fn kinds() -> Vec<Kind> {
    let mut kinds = vec![propose(), accept()];
    kinds.extend(states());
    kinds.extend([descriptor(), withdraw(), erase(), erased()]);
    for kind in &mut kinds {
        kind.delegation = false;
    }
    kinds
}

fn propose() -> Kind {
    let changed = |name, value| with(&all_terms(), &[(name, value)]);
    Kind {
        name: "terms.propose",
        section: "6.3",
        facts: json!({"terms": with(&all_terms(), &[("v", json!(2))])}),
        bad: vec![
            (
                "terms-member-unknown",
                "Terms with a member that is not known.",
                Facts,
                "terms",
                changed("bonus", json!(1)),
            ),
            ("terms-version-zero", "Terms with `v` 0.", Facts, "terms", changed("v", json!(0))),
            (
                "terms-late-unknown",
                "A rule for late comments that there is not.",
                Facts,
                "terms",
                changed("late", json!("accept")),
            ),
        ],
        beyond: vec![(
            "terms-fields-unsorted",
            "Fields that are not sorted.",
            Facts,
            "terms",
            with(&terms(), &[("fields", json!(["object", "company"]))]),
        )],
        ..Kind::default()
    }
}

fn accept() -> Kind {
    Kind {
        name: "terms.accept",
        section: "6.4",
        facts: json!({"hash": h(&sha(b"terms")), "version": 2}),
        bad: vec![
            ("version-zero", "`version` 0.", Facts, "version", json!(0)),
            ("hash-short", "A hash of 31 bytes.", Facts, "hash", h(&[1; 31])),
        ],
        ..Kind::default()
    }
}

fn states() -> [Kind; 3] {
    [
        Kind {
            name: "link.suspend",
            section: "6.5",
            facts: json!({"until": NOW + 86_400_000}),
            optional: &["until"],
            text: Text::Reason,
            bad: vec![("until-negative", "`until` -1.", Facts, "until", json!(-1))],
            ..Kind::default()
        },
        Kind { name: "link.resume", section: "6.6", ..Kind::default() },
        Kind { name: "link.close", section: "6.7", text: Text::Reason, ..Kind::default() },
    ]
}

fn descriptor() -> Kind {
    Kind {
        name: "link.descriptor",
        section: "6.8",
        facts: json!({"descriptor": h(&B.descriptor())}),
        ..Kind::default()
    }
}

fn withdraw() -> Kind {
    Kind {
        name: "link.withdraw",
        section: "6.9",
        facts: json!({"seq": 17}),
        bad: vec![
            ("seq-zero", "`seq` 0.", Facts, "seq", json!(0)),
            ("seq-wide", "`seq` 2^53.", Facts, "seq", json!(1u64 << 53)),
        ],
        ..Kind::default()
    }
}

fn erase() -> Kind {
    Kind {
        name: "privacy.erase",
        section: "6.37",
        facts: json!({"basis": "gdpr-17", "items": [h(&[1; 16]), h(&[2; 16])]}),
        bad: vec![
            ("items-none", "No item.", Facts, "items", json!([])),
            ("items-257", "257 items.", Facts, "items", json!(vec![h(&[1; 16]); 257])),
            ("item-short", "An item id of 15 bytes.", Facts, "items", json!([h(&[1; 15])])),
            ("basis-capital", "A basis that is no code.", Facts, "basis", json!("GDPR")),
            ("cases-none", "Cases, and none of them.", Facts, "cases", json!([])),
            ("cases-65", "65 cases.", Facts, "cases", json!(vec![h(&[4; 16]); 65])),
            ("case-short", "A delegation id of 15 bytes.", Facts, "cases", json!([h(&[4; 15])])),
        ],
        more: Some(("cases", "Whole cases.", "cases", json!([h(&[4; 16]), h(&[5; 16])]))),
        ..Kind::default()
    }
}

fn erased() -> Kind {
    Kind {
        name: "privacy.erased",
        section: "6.38",
        facts: json!({"items": [h(&[1; 16]), h(&[2; 16])], "request": h(&[3; 16])}),
        bad: vec![
            ("items-none", "No item.", Facts, "items", json!([])),
            ("request-long", "A request of 32 bytes.", Facts, "request", h(&[3; 32])),
        ],
        ..Kind::default()
    }
}
