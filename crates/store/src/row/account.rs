//! Rows of the account of a link, and of the figures about its delegations.

use deskwire_machine::account::Said;
use deskwire_proto::id::{DelegationId, ItemId};
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::EntryRef;

/// One numbered message of the account of a link. Whether it counts is told by the marks, and for an own one by how far
/// receipts go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    /// The record with the item or the message, and with its text.
    pub entry: EntryRef,
    /// Its item id.
    pub item: ItemId,
    /// What its author had seen.
    pub seen: u64,
    /// When its author said it.
    pub at: Timestamp,
    /// What it says.
    pub said: Said,
    /// The partner's receipt says that an own one has no effect.
    pub refused: bool,
    /// It was disowned or set aside.
    pub aside: bool,
}

/// Where a numbered message about a line of work stands, by its item id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkItemRow {
    /// The delegation.
    pub delegation: DelegationId,
    /// Its number.
    pub seq: u64,
}

/// What is settled of one delegation, for figures about the partner. Times are as the protocol counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FigureRow {
    /// Whether the partner does the work.
    pub theirs: bool,
    /// When it was offered.
    pub offered: Timestamp,
    /// When it was accepted.
    pub accepted: Option<Timestamp>,
    /// When it was declined.
    pub declined: Option<Timestamp>,
    /// When it was resolved first.
    pub resolved: Option<Timestamp>,
    /// How often it was reopened.
    pub reopened: u32,
    /// The rating.
    pub stars: Option<u8>,
    /// When it was to be answered.
    pub respond_by: Option<Timestamp>,
    /// When it was to be resolved, as the offer or a change that was taken says.
    pub resolve_by: Option<Timestamp>,
    /// By how much that has moved, as the contractor waited for the principal, ms.
    pub waited: u64,
    /// Since when the contractor waits for the principal.
    pub waiting: Option<Timestamp>,
    /// The counted time of the newest settled event, and of the newest one of the principal.
    pub last: (Timestamp, Timestamp),
}
