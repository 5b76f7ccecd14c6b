//! Times of the API: UTC milliseconds inside, RFC 3339 text in JSON.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

/// A moment in UTC, exact to the millisecond; in JSON text such as `2026-07-01T09:30:00.000Z`.
///
/// Any RFC 3339 offset is read; what is written is always UTC with three decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-07-01T09:30:00.000Z")]
pub struct Time(i64);

/// The text is not an RFC 3339 time with an offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadTime(String);

impl Time {
    /// The moment so many milliseconds after 1970-01-01T00:00:00Z, moved into the years 0 to 9998 where it lies outside.
    pub fn from_millis(millis: i64) -> Self {
        const FIRST: i64 = -62_167_219_200_000;
        const LAST: i64 = 253_370_764_799_999;
        Self(millis.clamp(FIRST, LAST))
    }

    /// Milliseconds after 1970-01-01T00:00:00Z.
    pub fn millis(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stamp = Timestamp::from_millisecond(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{stamp:.3}")
    }
}

impl FromStr for Time {
    type Err = BadTime;

    fn from_str(text: &str) -> Result<Self, BadTime> {
        let stamp: Timestamp = text.trim().parse().map_err(|_| BadTime(text.to_owned()))?;
        Ok(Self::from_millis(stamp.as_millisecond()))
    }
}

impl fmt::Display for BadTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "“{}” is not a time: write it like 2026-07-01T09:30:00Z or 2026-07-01T12:30:00+03:00",
            self.0
        )
    }
}

impl std::error::Error for BadTime {}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
