//! Records that mend what a restore, or the want of room, has left open.

use deskwire_machine::delegation::Words;
use serde::{Deserialize, Serialize};

use crate::local::DelegationNo;

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MendRecord {
    /// The words of our event with this number, which had been forgotten because too many waited, stand with it again.
    WordsSaid {
        /// Of which delegation.
        delegation: DelegationNo,
        /// The number.
        seq: u64,
        /// What they say.
        words: Words,
    },
}
