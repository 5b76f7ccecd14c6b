//! The other side of a recovery: handing a restored partner what it has lost. proto-spec, section 5.7, steps 2 and 3.

use std::ops::ControlFlow;

use deskwire_proto::code::Code;
use deskwire_proto::cose::Sign1;
use deskwire_proto::delivery::Delivery;
use deskwire_proto::document::{Signed, V1};
use deskwire_proto::id::{DeskId, Hash, ItemId};
use deskwire_proto::limits::BATCH_MESSAGES;
use deskwire_proto::list::List;
use deskwire_proto::recover::{RecoverHead, RecoverPage, RecoverRequest};
use deskwire_proto::session::Welcome;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::row::{InSession, LinkRow, LinkState, StreamRow};
use deskwire_store::table::{RECEIPTS, RECEIVED, RETURNED_ITEMS, Rows, SENT, VOID_RECEIPTS};
use deskwire_store::{Direction, EntryRef};
use serde_bytes::ByteBuf;

use super::super::deliver::{RECEIPT_FRAME, RECEIPT_ROOM, receipt_upto};
use super::super::find;
use crate::project::stream::read_receipt;
use crate::{Command, Reader, Refusal, Step};

/// Receipts of the partner in one page; there is room for one of ours beside them.
const RECEIPTS_OF_PAGE: usize = 250;
/// Room for the head and the receipt of a page.
const HEAD: usize = 1_024;

/// A page of what a restored partner has lost, as it is read beside the writer.
#[derive(Debug, Clone)]
pub struct Laid {
    first: u64,
    deliveries: Vec<Delivery>,
    items: Vec<ItemId>,
    /// Hash of the last message.
    head: Hash,
    receipts: Vec<ByteBuf>,
    /// Whether these are all that the partner lacks.
    all_receipts: bool,
    descriptor: ByteBuf,
}

impl Laid {
    /// Reads a page of at most `most` bytes for a verified request. Inside: why nothing is handed back.
    ///
    /// # Errors
    /// When the store fails.
    pub fn read(
        reader: &Reader,
        no: LinkNo,
        request: &RecoverRequest,
        most: usize,
    ) -> Result<Result<Self, Code>, Refusal> {
        let Some(partner) = reader.partner(no)? else { return Ok(Err(Code::LinkClosed)) };
        let (stream, us) = (reader.stream(no)?, reader.identity().desk());
        let read = |at| Ok(reader.record(at)?);
        if let Err(code) = is_offered(&read, &partner.row, &stream, us, request)? {
            return Ok(Err(code));
        }
        let descriptor = ByteBuf::from(partner.descriptor.raw());
        let mut room = most.saturating_sub(HEAD + descriptor.len());
        let (receipts, all_receipts) = receipts(reader, no, (request.upto, stream.acked), room)?;
        room = room.saturating_sub(receipts.iter().map(|receipt| receipt.len() + 16).sum());
        let first = request.from_seq.get();
        let mut laid = Self {
            first,
            deliveries: Vec::new(),
            items: Vec::new(),
            head: partner.row.link.into(),
            receipts,
            all_receipts,
            descriptor,
        };
        laid.fill(reader, no, stream.in_length, room)?;
        Ok(Ok(laid))
    }

    /// Takes the partner's messages up to `last`, as many as fit together with what our receipt has to say of them.
    fn fill(&mut self, reader: &Reader, no: LinkNo, last: u64, mut room: usize) -> Result<(), Refusal> {
        let mut words_room = RECEIPT_ROOM;
        for seq in (self.first..=last).take(BATCH_MESSAGES) {
            let row = reader.rows().get(RECEIVED, &(no, seq))?;
            let row = row.ok_or_else(|| find::broken("a received message without a row"))?;
            let entry = reader.entry(row.entry)?;
            let Record::Received(message) = Record::read(&entry)? else {
                return Err(find::broken("a received message is another record"));
            };
            let head = deskwire_proto::envelope::read_head(&message.signed)?;
            let delivery = Delivery::new(message.signed.into_vec(), entry.text.into_bytes());
            let why =
                row.refused.as_ref().map_or(0, |(_, why)| why.code.as_str().len() + why.words.as_str().len());
            let fits = room.checked_sub(delivery.size() + 16 + why + RECEIPT_FRAME);
            let told = words_room.checked_sub(why + RECEIPT_FRAME);
            let (Some(left), Some(told)) = (fits, told) else { break };
            (room, words_room) = (left, told);
            self.head = row.hash;
            self.deliveries.push(delivery);
            self.items.push(head.item);
        }
        Ok(())
    }
}

/// The partner's own receipts behind what it still has, as many as fit into half of the room, one that is larger alone;
/// and whether that is all. Behind those that stand, void ones too: the partner alone can tell which of them are its own.
fn receipts(
    reader: &Reader,
    no: LinkNo,
    (upto, acked): (u64, u64),
    room: usize,
) -> Result<(Vec<ByteBuf>, bool), Refusal> {
    let mut places = Vec::new();
    for (table, behind, void) in [(RECEIPTS, upto, false), (VOID_RECEIPTS, upto.max(acked), true)] {
        reader.rows().scan(
            table,
            &no,
            Some(&(no, behind + 1)),
            Direction::Forward,
            &mut |(_, upto), at| {
                places.push((at, void.then_some(upto)));
                let full = places.len() > RECEIPTS_OF_PAGE;
                Ok(if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            },
        )?;
    }
    let (mut receipts, mut used) = (Vec::new(), 0);
    for (at, void) in places.iter().take(RECEIPTS_OF_PAGE) {
        let Record::ReceiptTaken { receipt, .. } = reader.record(*at)? else {
            return Err(find::broken("a receipt is another record"));
        };
        if let Some(seq) = *void
            && !is_of_ours(reader, no, seq, &receipt)?
        {
            // What it covers was numbered anew since, and so was all that those after it cover.
            return Ok((receipts, true));
        }
        used += receipt.len() + 16;
        if used > if receipts.is_empty() { room } else { room / 2 } {
            return Ok((receipts, false));
        }
        receipts.push(receipt);
    }
    Ok((receipts, places.len() <= RECEIPTS_OF_PAGE))
}

/// Whether a receipt is for our message that has this number now.
fn is_of_ours(reader: &Reader, no: LinkNo, seq: u64, receipt: &[u8]) -> Result<bool, Refusal> {
    let Some(sent) = reader.rows().get(SENT, &(no, seq))? else { return Ok(false) };
    let Record::Numbered { hash, .. } = reader.record(sent.signed)? else {
        return Err(find::broken("a sent message that is another record"));
    };
    Ok(read_receipt(receipt).is_some_and(|receipt| receipt.hash == hash))
}

/// Answers a restored partner with a page of what it has lost.
#[derive(Debug, Clone)]
pub struct AnswerRecover {
    /// The link.
    pub link: LinkNo,
    /// Verified with the partner's key, and fresh.
    pub request: Signed<RecoverRequest>,
    /// What was read for it.
    pub laid: Laid,
}

impl Command for AnswerRecover {
    /// The page, to be encoded.
    type Reply = Result<RecoverPage, Code>;

    fn run(self, step: &mut Step<'_>) -> Result<Result<RecoverPage, Code>, Refusal> {
        let no = self.link;
        let (link, stream) = (find::link(step, no)?, find::stream(step, no)?);
        let (request, us) = (self.request.body(), step.identity.desk());
        if let Err(code) = is_offered(&|at| step.read(at), &link, &stream, us, request)? {
            return Ok(Err(code));
        }
        let last = self.laid.first + self.laid.deliveries.len() as u64 - 1;
        let held = step.rows().get(RECEIVED, &(no, last))?;
        let stands = held.is_some_and(|row| row.hash == self.laid.head);
        if self.laid.first != request.from_seq.get() || (last >= self.laid.first && !stands) {
            // It has become another stream since.
            return Ok(Err(Code::Busy));
        }
        step.memory.heard(no, step.now);
        self.page(step, &link, &stream).map(Ok)
    }
}

/// Whether something is handed back for a request.
fn is_offered(
    read: &impl Fn(EntryRef) -> Result<Record, Refusal>,
    link: &LinkRow,
    stream: &StreamRow,
    us: DeskId,
    request: &RecoverRequest,
) -> Result<Result<(), Code>, Refusal> {
    if request.link != link.link {
        return Ok(Err(Code::WrongLink));
    }
    if request.to != us || request.from != link.partner {
        return Ok(Err(Code::WrongDesk));
    }
    if let Some(code) = closed(&link.state) {
        return Ok(Err(code));
    }
    if stream.leaving.is_some() {
        return Ok(Err(Code::Busy));
    }
    let Some(session) = session_of(read, stream, request)? else {
        return Ok(Err(Code::RecoveryNotOffered));
    };
    if !session.short && stream.acked <= request.upto {
        return Ok(Err(Code::RecoveryNotOffered));
    }
    Ok(Ok(()))
}

const fn closed(state: &LinkState) -> Option<Code> {
    match state {
        LinkState::Active | LinkState::Quarantined(_) => None,
        LinkState::WaitingApproval | LinkState::WaitingPartner => Some(Code::LinkWaiting),
        LinkState::Paused(_) => Some(Code::LinkPaused),
        LinkState::Closed => Some(Code::LinkClosed),
    }
}

/// The session of the partner's stream whose welcome had this nonce: only who got it can know it.
fn session_of(
    read: &impl Fn(EntryRef) -> Result<Record, Refusal>,
    stream: &StreamRow,
    request: &RecoverRequest,
) -> Result<Option<InSession>, Refusal> {
    for session in stream.session.iter().chain(&stream.pending) {
        let Record::HelloAnswered { welcome, .. } = read(session.entry)? else {
            return Err(find::broken("a session is another record"));
        };
        let payload = Sign1::parse(&welcome)?.unverified_payload();
        let welcome: Welcome = deskwire_proto::cbor::decode(payload, deskwire_proto::cbor::Bounds::LARGE)
            .map_err(|_| find::broken("a welcome of ours"))?;
        if welcome.nonce == request.welcome {
            return Ok(Some(session.clone()));
        }
    }
    Ok(None)
}

impl AnswerRecover {
    fn page(self, step: &mut Step<'_>, link: &LinkRow, stream: &StreamRow) -> Result<RecoverPage, Refusal> {
        let no = self.link;
        let Laid { first, deliveries, items, mut receipts, all_receipts, descriptor, .. } = self.laid;
        let last = first + deliveries.len() as u64 - 1;
        if last >= first {
            let receipt = receipt_upto(step, no, link, (first - 1, last))?;
            receipts.push(receipt.into());
            let known = match items.last() {
                Some(item) => step.rows().get(RETURNED_ITEMS, &(no, *item))?,
                None => None,
            };
            if known.is_none() {
                step.record(&Record::HandedBack { no, first, items, at: step.now }, None)?;
            }
        }
        let more = last < stream.in_length || !all_receipts;
        if !more {
            told(step, (no, link), stream, first)?;
        }
        let receipts = List::new(receipts).map_err(|_| find::broken("more receipts than fit"))?;
        let head = RecoverHead { v: V1, link: link.link, more, receipts, descriptor: Some(descriptor) };
        Ok(RecoverPage { head, deliveries })
    }
}

/// The last page: our operator is told, and our own stream is sent again from where the partner stands.
fn told(
    step: &mut Step<'_>,
    (no, link): (LinkNo, &LinkRow),
    stream: &StreamRow,
    first: u64,
) -> Result<(), Refusal> {
    step.memory.sessions.remove(&no);
    step.wake(no);
    if stream.in_change.is_some_and(|change| change.place.is_none_or(|place| first > place.0)) {
        // It may have lost nothing, and look at what somebody else said under its old key. proto-spec, section 5.8.
        return Ok(());
    }
    let words = format!(
        "{} was restored from an older state and asked for what it had lost. This desk handed it back: the stream \
         of {} stands at message {}.",
        link.partner_name, link.partner_name, stream.in_length
    );
    let event = find::event(step.now, "handed-back", &words, Vec::new());
    step.record(&Record::Noted { no, event }, None)?;
    step.wake(no);
    Ok(())
}
