//! terms.propose — proto-spec, section 6.3

use serde::{Deserialize, Serialize};

use super::common::NoText;
use crate::terms::Terms;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The terms proposed, with the next version.
    pub terms: Terms,
}

/// There is no text part.
pub type Text = NoText;
