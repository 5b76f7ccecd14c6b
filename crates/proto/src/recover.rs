//! Recovery: a desk that was restored gets its own lost messages back. proto-spec, section 5.7.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::cbor::{self, Bounds};
use crate::code::Code;
use crate::cose::Purpose;
use crate::delivery::Delivery;
use crate::document::{Document, V1, code_of};
use crate::id::{DeskId, LinkId, Nonce};
use crate::limits::{BATCH_BYTES, BATCH_MESSAGES};
use crate::list::List;
use crate::number::Seq;
use crate::time::Timestamp;

/// The restored desk asks for what it has lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoverRequest {
    /// Version of the protocol.
    pub v: V1,
    /// The peer, which holds what was lost.
    pub to: DeskId,
    /// The restored desk.
    pub from: DeskId,
    /// The link.
    pub link: LinkId,
    /// The restored desk's time.
    pub time: Timestamp,
    /// How much of the peer's stream the restored desk holds.
    pub upto: u64,
    /// Nonce of the welcome that showed the loss.
    pub welcome: Nonce,
    /// First of its own messages that it wants.
    #[serde(rename = "from-seq")]
    pub from_seq: Seq,
}

impl Document for RecoverRequest {
    const PURPOSE: Purpose = Purpose::Recover;
}

/// The first item of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoverHead {
    /// Version of the protocol.
    pub v: V1,
    /// The link.
    pub link: LinkId,
    /// There is more to ask for.
    pub more: bool,
    /// Signed receipts of both desks.
    pub receipts: List<ByteBuf, 0, 256>,
    /// The newest signed descriptor of the restored desk that the peer knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptor: Option<ByteBuf>,
}

/// Lost messages in order of number; nothing in it is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoverPage {
    /// Receipts, descriptor, and whether there is more.
    pub head: RecoverHead,
    /// The messages, with the text parts that are still there.
    pub deliveries: Vec<Delivery>,
}

impl RecoverPage {
    /// The body of the answer: a CBOR sequence.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = cbor::encode_plain(&self.head).expect("numbers, bytes and maps have a CBOR form");
        for delivery in &self.deliveries {
            delivery.push(&mut bytes);
        }
        bytes
    }

    /// Takes the body of an answer apart.
    ///
    /// # Errors
    /// The [`Code`] of what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, Code> {
        if bytes.len() > BATCH_BYTES {
            return Err(Code::TooLarge);
        }
        let (head, mut rest) = cbor::split(bytes, Bounds::LARGE).map_err(|_| Code::NotDeterministic)?;
        let head = cbor::decode(head, Bounds::LARGE).map_err(|error| code_of(&error))?;
        let mut deliveries = Vec::new();
        while !rest.is_empty() {
            if deliveries.len() == BATCH_MESSAGES {
                return Err(Code::TooMany);
            }
            let (delivery, behind) = Delivery::take(rest)?;
            deliveries.push(delivery);
            rest = behind;
        }
        Ok(Self { head, deliveries })
    }
}
