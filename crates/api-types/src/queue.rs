//! What is on its way to partners, and what operators do with it.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Time;

/// One item on its way to a partner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueItem {
    /// Item id, 32 hexadecimal digits.
    pub item: String,
    /// Local name of its link.
    pub link: String,
    /// How the partner calls itself.
    pub partner: String,
    /// Where it is.
    pub state: QueueState,
    /// Its number in the stream, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Message kind, such as `comment.add`.
    pub kind: String,
    /// The ticket on which it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The delegation that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegation: Option<String>,
    /// When it was accepted.
    pub since: Time,
    /// Whether it has not been delivered for more than an hour.
    pub late: bool,
    /// Whether it is parked because it could not be delivered for thirty days.
    #[serde(default)]
    pub dead: bool,
    /// Why it is parked: a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same in words, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
}

/// Where an item is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum QueueState {
    /// Numbered and signed; it is sent until the partner's receipt covers it.
    Sent,
    /// Accepted, without a number.
    Waiting,
    /// Taken out of the queue until somebody sends it again.
    Parked,
}

impl QueueState {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Waiting => "waiting",
            Self::Parked => "parked",
        }
    }
}

/// The answer of `GET /v1/queue`: by link; in each what has a number first, then what waits, then what is parked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueList {
    /// The items.
    pub items: Vec<QueueItem>,
    /// What to pass as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// The query of `GET /v1/queue`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct QueueQuery {
    /// Only items of this link: local name or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Only items in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<QueueState>,
    /// How many at most: 1 to 500, 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page before ended, from its `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// The body of `POST /v1/queue/park`, `/drop` and `/drop/preview`: one item, or all of a link. Exactly one is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueTarget {
    /// Item id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Local name or id of a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// The body of `POST /v1/queue/retry`: a parked item, which is sent again under its id, or a link, which is tried at
/// once. Exactly one is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueRetry {
    /// Item id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Local name or id of a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// For a link: sends its parked items again too.
    #[serde(default)]
    pub parked: bool,
}

/// What a change of the queue has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueChanged {
    /// How many items it concerned.
    pub count: u64,
    /// The first of them, at most eight.
    pub items: Vec<QueueMoved>,
    /// There are more: make the call once more, with another key.
    #[serde(default)]
    pub more: bool,
}

/// One item that a change of the queue concerned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueMoved {
    /// Item id.
    pub item: String,
    /// Local name of its link.
    pub link: String,
    /// Message kind.
    pub kind: String,
    /// The ticket on which it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The delegation that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegation: Option<String>,
}

/// What dropping would throw away. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueuePreview {
    /// The items, at most 500.
    pub items: Vec<QueueItem>,
    /// There are more.
    #[serde(default)]
    pub more: bool,
}
