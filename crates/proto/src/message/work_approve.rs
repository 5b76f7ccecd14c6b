//! work.approve — proto-spec, section 6.31

use serde::{Deserialize, Serialize};

use super::common::ByText;
use crate::id::ItemId;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The work line.
    pub work: ItemId,
}

/// The text part: who acted, where that travels.
pub type Text = Option<ByText>;
