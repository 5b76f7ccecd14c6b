//! file.retract — proto-spec, section 6.29

use serde::{Deserialize, Serialize};

use super::common::NoText;
use crate::id::ItemId;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The file.
    pub file: ItemId,
}

/// There is no text part.
pub type Text = NoText;
