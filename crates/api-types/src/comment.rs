//! Comments, and how far what was said has come.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Audience, CommentVersion, Person, RelayWaiting, Relayed, Retraction, Time};

/// One comment on a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Comment {
    /// Its id, 32 hexadecimal digits.
    pub id: String,
    /// Number of the ticket it stands on.
    pub ticket: String,
    /// When its author wrote it.
    pub time: Time,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// Name of the partner it came from; absent for this desk's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
    /// The delegation it came by; absent for this desk's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegation: Option<String>,
    /// Who may read it.
    pub audience: Audience,
    /// What it says, CommonMark; absent when it was retracted or erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// When it was last edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<Time>,
    /// Whether its author took it back.
    #[serde(default)]
    pub retracted: bool,
    /// Whether its author took its text back before anybody was meant to read it.
    #[serde(default)]
    pub withdrawn: bool,
    /// What the partner says of the desk that wrote it, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relayed: Option<Relayed>,
    /// For this desk's own that was edited: all its versions, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<CommentVersion>,
    /// For this desk's own: how it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retraction: Option<Retraction>,
    /// For a partner's: where it does not go onward, or not yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relays: Vec<RelayWaiting>,
    /// How far it has come, one per partner: this desk's own, or a partner's that goes onward; empty for what stays here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<Delivery>,
    /// Why it has no effect, if its desk has disowned it: somebody else had that desk's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_effect: Option<String>,
}

/// How far one item has come on its way to one partner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// The delegation it goes by.
    pub delegation: String,
    /// Name of the partner.
    pub partner: String,
    /// How far it has come.
    pub state: DeliveryState,
    /// While it is parked: the item to name when it is sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Since when it is not delivered, once that is more than an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_delivered_since: Option<Time>,
    /// The stable code of a refusal, or why it is parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Words for the person who caused it: the partner's about a refusal, this desk's otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// When the partner committed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

/// How far an item has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// Not yet numbered.
    Waiting,
    /// Numbered and signed; no receipt yet.
    Sent,
    /// Taken out of the queue until somebody sends it again.
    Parked,
    /// The link ended before a receipt came: whether the partner has it is not known.
    Lost,
    /// The partner has it, and a signed receipt says so.
    Delivered,
    /// The partner has it and refused it.
    Refused,
    /// The partner has it and does not understand it.
    Unsupported,
}

/// The body of `POST /v1/tickets/{number}/comments`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommentRequest {
    /// What to say, CommonMark.
    pub body: String,
    /// Who may read it; internal when absent.
    #[serde(default)]
    pub audience: Audience,
}
