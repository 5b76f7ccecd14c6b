//! Rows of erasures along a chain.

use deskwire_proto::text::Code;
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::stream::Refused;
use crate::EntryRef;
use crate::local::Order;
use crate::record::Subject;

/// One erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureRow {
    /// What it is about, or who asks for it.
    pub subject: Subject,
    /// Code of the ground.
    pub basis: Code,
    /// When it was ordered, or came.
    pub at: Timestamp,
    /// Whether what it is about has been looked for.
    pub carried: bool,
    /// The record with what could not be done yet.
    pub rest: Option<EntryRef>,
    /// The orders for this disk.
    pub orders: Vec<EntryRef>,
    /// How many texts went here.
    pub texts: u64,
    /// When everything was gone everywhere.
    pub done: Option<Timestamp>,
}

/// A `privacy.erase` of this desk. It names items, and perhaps cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRow {
    /// The record with the item.
    pub entry: Option<EntryRef>,
    /// Its place among the items of the link; nothing when only its answer is here.
    pub order: Option<Order>,
    /// How many items it names.
    pub items: u64,
    /// When it was made.
    pub at: Timestamp,
    /// When the partner's acknowledgement came.
    pub done: Option<Timestamp>,
    /// Why the partner did not take it.
    pub refused: Option<Refused>,
    /// It was refused, and a later request names the same.
    pub replaced: bool,
}
