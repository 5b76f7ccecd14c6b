//! An answer of a partner: read within its bounds, or judged as a refusal. proto-spec, section 11.2.

use std::time::Duration;

use bytes::Bytes;
use deskwire_http::body::{self, BodyError, Pace};
use deskwire_proto::code::{Class, Code};
use deskwire_proto::endpoint::Endpoint;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use serde_json::Value;

use super::descriptor::MEDIA_TYPE;
use super::trouble::{Trouble, cleaned};

/// What the answer to a request has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Deterministic CBOR of at most so many bytes.
    Document {
        /// The bound.
        max: usize,
    },
    /// Bytes of a file, exactly so many.
    Bytes {
        /// The size.
        size: usize,
    },
}

/// Largest problem document that is read.
const PROBLEM_BYTES: usize = 16 * 1024;

/// At least 1 KiB per second after ten seconds; the deadline of the request is set by its sender.
const PACE: Pace =
    Pace { deadline: Duration::from_secs(600), grace: Duration::from_secs(10), min_bytes_per_second: 1024 };

/// An answer that promises what was wanted, of which nothing but the head was read.
pub(crate) struct Answer {
    endpoint: Endpoint,
    response: reqwest::Response,
    wanted: Wanted,
}

/// The bytes of an answer as they come.
pub(crate) struct Pieces {
    endpoint: Endpoint,
    body: body::Pieces<reqwest::Body>,
}

impl Answer {
    /// Looks at the head of a response.
    ///
    /// # Errors
    /// The judgement on anything but what was wanted.
    pub(super) async fn of(
        endpoint: &Endpoint,
        response: reqwest::Response,
        wanted: Wanted,
    ) -> Result<Self, Trouble> {
        let media = match wanted {
            Wanted::Document { .. } => MEDIA_TYPE,
            Wanted::Bytes { .. } => "application/octet-stream",
        };
        if response.status().as_u16() != 200 {
            return Err(refusal(endpoint, response).await);
        }
        if !is_media(&response, media) {
            return Err(Trouble::not_a_desk(endpoint, "the answer has another media type than a desk's"));
        }
        Ok(Self { endpoint: endpoint.clone(), response, wanted })
    }

    /// Reads what was wanted.
    ///
    /// # Errors
    /// When the body is not that.
    pub(crate) async fn whole(self) -> Result<Bytes, Trouble> {
        let (endpoint, wanted) = (&self.endpoint, self.wanted);
        let (Wanted::Document { max } | Wanted::Bytes { size: max }) = wanted;
        let announced = self.response.content_length();
        let bytes = body::read_stream(self.response.bytes_stream(), announced, max, PACE).await;
        match (wanted, bytes) {
            (Wanted::Bytes { .. }, Err(BodyError::TooLarge { .. })) => Err(Trouble::other_size(endpoint)),
            (Wanted::Bytes { size }, Ok(bytes)) if bytes.len() != size => Err(Trouble::other_size(endpoint)),
            (Wanted::Bytes { .. } | Wanted::Document { .. }, bytes) => {
                bytes.map_err(|error| Trouble::of_body(endpoint, &error))
            }
        }
    }

    /// The bytes as they come. That there are as many as were wanted is for the reader to see.
    pub(crate) fn pieces(self) -> Pieces {
        Pieces { endpoint: self.endpoint, body: body::Pieces::new(self.response.into(), PACE) }
    }
}

impl Pieces {
    /// The next ones; `None` at the end.
    ///
    /// # Errors
    /// When the body breaks off, or comes too slowly.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Trouble> {
        self.body.next().await.map_err(|error| Trouble::of_body(&self.endpoint, &error))
    }

    /// The judgement on a body of another size than was asked for.
    pub(crate) fn other_size(&self) -> Trouble {
        Trouble::other_size(&self.endpoint)
    }
}

async fn refusal(endpoint: &Endpoint, response: reqwest::Response) -> Trouble {
    let status = response.status().as_u16();
    let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let advice = if is_media(&response, deskwire_http::problem::CONTENT_TYPE_PROBLEM) {
        let announced = response.content_length();
        let body = body::read_stream(response.bytes_stream(), announced, PROBLEM_BYTES, PACE).await;
        body.ok().and_then(|body| Advice::read(&body))
    } else {
        None
    };
    Trouble::of_answer(endpoint, status, wait, advice.unwrap_or_default())
}

fn is_media(response: &reqwest::Response, media: &str) -> bool {
    let value =
        response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(media)
}

/// What a problem document says. Nobody vouches for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Advice {
    /// The code, if this version knows it.
    pub(super) code: Option<Code>,
    /// The sentence for operators, shortened and without control characters.
    pub(super) detail: Option<String>,
    /// The member `time` of `stale-request`.
    pub(super) time: Option<u64>,
}

impl Advice {
    /// Reads a problem document; `None` when it is none.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let Value::Object(members) = serde_json::from_slice(body).ok()? else { return None };
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let code = text("type")?.strip_prefix("urn:deskwire:problem:")?;
        Some(Self {
            code: Code::from_text(code),
            detail: text("detail").or_else(|| text("title")).map(cleaned),
            time: members.get("time").and_then(Value::as_u64),
        })
    }
}

/// What an answer with this status and this code means; `None` when it is no answer of a desk at all.
pub(super) fn class(status: u16, code: Option<Code>) -> Option<Class> {
    match (code, status) {
        (Some(code), _) => Some(code.class()),
        (None, 501) => Some(Class::Final),
        (None, 408 | 425 | 429 | 500..=599) => Some(Class::Retry),
        (None, 400..=499) => Some(Class::Final),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    //! A peer's words must neither stop a link that would heal by itself nor reach a terminal raw.
    use super::*;

    #[test]
    fn answers_without_a_known_code_are_judged_by_their_status() {
        for (status, expected) in [
            (200, None),
            (302, None),
            (404, Some(Class::Final)),
            (408, Some(Class::Retry)),
            (429, Some(Class::Retry)),
            (501, Some(Class::Final)),
            (502, Some(Class::Retry)),
        ] {
            assert_eq!(class(status, None), expected, "{status}");
        }
        assert_eq!(
            class(404, Some(Code::LinkWaiting)),
            Some(Class::Retry),
            "the code counts, not the status"
        );
        assert_eq!(class(500, Some(Code::SessionUnknown)), Some(Class::Resync));
    }

    #[test]
    fn a_problem_is_read_by_its_type_and_cleaned() {
        let body = br#"{"type":"urn:deskwire:problem:gap","status":409,"detail":"a\u001b[31mb\nc","time":7}"#;
        let advice = Advice::read(body).unwrap();
        assert_eq!(advice.code, Some(Code::Gap));
        assert_eq!(advice.detail.as_deref(), Some("a [31mb c"));
        assert_eq!(advice.time, Some(7));
        assert_eq!(Advice::read(br#"{"type":"urn:deskwire:problem:new-in-2030"}"#).unwrap().code, None);
        for nothing in [&b"<html>"[..], b"[]", br#"{"type":"about:blank"}"#, br#"{"code":"gap"}"#, b""] {
            assert_eq!(Advice::read(nothing), None);
        }
    }
}
