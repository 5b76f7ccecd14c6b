//! delegation.decline — proto-spec, section 6.12

use serde::{Deserialize, Serialize};

use super::common::ReasonText;
use crate::text::Code;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// A code for the reason, from the vocabulary of the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
}

/// The text part: who acted and why.
pub type Text = ReasonText;
