//! The journal's records: decisions and facts, exactly as decided. The view is folded from them and from nothing else.

mod agreement;
mod chain;
mod keep;
mod mend;
mod privacy;
mod relay;
mod terms;
mod text;

use deskwire_machine::delegation::{Event, Gap, OpenEvent, Place, Role, Said, Words};
use deskwire_proto::cbor;
use deskwire_proto::id::{DelegationId, DeskId, Hash, InstanceId, ItemId, LinkId, Nonce, SessionId};
use deskwire_proto::message::common::Priority;
use deskwire_proto::session::Cut;
use deskwire_proto::terms::{Side, Terms};
use deskwire_proto::text::{Code, KindName, Label, Line, Url};
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::local::{DelegationNo, FileNo, LinkNo, Order, TicketNumber};
use crate::row::{Audience, FileState, KeyChange, LinkEventRow, Pause, Refused, WaitingRow};
use crate::{Entry, EntryRef, Error, Result};

pub use agreement::AgreementRecord;
pub use chain::ChainRecord;
pub use keep::KeepRecord;
pub use mend::MendRecord;
pub use privacy::{PrivacyRecord, Rest, Subject};
pub use relay::{Later, ThreadRecord};
pub use terms::{EndedCase, Reached, TermsRecord};
pub use text::{ActorText, CommentText, FileText, TicketText, decode_text, encode_text};

/// The version of the records; the first byte of the facts of each.
pub const RECORD_VERSION: u8 = 1;

/// One record without its erasable text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// The daemon started and drew an instance id.
    Started { instance: InstanceId, at: Timestamp },
    /// A changing call was answered; the reply is repeated for the same key.
    Answered { key: Hash, request: Hash, reply: ByteBuf, at: Timestamp },

    /// An invitation was made; only the hash of its secret is kept.
    InvitationMade { secret: Hash, expires: Timestamp, approved: bool, terms: Terms, at: Timestamp },
    /// An invitation was taken back.
    InvitationRevoked { secret: Hash, at: Timestamp },
    /// A desk was added by hand.
    LinkExpected { desk: DeskId, endpoint: Option<Url>, name: Option<Label>, terms: Terms, at: Timestamp },
    /// Delivery of our own request to a desk added by hand failed.
    AskFailed { desk: DeskId, attempt: u32, next: Timestamp, why: Refused, at: Timestamp },
    /// A linking request was answered.
    LinkAnswered {
        desk: DeskId,
        request: ByteBuf,
        answer: ByteBuf,
        invitation: Option<Hash>,
        terms: Terms,
        at: Timestamp,
    },
    /// A link ended on this side.
    LinkClosed { no: LinkNo, at: Timestamp },
    /// A link came into being on this side.
    LinkOpened(Box<LinkOpened>),
    /// An operator approved a link.
    LinkApproved { no: LinkNo, at: Timestamp },
    /// An operator compared the words.
    LinkChecked { no: LinkNo, matches: bool, at: Timestamp },
    /// The partner has approved, or spoken.
    LinkActive { no: LinkNo, at: Timestamp },
    /// A fork: two signed messages of the partner with one number.
    Forked { no: LinkNo, held: ByteBuf, other: ByteBuf, at: Timestamp },
    /// Our own stream stands differently at the partner's than here.
    RecoveryNeeded { no: LinkNo, welcome: ByteBuf, at: Timestamp },
    /// Two copies of the partner's desk run.
    CloneFound { no: LinkNo, instance: InstanceId, at: Timestamp },
    /// The partner refuses what cannot be mended by trying again.
    Quarantined { no: LinkNo, why: Refused, at: Timestamp },
    /// An operator lets the link go on.
    Resumed { no: LinkNo, at: Timestamp },
    /// A newer descriptor of the partner was taken.
    DescriptorTaken { no: LinkNo, descriptor: ByteBuf, at: Timestamp },
    /// Delivery failed and is tried again.
    DeliveryFailed { no: LinkNo, attempt: u32, next: Timestamp, why: Refused, at: Timestamp },
    /// The partner answered: delivery goes on.
    DeliveryBack { no: LinkNo, at: Timestamp },

    /// We said hello.
    HelloSaid { no: LinkNo, hello: ByteBuf, nonce: Nonce, length: u64, at: Timestamp },
    /// The partner welcomed us.
    Welcomed { no: LinkNo, welcome: ByteBuf, at: Timestamp },
    /// We welcomed the partner.
    HelloAnswered {
        no: LinkNo,
        hello: ByteBuf,
        welcome: ByteBuf,
        session: SessionId,
        instance: InstanceId,
        short: bool,
        at: Timestamp,
    },
    /// The partner's new session brought its first batch.
    SessionTaken { no: LinkNo, session: SessionId, at: Timestamp },

    /// A ticket. Text: [`TicketText`].
    TicketMade(TicketMade),
    /// This desk's own status of a ticket. Text: [`ActorText`].
    TicketStatus { ticket: TicketNumber, status: Code, label: Option<Label>, at: Timestamp },
    /// A comment. Text: [`CommentText`].
    CommentMade { ticket: TicketNumber, item: ItemId, audience: Audience, at: Timestamp },
    /// A file was attached. Text: [`FileText`].
    FileMade(FileMade),
    /// A ticket was handed to a partner; the item with the offer follows.
    Delegated { delegation: DelegationNo, no: LinkNo, id: DelegationId, ticket: TicketNumber, at: Timestamp },
    /// Something was accepted to be said. Text: the text part as it will travel.
    ItemMade(ItemMade),
    /// An item was numbered and signed: here, at that time, or elsewhere, which came back from the partner.
    Numbered {
        no: LinkNo,
        order: Order,
        seq: u64,
        hash: Hash,
        seen: u64,
        signed: ByteBuf,
        #[serde(default)]
        at: Option<Timestamp>,
    },
    /// An item became impossible before it was numbered, or a person dropped it. `named` says whether the text tells who;
    /// to records of earlier versions, which do not say that, no row leads. Text: [`ActorText`], of a person.
    Dropped {
        no: LinkNo,
        order: Order,
        why: Refused,
        at: Timestamp,
        #[serde(default)]
        named: Option<bool>,
    },
    /// A message of the partner was consumed. Text: the text part as it came.
    Received(Received),
    /// We gave a receipt.
    ReceiptGiven {
        no: LinkNo,
        upto: u64,
        receipt: ByteBuf,
        #[serde(default)]
        base: u64,
    },
    /// We took a receipt.
    ReceiptTaken { no: LinkNo, receipt: ByteBuf, at: Timestamp },
    /// The bytes of an announced file have arrived.
    BlobHere { file: FileNo, at: Timestamp },
    /// An announced file cannot be fetched.
    BlobFailed { file: FileNo, why: Refused, at: Timestamp },
    /// Something happened to a link, or to the whole desk (link 0), that its operator is told.
    Noted { no: LinkNo, event: LinkEventRow },
    /// This desk runs with these keys and this descriptor from now on. Without `raw`: the same, and partners know a
    /// descriptor of it with this version.
    OwnKeys {
        keys: Hash,
        count: u64,
        descriptor: Hash,
        version: Timestamp,
        at: Timestamp,
        /// The descriptor itself, as signed.
        #[serde(default)]
        raw: Option<ByteBuf>,
    },
    /// The operator chose how far our streams are ours when this key comes into use, by links.
    /// With `restored` whatever partners hold beyond our streams is ours: it was lost here.
    KeyPlanned { key: Hash, places: Vec<(LinkNo, u64)>, restored: bool, at: Timestamp },
    /// Our key has changed: where the newest one begins in our stream, once that can be told.
    OwnKeyPlaced { no: LinkNo, change: KeyChange, at: Timestamp },
    /// The partner told where its newest key begins in its stream, with this `hello`; `seen` is that of the message there.
    KeyPlaced {
        no: LinkNo,
        change: KeyChange,
        seen: u64,
        at: Timestamp,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hello: Option<ByteBuf>,
    },
    /// Messages of a stream were disowned or set aside: they are kept, without effect.
    SetAside(Box<SetAside>),
    /// A delegation was folded anew, without what was set aside.
    Refolded(Box<Refolded>),
    /// Receipts of a thief of the partner's key cover messages that the partner does not hold: they bind nobody.
    /// Where they are `kept`, a partner that was restored gets them back: it alone can tell which are its own.
    ReceiptsVoid {
        no: LinkNo,
        upto: u64,
        at: Timestamp,
        #[serde(default)]
        kept: bool,
    },
    /// The partner has the bytes of the file that our message with this number announced, or does not take them.
    FileBrought { no: LinkNo, seq: u64, at: Timestamp },
    /// A waiting item was taken out of the queue: by an operator, because it has waited too long (`dead`), or because
    /// it rests on the parked item `with`. `named` and text as of [`Record::Dropped`].
    Parked {
        no: LinkNo,
        order: Order,
        why: Refused,
        dead: bool,
        with: Option<Order>,
        at: Timestamp,
        #[serde(default)]
        named: Option<bool>,
    },
    /// A parked item waits again, at the end of the queue. What it says to the fold is said again there.
    Released { no: LinkNo, order: Order, to: Order, event: Option<FoldEvent>, at: Timestamp },
    /// The link pauses until operators look at it.
    LinkPaused { no: LinkNo, pause: Pause, event: LinkEventRow },
    /// A page with what we lost was verified: its messages follow as items that are numbered at once.
    PageTaken { no: LinkNo, complete: bool, at: Timestamp },
    /// A receipt of our own that the partner handed back: times and outcomes of its messages are taken from there.
    ReceiptReturned { no: LinkNo, receipt: ByteBuf },
    /// An item that waited, or that was dropped since, was said before the loss already: its message came back.
    Struck { no: LinkNo, order: Order },
    /// A message of ours that came back takes effect here.
    Placed(Box<Placed>),
    /// What was lost is here again.
    RecoveryEnded { no: LinkNo, event: LinkEventRow },
    /// The partner was restored: messages of it with these items were handed back, the first with this number.
    HandedBack { no: LinkNo, first: u64, items: Vec<ItemId>, at: Timestamp },
    /// The partner's stream is shorter than a receipt of it said: it was restored, and what it had counted is gone.
    Shortened { no: LinkNo, length: u64, at: Timestamp },
    /// An operator chose the branch of a fork on which a stream goes on. What was left stands before, as set aside.
    BranchChosen { no: LinkNo, ours: bool, cut: Option<(Cut, u64)>, event: LinkEventRow },
    /// The oldest item has not been delivered for an hour: it was accepted at `since`, and stands at `order`.
    LateNoticed { no: LinkNo, order: Order, since: Timestamp, at: Timestamp },
    /// A receipt of the partner contradicts one that we hold, which stands: both are evidence.
    ReceiptsDiffer { no: LinkNo, receipt: ByteBuf, details: Vec<Line>, at: Timestamp },
    /// Somebody brought a newer key log of the partner, without a descriptor.
    KeyLogTaken { no: LinkNo, log: ByteBuf, at: Timestamp },
    /// The bytes of a partner's file are gone or damaged here, and are fetched again.
    BlobLost { file: FileNo, at: Timestamp },
    /// What becomes of contributions: edits, what is taken back, what goes onward.
    Thread(ThreadRecord),
    /// Rows that nobody asks for any more were given up: answers by their keys, linking exchanges by their answers.
    /// Hellos of partners that nobody repeats any more, too.
    Swept {
        keyed: Vec<Hash>,
        exchanges: Vec<Hash>,
        #[serde(default)]
        hellos: Vec<(LinkNo, Hash)>,
    },
    /// The care of the store.
    Keep(KeepRecord),
    /// Something about what a link agrees on, how it ends, and what happens on it by itself.
    Terms(TermsRecord),
    /// Something about clocks, business hours and reports along a chain.
    Chain(ChainRecord),
    /// What mends something that was left open.
    Mend(MendRecord),
    /// Whether both desks see the same of a delegation.
    Agreement(AgreementRecord),
    /// Erasures along a chain.
    Privacy(PrivacyRecord),
}

/// How a message of ours that came back takes effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// The link.
    pub no: LinkNo,
    /// Its number.
    pub seq: u64,
    /// The item that it is.
    pub item: ItemId,
    /// What it had seen.
    pub seen: u64,
    /// The delegation and the ticket, if it concerns any that is known.
    pub local: Option<(DelegationNo, TicketNumber)>,
    /// The delegation of which it said what this desk saw.
    #[serde(default)]
    pub digest: Option<DelegationNo>,
    /// What it says to the fold.
    pub event: Option<FoldEvent>,
    /// The file that it announces.
    pub file: Option<PlacedFile>,
    /// What it does to an earlier contribution of ours.
    #[serde(default)]
    pub later: Option<Later>,
    /// The stars that it gives, of a rating.
    #[serde(default)]
    pub stars: Option<u8>,
    /// What a receipt said of it: why it has no effect, and the length that the receipt names.
    pub answer: Option<(Option<Refused>, u64)>,
    /// When it was said.
    pub said: Timestamp,
    /// When.
    pub at: Timestamp,
}

/// A file of ours whose announcement came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedFile {
    /// Its number.
    pub file: FileNo,
    /// The item that announced it.
    pub item: ItemId,
    /// SHA-256 of the bytes.
    pub blob: Hash,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the chunk list.
    pub chunks: Hash,
    /// Where the bytes are.
    pub state: FileState,
}

/// A range of a stream without effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// The link.
    pub no: LinkNo,
    /// Whether the stream is our own.
    pub ours: bool,
    /// First and last number; nothing when the second is lower.
    pub range: (u64, u64),
    /// Why.
    pub why: Refused,
    /// Where they are shown on tickets.
    pub threads: Vec<(TicketNumber, EntryRef)>,
    /// Files that they announced.
    pub files: Vec<FileNo>,
    /// Messages of ours whose number is given up: their items wait again, under the same ids.
    pub given_up: Vec<GivenUp>,
    /// Length and last hash of our own stream without those.
    pub end: Option<Cut>,
    /// When.
    pub at: Timestamp,
}

/// A message of ours whose number is given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    /// Its number.
    pub seq: u64,
    /// Its place among the items of the link.
    pub order: Order,
    /// The item as it waits.
    pub row: WaitingRow,
}

/// A delegation with another past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refolded {
    /// Which.
    pub delegation: DelegationNo,
    /// Its events that have effect, in no particular order.
    pub events: Vec<Counted>,
    /// Its events that have none any more, by author, place in the stream and record.
    pub aside: Vec<(Role, Place, EntryRef)>,
    /// Own events whose number was given up: number, and place among the items.
    pub given_up: Vec<(u64, Order)>,
    /// Version of the fields of the offer.
    pub version: u64,
    /// Why.
    pub why: Refused,
    /// Length of the partner's stream that has been applied.
    pub cursor: u64,
    /// Own events that are still to come back.
    #[serde(default)]
    pub gap: Option<Gap>,
}

/// An event that counts in a fold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The event with its place and its answer.
    pub open: OpenEvent,
    /// The words that came with it.
    pub words: Option<Words>,
    /// The record with the item or the message.
    pub entry: EntryRef,
}

/// What a link begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkOpened {
    /// This desk's number of it.
    pub no: LinkNo,
    /// The id that both desks use.
    pub link: LinkId,
    /// How this desk calls it.
    pub name: Label,
    /// Which side of the exchange this desk was.
    pub side: Side,
    /// The partner's signed descriptor.
    pub descriptor: ByteBuf,
    /// The terms that both have signed.
    pub terms: Terms,
    /// Whether an operator still has to approve: ours (inviter) or the partner's (accepter).
    pub waiting: bool,
    /// The invitation that was used here.
    pub invitation: Option<Hash>,
    /// The hash of the signed answer of the exchange.
    pub answer: Hash,
    /// Our signed reveal, on the accepter's side.
    pub reveal: Option<ByteBuf>,
    /// When.
    pub at: Timestamp,
    /// The hash of the secret of the partner's invitation that was accepted here.
    #[serde(default)]
    pub accepted: Option<Hash>,
    /// What the link id follows from; not kept by early versions.
    #[serde(default)]
    pub exchange: Option<LinkExchange>,
}

/// The signed request, the signed answer and nonce A of a linking: its proof. proto-spec, section 3.4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkExchange {
    /// The signed request.
    pub request: ByteBuf,
    /// The signed answer.
    pub answer: ByteBuf,
    /// Nonce A.
    pub nonce: Nonce,
}

/// A ticket of this desk; its text is a [`TicketText`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketMade {
    /// Its number.
    pub ticket: TicketNumber,
    /// One line.
    pub title: Line,
    /// This desk's own status.
    pub status: Code,
    /// How urgent.
    pub priority: Priority,
    /// This desk's own category.
    pub category: Option<Code>,
    /// When it was made.
    pub at: Timestamp,
}

/// A file that was attached here; its text is a [`FileText`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMade {
    /// Its number.
    pub file: FileNo,
    /// The ticket.
    pub ticket: TicketNumber,
    /// Its id, by which partners will know it.
    pub item: ItemId,
    /// SHA-256 of the bytes.
    pub blob: Hash,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the chunk list.
    pub chunks: Hash,
    /// Who sees it.
    pub audience: Audience,
    /// When it was attached.
    pub at: Timestamp,
}

/// An item as it was accepted; its text part is the record's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemMade {
    /// The link on which it will be said.
    pub no: LinkNo,
    /// Its place among the items of the link.
    pub order: Order,
    /// Its id.
    pub item: ItemId,
    /// What it says.
    pub kind: KindName,
    /// Its facts, as they will travel.
    pub facts: ByteBuf,
    /// The delegation it belongs to, by its local number and by the shared id.
    pub delegation: Option<(DelegationNo, DelegationId)>,
    /// Where it is shown on a ticket, if not under this record itself.
    pub thread: Option<(TicketNumber, EntryRef)>,
    /// The file that it announces.
    pub file: Option<(FileNo, Hash)>,
    /// What it says to the delegation's fold.
    pub event: Option<FoldEvent>,
    /// When it was accepted.
    pub at: Timestamp,
}

/// A message of the partner as it was consumed; its text part is the record's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// The link.
    pub no: LinkNo,
    /// Its number.
    pub seq: u64,
    /// SHA-256 of the signed bytes.
    pub hash: Hash,
    /// What it has seen of our stream.
    pub seen: u64,
    /// The signed bytes.
    pub signed: ByteBuf,
    /// Why it has no effect: true for `unsupported`.
    pub refused: Option<(bool, Refused)>,
    /// What it concerns here.
    pub local: Local,
    /// What it says to the delegation's fold.
    pub event: Option<FoldEvent>,
    /// When it was committed first.
    pub at: Timestamp,
    /// Place, among the partner's keys, of the one that signed.
    #[serde(default)]
    pub key: u64,
    /// How an offer or an update reads in this desk's words; nothing where the link has no mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub here: Option<Here>,
}

/// What an offer or an update says in this desk's words, by the mapping that held when it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Here {
    /// The record of that mapping, by which texts are read.
    pub mapping: EntryRef,
    /// The category.
    pub category: Option<Code>,
    /// The priority.
    pub priority: Option<Priority>,
}

/// An event of a delegation's fold, kept beside the message so that an erased text takes nothing from the fold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldEvent(pub Event, pub Option<Words>);

impl From<FoldEvent> for Said {
    fn from(event: FoldEvent) -> Self {
        Self { event: event.0, words: event.1 }
    }
}

/// What a partner's message concerns at this desk, as decided when it was consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Local {
    /// The delegation; a new one for an offer.
    pub delegation: Option<DelegationNo>,
    /// The ticket; a new one for an offer.
    pub ticket: Option<TicketNumber>,
    /// The new file.
    pub file: Option<FileNo>,
    /// What it does to an earlier contribution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub later: Option<Later>,
}

impl Record {
    /// The entry of the journal that holds this record and its text.
    ///
    /// # Errors
    /// [`Error::BadRow`] if it has no stored form.
    pub fn entry(&self, text: Option<Vec<u8>>) -> Result<Entry> {
        let mut facts = Vec::with_capacity(1_024);
        facts.push(RECORD_VERSION);
        cbor::encode_plain_into(self, &mut facts).map_err(|error| Error::BadRow(error.to_string()))?;
        Ok(match text {
            Some(text) => Entry::with_text(facts, text),
            None => Entry::new(facts),
        })
    }

    /// Reads the record of an entry.
    ///
    /// # Errors
    /// [`Error::BadRow`] for a record of a version that this program does not know.
    pub fn read(entry: &Entry) -> Result<Self> {
        match entry.facts.split_first() {
            Some((&RECORD_VERSION, body)) => {
                cbor::decode_plain(body).map_err(|error| Error::BadRow(format!("a journal record: {error}")))
            }
            Some((version, _)) => Err(Error::BadRow(format!(
                "a journal record has version {version}, this program knows {RECORD_VERSION}: use a newer program"
            ))),
            None => Err(Error::BadRow("an empty journal record".into())),
        }
    }
}
