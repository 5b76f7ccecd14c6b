//! The file as a list of entries with their lines; only the syntax is judged here.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Fault, Place};
use super::value::Raw;

/// One line of the file that sets something. An entry outside every section has an empty one.
pub(super) struct Entry {
    pub(super) section: String,
    pub(super) key: String,
    pub(super) value: Raw,
    pub(super) place: Place,
}

/// Reads the file. Nothing is taken from one whose syntax is wrong.
pub(super) fn entries(path: &Path, text: &str) -> Vec<Result<Entry, ConfigError>> {
    let text_at = Text { path, text };
    let (table, errors) = DeTable::parse_recoverable(text);
    if let Some(error) = errors.first() {
        let place = text_at.place(error.span().unwrap_or(0..0));
        return vec![Err(ConfigError { place, fault: Fault::Syntax { why: error.message().to_owned() } })];
    }
    let mut entries = Vec::new();
    for (name, value) in table.get_ref() {
        match value.get_ref() {
            DeValue::Table(section) => {
                for (key, value) in section {
                    entries.push(Ok(entry(&text_at, name.get_ref(), key, value)));
                }
            }
            _ => entries.push(Ok(entry(&text_at, "", name, value))),
        }
    }
    entries
}

fn entry(
    text: &Text<'_>,
    section: &str,
    key: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
) -> Entry {
    Entry {
        section: section.to_owned(),
        key: key.get_ref().to_string(),
        value: raw(value.get_ref()),
        place: text.place(key.span()),
    }
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Raw::Other(number.to_string()), Raw::Number),
        DeValue::Array(items) => Raw::List(items.iter().map(|item| raw(item.get_ref())).collect()),
        DeValue::Float(number) => Raw::Other(number.to_string()),
        DeValue::Boolean(word) => Raw::Other(word.to_string()),
        DeValue::Datetime(moment) => Raw::Other(moment.to_string()),
        DeValue::Table(_) => Raw::Other("a section of its own".to_owned()),
    }
}

struct Text<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Text<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Place::File { path: PathBuf::from(self.path), line }
    }
}
