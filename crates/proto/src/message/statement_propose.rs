//! statement.propose — proto-spec, section 6.34

use serde::{Deserialize, Serialize};

use super::common::{Money, NoText};
use crate::id::Hash;
use crate::list::List;
use crate::session::Cut;
use crate::terms::Interval;
use crate::text::Label;

/// The facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Cut of the proposer's stream, then of the other.
    pub cut: (Cut, Cut),
    /// SHA-256 of the canonical statement.
    pub hash: Hash,
    /// Time zone in which the period was chosen, IANA name.
    pub zone: Label,
    /// From, included, and to, not included.
    pub period: Interval,
    /// Totals, one for each currency.
    pub totals: List<Money, 0, 16>,
}

/// There is no text part.
pub type Text = NoText;
