//! comment.add — proto-spec, section 6.25

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::common::{Audience, Person};
use crate::cose::Purpose;
use crate::document::{Document, V1};
use crate::id::{DeskId, Hash, ItemId};
use crate::limits::KEY_EVENTS;
use crate::list::List;
use crate::text::{Label, Prose};
use crate::time::Timestamp;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Who may see it.
    pub audience: Audience,
}

/// The text part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// The comment, CommonMark.
    pub body: Prose,
    /// The author's own signature, where a relay names the author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<AuthorProof>,
    /// Relayed: name of the desk that wrote it, where it may be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Label>,
    /// True: written by another desk of the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relayed: Option<bool>,
}

/// A signature of the author over the comment alone: the desk, its key log, and the signed [`ProofBody`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorProof(pub DeskId, pub List<ByteBuf, 1, KEY_EVENTS>, pub ByteBuf);

/// What the author of a relayed comment signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofBody {
    /// Version of the protocol.
    pub v: V1,
    /// SHA-256 of the comment's words.
    pub text: Hash,
    /// When it was written.
    pub time: Timestamp,
    /// The desk that wrote it.
    pub author: DeskId,
    /// Id of the comment at its author.
    pub comment: ItemId,
}

impl Document for ProofBody {
    const PURPOSE: Purpose = Purpose::AuthorProof;
}
