//! COSE_Sign1 (RFC 9052) in its one deterministic form. proto-spec, section 4.2.

use crate::cbor::{self, Bounds};
use crate::code::Code;
use crate::id::KeyId;
use crate::key::{BadSignature, PublicKey, SIGNATURE_BYTES, SecretKey};

/// What is signed; each purpose has its own `external_aad`, so that no signature serves another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each name is the name of the signed thing in the schema")]
pub enum Purpose {
    KeyEvent,
    Descriptor,
    LinkRequest,
    LinkAnswer,
    LinkReveal,
    LinkState,
    Message,
    Hello,
    Welcome,
    Receipt,
    Pull,
    Recover,
    Blob,
    BlobPut,
    AuthorProof,
}

impl Purpose {
    /// All purposes, in the order of the specification.
    pub const ALL: [Self; 15] = [
        Self::KeyEvent,
        Self::Descriptor,
        Self::LinkRequest,
        Self::LinkAnswer,
        Self::LinkReveal,
        Self::LinkState,
        Self::Message,
        Self::Hello,
        Self::Welcome,
        Self::Receipt,
        Self::Pull,
        Self::Recover,
        Self::Blob,
        Self::BlobPut,
        Self::AuthorProof,
    ];

    /// The name after `deskwire/1/` in the `external_aad`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::KeyEvent => "key-event",
            Self::Descriptor => "descriptor",
            Self::LinkRequest => "link-request",
            Self::LinkAnswer => "link-answer",
            Self::LinkReveal => "link-reveal",
            Self::LinkState => "link-state",
            Self::Message => "message",
            Self::Hello => "hello",
            Self::Welcome => "welcome",
            Self::Receipt => "receipt",
            Self::Pull => "pull",
            Self::Recover => "recover",
            Self::Blob => "blob",
            Self::BlobPut => "blob-put",
            Self::AuthorProof => "author-proof",
        }
    }

    /// The `external_aad` of RFC 9052, 4.3.
    #[must_use]
    pub fn aad(self) -> Vec<u8> {
        format!("deskwire/1/{}", self.name()).into_bytes()
    }
}

/// Array of four; protected bstr of 21 bytes: map of two, alg (1): EdDSA (-8), kid (4): bstr of 16.
const HEAD: [u8; 7] = [0x84, 0x55, 0xa2, 0x01, 0x27, 0x04, 0x50];
const PROTECTED: std::ops::Range<usize> = 2..23;
const PAYLOAD_AT: usize = 24;

/// A signed thing as received or made: the bytes, and where its parts are. Not yet verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign1<'a> {
    bytes: &'a [u8],
    payload: std::ops::Range<usize>,
}

impl<'a> Sign1<'a> {
    /// Takes apart the one deterministic form that a COSE_Sign1 of this protocol has.
    ///
    /// # Errors
    /// [`Code::NotDeterministic`] for bytes that fail the strict check, [`Code::Malformed`] for another form.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Code> {
        Self::take(bytes).map_err(|code| match cbor::check(bytes, Bounds::MESSAGE) {
            Ok(()) => code,
            Err(_) => Code::NotDeterministic,
        })
    }

    /// What has the one form needs no other check: nothing in it could be written otherwise.
    fn take(bytes: &'a [u8]) -> Result<Self, Code> {
        if bytes.len() <= PAYLOAD_AT || bytes[..HEAD.len()] != HEAD || bytes[PROTECTED.end] != 0xa0 {
            return Err(Code::Malformed);
        }
        let (major, length, head) = cbor::head(bytes, PAYLOAD_AT).map_err(|_| Code::NotDeterministic)?;
        let start = PAYLOAD_AT + head;
        let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
        let end = end.filter(|end| major == 2 && *end < bytes.len()).ok_or(Code::Malformed)?;
        let signature = &bytes[end..];
        if signature.len() != 2 + SIGNATURE_BYTES || signature[..2] != [0x58, 0x40] {
            return Err(Code::Malformed);
        }
        Ok(Self { bytes, payload: start..end })
    }

    /// The key that the signer names.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        let mut id = [0; KeyId::SIZE];
        id.copy_from_slice(&self.bytes[HEAD.len()..PROTECTED.end]);
        KeyId::new(id)
    }

    /// The payload, which nobody may trust before [`Sign1::verify`].
    #[must_use]
    pub fn unverified_payload(&self) -> &'a [u8] {
        &self.bytes[self.payload.clone()]
    }

    /// The payload, if the key named is this one and its signature fits the bytes as received.
    ///
    /// # Errors
    /// [`Code::KeyUnknown`] for another key, [`Code::BadSignature`].
    pub fn verify(&self, purpose: Purpose, key: &PublicKey) -> Result<&'a [u8], Code> {
        if self.key_id() != key.id() {
            return Err(Code::KeyUnknown);
        }
        let mut signature = [0; SIGNATURE_BYTES];
        signature.copy_from_slice(&self.bytes[self.payload.end + 2..]);
        let payload = self.unverified_payload();
        let signed = sig_structure(purpose, &self.bytes[PROTECTED], payload);
        key.verify(&signed, &signature).map_err(|BadSignature| Code::BadSignature)?;
        Ok(payload)
    }
}

/// Signs a payload that this desk composed; there is no way to sign bytes that came from outside.
#[must_use]
pub(crate) fn sign(purpose: Purpose, payload: &[u8], key: &SecretKey) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PAYLOAD_AT + 9 + payload.len() + 2 + SIGNATURE_BYTES);
    bytes.extend_from_slice(&HEAD);
    bytes.extend_from_slice(key.public().id().as_bytes());
    bytes.push(0xa0);
    push_head(2, payload.len(), &mut bytes);
    bytes.extend_from_slice(payload);
    let signature = key.sign(&sig_structure(purpose, &bytes[PROTECTED], payload));
    bytes.extend_from_slice(&[0x58, 0x40]);
    bytes.extend_from_slice(&signature);
    bytes
}

/// `Sig_structure` of RFC 9052, 4.4: ["Signature1", protected, external_aad, payload].
fn sig_structure(purpose: Purpose, protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let aad = purpose.aad();
    let mut bytes = Vec::with_capacity(payload.len() + protected.len() + aad.len() + 32);
    bytes.push(0x84);
    push_head(3, "Signature1".len(), &mut bytes);
    bytes.extend_from_slice(b"Signature1");
    for part in [protected, &aad, payload] {
        push_head(2, part.len(), &mut bytes);
        bytes.extend_from_slice(part);
    }
    bytes
}

/// Appends the shortest head of a major type with this argument.
pub(crate) fn push_head(major: u8, argument: usize, out: &mut Vec<u8>) {
    let major = major << 5;
    match argument {
        0..=23 => out.push(major | argument as u8),
        24..=0xff => out.extend_from_slice(&[major | 24, argument as u8]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&(argument as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    //! A signature that serves a second purpose, or a second form of one signature, is a forgery waiting.
    use super::*;

    fn signed(payload: &[u8]) -> (SecretKey, Vec<u8>) {
        let key = SecretKey::from_seed(&[3; 32]);
        let bytes = sign(Purpose::Message, payload, &key);
        (key, bytes)
    }

    #[test]
    fn what_is_signed_verifies_for_its_purpose_alone() {
        for size in [0, 23, 24, 255, 256, 70_000] {
            let payload = vec![0xa0; size];
            let (key, bytes) = signed(&payload);
            let parsed = Sign1::parse(&bytes).unwrap();
            for purpose in Purpose::ALL {
                let outcome = parsed.verify(purpose, &key.public());
                assert_eq!(outcome.is_ok(), purpose == Purpose::Message, "{}", purpose.name());
            }
        }
    }

    #[test]
    fn each_changed_bit_is_noticed() {
        let (key, bytes) = signed(b"payload");
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut wrong = bytes.clone();
                wrong[place] ^= 1 << bit;
                let taken = Sign1::parse(&wrong)
                    .and_then(|parsed| parsed.verify(Purpose::Message, &key.public()).map(<[u8]>::to_vec));
                assert!(taken.is_err(), "bit {bit} of byte {place}");
            }
        }
    }

    #[test]
    fn cut_and_lengthened_bytes_are_refused() {
        let (_, bytes) = signed(b"payload");
        assert!((0..bytes.len()).all(|end| Sign1::parse(&bytes[..end]).is_err()));
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(Sign1::parse(&longer), Err(Code::NotDeterministic));
    }
}
