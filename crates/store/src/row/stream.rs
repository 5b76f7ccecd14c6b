//! Rows of the two streams of a link.

use deskwire_proto::id::{Hash, InstanceId, ItemId, Nonce, SessionId};
use deskwire_proto::text::{Code, KindName, Words};
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::EntryRef;
use crate::local::{DelegationNo, Order, TicketNumber};

/// A refusal as it is kept: a stable code, and a sentence for the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The code.
    pub code: Code,
    /// What is wrong and what to do.
    pub words: Words,
}

/// Where both streams of a link stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRow {
    /// Next place for an item.
    pub next_order: u64,
    /// Items that wait for a number.
    pub waiting: u64,
    /// Messages of ours.
    pub out_length: u64,
    /// Hash of the last of them; the link id while there is none.
    pub out_head: Hash,
    /// Messages of ours that a receipt covers.
    pub acked: u64,
    /// Place of the last item that a receipt covers.
    pub acked_order: u64,
    /// The record with the last receipt taken.
    pub receipt: Option<EntryRef>,
    /// The nonce and length of the hello last said.
    pub hello: Option<(Nonce, u64)>,
    /// What receipts of the partner bind its later messages to.
    pub promises: Vec<Promise>,
    /// Messages of the partner.
    pub in_length: u64,
    /// Hash of the last of them; the link id while there is none.
    pub in_head: Hash,
    /// `seen` of the last of them.
    pub in_seen: u64,
    /// Messages of the partner that a receipt of ours covers.
    pub given: u64,
    /// The partner's session.
    pub session: Option<InSession>,
    /// Sessions that were welcomed and have not brought a batch yet, newest last, at most four.
    pub pending: Vec<InSession>,
    /// Instances of the partner that a later one has replaced, newest last, at most eight.
    pub retired: Vec<InstanceId>,
}

impl StreamRow {
    /// The streams of a link on which nothing has been said.
    #[must_use]
    pub fn new(link: deskwire_proto::id::LinkId) -> Self {
        Self {
            next_order: 1,
            waiting: 0,
            out_length: 0,
            out_head: link.into(),
            acked: 0,
            acked_order: 0,
            receipt: None,
            hello: None,
            promises: Vec::new(),
            in_length: 0,
            in_head: link.into(),
            in_seen: 0,
            given: 0,
            session: None,
            pending: Vec::new(),
            retired: Vec::new(),
        }
    }
}

/// A message of the partner beyond `length` must have seen at least `upto`. proto-spec, section 8.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// Length of the partner's stream that the receipt names.
    pub length: u64,
    /// What the receipt covers.
    pub upto: u64,
}

/// A session of the partner's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InSession {
    /// Its id.
    pub session: SessionId,
    /// The instance that said hello.
    pub instance: InstanceId,
    /// Hash of the signed hello.
    pub hello: Hash,
    /// Whether the author had lost messages that we hold: it has to recover before it says anything new.
    pub short: bool,
    /// The record with hello and welcome.
    pub entry: EntryRef,
}

/// An item accepted and not yet numbered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingRow {
    /// The record with the item.
    pub entry: EntryRef,
    /// The item.
    pub item: ItemId,
    /// What it says.
    pub kind: KindName,
    /// The delegation, if this is an event of its fold.
    pub event: Option<DelegationNo>,
    /// Where it is shown on a ticket.
    pub thread: Option<(TicketNumber, EntryRef)>,
    /// When it was accepted.
    pub at: Timestamp,
}

/// A numbered message of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentRow {
    /// The record with the signed bytes.
    pub signed: EntryRef,
    /// The record with the item, and with its text part.
    pub item: EntryRef,
    /// Its place among the items of the link.
    pub order: Order,
    /// The delegation, if this is an event of its fold.
    pub event: Option<DelegationNo>,
    /// Where it is shown on a ticket.
    pub thread: Option<(TicketNumber, EntryRef)>,
}

/// A message of the partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedRow {
    /// The record with the signed bytes and the text part.
    pub entry: EntryRef,
    /// SHA-256 of the signed bytes.
    pub hash: Hash,
    /// When it was first committed.
    pub at: Timestamp,
    /// Why it has no effect: true for `unsupported`.
    pub refused: Option<(bool, Refused)>,
}
