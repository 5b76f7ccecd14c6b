//! work.dispute — proto-spec, section 6.32

use serde::{Deserialize, Serialize};

use super::common::ReasonText;
use crate::id::ItemId;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The work line.
    pub work: ItemId,
}

/// The text part: who acted and why.
pub type Text = ReasonText;
