//! comment.edit — proto-spec, section 6.26

use serde::{Deserialize, Serialize};

use crate::id::ItemId;
use crate::number::Revision;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The comment.
    pub comment: ItemId,
    /// 2, 3, …: comment.add is version 1.
    pub version: Revision,
}

/// The text part: the new words.
pub type Text = super::comment_add::Text;
