//! Tickets: a desk's own records, in its own words.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Audience, Comment, Contact, Custom, Delegation, Delivery, Due, DueFilter, Equipment, FieldValue,
    FileInfo, Handed, Person, ServiceObject, Time,
};

/// One ticket of this desk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ticket {
    /// Its number with the desk's prefix, such as `ACME-12`.
    pub number: String,
    /// One line.
    pub title: String,
    /// CommonMark; absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Category code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Priority.
    pub priority: Priority,
    /// This desk's own status code: `new`, `open`, `waiting`, `solved`, `closed`, or another of its own.
    pub status: String,
    /// This desk's own words for the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Who asked for help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<Contact>,
    /// The requester's company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// Where the work is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ServiceObject>,
    /// What is broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equipment: Option<Equipment>,
    /// Reference of the agreement under which the work is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<String>,
    /// This desk's own fields, or those of the partner's offer under this desk's names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom: Vec<Custom>,
    /// Values of the partner's offer that this desk's mapping has no word for: they stand here as the partner has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmapped: Vec<FieldValue>,
    /// When the partner who handed it in wants it solved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
    /// The first deadline that is still to be met, of its delegations both ways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due: Option<Due>,
    /// When it was opened.
    pub created: Time,
    /// When anything on it changed last.
    pub updated: Time,
    /// Who opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// The delegation in which a partner handed it to this desk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Name of that partner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin_partner: Option<String>,
    /// Where the work stands that this desk has handed out, all of it as one; absent where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handed: Option<Handed>,
}

/// Priority of a ticket or an offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// Can wait.
    Low,
    /// The usual.
    #[default]
    Normal,
    /// Before the usual.
    High,
    /// Now.
    Urgent,
}

impl Priority {
    /// The protocol's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }
}

/// The answer of `GET /v1/tickets/{number}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketDetail {
    /// The ticket.
    pub ticket: Ticket,
    /// Comments, files and events, oldest first.
    pub thread: Vec<ThreadEntry>,
    /// Its delegations, in both roles, without their timelines.
    pub delegations: Vec<Delegation>,
    /// Partners who have the work of this desk, and were not told of what the principal has changed since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untold: Vec<Untold>,
}

/// A partner who was not told of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Untold {
    /// Id of the delegation by which it has the work.
    pub delegation: String,
    /// Its name.
    pub partner: String,
    /// Members of the offer that have changed, as an update names them.
    pub fields: Vec<String>,
}

/// One entry of a ticket's thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ThreadEntry {
    /// Somebody said something.
    Comment(Comment),
    /// Somebody attached a file.
    File(FileInfo),
    /// Something happened.
    Event(ThreadEvent),
}

impl ThreadEntry {
    /// When it came about.
    pub fn time(&self) -> Time {
        match self {
            Self::Comment(comment) => comment.time,
            Self::File(file) => file.time,
            Self::Event(event) => event.time,
        }
    }
}

/// Something that happened to a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ThreadEvent {
    /// When.
    pub time: Time,
    /// Stable, kebab-case: `opened`, `status`, or the message kind for events of a delegation (`delegation.accept`).
    pub event: String,
    /// What happened, in words.
    pub words: String,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// Name of the partner who did it; absent for this desk's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
    /// The delegation it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegation: Option<String>,
    /// The stable code of a refusal that this event reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// For this desk's own event of a delegation: how far it has come, while it is not delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// Who may read it.
    #[serde(default)]
    pub audience: Audience,
}

/// The answer of `GET /v1/tickets`, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketList {
    /// The tickets, without descriptions.
    pub tickets: Vec<Ticket>,
    /// What to pass as `before` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
}

/// The query of `GET /v1/tickets`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct TicketQuery {
    /// Only tickets with this status code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Only those with a deadline that is near, or has passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<DueFilter>,
    /// How many at most: 1 to 500, 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only tickets whose bare number is lower.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
}

/// The body of `POST /v1/tickets`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTicket {
    /// One line, 1 to 240 bytes.
    pub title: String,
    /// CommonMark, up to 48,000 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Category code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Priority; normal when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Who asks for help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<Contact>,
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
    /// This desk's own fields, 32 at most; those that the terms of a link define can travel over it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom: Vec<Custom>,
}

/// The body of `POST /v1/tickets/{number}/status`: this desk's own status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketStatus {
    /// Status code, kebab-case.
    pub status: String,
    /// This desk's own words for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}
