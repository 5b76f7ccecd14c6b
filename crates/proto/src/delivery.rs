//! A message with its text part, as they travel side by side. proto-spec, section 4.4.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::cbor::{self, Bounds};
use crate::code::Code;
use crate::cose::push_head;
use crate::id::Hash;
use crate::limits::MESSAGE_BYTES;

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

    /// `[message, text part]` as it stands in a batch.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.size() + 16);
        self.push(&mut bytes);
        bytes
    }

    /// Takes one delivery apart; nothing in it is verified yet.
    ///
    /// # Errors
    /// The [`Code`] of what is wrong with the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Code> {
        let (delivery, behind) = Self::take(bytes)?;
        if behind.is_empty() { Ok(delivery) } else { Err(Code::NotDeterministic) }
    }

    /// Appends `[bstr, bstr / null]`.
    pub(crate) fn push(&self, out: &mut Vec<u8>) {
        out.push(0x82);
        push_head(2, self.signed().len(), out);
        out.extend_from_slice(self.signed());
        match self.text() {
            Some(text) => {
                push_head(2, text.len(), out);
                out.extend_from_slice(text);
            }
            None => out.push(0xf6),
        }
    }

    /// Takes one delivery off the front of a sequence.
    pub(crate) fn take(bytes: &[u8]) -> Result<(Self, &[u8]), Code> {
        let (item, behind) = cbor::split(bytes, Bounds::MESSAGE).map_err(|_| Code::NotDeterministic)?;
        let rest = item.strip_prefix(&[0x82]).ok_or(Code::Malformed)?;
        let (signed, rest) = take_bytes(rest)?;
        let text = match rest {
            [0xf6] => None,
            _ => Some(ByteBuf::from(take_bytes(rest)?.0)),
        };
        let delivery = Self(ByteBuf::from(signed), text);
        if delivery.size() > MESSAGE_BYTES { Err(Code::TooLarge) } else { Ok((delivery, behind)) }
    }
}

/// Takes one byte string off the front of a sequence.
pub(crate) fn take_bytes(bytes: &[u8]) -> Result<(&[u8], &[u8]), Code> {
    let (major, length, head) = cbor::head(bytes, 0).map_err(|_| Code::NotDeterministic)?;
    let end = usize::try_from(length).ok().and_then(|length| length.checked_add(head));
    let end = end.filter(|end| major == 2 && *end <= bytes.len()).ok_or(Code::Malformed)?;
    Ok((&bytes[head..end], &bytes[end..]))
}
