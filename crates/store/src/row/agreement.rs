//! Rows of comparing what both desks see of a delegation.

use deskwire_proto::text::Code;
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::EntryRef;

/// The newest digests of a delegation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreementRow {
    /// The partner's.
    pub heard: Option<HeardDigest>,
    /// Length of this desk's stream when it said its own: that has a higher number.
    pub said: Option<u64>,
}

/// The partner's newest digest, and what came of comparing it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeardDigest {
    /// The record with the partner's message.
    pub entry: EntryRef,
    /// When it came.
    pub at: Timestamp,
    /// When it was compared, and what differs.
    pub compared: Option<(Timestamp, Vec<Code>)>,
}
