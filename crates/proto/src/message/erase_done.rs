//! privacy.erased — proto-spec, section 6.38

use serde::{Deserialize, Serialize};

use super::common::NoText;
use crate::id::ItemId;
use crate::list::List;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Items whose text parts are gone.
    pub items: List<ItemId, 1, 256>,
    /// The item that asked for it.
    pub request: ItemId,
}

/// There is no text part.
pub type Text = NoText;
