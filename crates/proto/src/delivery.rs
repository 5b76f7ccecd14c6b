//! A message with its text part, as they travel side by side. proto-spec, section 4.4.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::id::Hash;

/// The signed bytes of a message and the bytes of its text part, neither of them looked into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery(pub ByteBuf, pub Option<ByteBuf>);

impl Delivery {
    /// Puts a signed message and its text part side by side.
    #[must_use]
    pub fn new(signed: Vec<u8>, text: Option<Vec<u8>>) -> Self {
        Self(ByteBuf::from(signed), text.map(ByteBuf::from))
    }

    /// The signed bytes.
    #[must_use]
    pub fn signed(&self) -> &[u8] {
        &self.0
    }

    /// The text part, if it travels along.
    #[must_use]
    pub fn text(&self) -> Option<&[u8]> {
        self.1.as_ref().map(|text| text.as_slice())
    }

    /// SHA-256 of the signed bytes: the `prev` of the next message.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of(&self.0)
    }

    /// Bytes of both parts.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.len() + self.text().map_or(0, <[u8]>::len)
    }
}
