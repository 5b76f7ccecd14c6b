//! work.add — proto-spec, section 6.30

use serde::{Deserialize, Serialize};

use super::common::Person;
use crate::text::{Code, Currency, Decimal, Line, Percent};
use crate::time::Timestamp;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Tax, per cent.
    pub tax: Percent,
    /// When the work was done.
    pub date: Timestamp,
    /// What is counted.
    pub r#type: WorkType,
    /// Unit of the quantity, such as `hour`.
    pub unit: Code,
    /// Price of one unit.
    pub price: Decimal,
    /// Currency of the price.
    pub currency: Currency,
    /// How many units.
    pub quantity: Decimal,
}

/// The text part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// What was done or used.
    pub what: Line,
}

/// What a work line counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
