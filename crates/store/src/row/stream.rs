//! Rows of the two streams of a link.

use deskwire_proto::id::{Hash, InstanceId, ItemId, Nonce, SessionId};
use deskwire_proto::session::Cut;
use deskwire_proto::text::{Code, KindName, Words};
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::EntryRef;
use crate::local::{DelegationNo, FileNo, Order, TicketNumber};

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
    /// Items that were taken out of the queue.
    pub parked: u64,
    /// The oldest item that was not delivered for an hour, until it is.
    pub late: Option<Late>,
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
    /// Head of the partner's key log, as it is known.
    #[serde(default)]
    pub in_keys: Option<Hash>,
    /// Place, among the partner's keys, of the one that signed the last of its messages.
    #[serde(default)]
    pub in_key: u64,
    /// Place of the partner's newest key among its keys.
    #[serde(default)]
    pub in_newest: u64,
    /// The partner's key changed while the link stood: where the newest one begins in its stream.
    #[serde(default)]
    pub in_change: Option<KeyChange>,
    /// Our key changed while the link stood: where the newest one begins in our stream.
    #[serde(default)]
    pub out_change: Option<KeyChange>,
    /// Messages of ours that were disowned or set aside, by first and last number.
    #[serde(default)]
    pub out_aside: Vec<(u64, u64)>,
    /// What was lost here and is fetched back from the partner.
    #[serde(default)]
    pub recovery: Option<Recovery>,
    /// Whether messages of ours came back after a loss, so that calls repeated since then are known by their items.
    #[serde(default)]
    pub out_returned: bool,
    /// Whether the partner was restored, so that items of messages that were handed back may come again.
    #[serde(default)]
    pub in_returned: bool,
    /// The partner's messages up to this number may stand on a branch that was left.
    #[serde(default)]
    pub in_left: u64,
    /// How far the partner is known to hold receipts of ours, hence to have the same stream.
    #[serde(default)]
    pub agreed: u64,
    /// The partner's messages that it has disowned and that still have their effect, by first and last number.
    #[serde(default)]
    pub disowning: Option<(u64, u64)>,
    /// What else of this link loses its effect step by step; until all of it has, nothing is said on the link.
    #[serde(default)]
    pub leaving: Option<Leaving>,
}

/// What loses its effect, a bounded part of it at a time, so that no link makes the others wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Leaving {
    /// Messages of ours, because our key was changed after a theft. proto-spec, section 5.8.
    Disowned(LeavingOwn),
    /// One branch of a fork, because an operator chose the other one. proto-spec, section 5.10.
    Branch(LeavingBranch),
    /// Receipts of the partner for our messages behind `upto`: a thief of its key gave them.
    Receipts {
        /// The last message whose receipt stands.
        upto: u64,
    },
    /// The same, where receipts bind nobody any more and the delegations of our messages up to `next` have still to be
    /// folded without them.
    Voided {
        /// The last message whose receipt stands.
        upto: u64,
        /// The last message that was not looked at.
        next: u64,
    },
}

/// Messages of ours that are disowned. Those that the partner does not hold are given up first, the last ones before the
/// others, so that what is left is a stream at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeavingOwn {
    /// The first that stays in its place, without effect.
    pub first: u64,
    /// The next one of these.
    pub next: u64,
    /// The last one of these: so far the partner has the same.
    pub shared: u64,
    /// Behind this one all are given up: their items wait again.
    pub stays: u64,
    /// Items of messages behind this one are in doubt, and do not wait again.
    pub most: u64,
    /// How many of those there were so far.
    pub dropped: u64,
}

/// A branch of a fork that is left, the last messages before the others; then what rested on it is looked for in the
/// other stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeavingBranch {
    /// Whether it is one of our own stream.
    pub ours: bool,
    /// The last message of the stream that stays.
    pub cut: Cut,
    /// What that message had seen.
    pub seen: u64,
    /// How long the branch was.
    pub end: u64,
    /// The next message of the other stream to be looked at, downwards; not begun yet.
    pub looking: Option<u64>,
}

/// A change of key takes effect at a place of a stream. proto-spec, section 5.8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChange {
    /// Head of the key log since the change.
    pub keys: Hash,
    /// The last message for which the older keys stand, with its hash; not told yet, or not to be told yet.
    pub place: Option<Cut>,
    /// In our own stream: how far it is ours at most, as our operator says. In the partner's: how long it said its stream to
    /// be when it told the place.
    pub most: u64,
    /// In our own stream: whether everything that the partner holds is ours, because it has shown so, or because this
    /// desk was restored and lost it.
    pub confirmed: bool,
}

impl StreamRow {
    /// The streams of a link on which nothing has been said.
    #[must_use]
    pub fn new(link: deskwire_proto::id::LinkId) -> Self {
        Self {
            next_order: 1,
            waiting: 0,
            parked: 0,
            late: None,
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
            in_keys: None,
            in_key: 0,
            in_newest: 0,
            in_change: None,
            out_change: None,
            out_aside: Vec::new(),
            recovery: None,
            out_returned: false,
            in_returned: false,
            in_left: 0,
            agreed: 0,
            disowning: None,
            leaving: None,
        }
    }

    /// Whether messages or receipts of this link are still to lose their effect.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.disowning.is_some() || self.leaving.is_some()
    }

    /// Up to which of the partner's messages its older keys stand. A desk that was restored gets back what it held once,
    /// also what the partner has disowned since: whether or not receipts of ours tell of it, the partner's newest key does.
    #[must_use]
    pub fn older_keys_upto(&self) -> u64 {
        let Some(KeyChange { place: Some(place), most, .. }) = self.in_change else { return 0 };
        place.0.max(most).max(self.recovery.as_ref().map_or(0, |recovery| recovery.told))
    }

    /// Whether the partner has disowned a message of its own that is next in its stream.
    #[must_use]
    pub fn is_disowned(&self, seq: u64, key: u64) -> bool {
        let behind = |change: KeyChange| change.place.is_some_and(|place| seq > place.0);
        key != self.in_newest && self.in_change.is_some_and(behind)
    }

    /// Whether a message of the partner with this number may be signed with the key at this place among its keys.
    #[must_use]
    pub fn key_stands(&self, seq: u64, key: u64) -> bool {
        key >= self.in_key && (key == self.in_newest || seq <= self.older_keys_upto())
    }

    /// Whether the partner's newest key was taken, and where it begins was not told yet.
    #[must_use]
    pub fn waits_for_place(&self) -> bool {
        self.in_change.is_some_and(|change| change.place.is_none())
    }

    /// The last of the messages that were set aside together with this one of ours.
    #[must_use]
    pub fn aside(&self, seq: u64) -> Option<u64> {
        let range = self.out_aside.iter().find(|(first, last)| (*first..=*last).contains(&seq));
        range.map(|(_, last)| *last)
    }

    /// The first message of ours behind `seq` that can be sent: what was set aside is not sent again.
    #[must_use]
    pub fn sendable(&self, seq: u64) -> u64 {
        self.sendable_to(seq, u64::MAX)
    }

    /// As [`StreamRow::sendable`], to a partner that holds so many: what it lost with a restore it needs again, also where
    /// that has no effect.
    #[must_use]
    pub fn sendable_to(&self, seq: u64, held: u64) -> u64 {
        let mut first = seq + 1;
        while let Some(last) = self.aside(first).filter(|_| first <= held) {
            first = last.min(held) + 1;
        }
        first
    }

    /// Whether messages of ours wait for a receipt that sending them again can bring.
    #[must_use]
    pub fn is_unacknowledged(&self) -> bool {
        self.sendable(self.acked) <= self.out_length
    }

    /// Whether the partner may have to be asked for some of our own stream: this desk was restored, or its key has changed and
    /// the partner has not shown yet that it holds nothing else. proto-spec, sections 5.7 and 5.8.
    #[must_use]
    pub fn may_lack(&self) -> bool {
        let lost = self.recovery.as_ref().is_some_and(|recovery| !recovery.complete);
        lost || self.out_change.is_some_and(|change| !change.confirmed || change.place.is_none())
    }
}

/// What this desk lost on a link and gets back before it says anything new. proto-spec, section 5.7.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// Nonce of the welcome that showed the loss.
    pub welcome: Nonce,
    /// Messages of ours that the partner holds.
    pub length: u64,
    /// How far the partner has receipts of ours.
    pub known: u64,
    /// Messages of ours before the loss.
    pub first: u64,
    /// Messages of the partner before the loss.
    pub held: u64,
    /// How far our own receipts have come back.
    pub told: u64,
    /// Length of our own stream that the newest of them names.
    pub numbered: u64,
    /// So much of the partner's stream has to be here before anything is numbered.
    pub upto: u64,
    /// How many of our messages have taken effect here.
    pub placed: u64,
    /// Everything that the partner hands back is here; its own stream may still be on its way.
    pub complete: bool,
    /// When it began.
    pub since: Timestamp,
}

/// An item that has not been delivered for an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late {
    /// Its place among the items of the link.
    pub order: Order,
    /// When it was accepted.
    pub since: Timestamp,
}

/// A message of the partner beyond `length` must have seen at least `upto`. proto-spec, section 8.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// Length of the partner's stream that the receipt names.
    pub length: u64,
    /// What the receipt covers.
    pub upto: u64,
    /// It was given under a key that stands no more: it binds nobody, but says how far a newer receipt has to be waited
    /// for.
    #[serde(default)]
    pub void: bool,
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

/// A hello of a partner that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelloRow {
    /// When.
    pub at: Timestamp,
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
    /// The delegation that it belongs to.
    pub delegation: Option<DelegationNo>,
    /// The delegation, if this is an event of its fold.
    pub event: Option<DelegationNo>,
    /// Where it is shown on a ticket.
    pub thread: Option<(TicketNumber, EntryRef)>,
    /// When it was accepted, or sent again.
    pub at: Timestamp,
    /// The file that it announces.
    pub file: Option<FileNo>,
}

/// An item that was taken out of the queue. It holds no number, so others overtake it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedRow {
    /// The item.
    pub item: WaitingRow,
    /// Why, and what to do.
    pub why: Refused,
    /// Whether it had waited too long, rather than somebody having parked it.
    pub dead: bool,
    /// The place of the parked item that it rests on; it goes when that one goes.
    pub with: Option<Order>,
    /// When it was parked.
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
    /// Why it was disowned or set aside: it is kept, without effect.
    #[serde(default)]
    pub aside: Option<Refused>,
    /// Whether it is sent without its text from now on.
    #[serde(default)]
    pub withdrawn: bool,
    /// The delegation that it concerns, where that is known without reading it.
    #[serde(default)]
    pub about: Option<DelegationNo>,
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
    /// Why it has no effect: true for `unsupported`. Receipts tell it.
    pub refused: Option<(bool, Refused)>,
    /// Why it was disowned or set aside afterwards: it is kept, without effect. Receipts tell nothing of it.
    #[serde(default)]
    pub aside: Option<Refused>,
    /// Whether its author took its text back: it is shown no more.
    #[serde(default)]
    pub withdrawn: bool,
    /// The delegation that it concerns, where that is known without reading it.
    #[serde(default)]
    pub about: Option<DelegationNo>,
}
