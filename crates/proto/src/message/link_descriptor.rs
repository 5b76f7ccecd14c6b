//! link.descriptor — proto-spec, section 6.8

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::common::NoText;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The signed descriptor.
    pub descriptor: ByteBuf,
}

/// There is no text part.
pub type Text = NoText;
