//! What a desk can do in a delegation: the actions and the bodies of `POST /v1/delegations/{id}/{action}`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Contact, Custom, Equipment, Money, Priority, ServiceObject, Time};

/// An action; its word is the last part of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Contractor: take the offer.
    Accept,
    /// Contractor: do not take it.
    Decline,
    /// Either: own status; the contractor also the state of the work.
    Status,
    /// Contractor: done.
    Resolve,
    /// Principal: agreed that it is done.
    Confirm,
    /// Principal: not done.
    Reopen,
    /// Contractor: give it back.
    Return,
    /// Principal: take it back.
    Recall,
    /// Principal: change the offer.
    Update,
    /// Contractor: take a change of what binds.
    ChangeTake,
    /// Contractor: do not take it.
    ChangeDecline,
    /// Contractor: ask the principal and wait.
    Ask,
    /// Principal: answer.
    Answer,
    /// Principal: rate the work.
    Rate,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Accept,
        Self::Decline,
        Self::Status,
        Self::Resolve,
        Self::Confirm,
        Self::Reopen,
        Self::Return,
        Self::Recall,
        Self::Update,
        Self::ChangeTake,
        Self::ChangeDecline,
        Self::Ask,
        Self::Answer,
        Self::Rate,
    ];

    /// The word of the API and of the path.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Decline => "decline",
            Self::Status => "status",
            Self::Resolve => "resolve",
            Self::Confirm => "confirm",
            Self::Reopen => "reopen",
            Self::Return => "return",
            Self::Recall => "recall",
            Self::Update => "update",
            Self::ChangeTake => "change-take",
            Self::ChangeDecline => "change-decline",
            Self::Ask => "ask",
            Self::Answer => "answer",
            Self::Rate => "rate",
        }
    }
}

/// The body of `accept`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptOffer {
    /// Version of the offer that was read; refused when there is a newer one. The newest when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Own status code to report; `open` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Own words for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// The body of `decline`, `return`, `recall` and `reopen`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Why, for the partner's person to read; must not be empty.
    pub reason: String,
    /// Why, as a code that both desks understand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// The body of `status`; at least one member must be there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusChange {
    /// State of the work; the contractor's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<WorkState>,
    /// Own status code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Own words for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// State of the work that a contractor can report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WorkState {
    /// It is being done.
    InProgress,
    /// It waits for somebody outside the delegation.
    WaitingThird,
}

/// The body of `resolve`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolve {
    /// What was done, for the partner's person to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solution: Option<String>,
    /// How it was solved, as a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Own status code; `solved` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Own words for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// The body of `confirm`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// Own status code to report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Own words for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// The body of `update`; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferUpdate {
    /// One line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// CommonMark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Category code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// When the contractor has to accept or decline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub respond_by: Option<Time>,
    /// When the work has to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolve_by: Option<Time>,
    /// The requester.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    /// The requester's company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// Where the work is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ServiceObject>,
    /// What is broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equipment: Option<Equipment>,
    /// Reference of the agreement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<String>,
    /// Price limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// Custom fields, all of them: they take the place of those sent before. Empty: they stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom: Vec<Custom>,
}

/// The body of `change-take`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeTake {
    /// Version of the offer that the change makes.
    pub version: u64,
}

/// The body of `change-decline`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeDecline {
    /// Version of the offer that the change would make.
    pub version: u64,
    /// Why; must not be empty.
    pub reason: String,
}

/// The body of `ask`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The question; must not be empty.
    pub question: String,
}

/// The body of `answer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The answer, or why the question was not needed; must not be empty.
    pub answer: String,
    /// Whether the question was needed; if not, the waiting counts for the contractor.
    #[serde(default = "yes")]
    pub needed: bool,
}

fn yes() -> bool {
    true
}
