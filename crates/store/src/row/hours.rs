//! The business hours of this desk as its people wrote them: local times in one time zone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Minutes of a day, from included, to not; 1440 is the end of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span(pub u16, pub u16);

/// Weekly hours, and days that are otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// IANA name of the time zone, such as `Europe/Berlin`.
    pub zone: String,
    /// Monday to Sunday.
    pub week: Vec<Vec<Span>>,
    /// Holidays and other exceptions, by date (`2027-12-24`): the hours of that day, none when it is closed.
    pub days: BTreeMap<String, Vec<Span>>,
}
