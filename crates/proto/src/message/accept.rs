//! delegation.accept — proto-spec, section 6.11

use serde::{Deserialize, Serialize};

use super::common::{ByText, Own};
use crate::number::Version;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The sender's own ticket and status.
    pub own: Own,
    /// Version of the offer that it had seen: 1, or that of the newest update.
    pub version: Version,
}

/// The text part: who acted, where that travels.
pub type Text = Option<ByText>;
