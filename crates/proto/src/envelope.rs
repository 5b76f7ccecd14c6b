//! The message: composed, numbered and sealed by its author; accepted by its reader through one door. proto-spec, chapter 4.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::cbor::{self, Bounds, CborError};
use crate::code::{Code, OutcomeCode};
use crate::cose::{Purpose, Sign1, sign};
use crate::delivery::Delivery;
use crate::document::{V1, code_of};
use crate::id::{DelegationId, DeskId, Hash, ItemId, LinkId};
use crate::key::{PublicKey, SecretKey};
use crate::limits::{MESSAGE_BYTES, SEQ_MAX};
use crate::message::{Body, Kind};
use crate::text::{Code as Word, KindName};
use crate::time::Timestamp;

/// Length of the random bytes at the start of a text part.
pub const SALT_BYTES: usize = 16;

/// The signed head of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Version of the protocol.
    pub v: V1,
    /// The reader.
    pub to: DeskId,
    /// Number in the stream, from 1.
    pub seq: u64,
    /// The author.
    pub from: DeskId,
    /// The item that this message is.
    pub item: ItemId,
    /// What is said; a name that this version may not know.
    pub kind: KindName,
    /// The link.
    pub link: LinkId,
    /// Keys of the facts that have to be understood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub must: Option<Vec<Word>>,
    /// Hash of the message before; the link id for number 1.
    pub prev: Hash,
    /// Length of the reader's stream that the author had applied when numbering this.
    pub seen: u64,
    /// Hash of the text part, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Hash>,
    /// The author's claimed time.
    pub time: Timestamp,
    /// Deterministic CBOR of the kind's facts.
    pub facts: ByteBuf,
    /// The delegation concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegation: Option<DelegationId>,
}

/// The content of an item, fixed when it is accepted and not yet numbered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Composed {
    /// What is said.
    pub kind: KindName,
    /// Deterministic CBOR of the facts.
    pub facts: ByteBuf,
    /// Salt and text body, as they will travel.
    pub text: Option<ByteBuf>,
    /// The delegation concerned.
    pub delegation: Option<DelegationId>,
}

/// Why a body cannot become a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// It does not fit into one message: longer texts travel as files.
    #[error("the message would have {size} bytes; {MESSAGE_BYTES} is the most: send long text as a file")]
    TooLong {
        /// Size of the composed message in bytes.
        size: usize,
    },
    /// The reader would refuse it: a reason of white space, a number that no message can carry.
    #[error("the partner would refuse this message: {0}")]
    Refused(OutcomeCode),
}

/// Room for the head and the signature around facts and text.
const HEAD_ROOM: usize = 640;

/// Fixes the content of an item. `salt` are fresh random bytes, so that nobody can guess an erased text by its hash.
///
/// # Errors
/// [`ComposeError`]: what the reader's own check would refuse is refused here.
pub fn compose(
    body: &Body,
    delegation: Option<DelegationId>,
    salt: [u8; SALT_BYTES],
) -> Result<Composed, ComposeError> {
    let (facts, text_body) = body.encode();
    Body::decode(body.kind(), &facts, text_body.as_deref()).map_err(ComposeError::Refused)?;
    let text = text_body.map(|body| text_part(&salt, &body));
    let size = facts.len() + text.as_ref().map_or(0, Vec::len) + HEAD_ROOM;
    if size > MESSAGE_BYTES {
        return Err(ComposeError::TooLong { size });
    }
    let kind = KindName::new(body.kind().name()).expect("names of kinds are kind names");
    Ok(Composed { kind, facts: ByteBuf::from(facts), text: text.map(ByteBuf::from), delegation })
}

/// `[salt, body]` in deterministic CBOR.
fn text_part(salt: &[u8; SALT_BYTES], body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len() + SALT_BYTES + 2);
    bytes.extend_from_slice(&[0x82, 0x40 | SALT_BYTES as u8]);
    bytes.extend_from_slice(salt);
    bytes.extend_from_slice(body);
    bytes
}

/// The body behind the salt of a text part.
#[must_use]
pub fn text_body(part: &[u8]) -> Option<&[u8]> {
    part.strip_prefix(&[0x82, 0x40 | SALT_BYTES as u8])?.get(SALT_BYTES..)
}

/// One direction of a link: whose messages to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// The link.
    pub link: LinkId,
    /// The author.
    pub from: DeskId,
    /// The reader.
    pub to: DeskId,
}

/// Where in its stream a message is put when it is numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its number.
    pub seq: u64,
    /// Hash of the message before.
    pub prev: Hash,
    /// Length of the peer's stream applied so far.
    pub seen: u64,
    /// The author's time.
    pub time: Timestamp,
}

/// Numbers and signs an item, and passes the bytes through the reader's own check.
///
/// # Errors
/// [`Code`] if the reader's envelope check would refuse these bytes: then nothing is sent.
pub fn seal(
    stream: &Stream,
    place: Place,
    item: ItemId,
    content: &Composed,
    key: &SecretKey,
) -> Result<Delivery, Code> {
    let head = Head {
        v: V1,
        to: stream.to,
        seq: place.seq,
        from: stream.from,
        item,
        kind: content.kind.clone(),
        link: stream.link,
        must: None,
        prev: place.prev,
        seen: place.seen,
        text: content.text.as_ref().map(|text| Hash::of(text)),
        time: place.time,
        facts: content.facts.clone(),
        delegation: content.delegation,
    };
    // The reader's own check comes next, and is the strict one.
    let payload = cbor::encode_plain(&head).map_err(|_| Code::NotDeterministic)?;
    envelope(&payload, stream)?;
    let signed = sign(Purpose::Message, &payload, key);
    let delivery = Delivery::new(signed, content.text.as_ref().map(|text| text.to_vec()));
    if delivery.size() > MESSAGE_BYTES { Err(Code::TooLarge) } else { Ok(delivery) }
}

/// A message whose envelope holds: signed by the author of the stream, for this reader, on this link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The bytes as received, which are stored and relayed as they are.
    pub delivery: Delivery,
    /// SHA-256 of the signed bytes.
    pub hash: Hash,
    /// The signed head.
    pub head: Head,
    /// What is said; or why it is consumed without effect.
    pub body: Result<Body, OutcomeCode>,
    /// Place of the key that signed among the author's keys, oldest first. It never falls along a stream.
    pub key: usize,
}

/// The keys of a stream's author, and how far the older ones stand. proto-spec, section 5.8.
#[derive(Debug, Clone, Copy)]
pub struct Signers<'a> {
    /// The keys, oldest first; the last is in use.
    pub keys: &'a [PublicKey],
    /// Up to this number the older keys stand.
    pub older: u64,
}

/// Turns bytes into an accepted message: the only function that does, whatever way the bytes came. The key that the
/// message names is looked up among those of its author; a retired one is good for its places alone.
///
/// # Errors
/// The [`Code`] of an envelope that no desk produces; the stream stops there.
pub fn accept_by(delivery: Delivery, stream: &Stream, signers: Signers<'_>) -> Result<Verified, Code> {
    let id = Sign1::parse(delivery.signed())?.key_id();
    let place = signers.keys.iter().rposition(|key| key.id() == id).ok_or(Code::KeyUnknown)?;
    let newest = place + 1 == signers.keys.len();
    if !newest && signers.older == 0 {
        return Err(Code::BadSignature);
    }
    let verified = accept(delivery, stream, &signers.keys[place]);
    match verified {
        Ok(verified) if newest || verified.head.seq <= signers.older => {
            Ok(Verified { key: place, ..verified })
        }
        Err(code) if newest => Err(code),
        Ok(_) | Err(_) => Err(Code::BadSignature),
    }
}

/// As [`accept_by`], with the one key that it has to be.
///
/// # Errors
/// As [`accept_by`].
pub fn accept(delivery: Delivery, stream: &Stream, key: &PublicKey) -> Result<Verified, Code> {
    if delivery.size() > MESSAGE_BYTES {
        return Err(Code::TooLarge);
    }
    let payload = Sign1::parse(delivery.signed())?.verify(Purpose::Message, key)?;
    let head = envelope(payload, stream)?;
    let body = body(&head, delivery.text());
    Ok(Verified { hash: delivery.hash(), delivery, head, body, key: 0 })
}

/// Reads the head of a stored message of our own or a partner's, whose signature was checked when it was taken.
///
/// # Errors
/// The [`Code`] of what is wrong with the bytes.
pub fn read_head(signed: &[u8]) -> Result<Head, Code> {
    let payload = Sign1::parse(signed)?.unverified_payload();
    cbor::decode(payload, Bounds::MESSAGE).map_err(|error| code_of(&error))
}

/// The first strict check: what must hold for every message of a stream.
fn envelope(payload: &[u8], stream: &Stream) -> Result<Head, Code> {
    let head: Head = cbor::decode(payload, Bounds::MESSAGE).map_err(|error| code_of(&error))?;
    if head.link != stream.link {
        return Err(Code::WrongLink);
    }
    if head.to != stream.to || head.from != stream.from {
        return Err(Code::WrongDesk);
    }
    let numbers = (1..=SEQ_MAX).contains(&head.seq) && head.seen <= SEQ_MAX;
    let keys = head.must.as_ref().is_none_or(|must| (1..=16).contains(&must.len()));
    if numbers && keys { Ok(head) } else { Err(Code::Malformed) }
}

/// The second strict check: behind a good envelope, a failure here harms this message alone.
fn body(head: &Head, text: Option<&[u8]>) -> Result<Body, OutcomeCode> {
    let kind = Kind::from_name(head.kind.as_str()).ok_or(OutcomeCode::UnsupportedKind)?;
    let known = kind.fact_keys();
    if head.must.iter().flatten().any(|key| !known.contains(&key.as_str())) {
        return Err(OutcomeCode::UnsupportedKey);
    }
    let part = match (head.text, text) {
        (None, None) => None,
        (Some(_), None) => return Err(OutcomeCode::TextMissing),
        (Some(hash), Some(part)) if Hash::of(part) == hash => Some(part),
        (Some(_) | None, Some(_)) => return Err(OutcomeCode::TextMismatch),
    };
    if let Some(part) = part {
        cbor::check(part, Bounds::MESSAGE).map_err(|_: cbor::Violation| OutcomeCode::MalformedText)?;
    }
    let text = part.map(|part| text_body(part).ok_or(OutcomeCode::MalformedText)).transpose()?;
    if kind.needs_delegation() != head.delegation.is_some() {
        return Err(OutcomeCode::MalformedFacts);
    }
    Body::decode(kind, &head.facts, text)
}

impl Verified {
    /// The facts as JSON for people, even of a kind that is not known.
    ///
    /// # Errors
    /// [`CborError`] if they are not CBOR.
    pub fn facts_json(&self) -> Result<String, CborError> {
        cbor::to_json_text(&self.head.facts)
    }
}

#[cfg(test)]
mod tests {
    //! What leaves this desk is what the reader takes; what it would refuse never leaves.
    use super::*;
    use crate::list::List;
    use crate::message::common::{NoText, ReasonText};
    use crate::message::{link_suspend, terms_propose};
    use crate::terms::{CustomField, FieldType, Terms};
    use crate::text::{Label, Prose};

    fn suspend(reason: &str, until: u64) -> Body {
        let text = ReasonText { by: None, reason: Prose::new(reason).unwrap() };
        Body::LinkSuspend { facts: link_suspend::Facts { until: Some(Timestamp(until)) }, text }
    }

    fn stream() -> Stream {
        let (from, to) = (DeskId::new([1; 32]), DeskId::new([2; 32]));
        Stream { link: LinkId::new([3; 32]), from, to }
    }

    fn sealed(body: &Body) -> (Delivery, SecretKey) {
        let key = SecretKey::from_seed(&[4; 32]);
        let content = compose(body, None, [5; SALT_BYTES]).unwrap();
        let place = Place { seq: 1, prev: Hash::from(stream().link), seen: 0, time: Timestamp(7) };
        (seal(&stream(), place, ItemId::new([6; 16]), &content, &key).unwrap(), key)
    }

    #[test]
    fn the_reader_takes_what_the_author_sealed() {
        let body = suspend("Server moves.", 9);
        let (delivery, key) = sealed(&body);
        let verified = accept(delivery.clone(), &stream(), &key.public()).unwrap();
        assert_eq!(verified.body, Ok(body));
        assert_eq!(verified.hash, delivery.hash());
        assert_eq!(read_head(delivery.signed()).unwrap(), verified.head);
    }

    #[test]
    fn erasing_the_text_leaves_the_signed_bytes_verifiable() {
        let (delivery, key) = sealed(&suspend("Server moves.", 9));
        let erased = Delivery::new(delivery.signed().to_vec(), None);
        let verified = accept(erased, &stream(), &key.public()).unwrap();
        assert_eq!(verified.hash, delivery.hash());
        assert_eq!(verified.body, Err(OutcomeCode::TextMissing));
        assert!(crate::message::Facts::decode(Kind::LinkSuspend, &verified.head.facts).is_ok());
    }

    #[test]
    fn what_the_reader_would_refuse_is_not_composed() {
        let refused = |body: &Body| compose(body, None, [5; SALT_BYTES]);
        let blank = refused(&suspend(" \n", 9));
        assert_eq!(blank, Err(ComposeError::Refused(OutcomeCode::ReasonMissing)));
        let wide = refused(&suspend("x", 1 << 53));
        assert_eq!(wide, Err(ComposeError::Refused(OutcomeCode::MalformedFacts)));
        let choices = (0..64).map(|n| Label::new(format!("{n:02} {}", "x".repeat(110))).unwrap()).collect();
        let field = |n: usize| CustomField {
            key: Word::new(format!("k{n}")).unwrap(),
            name: Label::new("Choice").unwrap(),
            r#type: FieldType::Choice,
            choices: Some(List::new(choices).unwrap()),
        };
        let custom = std::iter::repeat_n(field(0), 16)
            .enumerate()
            .map(|(n, field)| CustomField { key: Word::new(format!("k{n}")).unwrap(), ..field });
        let terms = Terms { custom: Some(List::new(custom.collect()).unwrap()), ..Terms::default() };
        let long = Body::TermsPropose { facts: terms_propose::Facts { terms }, text: NoText };
        assert!(matches!(refused(&long), Err(ComposeError::TooLong { size }) if size > MESSAGE_BYTES));
    }
}
