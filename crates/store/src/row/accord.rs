//! What the words of a link have come to: terms, suspensions, its end, and this desk's own data about it.

use deskwire_machine::delegation::State;
use deskwire_machine::terms::Word;
use deskwire_proto::id::{DelegationId, Hash};
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::EntryRef;
use crate::local::{DelegationNo, Order};

/// What is agreed on a link beside its streams. Folded anew from [`WordRow`]s whenever one of them comes or goes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Accord {
    /// The record with the terms of linking, once others are in force.
    pub first: Option<EntryRef>,
    /// What put the terms in force there; none for those of linking.
    pub agreed: Option<AgreedRow>,
    /// Our newest proposal that can still be accepted.
    pub ours: Option<ProposalRow>,
    /// The partner's.
    pub theirs: Option<ProposalRow>,
    /// Our suspension.
    pub our_stop: Option<StopRow>,
    /// The partner's.
    pub their_stop: Option<StopRow>,
    /// What we said last of a suspension and is not numbered yet: whether there is one.
    pub stop_asked: Option<bool>,
    /// How far the end of the link has come.
    pub close: CloseRow,
    /// The record with this desk's mapping.
    pub mapping: Option<EntryRef>,
    /// The record with this desk's rules.
    pub rules: Option<EntryRef>,
    /// Whether a proposal that only renews the calendar is accepted without a person.
    pub takes_calendars: bool,
    /// The hash of the terms that an item of ours accepts which waits for its number.
    #[serde(default)]
    pub accept_asked: Option<Hash>,
}

impl Accord {
    /// Whether this desk takes and gives no new work here, said or about to be said.
    #[must_use]
    pub fn stopped_by_us(&self) -> bool {
        self.stop_asked.unwrap_or(self.our_stop.is_some())
    }

    /// Whether either side takes and gives no new work here.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped_by_us() || self.their_stop.is_some()
    }
}

impl CloseRow {
    /// Whether either side has said that the link ends, or this one is about to: nothing more is said behind that.
    #[must_use]
    pub const fn is_begun(&self) -> bool {
        self.asked.is_some() || self.ours.is_some() || self.theirs.is_some()
    }
}

/// What put terms in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreedRow {
    /// Their version.
    pub version: u64,
    /// Whether we accepted.
    pub ours: bool,
    /// Number of the accept in its author's stream.
    pub seq: u64,
    /// When it took effect here.
    pub since: Timestamp,
}

/// Terms that came into force after those of linking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRow {
    /// The record with the message that proposed them.
    pub terms: EntryRef,
    /// The accept.
    pub agreed: AgreedRow,
}

/// A proposal that can be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalRow {
    /// Version of the proposed terms.
    pub version: u64,
    /// Their hash.
    pub hash: Hash,
    /// The record with the message.
    pub entry: EntryRef,
    /// When it was numbered or came.
    pub at: Timestamp,
}

/// A suspension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopRow {
    /// Until when, if it was said.
    pub until: Option<Timestamp>,
    /// The record with the reason.
    pub text: EntryRef,
    /// When it was numbered or came.
    pub at: Timestamp,
}

/// How far the end of a link has come.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CloseRow {
    /// Our item that says it: its place among the items, and its record. It can be dropped as long as it waits.
    pub asked: Option<(Order, EntryRef)>,
    /// Our message.
    pub ours: Option<ClosedRow>,
    /// The partner's message.
    pub theirs: Option<ClosedRow>,
    /// Up to which id the delegations of the ended link have got its end.
    pub folded: Option<DelegationId>,
    /// All of them have.
    pub done: bool,
}

/// A message that ends a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedRow {
    /// Its number.
    pub seq: u64,
    /// What it had seen.
    pub seen: u64,
    /// The record with the reason.
    pub text: EntryRef,
    /// When it was numbered or came.
    pub at: Timestamp,
}

/// A message that says something to the link as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordRow {
    /// What it says.
    pub word: Word,
    /// What its author had seen.
    pub seen: u64,
    /// The record with the signed bytes.
    pub signed: EntryRef,
    /// The record with its text.
    pub text: EntryRef,
    /// When it was numbered or came.
    pub at: Timestamp,
    /// Whether the reader refused it.
    pub refused: bool,
}

/// A delegation whose settled state has changed and for which no rule has run yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueRow {
    /// The states that it has settled in, oldest first; the last ones if there are many.
    pub states: Vec<State>,
}

/// The key of a resolved delegation that waits for the principal's word: since when, and which.
pub type ResolvedKey = (u64, DelegationNo);
