//! delegation.confirm — proto-spec, section 6.17

use serde::{Deserialize, Serialize};

use super::common::{ByText, Own};

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The sender's own ticket and status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Own>,
    /// Confirmed by the lapse of the agreed time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto: Option<bool>,
}

/// The text part: who acted, where that travels.
pub type Text = Option<ByText>;
