//! Rows of links and of what leads to them.

use deskwire_machine::relay::Setting;
use deskwire_machine::retry::Retry;
use deskwire_proto::id::{DeskId, Hash, LinkId};
use deskwire_proto::terms::Side;
use deskwire_proto::text::{Code, Label, Line, Url, Words};
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::accord::Accord;
use super::stream::Refused;
use crate::EntryRef;
use crate::local::LinkNo;

/// Where a link stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkState {
    /// We invited; an operator of ours has to approve.
    WaitingApproval,
    /// We accepted; the partner has to approve.
    WaitingPartner,
    /// Messages flow.
    Active,
    /// Stopped by the daemon until operators look at it.
    Paused(Pause),
    /// The partner refuses us; nothing is sent until an operator looks at it.
    Quarantined(Refused),
    /// Ended.
    Closed,
}

/// Why a link is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pause {
    /// Two different signed messages of the partner with one number: the record holds both.
    Fork(EntryRef),
    /// The partner holds another history of our own stream, or more of it, than we do.
    Recovery,
    /// Two copies of the partner's desk run.
    Clone,
    /// The partner stopped the link: it says that our stream forks, or that two copies of this desk run.
    Told(Refused),
    /// What the partner handed back is not what this desk lost.
    BadPage(Refused),
    /// Our own messages have seen more of the partner's stream than the partner has: up to this number.
    Beyond(u64),
    /// The partner holds another history of our own stream: the record says which.
    OwnFork(EntryRef),
}

/// What stands in the way of delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Code and words of the last failure.
    pub last: Refused,
    /// When the trouble began.
    pub since: Timestamp,
}

/// Something that happened to a link or to the whole desk, for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkEventRow {
    /// When.
    pub at: Timestamp,
    /// Stable, for programs.
    pub code: Code,
    /// What happened, and what to do if anything.
    pub words: Words,
    /// What it is about, one line each; at most twelve.
    pub details: Vec<Line>,
}

/// One link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRow {
    /// The id that both desks use.
    pub link: LinkId,
    /// The partner.
    pub partner: DeskId,
    /// How this desk calls the link in commands; unique.
    pub name: Label,
    /// How the partner calls itself.
    pub partner_name: Label,
    /// Which side of the exchange this desk was.
    pub side: Side,
    /// Where it stands.
    pub state: LinkState,
    /// Whether the operator compared the words, and what came of it.
    pub verified: Option<bool>,
    /// The record with the partner's newest descriptor.
    pub descriptor: EntryRef,
    /// The record with the partner's newest key log, where that came without a descriptor.
    #[serde(default)]
    pub key_log: Option<EntryRef>,
    /// The record with the terms.
    pub terms: EntryRef,
    /// The signed reveal, until the partner has answered it.
    pub reveal: Option<ByteBuf>,
    /// When delivery is tried again, after failures.
    pub retry: Retry,
    /// What stands in the way of delivery.
    pub trouble: Option<Trouble>,
    /// When it was made.
    pub created: Timestamp,
    /// What it agrees on, and how far its end has come.
    #[serde(default)]
    pub accord: Accord,
    /// What of other partners' contributions goes onward over it.
    #[serde(default)]
    pub relay: Setting,
    /// The record with which it began.
    pub opened: EntryRef,
}

/// An invitation that was made here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationRow {
    /// When it ends.
    pub expires: Timestamp,
    /// Whether the link is approved in advance.
    pub approved: bool,
    /// The record with the terms offered.
    pub entry: EntryRef,
    /// The desk that used it first; no other may.
    pub desk: Option<DeskId>,
    /// The hashes of that desk's requests and our answers, at most sixteen; only the last pair is not void.
    pub asked: Vec<(Hash, Hash)>,
    /// The link that came of it.
    pub used: Option<LinkNo>,
    /// Whether an operator took it back.
    pub revoked: bool,
    /// When it was made.
    pub created: Timestamp,
}

/// A linking request that was answered and waits for its reveal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeRow {
    /// The record with request and answer.
    pub entry: EntryRef,
    /// The invitation used; none for a link by hand.
    pub invitation: Option<Hash>,
    /// The link that came of it.
    pub link: Option<LinkNo>,
    /// When it was answered.
    pub at: Timestamp,
}

/// A desk that the operator added by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedRow {
    /// Where it can be reached, if the operator said so.
    pub endpoint: Option<Url>,
    /// How the link will be called.
    pub name: Option<Label>,
    /// The record with the terms.
    pub entry: EntryRef,
    /// When delivery of our own request is tried again.
    pub retry: Retry,
    /// Why the last try failed.
    pub trouble: Option<Refused>,
    /// When it was added.
    pub created: Timestamp,
}
