//! link.close — proto-spec, section 6.7

use serde::{Deserialize, Serialize};

use super::common::ReasonText;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Facts {}

/// The text part: who acted and why.
pub type Text = ReasonText;
