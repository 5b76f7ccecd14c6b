//! Reading of single arguments: sizes, spans, moments, money, fields, words of enumerations, long text.

use std::{
    io::Read as _,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use deskwire_api_types::{FieldName, Money, Time};
use serde::de::DeserializeOwned;

use crate::failure::{self, Failure};

/// A parser for one of the API's words.
pub(crate) fn one_of<T>(words: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: DeserializeOwned + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words)
        .try_map(|word| serde_json::from_value::<T>(serde_json::Value::String(word)))
}

/// Seconds from `45s`, `30m`, `12h`, `7d` or `2w`.
pub(crate) fn span(text: &str) -> Result<u64, String> {
    if text.starts_with('-') {
        return Err(format!(
            "“{text}” is less than nothing, and no span of time is: write it like 30m, 12h or 7d"
        ));
    }
    let bad = || format!("“{text}” is no span of time: write it like 30m, 12h or 7d");
    let end = text.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(bad)?;
    let unit = match &text[end..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err(bad()),
    };
    text[..end].parse::<u64>().ok().and_then(|count| count.checked_mul(unit)).ok_or_else(bad)
}

/// A moment from RFC 3339 text, or from now on: `+4h`, `+2d`.
pub(crate) fn moment(text: &str) -> Result<Time, String> {
    match text.strip_prefix('+') {
        Some(later) => {
            let millis = i64::try_from(span(later)?).unwrap_or(i64::MAX).saturating_mul(1000);
            Ok(Time::from_millis(now().saturating_add(millis)))
        }
        None => text.parse().map_err(|error| format!("{error}, or from now on like +4h or +2d")),
    }
}

/// Bytes from `25MiB`, `25M`, `1.5GiB` or `1048576`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let bad = || format!("“{text}” is no size: write it like 25MiB or 1048576");
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let unit = match text[end..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1_u64,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return Err(bad()),
    };
    if let Ok(count) = text[..end].parse::<u64>() {
        return count.checked_mul(unit).ok_or_else(bad);
    }
    let (whole, part) = text[..end].split_once('.').ok_or_else(bad)?;
    let digits = part.len() as u32;
    if digits == 0 || digits > 6 {
        return Err(bad());
    }
    let scale = 10_u64.pow(digits);
    let count = whole.parse::<u64>().ok().and_then(|whole| whole.checked_mul(scale)).ok_or_else(bad)?;
    let count = count.checked_add(part.parse().map_err(|_| bad())?).ok_or_else(bad)?;
    count.checked_mul(unit).map(|bytes| bytes / scale).ok_or_else(bad)
}

/// An amount and its currency from `100.00 EUR` or `100EUR`. What it may be is the daemon's to say.
pub(crate) fn money(text: &str) -> Result<Money, String> {
    let bad = || format!("“{text}” is no price: write it like '150.00 EUR'");
    let end = text.find(|letter: char| letter.is_ascii_alphabetic()).ok_or_else(bad)?;
    let (amount, currency) = (text[..end].trim(), text[end..].trim());
    let unsigned = amount.strip_prefix('-').unwrap_or(amount);
    let digits = unsigned.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if unsigned.is_empty()
        || !digits
        || currency.len() != 3
        || !currency.bytes().all(|byte| byte.is_ascii_alphabetic())
    {
        return Err(bad());
    }
    Ok(Money { amount: amount.to_owned(), currency: currency.to_ascii_uppercase() })
}

/// A choice of optional fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fields {
    /// All that there are.
    All,
    /// These, possibly none.
    These(Vec<FieldName>),
}

/// A choice of fields from `all`, `none` or their names with commas between.
pub(crate) fn fields(text: &str) -> Result<Fields, String> {
    match text {
        "all" => Ok(Fields::All),
        "none" => Ok(Fields::These(Vec::new())),
        _ => text.split(',').map(field).collect::<Result<_, _>>().map(Fields::These),
    }
}

fn field(text: &str) -> Result<FieldName, String> {
    FieldName::ALL.into_iter().find(|field| field.as_str() == text.trim()).ok_or_else(|| {
        let names: Vec<_> = FieldName::ALL.into_iter().map(FieldName::as_str).collect();
        format!("there is no field “{text}”: all, none, or some of {}", names.join(","))
    })
}

/// The argument itself, or for `-` what stands on standard input.
pub(crate) fn text_or_stdin(text: &str) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    // More than any text may have, so that the daemon says the limit.
    const LIMIT: u64 = 1 << 20;
    let mut input = String::new();
    std::io::stdin()
        .lock()
        .take(LIMIT)
        .read_to_string(&mut input)
        .map_err(|error| failure::local("standard input", &error))?;
    Ok(input.trim_end().to_owned())
}

/// Now, in milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    //! A misread argument is a deadline, a price or a limit that nobody meant.
    use super::*;

    #[test]
    fn spans_and_sizes_mean_what_they_say() {
        assert_eq!(span("7d"), Ok(604_800));
        assert_eq!(span("30m"), Ok(1800));
        for bad in ["", "7", "d", "7 d", "-1h", "1.5h", "7x", "99999999999999999999d"] {
            assert!(span(bad).is_err(), "{bad}");
        }
        assert_eq!(size("25MiB"), Ok(25 << 20));
        assert_eq!(size("25 M"), Ok(25 << 20));
        assert_eq!(size("1.5GiB"), Ok(1536 << 20));
        assert_eq!(size("1048576"), Ok(1 << 20));
        for bad in ["", "MiB", "1.", "1.2.3M", "5 apples", "99999999999999G", "-1"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn moments_are_absolute_or_from_now_on() {
        assert_eq!(moment("1970-01-01T00:00:01Z").map(Time::millis), Ok(1000));
        let before = now();
        let later = moment("+2h").unwrap().millis();
        assert!((before + 7_200_000..=now() + 7_200_000).contains(&later));
        assert!(moment("2h").is_err());
        assert!(moment("+soon").is_err());
    }

    #[test]
    fn money_needs_its_currency() {
        assert_eq!(money("150.00 eur"), Ok(Money { amount: "150.00".into(), currency: "EUR".into() }));
        assert_eq!(money("5RUB").map(|money| money.amount), Ok("5".into()));
        assert_eq!(
            money("-5 EUR").map(|money| money.amount),
            Ok("-5".into()),
            "the daemon refuses it with its code"
        );
        for bad in ["", "150", "EUR", "1,5 EUR", "15 EURO", "€5", "- EUR", "--5 EUR", "--yes"] {
            assert!(money(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_mistyped_field_is_answered_with_the_right_ones() {
        assert_eq!(fields("all"), Ok(Fields::All));
        assert_eq!(fields("none"), Ok(Fields::These(vec![])));
        assert_eq!(fields("contact, object"), Ok(Fields::These(vec![FieldName::Contact, FieldName::Object])));
        assert!(fields("contakt").unwrap_err().contains("contact"));
        assert!(fields("").is_err());
    }
}
