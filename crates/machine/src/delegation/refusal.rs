//! Why an event is refused: a stable code, a sentence for the person, and what can be done instead.

use deskwire_proto::code::OutcomeCode;

use super::event::EventKind;
use super::state::{Role, State};

/// A refusal. Its `Display` is the English sentence for the person who caused it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The event has no place in the present state.
    #[error("You cannot {} now: this delegation is {}. {}", event.words(), state.words(), possible(allowed))]
    NotAllowed {
        /// What was to be said.
        event: EventKind,
        /// The state it meets.
        state: State,
        /// What the same side can say instead.
        allowed: Vec<EventKind>,
    },
    /// The other side alone may say this.
    #[error("The {role} of a delegation cannot {}: this is for the {} alone.", event.words(), role.other())]
    WrongRole {
        /// What was said.
        event: EventKind,
        /// Who said it.
        role: Role,
    },
    /// The principal changed a binding field of the offer after the person accepted it.
    #[error("The offer was changed after you accepted it. Look at it again, then accept or decline it.")]
    OfferChanged,
    /// A newer resolution or question of the contractor has come meanwhile.
    #[error("The contractor has written again meanwhile. Read what is new, then {} if it still fits.", event.words())]
    Overtaken {
        /// What was to be said.
        event: EventKind,
    },
    /// No question is open.
    #[error("No question of the contractor is open. Write a comment instead.")]
    NoQuestion,
    /// The proposal was answered, replaced or never made.
    #[error(
        "Change {version} is no longer proposed: it was answered or replaced. Look at the open proposals."
    )]
    NoProposal {
        /// The version that was named.
        version: u64,
    },
    /// Too many events of one side wait for the other side's answer.
    #[error(
        "{limit} actions on this delegation still wait for the partner's answer. Try again when it has answered."
    )]
    TooManyUnanswered {
        /// How many may wait.
        limit: usize,
    },
    /// Fold rules that this desk does not know.
    #[error(
        "The offer names fold rules {rules}, which this desk does not know. Offer it with rules this desk lists."
    )]
    UnknownRules {
        /// The number that the offer names.
        rules: u16,
    },
    /// A number that contradicts what is already recorded: the caller's bookkeeping is wrong, no person's doing.
    #[error("Event {number} does not fit the record of this delegation. Check the desk's store.")]
    OutOfOrder {
        /// The sequence number or local number that does not fit.
        number: u64,
    },
}

impl Refusal {
    /// The stable code, for programs, translations and receipts.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed { .. } | Self::WrongRole { .. } => "action-not-allowed",
            Self::OfferChanged => "offer-changed",
            Self::Overtaken { .. } => "overtaken",
            Self::NoQuestion => "no-question",
            Self::NoProposal { .. } => "no-such-proposal",
            Self::TooManyUnanswered { .. } => "too-many-unanswered",
            Self::UnknownRules { .. } => "unsupported-rules",
            Self::OutOfOrder { .. } => "out-of-order",
        }
    }

    /// What to do about it, where the sentence does not say it already.
    pub const fn next(&self) -> &'static str {
        match self {
            Self::WrongRole { role: Role::Contractor, .. } => {
                "Ask the partner, who handed the work over, or see what is possible here with `deskwire delegation show`."
            }
            Self::WrongRole { role: Role::Principal, .. } => {
                "Ask the partner, who does the work, or see what is possible here with `deskwire delegation show`."
            }
            Self::NotAllowed { .. } | Self::OfferChanged | Self::Overtaken { .. } | Self::NoQuestion => "",
            Self::NoProposal { .. } | Self::TooManyUnanswered { .. } => "",
            Self::UnknownRules { .. } | Self::OutOfOrder { .. } => "",
        }
    }

    /// The outcome that a peer's message gets in the receipt; `None` for what only our own people can run into.
    pub const fn outcome(&self) -> Option<OutcomeCode> {
        match self {
            Self::WrongRole { event, .. } => Some(match event {
                // Either side sends `delegation.status`; the state in it is the contractor's field.
                EventKind::StatusInProgress | EventKind::StatusWaitingThird => OutcomeCode::NotYourField,
                EventKind::Offer | EventKind::Accept | EventKind::Decline | EventKind::Return => NOT_ALLOWED,
                EventKind::Recall | EventKind::Status | EventKind::Resolve | EventKind::Confirm => {
                    NOT_ALLOWED
                }
                EventKind::Reopen | EventKind::Update | EventKind::ChangeTake => NOT_ALLOWED,
                EventKind::ChangeDecline | EventKind::Ask | EventKind::Answer => NOT_ALLOWED,
                EventKind::AnswerNotNeeded | EventKind::Rate | EventKind::LinkClose => NOT_ALLOWED,
            }),
            Self::UnknownRules { .. } => Some(OutcomeCode::UnsupportedRules),
            Self::TooManyUnanswered { .. } => Some(OutcomeCode::Quota),
            Self::NotAllowed { .. } | Self::OfferChanged | Self::Overtaken { .. } => None,
            Self::NoQuestion | Self::NoProposal { .. } | Self::OutOfOrder { .. } => None,
        }
    }
}

const NOT_ALLOWED: OutcomeCode = OutcomeCode::ActionNotAllowed;

fn possible(allowed: &[EventKind]) -> String {
    if allowed.is_empty() {
        return "Nothing more can be done with it; make a new delegation.".to_owned();
    }
    let words: Vec<_> = allowed.iter().map(|event| event.words()).collect();
    format!("Possible now: {}.", words.join(", "))
}
