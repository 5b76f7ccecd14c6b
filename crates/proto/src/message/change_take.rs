//! delegation.change-take — proto-spec, section 6.20

use serde::{Deserialize, Serialize};

use super::common::ByText;
use crate::number::Revision;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Version of the update that proposed it.
    pub version: Revision,
}

/// The text part: who acted, where that travels.
pub type Text = Option<ByText>;
