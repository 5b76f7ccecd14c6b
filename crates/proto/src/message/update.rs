//! delegation.update — proto-spec, section 6.19

use serde::{Deserialize, Serialize};

use super::common::{Contact, CustomValue, Equipment, Money, Object, Person, Priority};
use crate::list::List;
use crate::number::Revision;
use crate::text::{Code, Label, Line, Prose};
use crate::time::Timestamp;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Price limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// True: the text changes title or description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<bool>,
    /// Resolve by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolve: Option<Timestamp>,
    /// Respond by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub respond: Option<Timestamp>,
    /// 2, 3, …: the offer is version 1.
    pub version: Revision,
    /// Category code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Code>,
    /// Priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
}

/// The text part: who acted, and what a person wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Text {
    /// Who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// One line that says what is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Line>,
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
