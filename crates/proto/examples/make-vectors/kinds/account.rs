//! Work lines and statements.

use serde_json::json;

use super::Half::{Facts, Text as InText};
use super::{Kind, Text};
use crate::value::h;
use crate::world::{NOW, link, sha};

pub(crate) fn kinds() -> Vec<Kind> {
    let mut kinds = vec![add()];
    kinds.extend(answers());
    kinds.extend(statements());
    kinds
}

fn add() -> Kind {
    Kind {
        name: "work.add",
        section: "6.30",
        facts: json!({
            "tax": "20", "date": NOW, "type": "time", "unit": "hour", "price": "95.00", "currency": "EUR",
            "quantity": "1.25",
        }),
        text: Text::Needed(json!({"what": "Replaced the print head"}), &[]),
        bad: vec![
            ("tax-negative", "A negative tax.", Facts, "tax", json!("-20")),
            ("tax-four-digits", "A tax of four digits.", Facts, "tax", json!("1000")),
            ("type-unknown", "A type that there is not.", Facts, "type", json!("discount")),
            ("price-float", "A price with a point and nothing behind it.", Facts, "price", json!("95.")),
            ("quantity-plus", "A quantity with a plus sign.", Facts, "quantity", json!("+1")),
            ("quantity-seven-places", "A quantity with seven places.", Facts, "quantity", json!("0.1234567")),
            ("currency-four", "A currency of four letters.", Facts, "currency", json!("EURO")),
            ("unit-capital", "A unit that is no code.", Facts, "unit", json!("Hour")),
            ("what-long", "A line of 241 bytes.", InText, "what", json!("x".repeat(241))),
        ],
        beyond: vec![("what-two-lines", "A line of two lines.", InText, "what", json!("a\nb"))],
        ..Kind::default()
    }
}

fn answers() -> [Kind; 2] {
    let bad = || vec![("work-short", "An id of 15 bytes.", Facts, "work", h(&[1; 15]))];
    [
        Kind {
            name: "work.approve",
            section: "6.31",
            facts: json!({"work": h(&[0x66; 16])}),
            text: Text::By,
            bad: bad(),
            ..Kind::default()
        },
        Kind {
            name: "work.dispute",
            section: "6.32",
            facts: json!({"work": h(&[0x66; 16])}),
            text: Text::Reason,
            bad: bad(),
            ..Kind::default()
        },
    ]
}

fn statements() -> [Kind; 2] {
    let cut = |length: u64| json!([length, h(&link())]);
    [
        Kind {
            name: "statement.propose",
            section: "6.34",
            delegation: false,
            facts: json!({
                "cut": [cut(120), cut(98)], "hash": h(&sha(b"statement")), "zone": "Europe/Vienna",
                "period": [NOW - 2_592_000_000, NOW], "totals": [["142.50", "EUR"]],
            }),
            bad: vec![
                ("cut-one", "The cut of one stream alone.", Facts, "cut", json!([cut(120)])),
                ("cut-head-short", "A head of 31 bytes.", Facts, "cut", json!([[1, h(&[1; 31])], cut(98)])),
                ("period-three", "A period of three times.", Facts, "period", json!([1, 2, 3])),
                ("totals-17", "17 totals.", Facts, "totals", json!(vec![["1", "EUR"]; 17])),
                ("total-currency", "A total without a currency.", Facts, "totals", json!([["1"]])),
                ("zone-empty", "An empty time zone.", Facts, "zone", json!("")),
            ],
            beyond: vec![(
                "period-empty",
                "A period that ends where it begins.",
                Facts,
                "period",
                json!([NOW, NOW]),
            )],
            ..Kind::default()
        },
        Kind {
            name: "statement.sign",
            section: "6.35",
            delegation: false,
            facts: json!({"hash": h(&sha(b"statement")), "statement": h(&[0x88; 16])}),
            bad: vec![("statement-short", "An id of 15 bytes.", Facts, "statement", h(&[1; 15]))],
            ..Kind::default()
        },
    ]
}
