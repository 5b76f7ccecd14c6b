//! delegation.resolve — proto-spec, section 6.16

use serde::{Deserialize, Serialize};

use super::common::{Own, Person};
use crate::text::{Code, Prose};

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The sender's own ticket and status.
    pub own: Own,
    /// A code for the kind of solution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
}

/// The text part: who acted, and what was done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Text {
    /// Who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// What was done, CommonMark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solution: Option<Prose>,
}
