//! link.withdraw — proto-spec, section 6.9

use serde::{Deserialize, Serialize};

use super::common::NoText;
use crate::number::Seq;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Number of the own message whose text is withdrawn.
    pub seq: Seq,
}

/// There is no text part.
pub type Text = NoText;
