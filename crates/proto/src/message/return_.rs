//! delegation.return — proto-spec, section 6.13

use serde::{Deserialize, Serialize};

use super::common::{Own, ReasonText};
use crate::text::Code;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The sender's own ticket and status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Own>,
    /// A code for the reason, from the vocabulary of the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
}

/// The text part: who acted and why.
pub type Text = ReasonText;
