//! A typed signed thing other than a message: sealed from a typed body, opened with a known key.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::cbor::{self, Bounds};
use crate::code::Code;
use crate::cose::{Purpose, Sign1, sign};
use crate::id::Hash;
use crate::key::{PublicKey, SecretKey};
use crate::limits::DOCUMENT_BYTES;

/// The body of a signed thing and what it is signed for.
pub trait Document: Serialize + DeserializeOwned {
    /// The purpose whose `external_aad` covers it.
    const PURPOSE: Purpose;
}

/// A signed body together with the bytes that were signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<T> {
    raw: Vec<u8>,
    body: T,
}

impl<T: Document> Signed<T> {
    /// Signs a body of our own.
    #[must_use]
    pub fn seal(body: T, key: &SecretKey) -> Self {
        let payload = cbor::encode(&body).expect("members of wire types are declared in deterministic order");
        Self { raw: sign(T::PURPOSE, &payload, key), body }
    }

    /// Verifies with the key that the signer must have used, then decodes.
    ///
    /// # Errors
    /// The [`Code`] to answer with.
    pub fn open(bytes: &[u8], key: &PublicKey) -> Result<Self, Code> {
        Self::open_with(bytes, |_| Ok(*key))
    }

    /// Decodes first where the body itself says which key to look for, then verifies with that key.
    ///
    /// # Errors
    /// The [`Code`] to answer with, or what `key_for` returns.
    pub fn open_with(
        bytes: &[u8],
        key_for: impl FnOnce(&T) -> Result<PublicKey, Code>,
    ) -> Result<Self, Code> {
        if bytes.len() > DOCUMENT_BYTES {
            return Err(Code::TooLarge);
        }
        let parsed = Sign1::parse(bytes)?;
        let body: T =
            cbor::decode(parsed.unverified_payload(), Bounds::LARGE).map_err(|error| code_of(&error))?;
        let key = key_for(&body)?;
        parsed.verify(T::PURPOSE, &key)?;
        Ok(Self { raw: bytes.to_vec(), body })
    }

    /// The bytes as signed: what is stored, relayed and hashed.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// SHA-256 of the signed bytes.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of(&self.raw)
    }

    /// What is said.
    #[must_use]
    pub const fn body(&self) -> &T {
        &self.body
    }

    /// The bytes and the body.
    #[must_use]
    pub fn into_parts(self) -> (Vec<u8>, T) {
        (self.raw, self.body)
    }
}

/// How a decoding failure is told to the peer.
pub fn code_of(error: &cbor::CborError) -> Code {
    match error {
        cbor::CborError::Strict(_) => Code::NotDeterministic,
        cbor::CborError::Shape(words) if words.contains(VERSION_WORDS) => Code::UnsupportedVersion,
        cbor::CborError::Shape(_) | cbor::CborError::Own(_) => Code::Malformed,
    }
}

const VERSION_WORDS: &str = "protocol version";

/// The member `v`: 1 and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct V1;

impl Serialize for V1 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(1)
    }
}

impl<'de> Deserialize<'de> for V1 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            1 => Ok(Self),
            other => Err(de::Error::custom(format_args!("{VERSION_WORDS} {other}"))),
        }
    }
}
