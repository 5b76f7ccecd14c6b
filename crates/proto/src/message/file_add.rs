//! file.add — proto-spec, section 6.28

use serde::{Deserialize, Serialize};

use super::common::{Audience, Person};
use crate::id::{Hash, ItemId};
use crate::number::FileSize;
use crate::text::{FileName, Label};

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// SHA-256 of the file.
    pub blob: Hash,
    /// Bytes of the file.
    pub size: FileSize,
    /// SHA-256 of its list of chunk hashes.
    pub chunks: Hash,
    /// The comment that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<ItemId>,
    /// Who may see it.
    pub audience: Audience,
}

/// The text part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// Name of the file, without folders.
    pub name: FileName,
    /// Media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<Label>,
    /// Relayed: name of the desk that it comes from, where it may be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Label>,
    /// True: it comes from another desk of the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relayed: Option<bool>,
}
