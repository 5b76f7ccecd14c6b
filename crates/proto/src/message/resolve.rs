//! delegation.resolve — proto-spec, section 6.16

use serde::{Deserialize, Serialize};

use super::common::{Own, Person};
use crate::text::{Code, Label, Prose};

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The sender's own ticket and status.
    pub own: Own,
    /// A code for the kind of solution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
}

/// The text part: who acted, what was done, and whose words that are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Text {
    /// Who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// How the desk that said it calls itself, where it may be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Label>,
    /// Whether a desk further down said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relayed: Option<bool>,
    /// What was done, CommonMark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solution: Option<Prose>,
}
