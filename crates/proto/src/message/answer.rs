//! delegation.answer — proto-spec, section 6.23

use serde::{Deserialize, Serialize};

use super::common::{Own, ReasonText};

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The sender's own ticket and status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Own>,
    /// False: the question was not needed, and the waiting counts for the contractor.
    pub needed: bool,
}

/// The text part: who acted and why.
pub type Text = ReasonText;
