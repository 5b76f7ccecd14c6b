//! statement.sign — proto-spec, section 6.35

use serde::{Deserialize, Serialize};

use super::common::NoText;
use crate::id::{Hash, ItemId};

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// SHA-256 of the canonical statement.
    pub hash: Hash,
    /// The item that proposed it.
    pub statement: ItemId,
}

/// There is no text part.
pub type Text = NoText;
