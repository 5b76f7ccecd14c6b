//! delegation.status — proto-spec, section 6.15

use serde::{Deserialize, Serialize};

use super::common::{ByText, Own};

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The sender's own ticket and status.
    pub own: Own,
    /// What this means for the delegation; from the contractor alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Progress>,
}

/// The text part: who acted, where that travels.
pub type Text = Option<ByText>;

/// What the contractor says of its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// Somebody works on it.
    InProgress,
    /// Waits for somebody who is neither of the two desks.
    WaitingThird,
}
