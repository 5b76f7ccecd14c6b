//! A deserializer around serde_cbor that takes maps for structs and names for variants, and nothing in their place.

use std::fmt;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};

use crate::text::is_code;

/// Decodes a whole slice.
pub(super) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_cbor::Error> {
    let mut inner = serde_cbor::Deserializer::from_slice(bytes);
    let value = T::deserialize(Guard(&mut inner))?;
    inner.end()?;
    Ok(value)
}

/// Passes everything on, except that what is wanted decides what is taken.
struct Guard<D>(D);

/// What a visitor may be shown.
#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    Anything,
    Map,
    Name,
    Text,
    Bytes,
}

macro_rules! forward {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(Watch { visitor, wanted: Wanted::Anything })
        })*
    };
}

macro_rules! only {
    ($($method:ident: $wanted:ident;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(Watch { visitor, wanted: Wanted::$wanted })
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Guard<D> {
    type Error = D::Error;

    forward! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64
        deserialize_char deserialize_unit deserialize_seq deserialize_ignored_any
    }

    only! {
        deserialize_str: Text;
        deserialize_string: Text;
        deserialize_bytes: Bytes;
        deserialize_byte_buf: Bytes;
        deserialize_map: Map;
        deserialize_identifier: Name;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        // An optional member that is there has a value: null is no second way to leave it out.
        visitor.visit_some(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_struct(name, fields, Watch { visitor, wanted: Wanted::Map })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        // All our enums are words; serde_cbor would also take a map or an array of one for a word.
        self.0.deserialize_str(Word(visitor))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, Watch { visitor, wanted: Wanted::Anything })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, Watch { visitor, wanted: Wanted::Anything })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(length, Watch { visitor, wanted: Wanted::Anything })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple_struct(name, length, Watch { visitor, wanted: Wanted::Anything })
    }
}

struct Watch<V> {
    visitor: V,
    wanted: Wanted,
}

impl<V> Watch<V> {
    /// Text is shown as text, or as the name of a member, which is a code whether it is known or not.
    fn text<E: de::Error>(&self, value: &str) -> Result<(), E> {
        if self.wanted == Wanted::Name && !is_code(value) {
            return Err(E::custom("a member whose name is no code"));
        }
        if self.wanted == Wanted::Name { Ok(()) } else { self.only(Wanted::Text, "text") }
    }

    fn only<E: de::Error>(&self, shown: Wanted, what: &str) -> Result<(), E> {
        if self.wanted == Wanted::Anything || self.wanted == shown {
            return Ok(());
        }
        Err(E::custom(format_args!(
            "{what} where a {} belongs",
            match self.wanted {
                Wanted::Map => "map",
                Wanted::Text => "text",
                Wanted::Bytes => "byte string",
                Wanted::Name | Wanted::Anything => "name",
            }
        )))
    }
}

macro_rules! scalars {
    ($($method:ident: $type:ty, $shown:ident, $what:literal;)*) => {
        $(fn $method<E: de::Error>(self, value: $type) -> Result<V::Value, E> {
            self.only::<E>(Wanted::$shown, $what)?;
            self.visitor.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Watch<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    scalars! {
        visit_bool: bool, Anything, "a truth value";
        visit_i8: i8, Anything, "a number";
        visit_i16: i16, Anything, "a number";
        visit_i32: i32, Anything, "a number";
        visit_i64: i64, Anything, "a number";
        visit_u8: u8, Anything, "a number";
        visit_u16: u16, Anything, "a number";
        visit_u32: u32, Anything, "a number";
        visit_u64: u64, Anything, "a number";
        visit_bytes: &[u8], Bytes, "a byte string";
        visit_borrowed_bytes: &'de [u8], Bytes, "a byte string";
        visit_byte_buf: Vec<u8>, Bytes, "a byte string";
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<V::Value, E> {
        self.text::<E>(value)?;
        self.visitor.visit_str(value)
    }

    fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<V::Value, E> {
        self.text::<E>(value)?;
        self.visitor.visit_borrowed_str(value)
    }

    fn visit_none<E: de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        self.only::<E>(Wanted::Anything, "null")?;
        self.visitor.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Guard(inner))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Guard(inner))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.only::<A::Error>(Wanted::Anything, "an array")?;
        self.visitor.visit_seq(Guard(access))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.only::<A::Error>(Wanted::Map, "a map")?;
        self.visitor.visit_map(Guard(access))
    }
}

struct Seed<S>(S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Seed<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Guard(inner))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Guard<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        self.0.next_element_seed(Seed(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Guard<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.0.next_key_seed(Seed(seed))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.0.next_value_seed(Seed(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

/// Shows the variants of an enum a text, and nothing else.
struct Word<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Word<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<V::Value, E> {
        self.0.visit_enum(value.into_deserializer())
    }
}
