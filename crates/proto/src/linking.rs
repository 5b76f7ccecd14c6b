//! The linking exchange: request, answer, reveal, state. proto-spec, section 3.4.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::code::Code;
use crate::cose::{Purpose, Sign1};
use crate::descriptor::Descriptor;
use crate::document::{Document, Signed, V1};
use crate::id::{DeskId, Hash, LinkId, Nonce};
use crate::invitation::Secret;
use crate::key;
use crate::terms::Terms;
use crate::time::Timestamp;

/// The accepter asks to be linked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRequest {
    /// Version of the protocol.
    pub v: V1,
    /// The inviter.
    pub to: DeskId,
    /// The accepter.
    pub from: DeskId,
    /// The accepter's time.
    pub time: Timestamp,
    /// The terms of the invitation.
    pub terms: Terms,
    /// [`commitment`] to nonce A.
    pub commit: Hash,
    /// That of the invitation; absent when linked by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// The accepter's signed descriptor.
    pub descriptor: ByteBuf,
}

impl Document for LinkRequest {
    const PURPOSE: Purpose = Purpose::LinkRequest;
}

impl LinkRequest {
    /// Verifies a request with the newest key of the descriptor that it carries, which must be its sender's.
    ///
    /// # Errors
    /// The [`Code`] to answer with.
    pub fn open(bytes: &[u8]) -> Result<(Signed<Self>, Descriptor), Code> {
        open(bytes, |body: &Self| (&body.descriptor, body.from))
    }
}

/// The inviter answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkAnswer {
    /// Version of the protocol.
    pub v: V1,
    /// The accepter.
    pub to: DeskId,
    /// The inviter.
    pub from: DeskId,
    /// The inviter's time.
    pub time: Timestamp,
    /// Nonce B.
    pub nonce: Nonce,
    /// The same terms.
    pub terms: Terms,
    /// SHA-256 of the signed request.
    pub request: Hash,
    /// The inviter's signed descriptor.
    pub descriptor: ByteBuf,
}

impl Document for LinkAnswer {
    const PURPOSE: Purpose = Purpose::LinkAnswer;
}

impl LinkAnswer {
    /// Verifies an answer with the newest key of the descriptor that it carries, which must be its sender's.
    ///
    /// # Errors
    /// The [`Code`] of what is wrong with it.
    pub fn open(bytes: &[u8]) -> Result<(Signed<Self>, Descriptor), Code> {
        open(bytes, |body: &Self| (&body.descriptor, body.from))
    }
}

fn open<T: Document>(
    bytes: &[u8],
    carried: impl Fn(&T) -> (&ByteBuf, DeskId),
) -> Result<(Signed<T>, Descriptor), Code> {
    let signer = Sign1::parse(bytes)?.key_id();
    let mut found = None;
    let signed = Signed::open_with(bytes, |body: &T| {
        let (descriptor, from) = carried(body);
        let descriptor = Descriptor::open(descriptor)?;
        if descriptor.desk() != from {
            return Err(Code::WrongDesk);
        }
        let key = *key::signer(descriptor.keys().keys(), signer)?;
        found = Some(descriptor);
        Ok(key)
    })?;
    Ok((signed, found.ok_or(Code::Malformed)?))
}

/// The accepter shows nonce A.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkReveal {
    /// Version of the protocol.
    pub v: V1,
    /// The inviter.
    pub to: DeskId,
    /// The accepter.
    pub from: DeskId,
    /// Nonce A.
    pub nonce: Nonce,
    /// SHA-256 of the signed answer.
    pub answer: Hash,
}

impl LinkReveal {
    /// Checks that this is the nonce committed to, and belongs to this answer.
    ///
    /// # Errors
    /// [`Code::BadReveal`].
    pub fn check(&self, commit: &Hash, answer: &Hash) -> Result<(), Code> {
        let fits = commitment(&self.nonce) == *commit && self.answer == *answer;
        if fits { Ok(()) } else { Err(Code::BadReveal) }
    }
}

impl Document for LinkReveal {
    const PURPOSE: Purpose = Purpose::LinkReveal;
}

/// The inviter says where the link stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkState {
    /// Version of the protocol.
    pub v: V1,
    /// The accepter.
    pub to: DeskId,
    /// The inviter.
    pub from: DeskId,
    /// The link that the exchange made.
    pub link: LinkId,
    /// Whether it may be used.
    pub state: Approval,
}

impl Document for LinkState {
    const PURPOSE: Purpose = Purpose::LinkState;
}

/// Whether the inviter has approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approval {
    /// A person has to approve yet.
    Waiting,
    /// The link may be used.
    Active,
}

/// What the request says of nonce A before it is shown.
#[must_use]
pub fn commitment(nonce: &Nonce) -> Hash {
    Hash::of(nonce.as_bytes())
}

/// The id of the link that an exchange makes: the signed request, the signed answer, nonce A.
#[must_use]
pub fn link_id(request: &[u8], answer: &[u8], nonce_a: &Nonce) -> LinkId {
    let (request, answer) = (Hash::of(request), Hash::of(answer));
    let parts: [&[u8]; 4] = [b"deskwire link", request.as_bytes(), answer.as_bytes(), nonce_a.as_bytes()];
    LinkId::from(Hash::of_parts(&parts))
}
