//! CBOR for vectors, written apart from the crate's own encoder: JSON in, core-deterministic bytes out.
//!
//! A JSON text that begins with `h'` is a byte string in hex.

use serde_json::Value;

/// Deterministic CBOR of a JSON value.
pub(crate) fn cbor(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    push(value, &mut out);
    out
}

fn push(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(value) => out.push(if *value { 0xf5 } else { 0xf4 }),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => head(0, number, out),
            (None, Some(number)) => head(1, number.unsigned_abs() - 1, out),
            (None, None) => panic!("a number that is no integer: {number}"),
        },
        Value::String(text) => match text.strip_prefix("h'") {
            Some(hex) => bytes(&crate::file::unhex(hex), out),
            None => {
                head(3, text.len() as u64, out);
                out.extend_from_slice(text.as_bytes());
            }
        },
        Value::Array(items) => {
            head(4, items.len() as u64, out);
            items.iter().for_each(|item| push(item, out));
        }
        Value::Object(members) => {
            let mut members: Vec<_> =
                members.iter().map(|(key, item)| (cbor(&Value::from(key.as_str())), cbor(item))).collect();
            members.sort();
            push_members(&members, out);
        }
    }
}

/// Encoded members of a map, in the order given, however wrong it may be.
pub(crate) fn map(members: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    push_members(members, &mut out);
    out
}

fn push_members(members: &[(Vec<u8>, Vec<u8>)], out: &mut Vec<u8>) {
    head(5, members.len() as u64, out);
    for (key, item) in members {
        out.extend_from_slice(key);
        out.extend_from_slice(item);
    }
}

/// A byte string.
pub(crate) fn bstr(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    bytes(content, &mut out);
    out
}

fn bytes(content: &[u8], out: &mut Vec<u8>) {
    head(2, content.len() as u64, out);
    out.extend_from_slice(content);
}

/// The shortest head of a major type.
pub(crate) fn head(major: u8, argument: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    match argument {
        0..=23 => out.push(major | argument as u8),
        24..=0xff => out.extend_from_slice(&[major | 24, argument as u8]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&argument.to_be_bytes());
        }
    }
}

/// The members of a JSON object, each encoded, in deterministic order.
pub(crate) fn members(value: &Value) -> Vec<(Vec<u8>, Vec<u8>)> {
    let object = value.as_object().expect("an object");
    let mut members: Vec<_> =
        object.iter().map(|(key, item)| (cbor(&Value::from(key.as_str())), cbor(item))).collect();
    members.sort();
    members
}

/// Bytes as the JSON text that stands for them.
pub(crate) fn h(content: &[u8]) -> Value {
    Value::from(format!("h'{}", hex(content)))
}

/// Lower-case hex.
pub(crate) fn hex(content: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(content)
}

/// The object with some members set or, for null, taken out.
pub(crate) fn with(value: &Value, changes: &[(&str, Value)]) -> Value {
    let mut value = value.clone();
    for (key, item) in changes {
        let object = value.as_object_mut().expect("an object");
        if item.is_null() {
            object.remove(*key);
        } else {
            object.insert((*key).to_owned(), item.clone());
        }
    }
    value
}
