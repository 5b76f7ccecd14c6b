//! Handing a ticket over: what is asked for, and exactly what would leave.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{FieldName, Money, PartnerDesk, Time};

/// The body of `POST /v1/tickets/{number}/delegations` and of `…/delegations/preview`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DelegateRequest {
    /// Local name or id of the link.
    pub link: String,
    /// Optional fields to send; absent means all that the terms allow and the ticket has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<FieldName>>,
    /// Another title than the ticket's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Another description than the ticket's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Words for the partner, put before the description with an empty line between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Ids of files of the ticket to send along; choosing one makes it visible to this partner.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// When the partner has to accept or decline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub respond_by: Option<Time>,
    /// When the work has to be done; the ticket's due time when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolve_by: Option<Time>,
    /// How many seconds of an inherited deadline stay with this desk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve: Option<u64>,
    /// Price limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// Marks a trial that nobody should travel for.
    #[serde(default)]
    pub test: bool,
    /// Hand it over although a recall of this ticket is not settled yet, or the partner has it already: the work may then be
    /// done twice.
    #[serde(default)]
    pub anyway: bool,
}

/// What would leave this desk and what would not; computed by the function that makes the offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Preview {
    /// The desk that would get it.
    pub to: PartnerDesk,
    /// Local name of the link.
    pub link: String,
    /// Whether somebody compared the link's words.
    pub verified: bool,
    /// Everything that would leave, in the order in which people read it.
    pub will_send: Vec<FieldValue>,
    /// Files that would be announced.
    pub files: Vec<PreviewFile>,
    /// What the ticket has and would stay here.
    pub will_not_send: Vec<Withheld>,
}

/// A field and exactly the value that would leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldValue {
    /// Name of the field, with a dot where it is a part of one: `contact.phone`.
    pub field: String,
    /// Its value as text.
    pub value: String,
}

/// A file that would be announced to the partner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewFile {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its size, bytes.
    pub size: u64,
}

/// Something that stays here, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Withheld {
    /// Name of the field; `comments` or `files` for those of the thread.
    pub field: String,
    /// Why.
    pub reason: WithheldReason,
    /// The same as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
}

/// Why something stays here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WithheldReason {
    /// The link's terms do not let it travel.
    NotInTerms,
    /// It is internal.
    Internal,
    /// The caller left it out.
    NotChosen,
    /// Whoever gave it to this desk did not allow it to be handed on.
    NotOnward,
    /// This desk's mapping for the link has no counterpart for it.
    Unmapped,
}
