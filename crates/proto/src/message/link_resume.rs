//! link.resume — proto-spec, section 6.6

use serde::{Deserialize, Serialize};

use super::common::NoText;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Facts {}

/// There is no text part.
pub type Text = NoText;
