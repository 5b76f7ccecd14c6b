//! The proof file: what anybody needs to verify a link, or one delegation of it, without a desk. proto-spec, section 8.8.
//!
//! Items alone: who reads and writes files does that elsewhere, and what they prove is the machine's business.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};

use crate::cbor::{self, Bounds, Violation};
use crate::code::Code;
use crate::delivery::Delivery;
use crate::document::{V1, code_of};
use crate::id::{DelegationId, DeskId, Hash, LinkId, Nonce};
use crate::limits::DOCUMENT_BYTES;
use crate::time::Timestamp;

/// File name extension, without the dot.
pub const EXTENSION: &str = "deskwire-proof";

/// What a proof file is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The link.
    pub link: LinkId,
    /// When the file was made, as its maker says.
    pub made: Timestamp,
    /// The inviter of the link.
    pub inviter: DeskId,
    /// Its accepter.
    pub accepter: DeskId,
    /// The delegation, if the file is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegation: Option<DelegationId>,
}

/// One item of a proof file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// First: what the file is about.
    Head(About),
    /// The key log of a desk, event by event.
    Keys(DeskId, Vec<ByteBuf>),
    /// Signed request, signed answer and nonce A of the linking exchange.
    Linking(ByteBuf, ByteBuf, Nonce),
    /// The messages of this desk begin.
    Stream(DeskId),
    /// A signed hello that tells where the newest key begins.
    Change(ByteBuf),
    /// A message; its text part, or none if it was erased or left out.
    Message(Delivery),
    /// In the place of a message of another delegation: its number and its hash.
    LeftOut(u64, Hash),
    /// A signed receipt.
    Receipt(ByteBuf),
    /// Last: items before, SHA-256 of all bytes before.
    End(u64, Hash),
}

/// Why the next item cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TakeError {
    /// The bytes end inside it: there may be more to read.
    #[error("the bytes end inside an item")]
    Cut,
    /// It is none.
    #[error("{0}")]
    Bad(Code),
}

impl Item {
    /// Bytes of the largest item.
    pub const MOST: usize = DOCUMENT_BYTES;

    /// The bytes of the item in the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Head(about) => encode(&("proof", V1, about)),
            Self::Keys(desk, log) => encode(&("keys", desk, log)),
            Self::Linking(request, answer, nonce) => encode(&("linking", request, answer, nonce)),
            Self::Stream(author) => encode(&("stream", author)),
            Self::Change(hello) => encode(&("change", hello)),
            Self::Message(Delivery(signed, Some(text))) => encode(&("message", signed, text)),
            Self::Message(Delivery(signed, None)) => encode(&("message", signed)),
            Self::LeftOut(seq, hash) => encode(&("left-out", seq, hash)),
            Self::Receipt(receipt) => encode(&("receipt", receipt)),
            Self::End(items, hash) => encode(&("end", items, hash)),
        }
    }

    /// Takes the first item off; what it holds is not verified yet.
    ///
    /// # Errors
    /// [`TakeError::Cut`] if more bytes may help.
    pub fn take(bytes: &[u8]) -> Result<(Self, &[u8]), TakeError> {
        let (item, rest) = cbor::split(bytes, Bounds::LARGE).map_err(|violation: Violation| {
            let cut = violation.is_cut() && bytes.len() < Self::MOST;
            if cut { TakeError::Cut } else { TakeError::Bad(Code::NotDeterministic) }
        })?;
        if item.len() > Self::MOST {
            return Err(TakeError::Bad(Code::TooLarge));
        }
        Ok((Self::decode(item).map_err(TakeError::Bad)?, rest))
    }

    fn decode(item: &[u8]) -> Result<Self, Code> {
        match name(item).ok_or(Code::Malformed)? {
            "proof" => decode(item).map(|(_, _, about): (Name, V1, About)| Self::Head(about)),
            "keys" => decode(item).map(|(_, desk, log): (Name, _, _)| Self::Keys(desk, log)),
            "linking" => decode(item)
                .map(|(_, request, answer, nonce): (Name, _, _, _)| Self::Linking(request, answer, nonce)),
            "stream" => decode(item).map(|(_, author): (Name, _)| Self::Stream(author)),
            "change" => decode(item).map(|(_, hello): (Name, _)| Self::Change(hello)),
            "message" if item.first() == Some(&0x82) => {
                decode(item).map(|(_, signed): (Name, _)| Self::Message(Delivery(signed, None)))
            }
            "message" => decode(item).map(|(_, signed, text): (Name, ByteBuf, ByteBuf)| {
                Self::Message(Delivery(signed, Some(text)))
            }),
            "left-out" => decode(item).map(|(_, seq, hash): (Name, _, _)| Self::LeftOut(seq, hash)),
            "receipt" => decode(item).map(|(_, receipt): (Name, _)| Self::Receipt(receipt)),
            "end" => decode(item).map(|(_, items, hash): (Name, _, _)| Self::End(items, hash)),
            _ => Err(Code::Malformed),
        }
    }
}

/// Counts and hashes what stands before the end.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    items: u64,
    bytes: Sha256,
}

impl Tally {
    /// Takes one more item into account, by its bytes.
    pub fn add(&mut self, item: &[u8]) {
        self.items += 1;
        self.bytes.update(item);
    }

    /// The item that ends the file.
    #[must_use]
    pub fn end(&self) -> Item {
        Item::End(self.items, Hash::new(self.bytes.clone().finalize().into()))
    }
}

/// The name, which is looked at apart.
type Name = IgnoredAny;

fn encode<T: Serialize>(item: &T) -> Vec<u8> {
    cbor::encode(item).expect("members are declared in deterministic order")
}

fn decode<T: DeserializeOwned>(item: &[u8]) -> Result<T, Code> {
    cbor::decode(item, Bounds::LARGE).map_err(|error| code_of(&error))
}

/// The text that is first in an array of at most 23 members.
fn name(item: &[u8]) -> Option<&str> {
    let (&array, rest) = item.split_first()?;
    let (&text, rest) = rest.split_first()?;
    if array & 0xe0 != 0x80 || !(0x60..0x78).contains(&text) {
        return None;
    }
    std::str::from_utf8(rest.get(..usize::from(text - 0x60))?).ok()
}

#[cfg(test)]
mod tests {
    //! A file is read back as it was written, and what is no item is refused without being believed.
    use super::*;

    fn about(delegation: Option<DelegationId>) -> About {
        let desk = |byte| DeskId::new([byte; 32]);
        About {
            link: LinkId::new([1; 32]),
            made: Timestamp(7),
            inviter: desk(2),
            accepter: desk(3),
            delegation,
        }
    }

    fn items() -> Vec<Item> {
        let bytes = |byte| ByteBuf::from(vec![byte; 40]);
        vec![
            Item::Head(about(None)),
            Item::Head(about(Some(DelegationId::new([4; 16])))),
            Item::Keys(DeskId::new([2; 32]), vec![bytes(5), bytes(6)]),
            Item::Linking(bytes(7), bytes(8), Nonce::new([9; 32])),
            Item::Stream(DeskId::new([2; 32])),
            Item::Change(bytes(10)),
            Item::Message(Delivery::new(vec![11; 300], Some(vec![12; 30]))),
            Item::Message(Delivery::new(vec![11; 300], None)),
            Item::LeftOut(3, Hash::of(b"left out")),
            Item::Receipt(bytes(13)),
            Item::End(8, Hash::of(b"all")),
        ]
    }

    #[test]
    fn a_file_is_read_back_item_by_item() {
        let file: Vec<u8> = items().iter().flat_map(Item::encode).collect();
        let mut rest = file.as_slice();
        for item in items() {
            let (taken, behind) = Item::take(rest).unwrap();
            assert_eq!(taken, item);
            rest = behind;
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn a_file_that_is_cut_anywhere_is_told_apart_from_a_wrong_one() {
        for item in items() {
            let bytes = item.encode();
            for cut in 0..bytes.len() {
                assert_eq!(Item::take(&bytes[..cut]), Err(TakeError::Cut), "{item:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn what_is_no_item_is_refused() {
        let bad = |bytes: &[u8]| match Item::take(bytes) {
            Err(TakeError::Bad(code)) => code,
            other => panic!("{other:?}"),
        };
        assert_eq!(bad(&encode(&("proofs", V1, about(None)))), Code::Malformed);
        assert_eq!(bad(&encode(&("proof", 2, about(None)))), Code::UnsupportedVersion);
        assert_eq!(bad(&encode(&("receipt", 1))), Code::Malformed);
        assert_eq!(bad(&encode(&("end", 1))), Code::Malformed);
        assert_eq!(bad(&[0x9f, 0x63, b'e', b'n', b'd', 0xff]), Code::NotDeterministic);
        let most = encode(&("receipt", ByteBuf::from(vec![0; Item::MOST])));
        assert_eq!(bad(&most), Code::TooLarge);
    }
}
