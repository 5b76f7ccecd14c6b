//! delegation.digest — proto-spec, section 6.24

use serde::{Deserialize, Serialize};

use super::common::NoText;
use crate::id::Hash;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Length of the sender's own stream, then of the peer's.
    pub at: (u64, u64),
    /// SHA-256 of the work lines.
    pub work: Hash,
    /// SHA-256 of the state and the fields.
    pub state: Hash,
    /// SHA-256 of comments and files.
    pub thread: Hash,
}

/// There is no text part.
pub type Text = NoText;
