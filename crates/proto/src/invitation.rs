//! The invitation to link, as a map and as text for a mail or a QR code. proto-spec, section 3.3.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;

use crate::cbor::{self, Bounds};
use crate::document::V1;
use crate::endpoint::Endpoint;
use crate::id::{DeskId, Hash};
use crate::limits::INVITATION_BYTES;
use crate::terms::Terms;
use crate::text::Url;
use crate::time::Timestamp;

/// What the inviting desk hands to a person, who carries it to the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Version of the protocol.
    pub v: V1,
    /// The inviting desk.
    pub desk: DeskId,
    /// The terms offered.
    pub terms: Terms,
    /// Proves that this invitation was held; good once.
    pub secret: Secret,
    /// Good until then.
    pub expires: Timestamp,
    /// The inviter approves in advance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<bool>,
    /// Where the inviting desk is reached.
    pub endpoint: Url,
}

/// The 16 random bytes of an invitation; never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(ByteArray<16>);

impl Secret {
    /// Takes fresh random bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(ByteArray::new(bytes))
    }

    /// What the inviter stores in place of the secret, and looks it up by.
    #[must_use]
    pub fn stored_hash(&self) -> Hash {
        Hash::of_parts(&[b"deskwire invitation secret", self.0.as_slice()])
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Why a text was not taken as an invitation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// Something else altogether.
    #[error("this is no invitation: an invitation looks like https://HOST:PORT/deskwire/1/link#…")]
    NotAnInvitation,
    /// The end is missing.
    #[error("the invitation is cut off: ask for the whole text, up to its last letter")]
    Truncated,
    /// Something in it was changed on the way.
    #[error("the invitation was damaged on its way: copy it again, or scan the QR code")]
    WrongCheck,
    /// The address in front is not the one inside.
    #[error("the address in front of the invitation is not the one inside: copy it again")]
    EndpointDiffers,
    /// Made for another version of the protocol, or with terms that this version does not know.
    #[error("this version does not understand the invitation: {0}")]
    NotUnderstood(String),
}

const PATH: &str = "/deskwire/1/link#";
const CHECK_BYTES: usize = 4;

impl Invitation {
    /// Deterministic CBOR.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode_plain(self).expect("texts, numbers, lists and maps have a CBOR form")
    }

    /// Reads deterministic CBOR whose check bytes fitted.
    ///
    /// # Errors
    /// [`InvitationError::NotUnderstood`].
    pub fn decode(bytes: &[u8]) -> Result<Self, InvitationError> {
        if bytes.len() > INVITATION_BYTES {
            return Err(InvitationError::NotUnderstood("it is too long".to_owned()));
        }
        let invitation: Self = cbor::decode(bytes, Bounds::LARGE)
            .map_err(|error| InvitationError::NotUnderstood(error.to_string()))?;
        Endpoint::try_from(&invitation.endpoint)
            .map_err(|error| InvitationError::NotUnderstood(error.to_string()))?;
        Ok(invitation)
    }
}

impl fmt::Display for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.encode();
        let check = check(&bytes);
        bytes.extend_from_slice(&check);
        write!(f, "{}{PATH}{}", self.endpoint, BASE64URL_NOPAD.encode(&bytes))
    }
}

impl FromStr for Invitation {
    type Err = InvitationError;

    /// Forgives white space around and inside.
    fn from_str(text: &str) -> Result<Self, InvitationError> {
        let text: String = text.split_whitespace().collect();
        let (endpoint, data) = text.split_once(PATH).ok_or(InvitationError::NotAnInvitation)?;
        let bytes = match BASE64URL_NOPAD.decode(data.as_bytes()) {
            Ok(bytes) => bytes,
            // Cut behind the wrong letter, the last group has a length or filling bits that no whole text has.
            Err(_) if ends_early(&lenient(data)) => return Err(InvitationError::Truncated),
            Err(_) => return Err(InvitationError::WrongCheck),
        };
        let cut = bytes.len().saturating_sub(CHECK_BYTES);
        let (map, found) = bytes.split_at(cut);
        if found != check(map) {
            return Err(if ends_early(&bytes) {
                InvitationError::Truncated
            } else {
                InvitationError::WrongCheck
            });
        }
        let invitation = Self::decode(map)?;
        if invitation.endpoint.as_str() != endpoint {
            return Err(InvitationError::EndpointDiffers);
        }
        Ok(invitation)
    }
}

fn check(map: &[u8]) -> [u8; CHECK_BYTES] {
    let hash = Hash::of_parts(&[b"deskwire invitation", map]);
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&hash.as_bytes()[..CHECK_BYTES]);
    check
}

/// As many whole groups of four letters as there are.
fn lenient(data: &str) -> Vec<u8> {
    let whole = data.len() / 4 * 4;
    BASE64URL_NOPAD.decode(&data.as_bytes()[..whole]).unwrap_or_default()
}

/// Whether a map and its check bytes begin here and the end is missing.
fn ends_early(bytes: &[u8]) -> bool {
    match cbor::split(bytes, Bounds::LARGE) {
        Ok((_, rest)) => rest.len() < CHECK_BYTES,
        Err(violation) => violation.is_cut() || bytes.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    //! An invitation damaged in a mail must say so, and never link to something else.
    use super::*;

    fn invitation() -> Invitation {
        Invitation {
            v: V1,
            desk: DeskId::new([7; 32]),
            terms: Terms::default(),
            secret: Secret::new([9; 16]),
            expires: Timestamp(1_800_000_000_000),
            approved: None,
            endpoint: Url::new("https://a.example:8443").unwrap(),
        }
    }

    #[test]
    fn the_text_form_survives_mails_that_break_lines() {
        let text = invitation().to_string();
        assert_eq!(text.parse::<Invitation>().unwrap(), invitation());
        let broken = format!("  {}\r\n {}\n", &text[..60], &text[60..]);
        assert_eq!(broken.parse::<Invitation>().unwrap(), invitation());
    }

    #[test]
    fn each_cut_is_called_a_cut() {
        let text = invitation().to_string();
        let data = text.find('#').unwrap() + 1;
        for end in data..text.len() {
            assert_eq!(text[..end].parse::<Invitation>(), Err(InvitationError::Truncated), "cut at {end}");
        }
    }

    #[test]
    fn each_changed_letter_is_noticed() {
        let text = invitation().to_string();
        for place in text.find('#').unwrap() + 1..text.len() {
            let mut wrong = text.clone();
            let other = if &text[place..=place] == "A" { "B" } else { "A" };
            wrong.replace_range(place..=place, other);
            assert!(wrong.parse::<Invitation>().is_err(), "letter {place}");
        }
        let elsewhere = text.replace("a.example", "b.example");
        assert_eq!(elsewhere.parse::<Invitation>(), Err(InvitationError::EndpointDiffers));
        assert_eq!("hello".parse::<Invitation>(), Err(InvitationError::NotAnInvitation));
    }

    #[test]
    fn the_secret_is_not_shown_in_logs() {
        assert!(format!("{:?}", invitation()).contains("Secret(..)"));
    }
}
