//! Records of comparing what both desks see of a delegation.

use deskwire_proto::text::Code;
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::EntryRef;
use crate::local::DelegationNo;

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AgreementRecord {
    /// The partner's digest was compared with what this desk sees at the same place.
    Compared {
        /// The delegation.
        delegation: DelegationNo,
        /// The record with the partner's message.
        heard: EntryRef,
        /// What differs: `state`, `thread`, `work`; nothing when both see the same.
        differs: Vec<Code>,
        /// When.
        at: Timestamp,
    },
}
