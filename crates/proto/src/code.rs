//! The stable codes of refusals between desks. proto-spec, chapter 11.

use std::fmt;

use crate::receipt::NotApplied;

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The same request will be refused again: the link is quarantined or the person told.
    Final,
    /// It passes by itself: try again on the schedule.
    Retry,
    /// The answer says what to do next, such as opening a session again.
    Resync,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $status:literal, $class:ident;)*) => {
        /// What one desk tells another in a problem document.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// All codes, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// Whether trying again can help.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $(Self::$variant => Class::$class,)* }
            }

            /// The code of a word on the wire, if this version knows it.
            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

codes! {
    /// The bytes are not what belongs here.
    Malformed = "malformed", 400, Final;
    /// CBOR that is not core-deterministic.
    NotDeterministic = "not-deterministic", 400, Final;
    /// The signature does not fit.
    BadSignature = "bad-signature", 403, Final;
    /// A public key that is no safe key.
    WeakKey = "weak-key", 403, Final;
    /// Signed with a key that this desk does not have for the link.
    KeyUnknown = "key-unknown", 403, Resync;
    /// A key log whose events do not follow from one another.
    BadKeyLog = "bad-key-log", 403, Final;
    /// No such link here, or not with this desk.
    UnknownLink = "unknown-link", 404, Final;
    /// The link waits for approval by a person.
    LinkWaiting = "link-waiting", 403, Retry;
    /// The link has been closed.
    LinkClosed = "link-closed", 410, Final;
    /// The link is paused, by an operator or after a fork or a clone.
    LinkPaused = "link-paused", 403, Final;
    /// Addressed to another desk.
    WrongDesk = "wrong-desk", 403, Final;
    /// Belongs to another link.
    WrongLink = "wrong-link", 403, Final;
    /// Numbers are missing before these; the answer names the cursor.
    Gap = "gap", 409, Resync;
    /// A second message with a number that is taken.
    Fork = "fork", 409, Final;
    /// The hash of the message before does not fit.
    BadPrev = "bad-prev", 409, Final;
    /// The session named is not the current one: say hello again.
    SessionUnknown = "session-unknown", 409, Resync;
    /// The peer holds more of this stream than its author: recovery comes first.
    RecoveryNeeded = "recovery-needed", 409, Resync;
    /// This desk does not hand out lost history yet.
    RecoveryNotOffered = "recovery-not-offered", 501, Final;
    /// Pull mode is not served by this desk.
    PullNotOffered = "pull-not-offered", 501, Final;
    /// Two copies of one desk seem to run.
    CloneSuspected = "clone-suspected", 403, Final;
    /// `time` is far below one seen before.
    StaleRequest = "stale-request", 409, Resync;
    /// More bytes than allowed.
    TooLarge = "too-large", 413, Final;
    /// More items than allowed.
    TooMany = "too-many", 413, Final;
    /// The sender was too slow.
    Slow = "slow", 408, Retry;
    /// This desk is busy or in maintenance.
    Busy = "busy", 503, Retry;
    /// No room on the disk of this desk.
    DiskFull = "disk-full", 503, Retry;
    /// A failure of this desk that it cannot name.
    Internal = "internal", 500, Retry;
    /// Too many requests in a time.
    RateLimited = "rate-limited", 429, Retry;
    /// A media type or encoding that is not taken.
    UnsupportedMedia = "unsupported-media", 415, Final;
    /// A version of the protocol that is not spoken.
    UnsupportedVersion = "unsupported-version", 400, Final;
    /// No such path.
    UnknownPath = "unknown-path", 404, Final;
    /// Not the method of this path.
    WrongMethod = "wrong-method", 405, Final;
    /// No such invitation.
    InvitationUnknown = "invitation-unknown", 404, Final;
    /// The invitation has been used.
    InvitationUsed = "invitation-used", 410, Final;
    /// The invitation has expired.
    InvitationExpired = "invitation-expired", 410, Final;
    /// The nonce revealed is not the one committed to, or belongs to another answer.
    BadReveal = "bad-reveal", 403, Final;
    /// Neither of the two desks has an endpoint.
    NoEndpoint = "no-endpoint", 409, Final;
    /// Both sides asked at once; the other request stands.
    LinkCrossed = "link-crossed", 409, Retry;
    /// The operator has not added this desk.
    NotExpected = "not-expected", 403, Retry;
    /// The two desks have an open link.
    AlreadyLinked = "already-linked", 409, Final;
    /// The two sides do not offer the same terms.
    TermsDiffer = "terms-differ", 409, Final;
    /// No such file was announced to this desk on this link.
    BlobUnknown = "blob-unknown", 404, Final;
    /// The bytes brought are not those that were announced.
    BlobMismatch = "blob-mismatch", 400, Final;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! outcome_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $result:ident;)*) => {
        /// Why a message that was rightly signed and in order has no effect.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum OutcomeCode {
            $($(#[$doc])* $variant,)*
        }

        impl OutcomeCode {
            /// All codes, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word in the receipt.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Whether the message was understood and refused, or not understood.
            #[must_use]
            pub const fn result(self) -> NotApplied {
                match self { $(Self::$variant => NotApplied::$result,)* }
            }

            /// The code of a word in a receipt, if this version knows it.
            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

outcome_codes! {
    /// The facts are not deterministic CBOR of the kind's shape.
    MalformedFacts = "malformed-facts", Refused;
    /// The text part is not deterministic CBOR of the kind's shape.
    MalformedText = "malformed-text", Refused;
    /// The text part that the head names did not come.
    TextMissing = "text-missing", Refused;
    /// The text part is not the one whose hash the head names.
    TextMismatch = "text-mismatch", Refused;
    /// The kind needs a delegation and names none that this link has.
    UnknownDelegation = "unknown-delegation", Refused;
    /// Only the other side may say this.
    NotYourField = "not-your-field", Refused;
    /// The terms of the link do not allow it.
    NotAllowedByTerms = "not-allowed-by-terms", Refused;
    /// The side that sent it may never take this action.
    ActionNotAllowed = "action-not-allowed", Refused;
    /// `seen` is behind a receipt that the sender has given.
    SeenBehindReceipt = "seen-behind-receipt", Refused;
    /// `seen` is lower than in an earlier message.
    SeenFalls = "seen-falls", Refused;
    /// `seen` names messages that were never sent.
    SeenAhead = "seen-ahead", Refused;
    /// The file is larger than the terms allow.
    FileTooLarge = "file-too-large", Refused;
    /// The item id has occurred before on this link.
    DuplicateItem = "duplicate-item", Refused;
    /// The delegation exists already.
    DuplicateDelegation = "duplicate-delegation", Refused;
    /// A kind that this desk does not take.
    UnsupportedKind = "unsupported-kind", Unsupported;
    /// A key that has to be understood and is not.
    UnsupportedKey = "unsupported-key", Unsupported;
    /// Fold rules that this desk does not have.
    UnsupportedRules = "unsupported-rules", Unsupported;
    /// An action that needs a reason came without.
    ReasonMissing = "reason-missing", Refused;
    /// More than the receiver takes of this sender.
    Quota = "quota", Refused;
}

impl fmt::Display for OutcomeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
