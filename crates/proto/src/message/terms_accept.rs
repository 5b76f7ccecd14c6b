//! terms.accept — proto-spec, section 6.4

use serde::{Deserialize, Serialize};

use super::common::NoText;
use crate::id::Hash;
use crate::number::Version;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// SHA-256 of the deterministic CBOR of the terms accepted.
    pub hash: Hash,
    /// Their version.
    pub version: Version,
}

/// There is no text part.
pub type Text = NoText;
