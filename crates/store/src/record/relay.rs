//! Records of what becomes of contributions: new words, what is taken back, and what goes onward to other partners.

use deskwire_machine::relay::Setting;
use deskwire_proto::id::LoopTag;
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::EntryRef;
use crate::local::{DelegationNo, LinkNo, Order, TicketNumber};
use crate::row::{Audience, Refused};

/// One decision about a contribution. `of` is the record with which it began: where it stands in the thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThreadRecord {
    /// The key was drawn by which ids are derived from their causes, and loop tags made.
    KeyDrawn { key: ByteBuf },
    /// A comment of this desk got new words. Text: [`super::CommentText`].
    Edited { ticket: TicketNumber, of: EntryRef, at: Timestamp },
    /// A comment or a file of this desk was taken back from partners; with `kept` it stays here as an internal one.
    /// Text: [`super::ActorText`].
    Retracted { ticket: TicketNumber, of: EntryRef, kept: bool, at: Timestamp },
    /// A comment or a file of this desk is for others than before. Text: [`super::ActorText`].
    Opened { ticket: TicketNumber, of: EntryRef, audience: Audience, at: Timestamp },
    /// What of a partner's contribution went onward is taken back, as its author took it back.
    TakenBack { ticket: TicketNumber, of: EntryRef, at: Timestamp },
    /// A numbered message of ours is sent without its text from now on. The item that says so is shown in `shown`: the
    /// entry of a thread, the delegation, and its place among the items of the link.
    Withdrawn {
        no: LinkNo,
        seq: u64,
        shown: Option<((TicketNumber, EntryRef), DelegationNo, Order)>,
        at: Timestamp,
    },
    /// What goes onward over a link.
    RelaySet { no: LinkNo, setting: Setting, at: Timestamp },
    /// A partner's contribution, or newer words of it, waits for a person before it goes onward; or could not go.
    RelayWaits {
        ticket: TicketNumber,
        of: EntryRef,
        delegation: DelegationNo,
        why: Option<Refused>,
        at: Timestamp,
    },
    /// It does not go onward there, a person said.
    RelaySkipped { ticket: TicketNumber, of: EntryRef, delegation: DelegationNo, at: Timestamp },
    /// Nothing waits any more: it went onward, or there is nothing left to send.
    RelayDone { ticket: TicketNumber, of: EntryRef, delegation: DelegationNo, at: Timestamp },
    /// A message of ours that came back after a restore carries what stands at `to`, and not something of its own.
    Rejoined {
        no: LinkNo,
        seq: u64,
        from: (TicketNumber, EntryRef),
        to: (TicketNumber, EntryRef),
        at: Timestamp,
    },
    /// An offer of ours carries this loop tag.
    Tagged { tag: LoopTag, ticket: TicketNumber, at: Timestamp },
    /// An item of ours, the record `copy`, says what a partner's message, the record `of`, has said.
    Passed { ticket: TicketNumber, of: EntryRef, copy: EntryRef, at: Timestamp },
}

/// What a partner's message does to an earlier contribution of its author.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Later {
    /// It edits the comment that began with this record: the version that it makes.
    Edits(EntryRef, u64),
    /// It takes it back.
    Retracts(EntryRef),
    /// It takes back the text of the author's message with this number.
    Withdraws(u64),
}
