//! Rows of tickets and of what happened on them.

use deskwire_proto::id::ItemId;
use deskwire_proto::message::common::Priority;
use deskwire_proto::text::{Code, Label, Line};
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::stream::Refused;
use crate::EntryRef;
use crate::local::{DelegationNo, FileNo, LinkNo, Order};

/// One ticket as lists show it; the body stays in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketRow {
    /// One line.
    pub title: Line,
    /// This desk's own status.
    pub status: Code,
    /// How this desk calls that status.
    pub status_label: Option<Label>,
    /// How urgent it is here.
    pub priority: Priority,
    /// This desk's own category.
    pub category: Option<Code>,
    /// The delegation through which a partner handed it in.
    pub origin: Option<DelegationNo>,
    /// The record with everything that was said when it was made.
    pub body: EntryRef,
    /// When it was made.
    pub created: Timestamp,
    /// When its own fields last changed.
    pub changed: Timestamp,
    /// Whether its texts were erased.
    pub erased: Option<Erased>,
}

/// How far the texts of a ticket were erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// What was stored up to then.
    pub at: Timestamp,
    /// Whether texts were left that had still to reach a partner.
    pub left: bool,
}

/// Who sees something on a ticket. Absence of a choice is [`Audience::Internal`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Audience {
    /// Nobody outside this desk.
    #[default]
    Internal,
    /// The requester of the ticket at this desk.
    Requester,
    /// The partners of these delegations.
    Delegations(Vec<DelegationNo>),
    /// All partners of the ticket.
    Thread,
}

/// Whose contribution something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Author {
    /// Somebody of this desk.
    Own,
    /// A partner's.
    Partner(LinkNo),
}

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThreadKind {
    /// A comment.
    Comment,
    /// A file.
    File(FileNo),
    /// An event of a delegation.
    Event(DelegationNo),
    /// A change of this desk's own status.
    Status,
    /// A line of work of a delegation, or what the principal says to one.
    Work(DelegationNo),
    /// What its author did to an earlier comment or file.
    Revised(Revised),
    /// A deadline of a delegation is near or has passed.
    Due(DelegationNo),
}

/// What its author did to an earlier comment or file, which began with the record `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revised {
    /// Where the contribution stands in the thread of the same ticket.
    pub of: EntryRef,
    /// What was done.
    pub what: Revision,
}

/// What its author did to a contribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Revision {
    /// New words: the version that they make, of a partner's comment.
    Edited(u64),
    /// Taken back.
    Retracted,
    /// Taken back from partners; it stays here as an internal one.
    Hidden,
    /// For others than before.
    Opened,
}

/// One thing that happened on a ticket; its words stay in the journal, under the key's reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadRow {
    /// What it is.
    pub kind: ThreadKind,
    /// Whose it is.
    pub author: Author,
    /// Who sees it.
    pub audience: Audience,
    /// When it was stored here.
    pub at: Timestamp,
    /// The items that carry it to partners: our own contributions, and what of a partner's goes onward.
    pub shared: Vec<Shared>,
    /// The id under which its author knows a comment or a file.
    pub item: Option<ItemId>,
    /// Whether its author edited it or took it back: the table of revisions says how.
    pub revised: bool,
    /// Why a partner's contribution has no effect any more.
    #[serde(default)]
    pub aside: Option<Refused>,
}

/// One item that carries something to one partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    /// The link.
    pub link: LinkNo,
    /// The delegation.
    pub delegation: DelegationNo,
    /// Its place among the items of the link.
    pub order: Order,
    /// Why it had no effect, if it had none.
    pub refused: Option<Refused>,
    /// Its id, of a comment, a file or what was done to one.
    pub item: Option<ItemId>,
    /// Whether it was taken back since.
    pub retracted: bool,
}

/// A partner's contribution that waits before it goes onward to one delegation, or does not go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayRow {
    /// A person said that it does not go.
    pub skipped: bool,
    /// Why it could not go by itself.
    pub why: Option<Refused>,
    /// Since when.
    pub at: Timestamp,
}
