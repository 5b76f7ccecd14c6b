//! A batch: a CBOR sequence (RFC 8742) of a head and messages with their text parts. proto-spec, section 5.4.

use serde::{Deserialize, Serialize};

use crate::cbor::{self, Bounds};
use crate::code::Code;
use crate::delivery::Delivery;
use crate::document::{V1, code_of};
use crate::id::{LinkId, SessionId};
use crate::limits::{BATCH_BYTES, BATCH_MESSAGES};

/// The first item of the sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchHead {
    /// Version of the protocol.
    pub v: V1,
    /// The link.
    pub link: LinkId,
    /// The sender has stored the receipts of its messages up to here.
    pub known: u64,
    /// The session in which these messages are sent.
    pub session: SessionId,
}

/// A batch taken apart; its messages are not verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Link, session and what the sender knows already.
    pub head: BatchHead,
    /// One message or more, in order of number.
    pub deliveries: Vec<Delivery>,
}

impl Batch {
    /// The bytes of the body of the POST.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let size: usize = self.deliveries.iter().map(|delivery| delivery.size() + 16).sum();
        let mut bytes = cbor::encode(&self.head).expect("members are declared in deterministic order");
        bytes.reserve(size);
        for delivery in &self.deliveries {
            delivery.push(&mut bytes);
        }
        bytes
    }

    /// Takes the bytes of a POST apart.
    ///
    /// # Errors
    /// The [`Code`] to answer with.
    pub fn decode(bytes: &[u8]) -> Result<Self, Code> {
        if bytes.len() > BATCH_BYTES {
            return Err(Code::TooLarge);
        }
        let (head, mut rest) = cbor::split(bytes, Bounds::MESSAGE).map_err(|_| Code::NotDeterministic)?;
        let head = cbor::decode(head, Bounds::MESSAGE).map_err(|error| code_of(&error))?;
        let mut deliveries = Vec::new();
        while !rest.is_empty() {
            if deliveries.len() == BATCH_MESSAGES {
                return Err(Code::TooMany);
            }
            let (delivery, behind) = Delivery::take(rest)?;
            deliveries.push(delivery);
            rest = behind;
        }
        if deliveries.is_empty() { Err(Code::Malformed) } else { Ok(Self { head, deliveries }) }
    }
}

#[cfg(test)]
mod tests {
    //! What a stranger sends is taken apart within its bounds, or refused.
    use super::*;
    use crate::id::Hash;

    fn batch(count: usize) -> Batch {
        let link = LinkId::new([1; 32]);
        let head = BatchHead { v: V1, link, known: 300, session: SessionId::new(*Hash::of(b"s").as_bytes()) };
        let delivery = |n: usize| Delivery::new(vec![7; 20 + n], n.is_multiple_of(2).then(|| vec![8; n]));
        Batch { head, deliveries: (0..count).map(delivery).collect() }
    }

    #[test]
    fn a_batch_survives_the_wire() {
        let batch = batch(256);
        assert_eq!(Batch::decode(&batch.encode()).unwrap(), batch);
    }

    #[test]
    fn cut_swollen_and_empty_batches_are_refused() {
        let bytes = batch(3).encode();
        let whole = (0..bytes.len()).filter(|end| Batch::decode(&bytes[..*end]).is_ok()).count();
        assert_eq!(whole, 2, "only after the first and the second message is a cut a batch");
        assert_eq!(Batch::decode(&batch(257).encode()), Err(Code::TooMany));
        assert_eq!(Batch::decode(&vec![0; BATCH_BYTES + 1]), Err(Code::TooLarge));
        assert_eq!(Batch::decode(&batch(0).encode()), Err(Code::Malformed));
    }
}
