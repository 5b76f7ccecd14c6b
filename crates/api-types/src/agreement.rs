//! Whether both desks see the same of a delegation.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

/// What a partner said of what it sees, beside what this desk sees at the same place of both streams.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Agreement {
    /// Delegation, 32 hexadecimal digits.
    pub delegation: String,
    /// When the partner said what it sees; absent while it has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<Time>,
    /// Whether both see the same; absent while the partner has said nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same: Option<bool>,
    /// What differs: `state`, `thread`, `work`.
    pub differs: Vec<String>,
    /// What this desk sees there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub here: Option<Seen>,
}

/// What a desk sees of a delegation at a place of both streams.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Seen {
    /// So many messages of this desk are taken into account.
    pub ours: u64,
    /// So many messages of the partner.
    pub theirs: u64,
    /// The state of the delegation.
    pub state: String,
    /// The highest version of the offer of which a value binds.
    pub version: u64,
    /// Comments and files, by their ids.
    pub thread: Vec<SeenEntry>,
    /// Lines of work, by their ids.
    pub work: Vec<SeenLine>,
}

/// A comment or a file as both desks compare it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeenEntry {
    /// Its id, 32 hexadecimal digits.
    pub id: String,
    /// `principal` or `contractor`.
    pub author: String,
    /// Its newest version.
    pub version: u64,
    /// Hash of the text of that version, 64 hexadecimal digits.
    pub text: String,
    /// Whether it was taken back.
    pub retracted: bool,
}

/// A line of work as both desks compare it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeenLine {
    /// Its id, 32 hexadecimal digits.
    pub id: String,
    /// Hash of its facts, 64 hexadecimal digits.
    pub facts: String,
    /// `open`, `approved` or `disputed`.
    pub state: String,
}
