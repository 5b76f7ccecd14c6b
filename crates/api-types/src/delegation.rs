//! Delegations: the shared case between this desk and one partner.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Contact, CountedTime, DelegationClock, Due, DueFilter, Equipment, FieldValue, Person, Priority,
    ServiceObject, Time, Withheld,
};

mod act;

pub use act::{
    AcceptOffer, Action, Answer, Ask, ChangeDecline, ChangeTake, Confirm, OfferUpdate, Reason, Resolve,
    StatusChange, WorkState,
};

/// One delegation as this desk sees it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delegation {
    /// Its id, 32 hexadecimal digits, the same on both sides.
    pub id: String,
    /// What this desk is in it.
    pub role: Role,
    /// Local name of the link.
    pub link: String,
    /// State after all events known here, provisional ones included.
    pub state: DelegationState,
    /// State after the events that nothing can supersede any more.
    pub settled_state: DelegationState,
    /// Whether an own event is not yet settled: sent or waiting, and the partner has not answered.
    pub provisional: bool,
    /// For `waiting`: for whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<WaitingFor>,
    /// Whose turn it is.
    pub turn: Turn,
    /// This desk's side.
    pub own: OwnSide,
    /// The partner's side.
    pub partner: PartnerSide,
    /// What the principal asks for.
    pub offer: OfferFields,
    /// Version of the offer: 1, one more for each update.
    pub version: u64,
    /// What of the partner's offer this desk's mapping has words for, in these words; only for a contractor with a mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
    /// The oldest change of what binds that the contractor has to take or decline: the first of `changes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<PendingChange>,
    /// All changes of what binds that the contractor has to take or decline, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<PendingChange>,
    /// What of an update was left out, in the answer to that update alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<Withheld>,
    /// The question that waits for an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// When it confirms itself unless the principal says something; absent where the terms say never, and before it is
    /// resolved for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirms: Option<Time>,
    /// What this desk may do now.
    pub actions: Vec<Action>,
    /// When it was offered.
    pub created: Time,
    /// When it changed last.
    pub updated: Time,
    /// What has not reached the partner yet; absent when everything has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undelivered: Option<Undelivered>,
    /// Its lines of work with their sums; absent in lists, and when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<crate::WorkList>,
    /// The deadline that people look at: to answer, then to resolve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Due>,
    /// Its clock; absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<DelegationClock>,
    /// Its events in the order of the fold; empty in lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<TimelineEvent>,
}

/// What a desk is in a delegation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It handed the work over.
    Principal,
    /// It does the work.
    Contractor,
}

impl Role {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Contractor => "contractor",
        }
    }
}

/// State of a delegation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DelegationState {
    /// The contractor has to accept or decline.
    Offered,
    /// The contractor took it.
    Accepted,
    /// The contractor works.
    InProgress,
    /// The contractor waits, for the principal or for somebody else.
    Waiting,
    /// The contractor is done; the principal has to confirm or reopen.
    Resolved,
    /// The principal agrees that it is done.
    Confirmed,
    /// The contractor did not take it.
    Declined,
    /// The contractor gave it back.
    Returned,
    /// The principal took it back.
    Recalled,
}

impl DelegationState {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 9] = [
        Self::Offered,
        Self::Accepted,
        Self::InProgress,
        Self::Waiting,
        Self::Resolved,
        Self::Confirmed,
        Self::Declined,
        Self::Returned,
        Self::Recalled,
    ];

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Accepted => "accepted",
            Self::InProgress => "in-progress",
            Self::Waiting => "waiting",
            Self::Resolved => "resolved",
            Self::Confirmed => "confirmed",
            Self::Declined => "declined",
            Self::Returned => "returned",
            Self::Recalled => "recalled",
        }
    }
}

/// For whom the contractor waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WaitingFor {
    /// The principal has to answer.
    Principal,
    /// Somebody outside the delegation.
    Third,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// This desk's.
    Own,
    /// The partner's.
    Partner,
    /// Nobody's: it has ended.
    Nobody,
}

/// This desk's side of a delegation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnSide {
    /// Number of this desk's ticket.
    pub ticket: String,
    /// This desk's own status code, as the partner has been told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// This desk's own words for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// The partner's side of a delegation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartnerSide {
    /// Display name.
    pub name: String,
    /// Desk id in groups with check characters.
    pub desk: String,
    /// Number of the partner's ticket, as soon as it has said one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The partner's own status code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The partner's own words for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What this desk's mapping for the link calls that status; absent without a counterpart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub here: Option<String>,
}

/// What an offer and its updates say: all that travelled, and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OfferFields {
    /// One line; absent when it was erased.
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
    /// The requester: data, never a correspondent.
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
    /// Custom fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom: Vec<Custom>,
    /// Marks a trial.
    #[serde(default)]
    pub test: bool,
    /// How many more hops the work may take.
    #[serde(default)]
    pub hops: u8,
}

/// What an offer says in the words of the desk that got it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reading {
    /// Category code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Custom fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom: Vec<Custom>,
    /// Values without a counterpart here: they stand above as the partner has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmapped: Vec<FieldValue>,
}

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Decimal text with a point, up to six decimals.
    pub amount: String,
    /// Three capital letters (ISO 4217).
    pub currency: String,
}

/// A custom field with its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Custom {
    /// Key from the terms.
    pub key: String,
    /// Value, one line.
    pub value: String,
}

/// A proposed change of deadline, priority, price or scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PendingChange {
    /// Version of the offer that it would make.
    pub version: u64,
    /// What would hold then; only what differs is there.
    pub fields: OfferFields,
}

/// What has not reached the partner yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Undelivered {
    /// How many items.
    pub items: u64,
    /// Since when the oldest waits.
    pub since: Time,
    /// Whether that is more than an hour.
    #[serde(default)]
    pub late: bool,
    /// How many of them are parked until somebody sends them again.
    #[serde(default)]
    pub parked: u64,
}

/// One event of a delegation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimelineEvent {
    /// Item id, 32 hexadecimal digits.
    pub item: String,
    /// Message kind, such as `delegation.accept`.
    pub kind: String,
    /// Who sent it: the principal or the contractor.
    pub from: Role,
    /// Who acted, as far as the terms let it travel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// When its author says that it happened.
    pub time: Time,
    /// The time that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<CountedTime>,
    /// What came of it.
    pub effect: Effect,
    /// The stable code of a refusal, or why it was superseded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// The reason, solution, question or answer that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// State after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<DelegationState>,
}

/// What came of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It has effect.
    Applied,
    /// The state it met did not allow it; kept, without effect.
    Superseded,
    /// It has effect here, and the partner may still have been faster.
    Provisional,
    /// The partner refused it; without effect on both sides.
    Refused,
    /// The partner does not understand it; without effect on both sides.
    Unsupported,
    /// Not yet numbered.
    Waiting,
    /// Taken out of the queue until somebody sends it again; without effect until then.
    Parked,
}

impl Effect {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Superseded => "superseded",
            Self::Provisional => "provisional",
            Self::Refused => "refused",
            Self::Unsupported => "unsupported",
            Self::Waiting => "waiting",
            Self::Parked => "parked",
        }
    }
}

/// The answer of `GET /v1/delegations`, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DelegationList {
    /// The delegations, without timelines.
    pub delegations: Vec<Delegation>,
    /// What to pass as `before` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// The query of `GET /v1/delegations`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DelegationQuery {
    /// Only those in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<DelegationState>,
    /// Only those in which this desk has this role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Only those of this link: local name or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Only those with a deadline that is near, or has passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<DueFilter>,
    /// How many at most: 1 to 500, 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page before ended, from its `before`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}
