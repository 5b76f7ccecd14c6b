//! The events of the delegation fold: the bare facts of the `delegation.*` messages (proto-spec, section 7.3).

use std::fmt;

use serde::{Deserialize, Serialize};

/// The state that a contractor's status message may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// Work begins or is taken up again.
    InProgress,
    /// Somebody who is not the principal has to act first. (Whoever waits for the principal asks it.)
    WaitingThird,
}

/// A field whose value binds from the acceptance on (proto-spec, section 7.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// The time by which the work shall be resolved.
    Deadline,
    /// The priority.
    Priority,
    /// The price limit.
    Price,
    /// What is to be done.
    Scope,
}

impl Field {
    /// Every binding field.
    pub const ALL: [Self; 4] = [Self::Deadline, Self::Priority, Self::Price, Self::Scope];

    const fn bit(self) -> u8 {
        match self {
            Self::Deadline => 1,
            Self::Priority => 2,
            Self::Price => 4,
            Self::Scope => 8,
        }
    }
}

/// A set of binding fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u8", from = "u8")]
pub struct Fields(u8);

impl Fields {
    /// No field.
    pub const NONE: Self = Self(0);
    /// All four.
    pub const ALL: Self = Self(15);

    /// The set of the given fields.
    pub fn of(fields: impl IntoIterator<Item = Field>) -> Self {
        Self(fields.into_iter().fold(0, |bits, field| bits | field.bit()))
    }

    /// True when `field` is in the set.
    pub const fn contains(self, field: Field) -> bool {
        self.0 & field.bit() != 0
    }

    /// True when the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set without the fields of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The fields of the set.
    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL.into_iter().filter(move |field| self.contains(*field))
    }
}

impl From<Fields> for u8 {
    fn from(fields: Fields) -> Self {
        fields.0
    }
}

impl From<u8> for Fields {
    /// Bits beyond the four fields are dropped.
    fn from(bits: u8) -> Self {
        Self(bits & 15)
    }
}

/// What one message says to the fold. Texts, times and everything else stay with the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// `delegation.offer`
    Offer {
        /// The fold rules which this delegation keeps to its end.
        rules: u16,
    },
    /// `delegation.accept`
    Accept {
        /// The newest version of the offer that the person who accepts has seen.
        version: u64,
    },
    /// `delegation.decline`
    Decline,
    /// `delegation.return`
    Return,
    /// `delegation.recall`
    Recall,
    /// `delegation.status`
    Status {
        /// The new state, which only the contractor may name; without it the message carries words alone.
        to: Option<Progress>,
    },
    /// `delegation.resolve`
    Resolve,
    /// `delegation.confirm`
    Confirm,
    /// `delegation.reopen`
    Reopen,
    /// `delegation.update`
    Update {
        /// Higher than every earlier version of this delegation; the offer is version 1. For an own item that
        /// waits for its number it is set by [`Case`](super::Case).
        version: u64,
        /// Which of the binding fields it changes; empty when it changes others only.
        binding: Fields,
    },
    /// `delegation.change-take`
    ChangeTake {
        /// The version of the update that proposed the change.
        version: u64,
    },
    /// `delegation.change-decline`
    ChangeDecline {
        /// The version of the update that proposed the change.
        version: u64,
    },
    /// `delegation.ask`
    Ask,
    /// `delegation.answer`
    Answer {
        /// False when the principal says that the question was not needed: that waiting is disputed.
        needed: bool,
    },
    /// `delegation.rate`
    Rate,
    /// `link.close`: the link ends, and with it whatever is open on it.
    LinkClose,
}

impl Event {
    /// The column of the transition table that this event belongs to.
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Offer { rules: _ } => EventKind::Offer,
            Self::Accept { version: _ } => EventKind::Accept,
            Self::Decline => EventKind::Decline,
            Self::Return => EventKind::Return,
            Self::Recall => EventKind::Recall,
            Self::Status { to: None } => EventKind::Status,
            Self::Status { to: Some(Progress::InProgress) } => EventKind::StatusInProgress,
            Self::Status { to: Some(Progress::WaitingThird) } => EventKind::StatusWaitingThird,
            Self::Resolve => EventKind::Resolve,
            Self::Confirm => EventKind::Confirm,
            Self::Reopen => EventKind::Reopen,
            Self::Update { version: _, binding: _ } => EventKind::Update,
            Self::ChangeTake { version: _ } => EventKind::ChangeTake,
            Self::ChangeDecline { version: _ } => EventKind::ChangeDecline,
            Self::Ask => EventKind::Ask,
            Self::Answer { needed: true } => EventKind::Answer,
            Self::Answer { needed: false } => EventKind::AnswerNotNeeded,
            Self::Rate => EventKind::Rate,
            Self::LinkClose => EventKind::LinkClose,
        }
    }
}

/// An event without its data: what the transition table distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// The principal offers the work.
    Offer,
    /// The contractor takes it.
    Accept,
    /// The contractor does not take it.
    Decline,
    /// The contractor gives it back.
    Return,
    /// The principal takes it away.
    Recall,
    /// Either side tells its ticket id, status code and label.
    Status,
    /// The contractor works.
    StatusInProgress,
    /// The contractor waits for somebody who is not the principal.
    StatusWaitingThird,
    /// The contractor has done the work.
    Resolve,
    /// The principal agrees that it is done.
    Confirm,
    /// The principal does not agree, or needs it again.
    Reopen,
    /// The principal changes fields of the offer.
    Update,
    /// The contractor takes a proposed change.
    ChangeTake,
    /// The contractor declines a proposed change.
    ChangeDecline,
    /// The contractor asks the principal and waits.
    Ask,
    /// The principal answers.
    Answer,
    /// The principal says that it need not have been asked.
    AnswerNotNeeded,
    /// The principal rates the work.
    Rate,
    /// Either side ends the link.
    LinkClose,
}

impl EventKind {
    /// Every kind, in the order in which the specification lists them.
    pub const ALL: [Self; 19] = [
        Self::Offer,
        Self::Accept,
        Self::Decline,
        Self::Return,
        Self::Recall,
        Self::Status,
        Self::StatusInProgress,
        Self::StatusWaitingThird,
        Self::Resolve,
        Self::Confirm,
        Self::Reopen,
        Self::Update,
        Self::ChangeTake,
        Self::ChangeDecline,
        Self::Ask,
        Self::Answer,
        Self::AnswerNotNeeded,
        Self::Rate,
        Self::LinkClose,
    ];

    /// The name used in the specification's table and by programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Accept => "accept",
            Self::Decline => "decline",
            Self::Return => "return",
            Self::Recall => "recall",
            Self::Status => "status",
            Self::StatusInProgress => "status:in-progress",
            Self::StatusWaitingThird => "status:waiting-third",
            Self::Resolve => "resolve",
            Self::Confirm => "confirm",
            Self::Reopen => "reopen",
            Self::Update => "update",
            Self::ChangeTake => "change-take",
            Self::ChangeDecline => "change-decline",
            Self::Ask => "ask",
            Self::Answer => "answer",
            Self::AnswerNotNeeded => "answer:not-needed",
            Self::Rate => "rate",
            Self::LinkClose => "link-close",
        }
    }

    /// The kind of the message that carries it.
    pub const fn message_kind(self) -> &'static str {
        match self {
            Self::Offer => "delegation.offer",
            Self::Accept => "delegation.accept",
            Self::Decline => "delegation.decline",
            Self::Return => "delegation.return",
            Self::Recall => "delegation.recall",
            Self::Status | Self::StatusInProgress | Self::StatusWaitingThird => "delegation.status",
            Self::Resolve => "delegation.resolve",
            Self::Confirm => "delegation.confirm",
            Self::Reopen => "delegation.reopen",
            Self::Update => "delegation.update",
            Self::ChangeTake => "delegation.change-take",
            Self::ChangeDecline => "delegation.change-decline",
            Self::Ask => "delegation.ask",
            Self::Answer | Self::AnswerNotNeeded => "delegation.answer",
            Self::Rate => "delegation.rate",
            Self::LinkClose => "link.close",
        }
    }

    /// Words for a person, fitting behind "you cannot".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Offer => "offer it",
            Self::Accept => "accept it",
            Self::Decline => "decline it",
            Self::Return => "return it",
            Self::Recall => "recall it",
            Self::Status => "tell your status",
            Self::StatusInProgress => "begin or resume work",
            Self::StatusWaitingThird => "wait for a third party",
            Self::Resolve => "resolve it",
            Self::Confirm => "confirm it",
            Self::Reopen => "reopen it",
            Self::Update => "change it",
            Self::ChangeTake => "take a proposed change",
            Self::ChangeDecline => "decline a proposed change",
            Self::Ask => "ask the principal",
            Self::Answer => "answer the question",
            Self::AnswerNotNeeded => "answer that the question was not needed",
            Self::Rate => "rate it",
            Self::LinkClose => "end it together with its link",
        }
    }

    /// True when the message must carry a reason in words; without one the caller refuses it as `reason-missing`.
    pub const fn needs_reason(self) -> bool {
        match self {
            Self::Decline | Self::Return | Self::Recall | Self::Reopen | Self::LinkClose => true,
            Self::ChangeDecline | Self::Answer | Self::AnswerNotNeeded => true,
            Self::Offer | Self::Accept | Self::Status | Self::StatusInProgress | Self::StatusWaitingThird => {
                false
            }
            Self::Resolve | Self::Confirm | Self::Update | Self::ChangeTake | Self::Ask | Self::Rate => false,
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
