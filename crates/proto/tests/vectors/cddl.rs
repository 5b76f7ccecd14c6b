//! The vectors against the CDDL, with a validator that knows nothing of this crate.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use cddl_cat::cbor::validate_cbor;
use cddl_cat::context::BasicContext;
use cddl_cat::flatten::flatten_from_str;
use coset::cbor::Value;
use deskwire_proto::message::Kind;

use crate::file::Vector;
use crate::load::load_all;
use crate::spec::{chapter, rows};

/// The schema refuses what it can, and takes everything else: else somebody who generates a reader from it
/// takes or refuses other things than we do.
#[test]
fn the_schema_takes_what_it_should_and_refuses_what_it_can() {
    let mut wrong = String::new();
    let mut checked = 0;
    for (path, vector) in load_all() {
        let Some(found) = judge(&vector) else { continue };
        checked += 1;
        let expected = vector.is_good() || vector.beyond_cddl() || !SHAPE.contains(&vector.expect.as_str());
        match (expected, found) {
            (true, Ok(())) | (false, Err(_)) => {}
            (true, Err(error)) => {
                writeln!(wrong, "{path}: refused: {error}").expect("a String takes any write")
            }
            (false, Ok(())) => writeln!(wrong, "{path}: not refused").expect("a String takes any write"),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(checked > 500, "only {checked} vectors were looked at");
}

/// Refusals that are about the shape. Others are about signatures, sizes or places.
const SHAPE: [&str; 7] = [
    "malformed",
    "malformed-facts",
    "malformed-text",
    "reason-missing",
    "bad-key-log",
    "unsupported-version",
    "too-many",
];

static SCHEMA: LazyLock<BasicContext> = LazyLock::new(|| {
    // A regular expression of CDDL is anchored (RFC 8610, 3.8.3); the validator's is not.
    let text = chapter("deskwire.cddl");
    let mut anchored = String::new();
    for (place, piece) in text.split(".regexp \"").enumerate() {
        match piece.split_once('"') {
            Some((pattern, rest)) if place > 0 => {
                write!(anchored, ".regexp \"^({pattern})$\"{rest}").expect("a String takes any write");
            }
            _ => anchored.push_str(piece),
        }
    }
    BasicContext::new(flatten_from_str(&anchored).expect("the CDDL parses"))
});

/// Facts and text of each kind, from the table of section 6.1, and whether a desk sends it.
static KINDS: LazyLock<BTreeMap<String, KindRules>> = LazyLock::new(|| {
    let row = |row: Vec<String>| {
        let text = match row[4].split(": ").collect::<Vec<_>>()[..] {
            ["none"] => None,
            ["by"] => Some(("by-text".to_owned(), false)),
            ["reason"] => Some(("reason-text".to_owned(), true)),
            ["needed", rule] => Some((rule.to_owned(), true)),
            _ => panic!("section 6.1 has a text {}", row[4]),
        };
        (row[0].clone(), KindRules { facts: row[3].clone(), text, delegation: row[2] != "desk" })
    };
    rows(&chapter("06-messages.md"), "## 6.1").into_iter().map(row).collect()
});

struct KindRules {
    facts: String,
    /// Its rule, and whether it must be there.
    text: Option<(String, bool)>,
    delegation: bool,
}

type Judged = Result<(), String>;

/// What the schema says; `None` where the bytes are no CBOR, or not for the schema to judge.
fn judge(vector: &Vector) -> Option<Judged> {
    let skipped = vector.purpose.ends_with("-text")
        || matches!(vector.purpose.as_str(), "words" | "cbor")
        || matches!(vector.expect.as_str(), "not-deterministic" | "too-large")
        || vector.context_text("cddl") == Some("skipped");
    if skipped {
        return None;
    }
    let bytes = vector.bytes();
    let rule = if vector.context_text("cddl") == Some("batch") { "batch" } else { vector.cddl.as_str() };
    Some(match rule {
        "batch" | "recover-page" | "blob-upload" => matches(rule, &Value::Array(sequence(&bytes))),
        "message" => whole(&bytes, "message").and_then(|value| message(&value, None)),
        "delivery" => whole(&bytes, "delivery").and_then(|value| delivery(&value)),
        "text-part" => text_part(vector, &bytes),
        other => whole(&bytes, other).map(|_| ()),
    })
}

fn matches(rule: &str, value: &Value) -> Judged {
    let definition = SCHEMA.rules.get(rule).unwrap_or_else(|| panic!("the CDDL has no rule {rule}"));
    validate_cbor(definition, value, &*SCHEMA).map_err(|error| format!("{rule}: {error}"))
}

fn read(bytes: &[u8]) -> Result<Value, String> {
    coset::cbor::from_reader(bytes).map_err(|error| error.to_string())
}

fn whole(bytes: &[u8], rule: &str) -> Result<Value, String> {
    let value = read(bytes)?;
    matches(rule, &value).map(|()| value)
}

fn sequence(mut bytes: &[u8]) -> Vec<Value> {
    let mut items = Vec::new();
    while !bytes.is_empty() {
        items.push(coset::cbor::from_reader(&mut bytes).expect("an item of a sequence"));
    }
    items
}

fn bytes_at(value: &Value, place: usize) -> &[u8] {
    value.as_array().and_then(|items| items[place].as_bytes()).expect("the schema wants a byte string here")
}

fn delivery(value: &Value) -> Judged {
    let text = value.as_array().expect("the schema wants an array")[1].as_bytes();
    message(&read(bytes_at(value, 0))?, text.map(Vec::as_slice))
}

/// The schema takes the facts of any kind for any other; here the kind decides.
fn message(value: &Value, part: Option<&[u8]>) -> Judged {
    let head = read(bytes_at(value, 2))?;
    let member = |name: &str| {
        let members = head.as_map().expect("the schema wants a map");
        members.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value)
    };
    let kind = member("kind").and_then(Value::as_text).expect("the schema wants a kind");
    let Some(rules) = KINDS.get(kind) else { return Ok(()) };
    if member("delegation").is_some() != rules.delegation {
        return Err("a delegation where there is none, or the reverse".to_owned());
    }
    whole(member("facts").and_then(Value::as_bytes).expect("the schema wants facts"), &rules.facts)?;
    match (&rules.text, member("text"), part) {
        (None, Some(_), _) => Err("a text that the kind does not have".to_owned()),
        (Some((_, true)), None, _) => Err("no text".to_owned()),
        (Some((rule, _)), Some(_), Some(part)) => text(part, rule),
        _ => Ok(()),
    }
}

fn text(part: &[u8], rule: &str) -> Judged {
    let part = whole(part, "text-part")?;
    matches(rule, &part.as_array().expect("the schema wants an array")[1])
}

fn text_part(vector: &Vector, bytes: &[u8]) -> Judged {
    let kind = Kind::from_name(vector.context_text("kind").expect("a kind")).expect("a known kind");
    text(bytes, &KINDS[kind.name()].text.as_ref().expect("a kind with text").0)
}
