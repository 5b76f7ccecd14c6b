//! delegation.offer — proto-spec, section 6.10

use serde::{Deserialize, Serialize};

use super::common::{Contact, CustomValue, Equipment, Money, Object, Own, Person, Priority};
use crate::id::LoopTag;
use crate::list::List;
use crate::number::{Hops, Version};
use crate::text::{Code, Label, Line, Prose};
use crate::time::Timestamp;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The sender's own ticket and status.
    pub own: Own,
    /// How many more times the case may be handed on.
    pub hops: Hops,
    /// A trial: nobody shall do or bill anything.
    pub test: bool,
    /// Price limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// Number of the fold rules, kept to the end of the delegation.
    pub rules: Version,
    /// Resolve by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolve: Option<Timestamp>,
    /// Respond by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub respond: Option<Timestamp>,
    /// Category code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Code>,
    /// Priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Marks by which their makers alone recognise a case that comes back.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "loop-tags")]
    pub loop_tags: Option<List<LoopTag, 0, 8>>,
}

/// The text part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// One line that says what is wrong.
    pub title: Line,
    /// Values of the custom fields of the terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<List<CustomValue, 0, 32>>,
    /// Where the work is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Object>,
    /// For whom the work is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<Label>,
    /// Whom to talk to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    /// Reference of the agreement under which the work is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Label>,
    /// What the work is done on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equipment: Option<Equipment>,
    /// The whole story, CommonMark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Prose>,
}
