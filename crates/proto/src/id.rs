//! One type per thing that has an identifier. proto-spec, chapters 1 and 2.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $size:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $size]);

        impl $name {
            /// Length in bytes.
            pub const SIZE: usize = $size;

            /// Takes exactly these bytes.
            #[must_use]
            pub const fn new(bytes: [u8; $size]) -> Self {
                Self(bytes)
            }

            /// The bytes as they travel.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $size] {
                &self.0
            }

            /// Lower-case hexadecimal.
            #[must_use]
            pub fn to_hex(&self) -> String {
                data_encoding::HEXLOWER.encode(&self.0)
            }

            /// Reads hexadecimal of exactly this length, in any case.
            #[must_use]
            pub fn from_hex(text: &str) -> Option<Self> {
                let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
                Some(Self(bytes.try_into().ok()?))
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = std::array::TryFromSliceError;

            fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
                Ok(Self(bytes.try_into()?))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), &self.to_hex()[..8])
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Bytes;
                impl Visitor<'_> for Bytes {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "a byte string of {} bytes", $size)
                    }

                    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<$name, E> {
                        bytes.try_into().map($name).map_err(|_| E::invalid_length(bytes.len(), &self))
                    }
                }
                deserializer.deserialize_bytes(Bytes)
            }
        }
    };
}

macro_rules! hex_display {
    ($($name:ident)*) => {
        $(impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_hex())
            }
        })*
    };
}

byte_id!(
    /// SHA-256 of something signed or stored.
    Hash,
    32
);
byte_id!(
    /// A desk: SHA-256 of the payload of its inception event. proto-spec, section 2.2.
    DeskId,
    32
);
byte_id!(
    /// A link of two desks: SHA-256 over the linking exchange. proto-spec, section 3.4.
    LinkId,
    32
);
byte_id!(
    /// A shared case between exactly two desks; drawn by the principal.
    DelegationId,
    16
);
byte_id!(
    /// Something a desk has accepted to say; also the id of the comment, file or work line that it adds.
    ItemId,
    16
);
byte_id!(
    /// First 16 bytes of the SHA-256 of a public key: the COSE `kid`.
    KeyId,
    16
);
byte_id!(
    /// Drawn at every start of a daemon, so that two copies of one desk are told apart.
    InstanceId,
    16
);
byte_id!(
    /// 32 random bytes of one exchange.
    Nonce,
    32
);
byte_id!(
    /// A session of one stream: SHA-256 of the hello's nonce and the welcome's.
    SessionId,
    32
);
byte_id!(
    /// A mark by which its maker alone recognises a case that comes back. proto-spec, section 9.6.
    LoopTag,
    16
);
byte_id!(
    /// SHA-256 of a TLS certificate's SubjectPublicKeyInfo.
    Spki,
    32
);
hex_display! { Hash LinkId DelegationId ItemId KeyId InstanceId Nonce SessionId Spki }

impl Hash {
    /// SHA-256 of the bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// SHA-256 of several pieces, one behind the other.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

impl From<LinkId> for Hash {
    /// The `prev` of the first message of a stream is the link id.
    fn from(link: LinkId) -> Self {
        Self(link.0)
    }
}

impl From<Hash> for DeskId {
    fn from(hash: Hash) -> Self {
        Self(hash.0)
    }
}

impl From<Hash> for LinkId {
    fn from(hash: Hash) -> Self {
        Self(hash.0)
    }
}

impl SessionId {
    /// The session that a hello and its welcome open. proto-spec, section 5.3.
    #[must_use]
    pub fn of(hello: &Nonce, welcome: &Nonce) -> Self {
        Self(Hash::of_parts(&[&hello.0, &welcome.0]).0)
    }
}

const GROUP: usize = 7;
const CHECK: usize = 4;
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl DeskId {
    fn symbols(&self) -> String {
        let mut symbols = base32(&self.0);
        let check = Hash::of_parts(&[b"deskwire desk id", &self.0]);
        symbols.push_str(&base32(&check.0[..3])[..CHECK]);
        symbols
    }
}

impl fmt::Display for DeskId {
    /// Eight groups of seven symbols, the last four of which are check characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, symbol) in self.symbols().chars().enumerate() {
            if index > 0 && index % GROUP == 0 {
                f.write_str("-")?;
            }
            write!(f, "{symbol}")?;
        }
        Ok(())
    }
}

/// Why a typed desk id was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeskIdError {
    /// Too many or too few symbols.
    #[error("a desk id has 56 letters and digits in 8 groups of 7; this one has {0}")]
    Length(usize),
    /// A symbol that no desk id has.
    #[error("'{0}' does not occur in a desk id")]
    Symbol(char),
    /// The check characters do not fit: something is mistyped.
    #[error("the check characters do not fit: at least one letter or digit is mistyped")]
    Check,
}

impl FromStr for DeskId {
    type Err = DeskIdError;

    /// Forgives case, spaces, hyphens, and O for 0, I and L for 1.
    fn from_str(text: &str) -> Result<Self, DeskIdError> {
        let mut values = Vec::with_capacity(56);
        for letter in text.chars().filter(|letter| !letter.is_whitespace() && *letter != '-') {
            let folded = match letter.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            let value = CROCKFORD.iter().position(|symbol| char::from(*symbol) == folded);
            values.push(value.ok_or(DeskIdError::Symbol(letter))? as u8);
        }
        if values.len() != 8 * GROUP {
            return Err(DeskIdError::Length(values.len()));
        }
        let mut bytes = [0u8; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = (0..8).fold(0, |byte, bit| {
                let place = index * 8 + bit;
                (byte << 1) | (values[place / 5] >> (4 - place % 5) & 1)
            });
        }
        let id = Self(bytes);
        let typed: String = values.iter().map(|value| char::from(CROCKFORD[usize::from(*value)])).collect();
        if id.symbols() == typed { Ok(id) } else { Err(DeskIdError::Check) }
    }
}

/// Crockford's alphabet, most significant bit first, the last symbol padded with zero bits.
fn base32(bytes: &[u8]) -> String {
    let bit = |place: usize| bytes.get(place / 8).map_or(0, |byte| byte >> (7 - place % 8) & 1);
    (0..(bytes.len() * 8).div_ceil(5))
        .map(|index| {
            let value = (0..5).fold(0u8, |value, offset| (value << 1) | bit(index * 5 + offset));
            char::from(CROCKFORD[usize::from(value)])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    //! A mistyped desk id must never name another desk.
    use super::*;

    #[test]
    fn desk_id_survives_its_text_form_in_any_handwriting() {
        let id = DeskId::new(*Hash::of(b"some desk").as_bytes());
        let text = id.to_string();
        assert_eq!(text.len(), 8 * 7 + 7);
        assert_eq!(text.parse::<DeskId>().unwrap(), id);
        let sloppy = text.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        assert_eq!(sloppy.parse::<DeskId>().unwrap(), id);
    }

    #[test]
    fn each_single_mistyped_symbol_is_caught() {
        let text = DeskId::new([0x5a; 32]).to_string();
        for (place, letter) in text.char_indices().filter(|(_, letter)| *letter != '-') {
            let other = if letter == 'Z' { 'X' } else { 'Z' };
            let mut wrong = text.clone();
            wrong.replace_range(place..=place, &other.to_string());
            assert_eq!(wrong.parse::<DeskId>(), Err(DeskIdError::Check), "symbol {place}");
        }
        assert_eq!(text[..20].parse::<DeskId>(), Err(DeskIdError::Length(18)));
        assert_eq!("U".repeat(56).parse::<DeskId>(), Err(DeskIdError::Symbol('U')));
    }

    #[test]
    fn an_id_of_another_length_does_not_decode() {
        let bytes = crate::cbor::encode(&serde_bytes::Bytes::new(&[0; 31])).unwrap();
        assert!(crate::cbor::decode::<Hash>(&bytes, crate::cbor::Bounds::MESSAGE).is_err());
    }
}
