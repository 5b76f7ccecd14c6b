//! delegation.change-decline — proto-spec, section 6.21

use serde::{Deserialize, Serialize};

use super::common::ReasonText;
use crate::number::Revision;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Version of the update that proposed it.
    pub version: Revision,
}

/// The text part: who acted and why.
pub type Text = ReasonText;
