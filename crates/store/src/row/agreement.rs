//! Rows of comparing what both desks see of a delegation.

use deskwire_proto::text::Code;
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::EntryRef;

/// The partner's newest digest of a delegation, and what came of comparing it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreementRow {
    /// The record with the partner's message.
    pub heard: EntryRef,
    /// When it came.
    pub at: Timestamp,
    /// When it was compared, and what differs.
    pub compared: Option<(Timestamp, Vec<Code>)>,
}
