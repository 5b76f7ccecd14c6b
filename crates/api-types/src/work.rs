//! Lines of work, what the principal says to them, and their sums.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Delivery, Person, Role, Time};

/// What a line of work counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WorkType {
    /// Working time.
    Time,
    /// The way there and back.
    Travel,
    /// Parts and material.
    Material,
    /// A fixed price.
    Fixed,
}

impl WorkType {
    /// The protocol's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Travel => "travel",
            Self::Material => "material",
            Self::Fixed => "fixed",
        }
    }
}

/// The body of `POST /v1/delegations/{id}/work`: a line of work, by the contractor. Numbers are decimal text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWork {
    /// What is counted.
    pub r#type: WorkType,
    /// How many, more than 0: up to 12 digits and 6 places, such as `1.25`.
    pub quantity: String,
    /// Of what, as a code such as `hour`, `km` or `piece`.
    pub unit: String,
    /// Price of one, such as `95.00`; below 0 for a discount.
    pub price: String,
    /// Three letters of ISO 4217; that of the terms when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Tax in per cent, such as `20`; 0 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<String>,
    /// When it was done; now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Time>,
    /// What was done or used, one line.
    pub what: String,
}

/// The body of `POST /v1/delegations/{id}/work/approve`: the principal agrees to a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveWork {
    /// The id of the line.
    pub line: String,
}

/// The body of `POST /v1/delegations/{id}/work/dispute`: the principal does not agree to a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DisputeWork {
    /// The id of the line.
    pub line: String,
    /// Why, for the contractor's person to read.
    pub reason: String,
}

/// What has become of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LineState {
    /// The principal has not said anything.
    Open,
    /// The principal agrees.
    Approved,
    /// The principal does not agree.
    Disputed,
    /// It has no effect: the partner refused it, or its author has disowned it.
    Refused,
}

impl LineState {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Disputed => "disputed",
            Self::Refused => "refused",
        }
    }
}

/// The lines of work of a delegation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkList {
    /// What this desk is in the delegation.
    pub role: Role,
    /// The lines, oldest first.
    pub lines: Vec<WorkLine>,
    /// Their sums by currency.
    pub sums: Vec<WorkSum>,
}

/// One line of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkLine {
    /// Its id, 32 hexadecimal digits, the same on both sides.
    pub id: String,
    /// What is counted.
    pub r#type: WorkType,
    /// How many.
    pub quantity: String,
    /// Of what.
    pub unit: String,
    /// Price of one.
    pub price: String,
    /// Its currency.
    pub currency: String,
    /// Tax, per cent.
    pub tax: String,
    /// Quantity times price, to the cent.
    pub net: String,
    /// The tax on it, to the cent.
    pub tax_amount: String,
    /// When it was done.
    pub date: Time,
    /// What was done or used; absent once it is erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// Who added it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// When it was added.
    pub time: Time,
    /// Its state after everything said here, also what the partner has not answered.
    pub state: LineState,
    /// Its state after what is settled; absent while the line itself is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_state: Option<LineState>,
    /// What the principal said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<WorkVerdict>,
    /// The statement that holds it, once both have signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// For an own line: how far it has come, while it is not delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// Why it has no effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_effect: Option<String>,
}

/// What the principal said to a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkVerdict {
    /// Whether it agrees.
    pub approved: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// When.
    pub time: Time,
    /// For an own one: how far it has come, while it is not delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
}

/// Sums of the lines in one currency, taxes included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkSum {
    /// The currency.
    pub currency: String,
    /// Lines that wait for the principal's word.
    pub open: String,
    /// Approved lines, settled or not.
    pub approved: String,
    /// Approved lines that are settled.
    pub settled: String,
    /// Lines that signed statements hold.
    pub billed: String,
    /// Disputed lines.
    pub disputed: String,
}

/// The body of `POST /v1/delegations/{id}/rate`: the principal rates the work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// 1 to 5.
    pub stars: u8,
    /// A word about it, CommonMark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
}
