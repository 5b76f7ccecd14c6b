//! Core-deterministic CBOR (RFC 8949, 4.2.1): the only door to serde_cbor. proto-spec, section 4.1.

mod guard;
mod strict;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use strict::{Bounds, Violation, check, head, member, split};

/// Why bytes were not taken as a value, or a value could not become bytes.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CborError {
    /// The bytes are not core-deterministic CBOR within the bounds.
    #[error("not deterministic CBOR: {0}")]
    Strict(#[from] Violation),
    /// The bytes are good CBOR but not of the expected shape.
    #[error("not of the expected shape: {0}")]
    Shape(String),
    /// A value of ours does not encode deterministically: a mistake in this code, not of a peer.
    #[error("own value does not encode deterministically: {0}")]
    Own(String),
}

/// Encodes a value and passes the bytes through the same strict check that a peer applies.
///
/// # Errors
/// [`CborError::Own`] if the type's members are not declared in the deterministic order.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CborError> {
    let bytes = encode_plain(value)?;
    check(&bytes, Bounds::LARGE).map_err(|violation| CborError::Own(violation.to_string()))?;
    Ok(bytes)
}

/// Strictly checks, then decodes. Integer keys, positional arrays and variant numbers, which serde_cbor
/// would take in place of names, are refused; so are null for an absent member and integers beyond 2^53 - 1.
///
/// # Errors
/// [`CborError::Strict`] or [`CborError::Shape`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8], bounds: Bounds) -> Result<T, CborError> {
    if strict::walk(bytes, bounds)?.wide {
        return Err(CborError::Shape("an integer beyond 2^53 - 1".to_owned()));
    }
    guard::from_slice(bytes).map_err(|error| CborError::Shape(error.to_string()))
}

/// Encodes a value for our own disk, where determinism is not needed.
///
/// # Errors
/// [`CborError::Own`] if the value has no CBOR form.
pub fn encode_plain<T: Serialize>(value: &T) -> Result<Vec<u8>, CborError> {
    let mut bytes = Vec::with_capacity(256);
    encode_plain_into(value, &mut bytes)?;
    Ok(bytes)
}

/// Appends a value for our own disk to bytes.
///
/// # Errors
/// [`CborError::Own`] if the value has no CBOR form.
pub fn encode_plain_into<T: Serialize>(value: &T, bytes: &mut Vec<u8>) -> Result<(), CborError> {
    let mut writer = serde_cbor::ser::Serializer::new(bytes);
    value.serialize(&mut writer).map_err(|error| CborError::Own(error.to_string()))
}

/// Encodes a value that will be folded anew whenever its type changes: members by position, not by name.
///
/// # Errors
/// [`CborError::Own`] if the value has no CBOR form.
pub fn encode_packed<T: Serialize>(value: &T) -> Result<Vec<u8>, CborError> {
    serde_cbor::ser::to_vec_packed(value).map_err(|error| CborError::Own(error.to_string()))
}

/// Decodes a value that [`encode_plain`] or [`encode_packed`] wrote to our own disk.
///
/// # Errors
/// [`CborError::Shape`] if the bytes are of another type or version.
pub fn decode_plain<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CborError> {
    serde_cbor::from_slice(bytes).map_err(|error| CborError::Shape(error.to_string()))
}

/// Any strictly checked CBOR as JSON for people to read: byte strings become lower-case hex.
///
/// # Errors
/// [`CborError::Strict`] or [`CborError::Shape`].
pub fn to_json_text(bytes: &[u8]) -> Result<String, CborError> {
    check(bytes, Bounds::LARGE)?;
    let value: serde_cbor::Value = decode_plain(bytes)?;
    let mut out = String::new();
    write_json(&value, &mut out);
    Ok(out)
}

fn write_json(value: &serde_cbor::Value, out: &mut String) {
    use serde_cbor::Value;
    match value {
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Integer(number) => out.push_str(&number.to_string()),
        Value::Bytes(bytes) => write_json_string(&data_encoding::HEXLOWER.encode(bytes), out),
        Value::Text(text) => write_json_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_json(item, out);
            }
            out.push(']');
        }
        Value::Map(members) => {
            out.push('{');
            for (index, (key, item)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                match key {
                    Value::Text(name) => write_json_string(name, out),
                    other => write_json_string(&format!("{other:?}"), out),
                }
                out.push(':');
                write_json(item, out);
            }
            out.push('}');
        }
        _ => out.push_str("null"),
    }
}

fn write_json_string(text: &str, out: &mut String) {
    use std::fmt::Write;
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if (control as u32) < 0x20 || control as u32 == 0x7f => {
                write!(out, "\\u{:04x}", control as u32).expect("a String takes any write");
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests;
