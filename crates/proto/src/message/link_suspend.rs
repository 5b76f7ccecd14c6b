//! link.suspend — proto-spec, section 6.5

use serde::{Deserialize, Serialize};

use super::common::ReasonText;
use crate::time::Timestamp;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Until when, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// The text part: who acted and why.
pub type Text = ReasonText;
