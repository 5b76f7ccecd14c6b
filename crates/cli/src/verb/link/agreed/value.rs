//! Members of terms as a person writes them: spans, sizes, lists.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::{
    failure::{self, Failure},
    parse,
};

/// Members whose value is a length of time, milliseconds in the terms.
const SPANS: [&str; 2] = ["auto-confirm", "tolerance"];
/// Members that are lists of words.
const LISTS: [&str; 2] = ["fields", "principals"];

/// One change, `member=value`.
pub(super) fn one(text: &str) -> Result<(String, Value), String> {
    let (member, value) =
        text.split_once('=').ok_or_else(|| format!("“{text}” is no change: write MEMBER=VALUE"))?;
    let (member, value) = (member.trim().to_owned(), value.trim());
    let value = match value {
        "none" if member != "fields" => Value::Null,
        value => typed(&member, value)?,
    };
    Ok((member, value))
}

/// The members of a file, as JSON or TOML.
pub(super) fn file(path: &Path) -> Result<BTreeMap<String, Value>, Failure> {
    let text =
        std::fs::read_to_string(path).map_err(|error| failure::local(&path.display().to_string(), &error))?;
    let read: Result<BTreeMap<String, Value>, String> = if text.trim_start().starts_with('{') {
        serde_json::from_str(&text).map_err(|error| error.to_string())
    } else {
        toml::from_str(&text).map_err(|error| error.to_string())
    };
    let mut members = read.map_err(|error| failure::usage(format!("{}: {error}", path.display())))?;
    // What `calendar intervals` prints is a calendar.
    if let Some(intervals) = members.remove("intervals") {
        members = BTreeMap::from([("calendar".to_owned(), intervals)]);
    }
    members.into_iter().map(|(member, value)| Ok((member.clone(), spelt(&member, value)?))).collect()
}

/// A value of a file, with spans and sizes as people write them.
fn spelt(member: &str, value: Value) -> Result<Value, Failure> {
    let wrong = |words: String| failure::usage(format!("{member}: {words}"));
    match (member, value) {
        (member, Value::String(text))
            if SPANS.contains(&member) || matches!(member, "file" | "retention") =>
        {
            typed(member, &text).map_err(wrong)
        }
        ("deadlines", Value::Array(all)) => {
            all.into_iter().map(|one| deadline_of(one).map_err(wrong)).collect()
        }
        (_, value) => Ok(value),
    }
}

fn deadline_of(mut value: Value) -> Result<Value, String> {
    for member in ["respond", "resolve"] {
        if let Some(Value::String(text)) = value.get(member) {
            value[member] = json!(ms(text)?);
        }
    }
    Ok(value)
}

fn typed(member: &str, value: &str) -> Result<Value, String> {
    match member {
        member if SPANS.contains(&member) => Ok(json!(ms(value)?)),
        "file" => Ok(json!(parse::size(value)?)),
        "currency" => Ok(json!(value.to_ascii_uppercase())),
        "retention" => Ok(json!(parse::span(value)?.div_ceil(86_400))),
        "loop-tags" => match value {
            "true" | "yes" | "on" => Ok(json!(true)),
            "false" | "no" | "off" => Ok(json!(false)),
            _ => Err(format!("“{value}” is neither yes nor no")),
        },
        member if LISTS.contains(&member) => list(member, value),
        "deadlines" => value.split(',').map(deadline).collect(),
        "calendar" if value == "own" => Ok(json!("own")),
        "calendar" => {
            Err("'calendar' is own, for this desk's hours, or comes from a file: --file FILE".to_owned())
        }
        "custom" => Err(format!("'{member}' comes from a file: --file FILE")),
        _ => Ok(json!(value)),
    }
}

fn list(member: &str, value: &str) -> Result<Value, String> {
    if member == "fields" {
        let fields = match parse::fields(value)? {
            parse::Fields::All => deskwire_api_types::FieldName::ALL.to_vec(),
            parse::Fields::These(fields) => fields,
        };
        return Ok(fields.into_iter().map(|field| json!(field.as_str())).collect());
    }
    Ok(value.split(',').map(|side| json!(side.trim())).collect())
}

/// `urgent:30m:4h`: a priority, the time to answer, and the time until it is done.
fn deadline(text: &str) -> Result<Value, String> {
    let mut parts = text.split(':').map(str::trim);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(priority), Some(respond), Some(resolve), None) => {
            Ok(json!({ "priority": priority, "respond": ms(respond)?, "resolve": ms(resolve)? }))
        }
        _ => Err(format!("“{text}” is no deadline: write PRIORITY:ANSWER:DONE, like urgent:30m:4h")),
    }
}

fn ms(text: &str) -> Result<u64, String> {
    parse::span(text)?.checked_mul(1_000).ok_or_else(|| format!("“{text}” is too long"))
}

#[cfg(test)]
mod tests {
    //! A misread term is a contract that nobody meant.
    use super::*;

    #[test]
    fn members_become_what_the_terms_hold() {
        let read = |text: &str| one(text).unwrap().1;
        assert_eq!(read("auto-confirm=72h"), json!(259_200_000));
        assert_eq!(read("file=25MiB"), json!(26_214_400));
        assert_eq!(read("currency=none"), Value::Null);
        assert_eq!(read("currency=eur"), json!("EUR"));
        assert_eq!(read("fields=none"), json!([]));
        assert_eq!(read("fields=status, company"), json!(["status", "company"]));
        assert_eq!(read("retention=30d"), json!(30));
        assert_eq!(read("late=reopen"), json!("reopen"));
        assert_eq!(read("calendar=own"), json!("own"));
        let deadline = json!([{ "priority": "urgent", "respond": 1_800_000, "resolve": 14_400_000 }]);
        assert_eq!(read("deadlines=urgent:30m:4h"), deadline);
        for wrong in ["late", "auto-confirm=soon", "deadlines=urgent:30m", "loop-tags=maybe", "calendar=x"] {
            assert!(one(wrong).is_err(), "{wrong}");
        }
    }

    /// What `deskwire calendar intervals --json` prints can be proposed as it is.
    #[test]
    fn printed_intervals_are_a_calendar() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hours.json");
        let pair = r#"["2026-07-01T08:00:00Z", "2026-07-01T17:00:00Z"]"#;
        let printed = format!(
            r#"{{"hours": {{"zone": "UTC"}}, "intervals": [{pair}], "until": "2026-08-01T00:00:00Z", "cut": false}}"#
        );
        std::fs::write(&path, printed).unwrap();
        let read = file(&path).unwrap();
        assert_eq!(
            read.into_iter().collect::<Vec<_>>(),
            [("calendar".to_owned(), json!([["2026-07-01T08:00:00Z", "2026-07-01T17:00:00Z"]]))]
        );
    }

    #[test]
    fn a_file_may_be_json_or_toml() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("terms");
        let toml = "auto-confirm = \"3d\"\nfields = [\"status\"]\n[[deadlines]]\npriority = \"high\"\nrespond = \"1h\"\nresolve = \"1d\"\n";
        std::fs::write(&path, toml).unwrap();
        let from_toml = file(&path).unwrap();
        let json = r#"{"auto-confirm": 259200000, "fields": ["status"],
                       "deadlines": [{"priority": "high", "respond": 3600000, "resolve": 86400000}]}"#;
        std::fs::write(&path, json).unwrap();
        assert_eq!(file(&path).unwrap(), from_toml);
    }
}
