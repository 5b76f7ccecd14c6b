//! Hello and welcome: how the author of a stream and its reader agree where it stands. proto-spec, section 5.3.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::cose::Purpose;
use crate::document::{Document, V1};
use crate::id::{DeskId, Hash, InstanceId, LinkId, Nonce};
use crate::time::Timestamp;

/// The author of a stream says where the stream ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Version of the protocol.
    pub v: V1,
    /// The reader of the stream.
    pub to: DeskId,
    /// The author of the stream.
    pub from: DeskId,
    /// Hash of the last numbered message; the link id while there is none.
    pub head: Hash,
    /// Head of the author's key log.
    pub keys: Hash,
    /// The link.
    pub link: LinkId,
    /// The author's time.
    pub time: Timestamp,
    /// The place where the newest key begins is told by a later hello, though `length` is 0. Section 5.8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub later: Option<bool>,
    /// 32 fresh random bytes.
    pub nonce: Nonce,
    /// Where the newest key begins to stand; present once the key log has a rotation. Section 5.8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Cut>,
    /// Number of messages in the stream.
    pub length: u64,
    /// Drawn at the start of the author's process.
    pub instance: InstanceId,
    /// The author's signed descriptor, where the reader may not know the newest key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptor: Option<ByteBuf>,
}

impl Document for Hello {
    const PURPOSE: Purpose = Purpose::Hello;
}

/// The reader of a stream says how much of it is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// Version of the protocol.
    pub v: V1,
    /// The author of the stream.
    pub to: DeskId,
    /// The reader of the stream.
    pub from: DeskId,
    /// Hash of the last message held; the link id while there is none.
    pub head: Hash,
    /// The link.
    pub link: LinkId,
    /// The reader's time.
    pub time: Timestamp,
    /// Nonce of the hello that is answered.
    pub hello: Nonce,
    /// Highest `upto` of the hello's author that the signer holds a receipt for.
    pub known: u64,
    /// 32 fresh random bytes.
    pub nonce: Nonce,
    /// Number of messages held.
    pub length: u64,
    /// The author's own signed hello that told where its newest key begins, where the hello that is answered does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placed: Option<ByteBuf>,
    /// The reader's signed descriptor, where the author may not know the newest key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptor: Option<ByteBuf>,
}

impl Document for Welcome {
    const PURPOSE: Purpose = Purpose::Welcome;
}

/// A place in a stream: so many messages, and the hash of the last; the link id while there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cut(pub u64, pub Hash);
