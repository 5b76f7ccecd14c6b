//! privacy.erase — proto-spec, section 6.37

use serde::{Deserialize, Serialize};

use super::common::NoText;
use crate::id::{DelegationId, ItemId};
use crate::list::List;
use crate::text::Code;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Code of the legal ground.
    pub basis: Code,
    /// Delegations of which everything goes, at the reader and further on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cases: Option<List<DelegationId, 1, 64>>,
    /// Items whose text parts are erased.
    pub items: List<ItemId, 1, 256>,
}

/// There is no text part.
pub type Text = NoText;
