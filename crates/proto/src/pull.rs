//! Pull: a desk without an endpoint asks for the other's stream. proto-spec, section 5.6.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::batch::Batch;
use crate::cbor::{self, Bounds};
use crate::code::Code;
use crate::cose::Purpose;
use crate::document::{Document, V1, code_of};
use crate::id::{DeskId, LinkId, Nonce};
use crate::limits::BATCH_BYTES;
use crate::time::Timestamp;

/// The reader of a stream asks its author for more of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    /// Version of the protocol.
    pub v: V1,
    /// The author of the stream.
    pub to: DeskId,
    /// The reader of the stream.
    pub from: DeskId,
    /// The link.
    pub link: LinkId,
    /// Answers a [`PullAnswer::Recover`]: the sequence of a recovery page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<ByteBuf>,
    /// The reader's time, not below the highest it has used on this link.
    pub time: Timestamp,
    /// Messages held.
    pub upto: u64,
    /// How long the author may hold the request while there is nothing, ms.
    pub wait: u64,
    /// 32 fresh random bytes.
    pub nonce: Nonce,
    /// The reader's newest signed receipt, if anything was consumed since the last request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ByteBuf>,
    /// Answers a [`PullAnswer::Hello`]: the signed welcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub welcome: Option<ByteBuf>,
}

impl Document for PullRequest {
    const PURPOSE: Purpose = Purpose::Pull;
}

/// What the author answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullAnswer {
    /// Nothing to say.
    Nothing(PullNothing),
    /// There is no session: here is a hello.
    Hello(PullHello),
    /// The author has lost something, and asks for it.
    Recover(PullRecover),
    /// Messages.
    Batch(Batch),
}

/// Nothing to say within the time asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullNothing {
    /// Version of the protocol.
    pub v: V1,
    /// The link.
    pub link: LinkId,
    /// How long to wait before asking again, ms.
    pub wait: u64,
}

/// A hello that travels as an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullHello {
    /// Version of the protocol.
    pub v: V1,
    /// The link.
    pub link: LinkId,
    /// The signed hello.
    pub hello: ByteBuf,
}

/// A request for recovery that travels as an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRecover {
    /// Version of the protocol.
    pub v: V1,
    /// The link.
    pub link: LinkId,
    /// The signed request.
    pub recover: ByteBuf,
}

/// The member that tells the four answers apart.
#[derive(Deserialize)]
struct Probe {
    #[serde(default)]
    session: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    hello: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    recover: Option<serde::de::IgnoredAny>,
}

impl PullAnswer {
    /// The body of the answer.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let encoded = match self {
            Self::Batch(batch) => return batch.encode(),
            Self::Nothing(nothing) => cbor::encode_plain(nothing),
            Self::Hello(hello) => cbor::encode_plain(hello),
            Self::Recover(recover) => cbor::encode_plain(recover),
        };
        encoded.expect("numbers, bytes and maps have a CBOR form")
    }

    /// Takes the body of an answer.
    ///
    /// # Errors
    /// The [`Code`] of what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, Code> {
        if bytes.len() > BATCH_BYTES {
            return Err(Code::TooLarge);
        }
        let (first, rest) = cbor::split(bytes, Bounds::LARGE).map_err(|_| Code::NotDeterministic)?;
        let probe: Probe = item(first)?;
        if probe.session.is_some() {
            return Batch::decode(bytes).map(Self::Batch);
        }
        if !rest.is_empty() {
            return Err(Code::Malformed);
        }
        match (probe.hello, probe.recover) {
            (Some(_), _) => item(first).map(Self::Hello),
            (None, Some(_)) => item(first).map(Self::Recover),
            (None, None) => item(first).map(Self::Nothing),
        }
    }
}

fn item<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Code> {
    cbor::decode(bytes, Bounds::LARGE).map_err(|error| code_of(&error))
}
