//! Numbers with bounds: checked once, valid ever after. proto-spec, section 1.4.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::limits::SEQ_MAX;

/// A number outside its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("takes {min} to {max}, not {got}")]
pub struct NumberError {
    /// Smallest allowed.
    pub min: u64,
    /// Largest allowed.
    pub max: u64,
    /// The number met.
    pub got: u64,
}

macro_rules! number {
    ($($(#[$doc:meta])* $name:ident: $min:expr, $max:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(u64);

            impl $name {
                /// Smallest value.
                pub const MIN: u64 = $min;
                /// Largest value.
                pub const MAX: u64 = $max;

                /// Takes a number within the bounds.
                ///
                /// # Errors
                /// [`NumberError`] names the bounds.
                pub const fn new(number: u64) -> Result<Self, NumberError> {
                    // A smallest value of 0 excludes nothing.
                    if number.checked_sub(Self::MIN).is_none() || number > Self::MAX {
                        return Err(NumberError { min: Self::MIN, max: Self::MAX, got: number });
                    }
                    Ok(Self(number))
                }

                /// The number.
                #[must_use]
                pub const fn get(self) -> u64 {
                    self.0
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.fmt(f)
                }
            }

            impl TryFrom<u64> for $name {
                type Error = NumberError;

                fn try_from(number: u64) -> Result<Self, NumberError> {
                    Self::new(number)
                }
            }

            impl From<$name> for u64 {
                fn from(number: $name) -> Self {
                    number.0
                }
            }

            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.serialize_u64(self.0)
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    Self::new(u64::deserialize(deserializer)?).map_err(de::Error::custom)
                }
            }
        )*
    };
}

number! {
    /// The number of a message in its stream.
    Seq: 1, SEQ_MAX;
    /// Terms, an offer and its updates, fold rules: the first is 1.
    Version: 1, SEQ_MAX;
    /// A version that changes an earlier one: 2, 3, …
    Revision: 2, SEQ_MAX;
    /// How many more times a case may be handed on.
    Hops: 0, 8;
    /// A rating.
    Stars: 1, 5;
    /// Bytes of a file, as announced; a size above [`crate::limits::FILE_BYTES`] is refused as too large, not as malformed.
    FileSize: 0, SEQ_MAX;
    /// How many chunks a request asks for.
    ChunkCount: 1, crate::limits::CHUNKS_PER_REQUEST;
}

impl Version {
    /// The first version.
    pub const FIRST: Self = Self(1);
}

#[cfg(test)]
mod tests {
    //! A number outside its bounds must not reach a fold, whichever side it comes from.
    use super::*;

    #[test]
    fn numbers_outside_the_bounds_are_refused_from_either_side() {
        assert_eq!(Stars::new(0), Err(NumberError { min: 1, max: 5, got: 0 }));
        assert!(Stars::new(5).is_ok() && Stars::new(6).is_err());
        assert!(Hops::new(0).is_ok() && Hops::new(9).is_err());
        assert!(Revision::new(1).is_err() && Seq::new(SEQ_MAX + 1).is_err());
        assert!(crate::cbor::decode::<Stars>(&[0x06], crate::cbor::Bounds::MESSAGE).is_err());
        assert_eq!(crate::cbor::decode::<Stars>(&[0x05], crate::cbor::Bounds::MESSAGE).unwrap().get(), 5);
    }
}
