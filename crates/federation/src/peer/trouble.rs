//! Why a partner gave no usable answer: for the retry schedule, for programs, and for a person.

use std::error::Error;
use std::io;

use deskwire_http::address::{AddressRefused, ResolveError, refused_address};
use deskwire_http::body::BodyError;
use deskwire_http::download::DownloadError;
use deskwire_http::tls::{TlsFailure, tls_failure};
use deskwire_machine::retry::Failure;
use deskwire_proto::code::{Class, Code};
use deskwire_proto::endpoint::Endpoint;

use super::answer::{Advice, class};

/// One failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// What it means for the schedule.
    pub(crate) failure: Failure,
    /// What to do about it, for the code that asked.
    pub(crate) cause: Cause,
    /// Stable, for programs.
    pub(crate) code: &'static str,
    /// A sentence or two for a person.
    pub(crate) words: String,
    /// Whether a connection was made; if not, another endpoint may do.
    pub(crate) reached: bool,
}

/// What a caller may want to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The partner refused with this code.
    Code(Code),
    /// As [`Cause::Code`] with `stale-request`, and the time to sign with.
    Stale(u64),
    /// The TLS key is none of those in the partner's descriptor.
    OtherKey,
    /// The partner has no endpoint.
    NoEndpoint,
    /// Bytes of a file came, whole, and not as many as were asked for.
    OtherSize,
    /// Anything else.
    Other,
}

impl Trouble {
    pub(crate) fn new(failure: Failure, code: &'static str, words: String) -> Self {
        Self { failure, cause: Cause::Other, code, words, reached: true }
    }

    fn unreachable(endpoint: &Endpoint, code: &'static str, why: &str) -> Self {
        let words = format!("{} does not answer ({why}). Deskwire goes on trying.", authority(endpoint));
        Self { reached: false, ..Self::new(Failure::Unreachable, code, words) }
    }

    pub(crate) fn no_endpoint() -> Self {
        let words = "The partner's desk has no address of its own. It has to come and ask.".to_owned();
        Self {
            cause: Cause::NoEndpoint,
            reached: false,
            ..Self::new(Failure::Unreachable, "no-endpoint", words)
        }
    }

    /// Two desks that can only go to others never meet.
    pub(crate) fn neither_has_an_endpoint() -> Self {
        let words = "Neither desk tells an address at which the other could reach it.".to_owned();
        let cause = Cause::Code(Code::NoEndpoint);
        Self { cause, ..Self::new(Failure::Refused, Code::NoEndpoint.as_str(), words) }
    }

    /// A failure on this side.
    pub(super) fn own(error: &dyn Error) -> Self {
        let words = format!("This desk could not prepare a connection: {error}. See the log of the daemon.");
        Self::new(Failure::Unreachable, "internal", words)
    }

    pub(super) fn address(endpoint: &Endpoint, refused: &AddressRefused) -> Self {
        let words = format!("{} is not dialled: {refused}.", authority(endpoint));
        Self { reached: false, ..Self::new(Failure::Unreachable, AddressRefused::CODE, words) }
    }

    /// Something that answers, and not as a desk does.
    pub(crate) fn not_a_desk(endpoint: &Endpoint, why: &str) -> Self {
        let words = format!(
            "{} answers, but not as a Deskwire desk does: {why}. Check the address and what stands in front of the \
             desk there.",
            authority(endpoint)
        );
        Self::new(Failure::Unreachable, "not-a-desk", words)
    }

    /// A part of a file of another size than the one asked for.
    pub(crate) fn other_size(endpoint: &Endpoint) -> Self {
        let trouble = Self::not_a_desk(endpoint, "it sent another number of bytes than was asked for");
        Self { cause: Cause::OtherSize, ..trouble }
    }

    /// A signed thing that does not verify counts as no answer.
    pub(crate) fn unverified(endpoint: &Endpoint, what: &str, code: Code) -> Self {
        Self::not_a_desk(endpoint, &format!("its {what} cannot be verified ({code})"))
    }

    /// The same, where the endpoint that answered does not matter.
    pub(crate) fn unverified_answer(what: &str, code: Code) -> Self {
        let words = format!(
            "The partner's {what} cannot be verified ({code}) and counts as no answer. If it goes on, tell the \
             partner's operator."
        );
        Self::new(Failure::Unreachable, "answer-unverified", words)
    }

    /// The TLS key met is not in the descriptor, nor in a newer one that could be taken.
    pub(crate) fn other_key(endpoint: &Endpoint) -> Self {
        let words = format!(
            "{} presents another TLS key than the partner announced, so nothing is sent there. Either the partner \
             replaced its key without announcing it, or somebody stands in between: call the partner.",
            authority(endpoint)
        );
        Self {
            cause: Cause::OtherKey,
            reached: false,
            ..Self::new(Failure::Unreachable, "tls-key-differs", words)
        }
    }

    pub(super) fn of_request(endpoint: &Endpoint, error: &reqwest::Error) -> Self {
        Self::broken(endpoint, error, error.is_connect(), error.is_timeout())
    }

    pub(super) fn of_download(endpoint: &Endpoint, error: &DownloadError) -> Self {
        Self::broken(endpoint, error, error.is_connect(), error.is_timeout())
    }

    /// What broke a request, by the causes of `error`: while a connection was made, or because it took too long.
    fn broken(endpoint: &Endpoint, error: &(dyn Error + 'static), connecting: bool, late: bool) -> Self {
        if let Some(refused) = refused_address(error) {
            return Self::address(endpoint, &refused);
        }
        match tls_failure(error) {
            Some(TlsFailure::PinMismatch(_)) => return Self::other_key(endpoint),
            Some(TlsFailure::Other(why)) => {
                return Self::unreachable(endpoint, "tls-failed", &format!("TLS failed: {why}"));
            }
            None => {}
        }
        if let Some(resolve) = cause::<ResolveError>(error) {
            return Self::unreachable(endpoint, "name-not-found", &resolve.to_string());
        }
        let io = cause::<io::Error>(error).map(io::Error::kind);
        match io {
            Some(io::ErrorKind::ConnectionRefused) => {
                Self::unreachable(endpoint, "connection-refused", "connection refused")
            }
            Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
                Self::unreachable(endpoint, "no-route", "there is no way to it from here")
            }
            _ if connecting && late => {
                Self::unreachable(endpoint, "connect-timeout", "no connection within 5 s")
            }
            _ if connecting => Self::unreachable(endpoint, "connection-failed", "no connection"),
            _ if late => {
                Self { reached: true, ..Self::unreachable(endpoint, "answer-timeout", "no answer in time") }
            }
            _ => Self {
                reached: true,
                ..Self::unreachable(endpoint, "connection-broken", "the connection broke")
            },
        }
    }

    pub(super) fn of_body(endpoint: &Endpoint, error: &BodyError) -> Self {
        let why = match error {
            BodyError::TooLarge { .. } => "the answer is larger than a desk's may be",
            BodyError::TooSlow { .. } => "the answer came too slowly",
            BodyError::Cut(_) => "the answer was cut off",
        };
        Self { reached: true, ..Self::unreachable(endpoint, "answer-incomplete", why) }
    }

    /// An answer other than 200.
    pub(super) fn of_answer(endpoint: &Endpoint, status: u16, wait: Option<u64>, advice: Advice) -> Self {
        let host = authority(endpoint);
        let said = advice.detail.map_or_else(String::new, |detail| format!(" It says: {detail}"));
        let name = advice.code.map_or_else(|| format!("HTTP {status}"), |code| code.to_string());
        let (failure, code, words) = match class(status, advice.code) {
            None => return Self::not_a_desk(endpoint, &format!("HTTP status {status}")),
            Some(Class::Final) => {
                (Failure::Refused, "refused", format!("{host} refuses this desk ({name}).{said}"))
            }
            Some(Class::Retry | Class::Resync) if advice.code.is_some() || matches!(status, 429 | 503) => {
                let retry_after = wait.map(|seconds| seconds.saturating_mul(1000));
                let words = format!("{host} asks to come back later ({name}).{said}");
                (Failure::Busy { retry_after }, "busy", words)
            }
            Some(Class::Retry | Class::Resync) => {
                let words =
                    format!("{host} answers with a failure of its own ({name}). Deskwire goes on trying.");
                (Failure::Unreachable, "peer-failure", words)
            }
        };
        let cause = match (advice.code, advice.time) {
            (Some(Code::StaleRequest), Some(time)) => Cause::Stale(time),
            (Some(code), _) => Cause::Code(code),
            (None, _) => Cause::Other,
        };
        Self { failure, cause, code: advice.code.map_or(code, Code::as_str), words, reached: true }
    }

    /// The partner's own code, if it gave one.
    pub(crate) fn wire(&self) -> Option<Code> {
        match self.cause {
            Cause::Code(code) => Some(code),
            Cause::Stale(_) => Some(Code::StaleRequest),
            Cause::OtherKey | Cause::NoEndpoint | Cause::OtherSize | Cause::Other => None,
        }
    }
}

/// A stranger's text, fit to be shown: one line, at most 300 characters, without control or direction characters.
pub(super) fn cleaned(text: &str) -> String {
    let plain = |letter: char| match letter {
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        letter if letter.is_control() => ' ',
        letter => letter,
    };
    text.chars().take(300).map(plain).collect()
}

/// `HOST:PORT`, as people read it.
fn authority(endpoint: &Endpoint) -> &str {
    endpoint.url().as_str().trim_start_matches("https://")
}

/// The first cause of this type. [`io::Error`] needs care: its `source` skips the error that it carries.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    //! Unreachable is not refused: one is waited for, the other stops the link and calls the operator.
    use super::*;

    fn endpoint() -> Endpoint {
        "https://kassa.example:8441".parse().unwrap()
    }

    fn judged(status: u16, wait: Option<u64>, code: Option<Code>) -> Trouble {
        Trouble::of_answer(&endpoint(), status, wait, Advice { code, detail: None, time: None })
    }

    #[test]
    fn only_a_final_answer_is_a_refusal() {
        assert_eq!(judged(404, None, Some(Code::UnknownLink)).failure, Failure::Refused);
        assert_eq!(judged(404, None, Some(Code::UnknownLink)).code, "unknown-link");
        assert_eq!(judged(502, None, None).failure, Failure::Unreachable);
        assert_eq!(judged(503, Some(9), None).failure, Failure::Busy { retry_after: Some(9_000) });
        assert_eq!(judged(429, Some(u64::MAX), None).failure, Failure::Busy { retry_after: Some(u64::MAX) });
        assert_eq!(judged(403, None, Some(Code::LinkWaiting)).failure, Failure::Busy { retry_after: None });
        assert_eq!(judged(301, None, None).failure, Failure::Unreachable, "a redirect is no answer");
    }

    #[test]
    fn the_sentence_names_the_partner_and_what_it_said() {
        let advice =
            Advice { code: Some(Code::LinkPaused), detail: Some("We look into it.".into()), time: None };
        let trouble = Trouble::of_answer(&endpoint(), 403, None, advice);
        assert_eq!(
            trouble.words,
            "kassa.example:8441 refuses this desk (link-paused). It says: We look into it."
        );
    }
}
