//! Refusals of the peer listener as problem details. proto-spec, chapter 11.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use deskwire_engine::{Fault, Refusal};
use deskwire_http::problem::Problem;
use deskwire_proto::code::Code;
use deskwire_proto::id::Hash;
use deskwire_proto::time::Timestamp;

/// A refusal on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) code: Code,
    detail: Option<String>,
    wait: Option<Duration>,
    members: Vec<(&'static str, Member)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Member {
    Number(u64),
    Text(String),
}

impl Refused {
    /// With the place in the stream up to which this desk holds it. proto-spec, section 5.5.
    pub(super) fn at(code: Code, length: u64, head: Hash) -> Self {
        let mut refused = Self::from(code);
        if code == Code::Gap {
            let next = length.saturating_add(1);
            refused.detail =
                Some(format!("This desk holds {length} messages of the stream. Send from {next} on."));
        }
        refused.members = vec![("length", Member::Number(length)), ("head", Member::Text(head.to_hex()))];
        refused
    }

    /// Too many requests; when there is room again.
    pub(super) fn limited(wait: Duration) -> Self {
        Self { wait: Some(wait), ..Self::from(Code::RateLimited) }
    }

    /// A signed request that is older than it may be.
    pub(super) fn stale(highest: Timestamp) -> Self {
        Self { members: vec![("time", Member::Number(highest.0))], ..Self::from(Code::StaleRequest) }
    }

    /// Other terms than this desk's, which are shown.
    pub(super) fn terms(base64url: String) -> Self {
        Self { members: vec![("terms", Member::Text(base64url))], ..Self::from(Code::TermsDiffer) }
    }
}

impl From<Code> for Refused {
    fn from(code: Code) -> Self {
        let wait = match code {
            Code::Busy => Some(Duration::from_secs(5)),
            Code::DiskFull | Code::RateLimited => Some(Duration::from_secs(60)),
            _ => None,
        };
        Self { code, detail: None, wait, members: Vec::new() }
    }
}

impl From<Refusal> for Refused {
    /// What the engine refused. Only codes of the protocol leave this desk; its words are for its own people.
    fn from(refusal: Refusal) -> Self {
        if let Some(code) = Code::from_text(refusal.code) {
            return Self::from(code);
        }
        match refusal.fault {
            Fault::Passing => Self::from(Code::Busy),
            Fault::NotFound | Fault::Invalid | Fault::Conflict | Fault::Forbidden => {
                Self::from(Code::Malformed)
            }
            Fault::TooLarge => Self::from(Code::TooLarge),
            Fault::Partner | Fault::Ours => {
                tracing::warn!(code = refusal.code, "a partner's request failed on this side");
                Self::from(Code::Internal)
            }
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (title, next) = words(self.code);
        let mut problem = Problem::new(status, self.code.as_str(), title).next(next);
        problem = problem.detail(self.detail.unwrap_or_else(|| format!("{title}. {next}")));
        if let Some(wait) = self.wait {
            problem = problem.retry_after(wait);
        }
        for (name, member) in self.members {
            problem = match member {
                Member::Number(number) => problem.with(name, number),
                Member::Text(text) => problem.with(name, text),
            };
        }
        tracing::debug!(code = %self.code, "refused");
        problem.into_response()
    }
}

/// Title and advice, the same for every case of a code.
fn words(code: Code) -> (&'static str, &'static str) {
    match code {
        Code::UnknownLink => (
            "There is no such link here",
            "If this desk was restored from a backup, link the two desks anew.",
        ),
        Code::LinkWaiting => ("The link waits for approval", "An operator of this desk has to approve it."),
        Code::LinkClosed => ("The link has ended", "Link the two desks anew if work is to go on."),
        Code::LinkPaused => ("The link is paused", "The operators of both desks should speak."),
        Code::WrongDesk => ("Addressed to another desk", "Check address and desk id."),
        Code::Gap => {
            ("Messages are missing before these", "Send them from the place that this desk has reached.")
        }
        Code::Fork => ("Another history of this stream is held here", "The operators should compare both."),
        Code::BadPrev => {
            ("The hash of the message before does not fit", "The operators should compare both.")
        }
        Code::SessionUnknown => ("The session is not known", "Say hello."),
        Code::RecoveryNeeded => ("This desk holds more of the stream than its author", "Recover first."),
        Code::RecoveryNotOffered => (
            "Nothing of this stream was lost in this session",
            "Say hello, and ask again if something is missing.",
        ),
        Code::PullNotOffered => {
            ("This desk does not serve pull requests yet", "Publish an endpoint, so that this desk can push.")
        }
        Code::CloneSuspected => ("Two copies of one desk seem to run", "Stop one of them."),
        Code::KeyUnknown => ("The signing key is not known here", "Say hello with the descriptor inside."),
        Code::BadSignature => ("The signature does not fit", "Tell the operator of the sending desk."),
        Code::TooLarge => ("More bytes than allowed", "Send less at once."),
        Code::TooMany => ("More items than allowed", "Send fewer at once."),
        Code::Slow => ("The request did not arrive in time", "Try again."),
        Code::Busy => ("This desk is busy", "Try again a little later."),
        Code::DiskFull => ("The disk of this desk is full", "Try again later; its operator knows."),
        Code::Internal => ("This desk failed", "Try again later."),
        Code::RateLimited => ("Too many requests", "Try again later."),
        Code::StaleRequest => {
            ("The request is older than one before", "Sign again with at least the time given.")
        }
        Code::UnsupportedMedia => {
            ("A media type or encoding that is not taken", "Send application/deskwire+cbor as it is.")
        }
        Code::UnknownPath => ("There is no such path", "Check the endpoint."),
        Code::WrongMethod => ("Not the method of this path", "Read the specification, section 5.13."),
        Code::InvitationUnknown => ("There is no such invitation", "Ask for a new one."),
        Code::InvitationUsed => ("The invitation has been used", "Ask for a new one, and who used this one."),
        Code::InvitationExpired => ("The invitation has expired or was withdrawn", "Ask for a new one."),
        Code::NoEndpoint => (
            "Neither of the two desks can be reached by the other",
            "Give one of them a public address, and link again.",
        ),
        Code::BlobMismatch => {
            ("The bytes are not those that were announced", "Read the file again, and bring it once more.")
        }
        Code::NotExpected => {
            ("This desk does not expect the other", "Its operator has to add the other desk first.")
        }
        Code::AlreadyLinked => ("The two desks are linked already", "Close the old link first."),
        Code::TermsDiffer => ("The two sides do not offer the same terms", "Agree on them and try again."),
        Code::BlobUnknown => ("No such file was announced on this link", "Nothing can be fetched."),
        _ => ("The request is not what belongs here", "Tell the operator of the sending desk this code."),
    }
}

#[cfg(test)]
mod tests {
    //! A refusal must not tell a stranger what this desk thinks, only what the protocol says.
    use super::*;

    #[test]
    fn words_of_the_engine_stay_inside() {
        let secret =
            Refusal::new(Fault::Conflict, "own-code", "Ticket ACME-12 of Ann is closed.", "Ask Ann.");
        assert_eq!(Refused::from(secret), Refused::from(Code::Malformed));
        let known = Refusal::new(Fault::Conflict, "invitation-used", "…", "…");
        assert_eq!(Refused::from(known).code, Code::InvitationUsed);
        assert_eq!(Refused::from(Refusal::disk_full()).wait, Some(Duration::from_secs(60)));
        assert_eq!(Refused::from(Refusal::stopping()).code, Code::Busy);
    }

    #[test]
    fn every_code_leaves_with_its_own_status() {
        for code in Code::ALL {
            assert_eq!(Refused::from(*code).into_response().status().as_u16(), code.status(), "{code}");
        }
    }
}
