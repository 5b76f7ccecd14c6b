//! Clocks: time in hand, deadlines, business hours.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Role, Time};

/// The clock of a delegation, the principal's: what both desks compute from the same signed messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DelegationClock {
    /// Time in hand inside the business hours of the terms.
    pub time: ClockSplit,
    /// The same by the clock on the wall.
    pub wall: ClockSplit,
    /// When the offer has to be answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub respond: Option<Due>,
    /// When the work has to be resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolve: Option<Due>,
    /// Deadlines that passed, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaches: Vec<Breach>,
    /// Whether a receipt or a message on its way can still change something of this.
    #[serde(default)]
    pub provisional: bool,
    /// What the contractor reported of itself and of the desks below it, nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<ChainHop>,
    /// When the contractor said so: `hops` are as of then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_at: Option<Time>,
}

/// Durations in milliseconds, by what they count as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClockSplit {
    /// All that counts for the contractor.
    pub contractor: u64,
    /// All that counts for the principal.
    pub principal: u64,
    /// Of the contractor's: offered and not answered.
    pub offered: u64,
    /// Of the contractor's: at work.
    pub working: u64,
    /// Of the contractor's: it waited for a third party.
    pub third: u64,
    /// Of the contractor's: it asked, and the principal says that it need not have.
    pub disputed: u64,
    /// Of the principal's: it was asked.
    pub waiting: u64,
    /// Of the principal's: resolved, and neither confirmed nor reopened.
    pub resolved: u64,
}

/// A deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Due {
    /// To answer the offer, or to resolve.
    pub kind: DueKind,
    /// As the principal said it.
    pub said: Time,
    /// Moved by the time in which the contractor waited for the principal.
    pub at: Time,
    /// By how much it moved, milliseconds of business hours.
    #[serde(default)]
    pub moved: u64,
    /// The clock stands: it moves on as long as the principal does not answer.
    #[serde(default)]
    pub stands: bool,
    /// From when on people are warned.
    pub warn: Time,
    /// How it stands now.
    pub state: DueState,
    /// Who had the turn when it passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Role>,
    /// When it was done, in time or late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Time>,
}

/// Which deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DueKind {
    /// To accept or decline.
    Respond,
    /// To resolve.
    Resolve,
}

impl DueKind {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Respond => "respond",
            Self::Resolve => "resolve",
        }
    }
}

/// How a deadline stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DueState {
    /// There is time.
    Open,
    /// Little of the time is left.
    Near,
    /// It has passed, and it is not done.
    Overdue,
    /// Done in time.
    Met,
    /// Done late.
    Breached,
    /// It ended before it was due.
    Void,
}

impl DueState {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Near => "near",
            Self::Overdue => "overdue",
            Self::Met => "met",
            Self::Breached => "breached",
            Self::Void => "void",
        }
    }
}

/// Which deadlines a list is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DueFilter {
    /// Near or passed.
    Near,
    /// Passed.
    Overdue,
}

impl DueFilter {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Near => "near",
            Self::Overdue => "overdue",
        }
    }
}

/// A deadline that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Breach {
    /// Which.
    pub kind: DueKind,
    /// When it was due.
    pub at: Time,
    /// Who had the turn.
    pub by: Role,
}

/// A desk further down a chain, as the contractor reports it. Durations in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainHop {
    /// Its name, or a letter where the terms do not let it be named.
    pub alias: String,
    /// State of its delegation.
    pub state: String,
    /// Time in its hands.
    pub held: u64,
    /// Time in which it waited for others.
    pub waited: u64,
    /// Deadlines that it let pass.
    pub breaches: u64,
    /// The rating that it got, 1 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stars: Option<u8>,
}

/// The time of an event, as the principal's clock counts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CountedTime {
    /// What counts.
    pub at: Time,
    /// Why: `claimed`, or `before-seen`, `after-commit`, `beyond-tolerance`, `raised`.
    pub basis: String,
    /// When the other desk stored it first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed: Option<Time>,
    /// Whether a receipt can still change it.
    #[serde(default)]
    pub provisional: bool,
}

/// When this desk is open, in local time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// IANA name of the time zone, such as `Europe/Berlin`.
    pub zone: String,
    /// By name of the day (`monday`): times such as `08:00-12:00`. A day that is absent is closed.
    #[serde(default)]
    pub week: BTreeMap<String, Vec<String>>,
    /// Days with other hours, by date (`2027-12-24`); with none it is closed.
    #[serde(default)]
    pub days: BTreeMap<String, Vec<String>>,
}

/// The answer of `GET /v1/calendar`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Calendar {
    /// The hours; absent when this desk is always open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// The same as terms take them: from and to in UTC.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intervals: Vec<(Time, Time)>,
    /// Up to where the intervals tell the hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Whether there was no room for all that was asked for: terms take 800 intervals.
    #[serde(default)]
    pub cut: bool,
}

/// The body of `POST /v1/calendar`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetCalendar {
    /// The hours; absent: always open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
}

/// The query of `GET /v1/calendar`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CalendarQuery {
    /// How many months of intervals: 1 to 24, 13 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub months: Option<u32>,
}

/// How long before its own promise this desk wants work done that it hands over on a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkReserve {
    /// Seconds of an inherited deadline that stay with this desk, where handing over names no others; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve: Option<u64>,
}
