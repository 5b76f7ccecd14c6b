//! Records that mend what a restore, or the want of room, has left open.

use deskwire_machine::delegation::Words;
use serde::{Deserialize, Serialize};

use crate::local::{DelegationNo, LinkNo};

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
    /// The partner of a link was restored: the files that our messages behind this number announced are gone there.
    FilesLost {
        /// Of which link.
        no: LinkNo,
        /// How many of our messages it holds.
        behind: u64,
    },
    /// It holds our messages up to this number again: their files can be brought once more.
    FilesAgain {
        /// Of which link.
        no: LinkNo,
        /// How many of our messages it holds.
        upto: u64,
    },
}
