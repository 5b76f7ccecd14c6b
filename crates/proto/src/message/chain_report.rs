//! chain.report — proto-spec, section 6.36

use serde::{Deserialize, Serialize};

use super::common::NoText;
use crate::list::List;
use crate::number::Stars;
use crate::text::{Code, Label};

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The hops, nearest first.
    pub hops: List<Hop, 1, 8>,
}

/// There is no text part.
pub type Text = NoText;

/// One desk further down the chain; durations in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// Time in hand.
    pub held: u64,
    /// Name or alias.
    pub alias: Label,
    /// Rating given by the hop above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stars: Option<Stars>,
    /// State of its delegation.
    pub state: Code,
    /// Time spent waiting for others.
    pub waited: u64,
    /// Deadlines missed.
    pub breaches: u64,
}
