//! Checking what is stored: signatures, chains, receipts and the journal's checksums.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Direction;

/// The body of `POST /v1/verify`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyRequest {
    /// Local name or id of the one link to check; absent means all, and the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// What was checked and what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerifyReport {
    /// Whether nothing is wrong.
    pub ok: bool,
    /// The streams checked, two per link.
    pub streams: Vec<StreamReport>,
    /// The journal; absent when one link was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<JournalReport>,
    /// Everything found wrong; empty when `ok`.
    pub problems: Vec<VerifyProblem>,
    /// How long it took, milliseconds.
    pub took_ms: u64,
}

/// One stream that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StreamReport {
    /// Local name of the link.
    pub link: String,
    /// Which stream.
    pub direction: Direction,
    /// Messages whose signature, number and place in the chain were checked.
    pub messages: u64,
    /// Receipts checked against them.
    pub receipts: u64,
    /// Text parts that were erased.
    pub erased: u64,
    /// Hash of the last message, 64 hexadecimal digits; the link id for an empty stream.
    pub head: String,
}

/// The journal, as far as it was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JournalReport {
    /// Segments.
    pub segments: u64,
    /// Records whose checksums were checked.
    pub records: u64,
    /// Bytes read.
    pub bytes: u64,
}

/// Something that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerifyProblem {
    /// Stable, kebab-case.
    pub code: String,
    /// A sentence: what is wrong and what to do.
    pub words: String,
    /// Local name of the link; absent for the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Which stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Number of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
}
