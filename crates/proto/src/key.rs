//! Ed25519 keys (RFC 8032); the only door to ed25519-dalek. proto-spec, section 2.1.

use std::fmt;

use ed25519_dalek::Signer;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use crate::code::Code;
use crate::id::{Hash, KeyId};

/// Length of a signature in bytes.
pub const SIGNATURE_BYTES: usize = 64;

/// A public key that is a canonical point and not of small order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

/// Bytes that are not a usable public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a usable Ed25519 public key (no point, not canonical, or of small order)")]
pub struct WeakKey;

/// A signature that is not of this key over these bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not fit")]
pub struct BadSignature;

impl PublicKey {
    /// Takes 32 bytes.
    ///
    /// # Errors
    /// [`WeakKey`] for anything with which signatures could be forged or doubled.
    pub fn new(bytes: &[u8; 32]) -> Result<Self, WeakKey> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| WeakKey)?;
        let canonical = key.to_edwards().compress().to_bytes() == *bytes;
        if key.is_weak() || !canonical { Err(WeakKey) } else { Ok(Self(key)) }
    }

    /// The 32 bytes of the key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The COSE `kid` of this key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let hash = self.commitment();
        let mut id = [0; KeyId::SIZE];
        id.copy_from_slice(&hash.as_bytes()[..KeyId::SIZE]);
        KeyId::new(id)
    }

    /// SHA-256 of the key: what an earlier key event commits to.
    #[must_use]
    pub fn commitment(&self) -> Hash {
        Hash::of(self.as_bytes())
    }

    /// Strict verification: canonical `R` and `S`, no small-order component, no cofactor.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, bytes: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> Result<(), BadSignature> {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0.verify_strict(bytes, &signature).map_err(|_| BadSignature)
    }
}

/// The key of a desk with which a signature that names this key id has to be checked: the newest alone stands.
///
/// # Errors
/// [`Code::KeyUnknown`] if the desk never had this key, [`Code::BadSignature`] if it is retired.
pub fn signer(keys: &[PublicKey], id: KeyId) -> Result<&PublicKey, Code> {
    match keys.iter().rposition(|key| key.id() == id) {
        Some(place) if place + 1 == keys.len() => Ok(&keys[place]),
        Some(_) => Err(Code::BadSignature),
        None => Err(Code::KeyUnknown),
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.as_bytes())
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = serde_bytes::ByteArray::<32>::deserialize(deserializer)?;
        Self::new(&bytes).map_err(de::Error::custom)
    }
}

/// A secret key; wiped from memory when dropped, never shown.
pub struct SecretKey(ed25519_dalek::SigningKey);

impl SecretKey {
    /// The key of a 32-byte seed (RFC 8032, 5.1.5), which the caller draws.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The seed, for the key file and the recovery words alone.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs; deterministic.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.0.sign(bytes).to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

#[cfg(test)]
mod tests {
    //! A key or signature with two readings would let a peer deny or forge what was said.
    use super::*;

    #[test]
    fn weak_and_non_canonical_keys_are_refused() {
        let mut identity = [0u8; 32];
        identity[0] = 1;
        assert_eq!(PublicKey::new(&identity), Err(WeakKey), "the neutral point");
        assert_eq!(PublicKey::new(&[0; 32]), Err(WeakKey), "a point of order 4");
        let mut y_is_p_plus_one = [0xffu8; 32];
        y_is_p_plus_one[0] = 0xee;
        y_is_p_plus_one[31] = 0x7f;
        assert_eq!(PublicKey::new(&y_is_p_plus_one), Err(WeakKey), "y not reduced");
    }

    #[test]
    fn a_signature_with_s_plus_l_is_refused() {
        let key = SecretKey::from_seed(&[7; 32]);
        let mut signature = key.sign(b"bytes");
        assert!(key.public().verify(b"bytes", &signature).is_ok());
        let l: [u8; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let mut carry = 0u16;
        for (byte, add) in signature[32..].iter_mut().zip(l) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = (sum & 0xff) as u8;
            carry = sum >> 8;
        }
        assert_eq!(key.public().verify(b"bytes", &signature), Err(BadSignature));
    }
}
