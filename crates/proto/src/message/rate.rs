//! delegation.rate — proto-spec, section 6.33

use serde::{Deserialize, Serialize};

use super::common::Person;
use crate::number::Stars;
use crate::text::Prose;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// 1 to 5.
    pub stars: Stars,
}

/// The text part: who acted, and a word about it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Text {
    /// Who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// A word about it, CommonMark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Prose>,
}
