//! The signed streams of a link, readable.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Time;

/// One of a link's two streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// This desk's own.
    #[default]
    Out,
    /// The partner's.
    In,
}

impl Direction {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::In => "in",
        }
    }
}

/// The query of `GET /v1/links/{link}/log`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct LogQuery {
    /// Which stream; this desk's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// First number, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// How many at most: 1 to 500, 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Whether to add the signed bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<bool>,
}

/// A part of one stream, in the order of its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogPage {
    /// Local name of the link.
    pub link: String,
    /// Which stream.
    pub direction: Direction,
    /// Length of the whole stream.
    pub length: u64,
    /// The messages.
    pub entries: Vec<LogEntry>,
    /// What to pass as `from` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// One signed message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogEntry {
    /// Number in its stream, from 1.
    pub seq: u64,
    /// When its author numbered it.
    pub time: Time,
    /// Kind, such as `delegation.offer`.
    pub kind: String,
    /// Item id, 32 hexadecimal digits.
    pub item: String,
    /// The delegation it speaks of, 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegation: Option<String>,
    /// SHA-256 of the signed bytes, 64 hexadecimal digits.
    pub hash: String,
    /// Hash of the message before; the link id for the first.
    pub prev: String,
    /// Length of the other stream that its author had applied.
    pub seen: u64,
    /// Key id of the signature, 32 hexadecimal digits.
    pub key_id: String,
    /// What came of it.
    pub outcome: LogOutcome,
    /// The stable code of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Its words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// When the receiver committed it first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed: Option<Time>,
    /// The facts, as JSON; bytes stand as hexadecimal text.
    #[schema(value_type = Object)]
    pub facts: serde_json::Value,
    /// The text part, as JSON; absent when there is none or it was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub text: Option<serde_json::Value>,
    /// Whether the text part was erased.
    #[serde(default)]
    pub erased: bool,
    /// The signed bytes (COSE_Sign1), hexadecimal, when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_hex: Option<String>,
}

/// What came of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogOutcome {
    /// Taken in.
    Applied,
    /// Refused, with a code and words.
    Refused,
    /// Not understood.
    Unsupported,
    /// No receipt covers it yet.
    Unacknowledged,
}

impl LogOutcome {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Refused => "refused",
            Self::Unsupported => "unsupported",
            Self::Unacknowledged => "unacknowledged",
        }
    }
}
