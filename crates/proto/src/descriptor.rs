//! The descriptor: what a desk says of itself, signed. proto-spec, section 2.4.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::code::Code;
use crate::cose::{Purpose, Sign1};
use crate::document::{Document, Signed, V1};
use crate::endpoint::Endpoint;
use crate::id::{DeskId, Spki};
use crate::key::{self, SecretKey};
use crate::keylog::KeyLog;
use crate::limits::{BATCH_BYTES, MESSAGE_BYTES};
use crate::text::{Code as Word, Label, Url};
use crate::time::Timestamp;

/// The signed content of a descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescriptorBody {
    /// Version of the protocol.
    pub v: V1,
    /// TLS keys in use, and next.
    pub tls: Vec<Spki>,
    /// The desk.
    pub desk: DeskId,
    /// Its key log.
    pub keys: Vec<ByteBuf>,
    /// Its name for people.
    pub name: Label,
    /// What it takes at most.
    pub limits: Limits,
    /// UTC milliseconds, never lower than the highest seen plus one.
    pub version: Timestamp,
    /// Features beyond the base of the protocol.
    pub features: Vec<Word>,
    /// Where it can be reached; none for a desk that can only pull.
    pub endpoints: Vec<Url>,
    /// Versions of the protocol that it speaks.
    pub protocols: Vec<u64>,
}

impl Document for DescriptorBody {
    const PURPOSE: Purpose = Purpose::Descriptor;
}

impl DescriptorBody {
    /// What the shape alone does not say: counts, order, endpoints that can be dialled.
    fn holds(&self) -> bool {
        (1..=2).contains(&self.tls.len())
            && self.features.len() <= 32
            && self.features.is_sorted_by(|one, other| one < other)
            && self.endpoints.len() <= 4
            && self.endpoints.iter().all(|url| Endpoint::try_from(url).is_ok())
            && (1..=8).contains(&self.protocols.len())
            && self.protocols.is_sorted_by(|one, other| one < other)
            && self.limits.batch >= BATCH_BYTES as u64
            && self.limits.message >= MESSAGE_BYTES as u64
    }
}

/// What a desk takes at most, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Largest file.
    pub file: u64,
    /// Largest batch.
    pub batch: u64,
    /// Largest message.
    pub message: u64,
}

impl Limits {
    /// The limits of the protocol with this largest file.
    #[must_use]
    pub const fn with_file(file: u64) -> Self {
        Self { file, batch: BATCH_BYTES as u64, message: MESSAGE_BYTES as u64 }
    }
}

/// A descriptor whose key log holds and whose signature is that log's newest key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    signed: Signed<DescriptorBody>,
    keys: KeyLog,
}

impl Descriptor {
    /// Signs a descriptor of our own.
    ///
    /// # Errors
    /// What is wrong with the key log in `body`, or that `key` is not its newest.
    pub fn seal(body: DescriptorBody, key: &SecretKey) -> Result<Self, Code> {
        let signed = Signed::seal(body, key);
        Self::open(signed.raw())
    }

    /// Verifies a descriptor by itself: whose it is, must be asked of [`Descriptor::desk`].
    ///
    /// # Errors
    /// The [`Code`] to answer with.
    pub fn open(bytes: &[u8]) -> Result<Self, Code> {
        let signer = Sign1::parse(bytes)?.key_id();
        let mut found = None;
        let signed = Signed::open_with(bytes, |body: &DescriptorBody| {
            let keys = KeyLog::verify(&body.keys)?;
            if keys.desk() != body.desk || !body.holds() {
                return Err(Code::Malformed);
            }
            if !body.protocols.contains(&1) {
                return Err(Code::UnsupportedVersion);
            }
            let key = *key::signer(keys.keys(), signer)?;
            found = Some(keys);
            Ok(key)
        })?;
        Ok(Self { signed, keys: found.ok_or(Code::BadKeyLog)? })
    }

    /// The desk that it describes.
    #[must_use]
    pub const fn desk(&self) -> DeskId {
        self.keys.desk()
    }

    /// Its verified key log.
    #[must_use]
    pub const fn keys(&self) -> &KeyLog {
        &self.keys
    }

    /// What it says.
    #[must_use]
    pub const fn body(&self) -> &DescriptorBody {
        self.signed.body()
    }

    /// The bytes as signed.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        self.signed.raw()
    }
}
