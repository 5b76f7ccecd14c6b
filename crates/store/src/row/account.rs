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

/// What is settled of one delegation, for figures about the partner.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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
    /// Whether the time to respond was kept, once its clock says so.
    pub response_kept: Option<bool>,
    /// Whether the time to resolve was kept.
    pub resolution_kept: Option<bool>,
    /// The counted time of the newest settled event.
    pub last: Timestamp,
    /// The same of the principal's newest one.
    pub asked: Timestamp,
    /// Whether it is over, and its clock was looked at since: what it says of deadlines is final.
    pub closed: bool,
    /// Some event has come back after a restore without the time of its commit: times are read from the events.
    pub inexact: bool,
    /// Ratings that were said, by number; the newest settled one counts.
    pub said: Vec<(u64, u8)>,
}
