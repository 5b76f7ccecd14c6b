//! The key log: who a desk is, through every change of its key. proto-spec, section 2.3.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::cbor::{self, Bounds};
use crate::code::Code;
use crate::cose::{Purpose, Sign1, sign};
use crate::document::V1;
use crate::id::{DeskId, Hash, KeyId};
use crate::key::{PublicKey, SecretKey, WeakKey};
use crate::limits::KEY_EVENTS;

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(rename_all = "kebab-case")]
enum EventType {
    Inception,
    Rotation,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inception {
    v: V1,
    key: PublicKey,
    next: Hash,
    r#type: EventType,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    v: V1,
    key: PublicKey,
    seq: u64,
    next: Hash,
    prev: Hash,
    r#type: EventType,
}

/// A verified key log: every event follows from the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLog {
    events: Vec<ByteBuf>,
    desk: DeskId,
    keys: Vec<PublicKey>,
    next: Hash,
    head: Hash,
}

impl KeyLog {
    /// Begins a desk: the first key, and the commitment to the key that will follow it.
    #[must_use]
    pub fn incept(key: &SecretKey, next: &PublicKey) -> Self {
        let next = next.commitment();
        let event = Inception { v: V1, key: key.public(), next, r#type: EventType::Inception };
        let payload = cbor::encode(&event).expect("members are declared in deterministic order");
        let raw = sign(Purpose::KeyEvent, &payload, key);
        Self {
            desk: DeskId::from(Hash::of(&payload)),
            head: Hash::of(&raw),
            events: vec![ByteBuf::from(raw)],
            keys: vec![key.public()],
            next,
        }
    }

    /// Takes the pre-committed key into use and commits to the one after it.
    ///
    /// # Errors
    /// [`Code::BadKeyLog`] if `revealed` is not the key that was committed to, or the log is full.
    pub fn rotate(&self, revealed: &SecretKey, next: &PublicKey) -> Result<Self, Code> {
        let event = Rotation {
            v: V1,
            key: revealed.public(),
            seq: self.events.len() as u64,
            next: next.commitment(),
            prev: self.head,
            r#type: EventType::Rotation,
        };
        let payload = cbor::encode(&event).expect("members are declared in deterministic order");
        let mut log = self.clone();
        log.append(&sign(Purpose::KeyEvent, &payload, revealed))?;
        Ok(log)
    }

    /// Verifies a whole log.
    ///
    /// # Errors
    /// [`Code::BadKeyLog`], or what is wrong with the bytes of an event.
    pub fn verify(events: &[ByteBuf]) -> Result<Self, Code> {
        let told = [Code::NotDeterministic, Code::BadSignature, Code::WeakKey];
        Self::follow(events).map_err(|code| if told.contains(&code) { code } else { Code::BadKeyLog })
    }

    fn follow(events: &[ByteBuf]) -> Result<Self, Code> {
        let (first, later) = events.split_first().ok_or(Code::BadKeyLog)?;
        let parsed = Sign1::parse(first)?;
        let inception: Inception = event(parsed.unverified_payload())?;
        if inception.r#type != EventType::Inception {
            return Err(Code::BadKeyLog);
        }
        let payload = parsed.verify(Purpose::KeyEvent, &inception.key)?;
        let mut log = Self {
            desk: DeskId::from(Hash::of(payload)),
            head: Hash::of(first),
            events: vec![first.clone()],
            keys: vec![inception.key],
            next: inception.next,
        };
        later.iter().try_for_each(|raw| log.append(raw))?;
        Ok(log)
    }

    fn append(&mut self, raw: &[u8]) -> Result<(), Code> {
        let parsed = Sign1::parse(raw)?;
        let rotation: Rotation = event(parsed.unverified_payload())?;
        parsed.verify(Purpose::KeyEvent, &rotation.key)?;
        let follows = rotation.r#type == EventType::Rotation
            && rotation.seq == self.events.len() as u64
            && rotation.prev == self.head
            && rotation.key.commitment() == self.next
            && self.events.len() < KEY_EVENTS;
        if !follows {
            return Err(Code::BadKeyLog);
        }
        self.events.push(ByteBuf::from(raw));
        self.keys.push(rotation.key);
        self.next = rotation.next;
        self.head = Hash::of(raw);
        Ok(())
    }

    /// Whose log it is.
    #[must_use]
    pub const fn desk(&self) -> DeskId {
        self.desk
    }

    /// SHA-256 of the newest signed event.
    #[must_use]
    pub const fn head(&self) -> Hash {
        self.head
    }

    /// The key in use.
    #[must_use]
    pub fn current(&self) -> &PublicKey {
        self.keys.last().expect("a log has an inception")
    }

    /// What the next key must hash to.
    #[must_use]
    pub const fn next(&self) -> Hash {
        self.next
    }

    /// A key of this desk, old ones included.
    #[must_use]
    pub fn key(&self, id: KeyId) -> Option<&PublicKey> {
        self.keys.iter().rev().find(|key| key.id() == id)
    }

    /// The keys, oldest first; the last is in use.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// Reads a whole log from its deterministic CBOR, an array of signed events, and verifies it.
    ///
    /// # Errors
    /// As [`KeyLog::verify`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Code> {
        let events: Vec<ByteBuf> = event(bytes)?;
        Self::verify(&events)
    }

    /// Deterministic CBOR: an array of the signed events.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode_plain(&self.events).expect("byte strings and lists have a CBOR form")
    }

    /// The signed events as they travel.
    #[must_use]
    pub fn events(&self) -> &[ByteBuf] {
        &self.events
    }

    /// Whether this log continues (or equals) another: no event of it is changed or missing.
    #[must_use]
    pub fn continues(&self, earlier: &Self) -> bool {
        self.events.starts_with(&earlier.events)
    }
}

/// How a key log begins where it is carried as text.
const TEXT: &str = "deskwire-keylog:";

impl fmt::Display for KeyLog {
    /// As text: its deterministic CBOR in base64url without padding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{TEXT}{}", BASE64URL_NOPAD.encode(&self.encode()))
    }
}

impl FromStr for KeyLog {
    type Err = Code;

    /// Forgives white space around and inside.
    fn from_str(text: &str) -> Result<Self, Code> {
        let text: String = text.split_whitespace().collect();
        let data = text.strip_prefix(TEXT).ok_or(Code::BadKeyLog)?;
        Self::decode(&BASE64URL_NOPAD.decode(data.as_bytes()).map_err(|_| Code::BadKeyLog)?)
    }
}

fn event<T: serde::de::DeserializeOwned>(payload: &[u8]) -> Result<T, Code> {
    cbor::decode(payload, Bounds::MESSAGE).map_err(|error| match error {
        cbor::CborError::Strict(_) => Code::NotDeterministic,
        cbor::CborError::Shape(words) if words.contains(&WeakKey.to_string()) => Code::WeakKey,
        cbor::CborError::Shape(_) | cbor::CborError::Own(_) => Code::BadKeyLog,
    })
}

#[cfg(test)]
mod tests {
    //! Whoever steals the key in use must not become the desk.
    use super::*;

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&[seed; 32])
    }

    #[test]
    fn a_log_verifies_and_names_the_same_desk_through_rotations() {
        let log = KeyLog::incept(&key(1), &key(2).public());
        let rotated = log.rotate(&key(2), &key(3).public()).unwrap();
        let read = KeyLog::verify(rotated.events()).unwrap();
        assert_eq!(read, rotated);
        assert_eq!(read.desk(), log.desk());
        assert_eq!(read.current(), &key(2).public());
        assert!(read.continues(&log) && !log.continues(&read));
        let text = rotated.to_string();
        assert_eq!(format!(" {}\n{} ", &text[..40], &text[40..]).parse(), Ok(rotated));
        assert!(text[..60].parse::<KeyLog>().is_err() && "https://x".parse::<KeyLog>().is_err());
    }

    #[test]
    fn a_thief_of_the_key_in_use_cannot_rotate() {
        let log = KeyLog::incept(&key(1), &key(2).public());
        assert_eq!(log.rotate(&key(1), &key(9).public()), Err(Code::BadKeyLog));
        assert_eq!(log.rotate(&key(9), &key(9).public()), Err(Code::BadKeyLog));
    }

    #[test]
    fn events_skipped_swapped_or_repeated_are_refused() {
        let first = KeyLog::incept(&key(1), &key(2).public());
        let third =
            first.rotate(&key(2), &key(3).public()).unwrap().rotate(&key(3), &key(4).public()).unwrap();
        let events = third.events();
        let pick = |order: &[usize]| order.iter().map(|place| events[*place].clone()).collect::<Vec<_>>();
        for wrong in [&[0, 2][..], &[1], &[0, 2, 1], &[0, 1, 1], &[0, 0], &[]] {
            assert!(KeyLog::verify(&pick(wrong)).is_err(), "{wrong:?}");
        }
    }
}
