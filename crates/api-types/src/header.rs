//! Names of the API's own headers, and the encoding of names in them.

use std::fmt::Write as _;

/// Path prefix of this version of the API.
pub const PREFIX: &str = "/v1";
/// Header of every changing call: any text of 1 to 128 visible ASCII characters, one per intended change.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Header that names the person who acts, percent-encoded UTF-8; without it the person is the token's.
pub const ACTING_PERSON: &str = "deskwire-acting-person";
/// Header of an answer: the id under which the daemon logged the call.
pub const REQUEST_ID: &str = "deskwire-request-id";
/// Header of an upload: the SHA-256 of the body as 64 hexadecimal digits, checked when it is present.
pub const CONTENT_SHA256: &str = "deskwire-content-sha256";
/// Media type of a [`Problem`](crate::Problem).
pub const PROBLEM_MEDIA: &str = "application/problem+json";

/// Percent-encodes everything but unreserved ASCII characters (RFC 3986, 2.3), so that any name fits a header or query.
pub fn encode_percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
    out
}

/// Reads what [`encode_percent`] writes; nothing for a broken escape or for bytes that are not UTF-8.
pub fn decode_percent(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            out.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}
