//! comment.retract — proto-spec, section 6.27

use serde::{Deserialize, Serialize};

use super::common::NoText;
use crate::id::ItemId;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The comment.
    pub comment: ItemId,
}

/// There is no text part.
pub type Text = NoText;
