//! How facts and text bodies become bytes and come back, for every kind alike. proto-spec, section 6.1.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::common::{ByText, NoText, Person, ReasonText};
use super::{ask, comment_add, file_add, offer, rate, resolve, update, work_add};
use crate::cbor::{self, Bounds};
use crate::code::OutcomeCode;
use crate::text::Prose;

/// Encodes a typed part, whose members are declared in the deterministic order.
pub(super) fn encode<T: Serialize>(part: &T) -> Vec<u8> {
    cbor::encode_plain(part).expect("texts, numbers, lists and maps have a CBOR form")
}

/// Decodes facts.
pub(super) fn facts<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, OutcomeCode> {
    cbor::decode(bytes, Bounds::MESSAGE).map_err(|_| OutcomeCode::MalformedFacts)
}

fn text<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, OutcomeCode> {
    cbor::decode(bytes, Bounds::MESSAGE).map_err(|_| OutcomeCode::MalformedText)
}

/// The text of a kind: needed, possible or excluded.
pub(super) trait TextPart: Sized {
    /// Bytes of the text body; `None` where no text part travels.
    fn encode(&self) -> Option<Vec<u8>>;

    /// Takes the text body of a message, or its absence.
    fn decode(body: Option<&[u8]>) -> Result<Self, OutcomeCode>;
}

impl TextPart for NoText {
    fn encode(&self) -> Option<Vec<u8>> {
        None
    }

    fn decode(body: Option<&[u8]>) -> Result<Self, OutcomeCode> {
        if body.is_some() { Err(OutcomeCode::MalformedText) } else { Ok(Self) }
    }
}

impl TextPart for Option<ByText> {
    fn encode(&self) -> Option<Vec<u8>> {
        self.as_ref().map(encode)
    }

    fn decode(body: Option<&[u8]>) -> Result<Self, OutcomeCode> {
        body.map(text).transpose()
    }
}

impl TextPart for ReasonText {
    fn encode(&self) -> Option<Vec<u8>> {
        Some(encode(self))
    }

    fn decode(body: Option<&[u8]>) -> Result<Self, OutcomeCode> {
        #[derive(serde::Deserialize)]
        struct Read {
            #[serde(default)]
            by: Option<Person>,
            #[serde(default)]
            reason: Option<Prose>,
        }
        let read: Read = text(body.ok_or(OutcomeCode::ReasonMissing)?)?;
        let reason = read.reason.ok_or(OutcomeCode::ReasonMissing)?;
        if reason.as_str().trim().is_empty() {
            return Err(OutcomeCode::ReasonMissing);
        }
        Ok(Self { by: read.by, reason })
    }
}

macro_rules! needed {
    ($($text:ty)*) => {
        $(impl TextPart for $text {
            fn encode(&self) -> Option<Vec<u8>> {
                Some(encode(self))
            }

            fn decode(body: Option<&[u8]>) -> Result<Self, OutcomeCode> {
                text(body.ok_or(OutcomeCode::MalformedText)?)
            }
        })*
    };
}

needed! {
    offer::Text resolve::Text update::Text ask::Text comment_add::Text file_add::Text work_add::Text rate::Text
}
