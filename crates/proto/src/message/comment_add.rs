//! comment.add — proto-spec, section 6.25

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::common::{Audience, Person};
use crate::code::Code;
use crate::cose::{Purpose, Sign1};
use crate::document::{Document, Signed, V1};
use crate::id::{DeskId, Hash, ItemId};
use crate::key::SecretKey;
use crate::keylog::KeyLog;
use crate::limits::KEY_EVENTS;
use crate::list::List;
use crate::text::{Label, Prose};
use crate::time::Timestamp;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Who may see it.
    pub audience: Audience,
}

/// The text part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// The comment, CommonMark.
    pub body: Prose,
    /// The author's own signature, where a relay names the author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<AuthorProof>,
    /// Relayed: name of the desk that wrote it, where it may be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Label>,
    /// True: written by another desk of the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relayed: Option<bool>,
}

/// A signature of the author over the comment alone: the desk, its key log, and the signed [`ProofBody`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorProof(pub DeskId, pub List<ByteBuf, 1, KEY_EVENTS>, pub ByteBuf);

/// What the author of a relayed comment signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofBody {
    /// Version of the protocol.
    pub v: V1,
    /// SHA-256 of the comment's words.
    pub text: Hash,
    /// When it was written.
    pub time: Timestamp,
    /// The desk that wrote it.
    pub author: DeskId,
    /// Id of the comment at its author.
    pub comment: ItemId,
}

impl Document for ProofBody {
    const PURPOSE: Purpose = Purpose::AuthorProof;
}

impl AuthorProof {
    /// Signs a comment of our own, whose relays may name us.
    #[must_use]
    pub fn seal(body: &Prose, comment: ItemId, time: Timestamp, keys: &KeyLog, key: &SecretKey) -> Self {
        let proof = ProofBody { v: V1, text: hash_of(body), time, author: keys.desk(), comment };
        let events = List::new(keys.events().to_vec()).expect("a verified key log has 1 to 64 events");
        Self(keys.desk(), events, ByteBuf::from(Signed::seal(proof, key).into_parts().0))
    }

    /// Verifies the key log, that it is the author's, the signature, and that it is over this comment's words.
    ///
    /// # Errors
    /// The [`Code`] of what does not hold.
    pub fn verify(&self, body: &Prose) -> Result<ProofBody, Code> {
        let keys = KeyLog::verify(&self.1)?;
        let signer = Sign1::parse(&self.2)?.key_id();
        let key = keys.key(signer).ok_or(Code::KeyUnknown)?;
        let (_, proof) = Signed::<ProofBody>::open(&self.2, key)?.into_parts();
        if keys.desk() != self.0 || proof.author != self.0 || proof.text != hash_of(body) {
            return Err(Code::BadSignature);
        }
        Ok(proof)
    }
}

fn hash_of(body: &Prose) -> Hash {
    Hash::of(body.as_str().as_bytes())
}
