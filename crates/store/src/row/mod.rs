//! The rows of the view. Each is small (under 4 KiB); what is longer stays in the journal behind an [`EntryRef`].
//!
//! [`EntryRef`]: crate::EntryRef

mod accord;
mod account;
mod agreement;
mod clock;
mod delegation;
mod file;
mod hours;
mod link;
mod open;
mod privacy;
mod stream;
mod ticket;

pub use accord::{
    Accord, AgreedRow, CloseRow, ClosedRow, DueRow, ProposalRow, ResolvedKey, StopRow, VersionRow, WordRow,
};
pub use account::{AccountRow, FigureRow, WorkItemRow};
pub use agreement::{AgreementRow, HeardDigest};
pub use clock::{ClockRow, ReportRow, Told};
pub use delegation::{DelegationEventRow, DelegationRow, Effect};
pub use file::{FileRow, FileState};
pub use hours::{Hours, Span};
pub use link::{ExchangeRow, ExpectedRow, InvitationRow, LinkEventRow, LinkRow, LinkState, Pause, Trouble};
pub use open::{ALL_LINKS, OpenRow};
pub use privacy::{ErasureRow, RequestRow};
pub use stream::{
    HelloRow, InSession, KeyChange, Late, Leaving, LeavingBranch, LeavingOwn, ParkedRow, Promise,
    ReceivedRow, Recovery, Refused, SentRow, StreamRow, WaitingRow,
};
pub use ticket::{
    Audience, Author, Erased, RelayRow, Revised, Revision, Shared, ThreadKind, ThreadRow, TicketRow,
};

use deskwire_proto::id::Hash;
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::EntryRef;

/// The next number of everything that this desk numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterRow {
    /// Next ticket.
    pub ticket: u64,
    /// Next link.
    pub link: u32,
    /// Next delegation.
    pub delegation: u64,
    /// Next file.
    pub file: u64,
    /// Starts of the daemon so far.
    pub starts: u64,
}

impl Default for CounterRow {
    fn default() -> Self {
        Self { ticket: 1, link: 1, delegation: 1, file: 1, starts: 0 }
    }
}

/// The keys of this desk as its journal knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnKeysRow {
    /// Head of the key log.
    pub keys: Hash,
    /// How many keys it names.
    pub count: u64,
    /// Hash of the descriptor that partners were told of last.
    pub descriptor: Hash,
    /// Its version: a descriptor of this desk never has a lower one again.
    pub version: Timestamp,
    /// What the operator chose for a change of key that comes: hash of the key, and the record with the choice.
    pub planned: Option<(Hash, EntryRef)>,
}

/// The key by which this desk derives ids from their causes. It never changes, and is in every backup.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DerivingRow {
    /// 32 random bytes.
    pub key: ByteBuf,
}

impl std::fmt::Debug for DerivingRow {
    /// Without the key: logs are read outside the house.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DerivingRow(..)")
    }
}

/// The answer that a changing call got, to be repeated for the same key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyedRow {
    /// Hash of the request: another one under the same key is a mistake of the caller.
    pub request: Hash,
    /// The stored reply.
    pub reply: ByteBuf,
    /// When it was given.
    pub at: Timestamp,
}
