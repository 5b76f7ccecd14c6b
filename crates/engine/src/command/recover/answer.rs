//! The other side of a recovery: handing a restored partner what it has lost. proto-spec, section 5.7, steps 2 and 3.

use deskwire_proto::code::Code;
use deskwire_proto::cose::Sign1;
use deskwire_proto::delivery::Delivery;
use deskwire_proto::document::{Signed, V1};
use deskwire_proto::id::ItemId;
use deskwire_proto::limits::BATCH_MESSAGES;
use deskwire_proto::list::List;
use deskwire_proto::recover::{RecoverHead, RecoverPage, RecoverRequest};
use deskwire_proto::session::Welcome;
use deskwire_store::Direction;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::row::{InSession, LinkRow, LinkState, StreamRow};
use deskwire_store::table::{RECEIPTS, RECEIVED, RETURNED_ITEMS, Rows};
use serde_bytes::ByteBuf;

use super::super::deliver::{RECEIPT_FRAME, RECEIPT_ROOM, receipt_upto};
use super::super::find;
use crate::{Command, Refusal, Step};

/// Receipts of the partner in one page; there is room for one of ours beside them.
const RECEIPTS_OF_PAGE: usize = 250;
/// Room for the head and the receipt of a page.
const HEAD: usize = 1_024;

/// Answers a restored partner with a page of what it has lost.
#[derive(Debug, Clone)]
pub struct AnswerRecover {
    /// The link.
    pub link: LinkNo,
    /// Verified with the partner's key, and fresh.
    pub request: Signed<RecoverRequest>,
    /// How large the page may be, bytes.
    pub most: usize,
}

impl Command for AnswerRecover {
    type Reply = Result<Vec<u8>, Code>;

    fn run(self, step: &mut Step<'_>) -> Result<Result<Vec<u8>, Code>, Refusal> {
        let no = self.link;
        let link = find::link(step, no)?;
        let request = self.request.body();
        if request.link != link.link {
            return Ok(Err(Code::WrongLink));
        }
        if request.to != step.identity.desk() || request.from != link.partner {
            return Ok(Err(Code::WrongDesk));
        }
        if let Some(code) = closed(&link.state) {
            return Ok(Err(code));
        }
        let stream = find::stream(step, no)?;
        let Some(session) = session_of(step, &stream, request)? else {
            return Ok(Err(Code::RecoveryNotOffered));
        };
        if !session.short && stream.acked <= request.upto {
            return Ok(Err(Code::RecoveryNotOffered));
        }
        step.memory.heard(no, step.now);
        self.page(step, &link, &stream).map(Ok)
    }
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
    step: &Step<'_>,
    stream: &StreamRow,
    request: &RecoverRequest,
) -> Result<Option<InSession>, Refusal> {
    for session in stream.session.iter().chain(&stream.pending) {
        let Record::HelloAnswered { welcome, .. } = step.read(session.entry)? else {
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
    fn page(&self, step: &mut Step<'_>, link: &LinkRow, stream: &StreamRow) -> Result<Vec<u8>, Refusal> {
        let (no, request) = (self.link, self.request.body());
        let descriptor = ByteBuf::from(find::descriptor(step, link.descriptor)?.raw().to_vec());
        let mut room = self.most.saturating_sub(HEAD + descriptor.len());
        let (mut receipts, all_receipts) = self.receipts(step, room)?;
        room = room.saturating_sub(receipts.iter().map(|receipt| receipt.len() + 16).sum());
        let first = request.from_seq.get();
        let (deliveries, items) = self.messages(step, stream, first, room)?;
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
            self.told(step, link, stream)?;
        }
        let receipts = List::new(receipts).map_err(|_| find::broken("more receipts than fit"))?;
        let head = RecoverHead { v: V1, link: link.link, more, receipts, descriptor: Some(descriptor) };
        Ok(RecoverPage { head, deliveries }.encode())
    }

    /// The partner's own receipts behind what it still has, as many as fit into half of the room, one that is larger
    /// alone; and whether that is all.
    fn receipts(&self, step: &Step<'_>, room: usize) -> Result<(Vec<ByteBuf>, bool), Refusal> {
        let (no, upto) = (self.link, self.request.body().upto);
        let mut places = Vec::new();
        step.rows().scan(RECEIPTS, &no, Some(&(no, upto + 1)), Direction::Forward, &mut |_, at| {
            places.push(at);
            Ok(if places.len() > RECEIPTS_OF_PAGE {
                std::ops::ControlFlow::Break(())
            } else {
                std::ops::ControlFlow::Continue(())
            })
        })?;
        let (mut receipts, mut used) = (Vec::new(), 0);
        for at in places.iter().take(RECEIPTS_OF_PAGE) {
            let Record::ReceiptTaken { receipt, .. } = step.read(*at)? else {
                return Err(find::broken("a receipt is another record"));
            };
            used += receipt.len() + 16;
            if used > if receipts.is_empty() { room } else { room / 2 } {
                return Ok((receipts, false));
            }
            receipts.push(receipt);
        }
        Ok((receipts, places.len() <= RECEIPTS_OF_PAGE))
    }

    /// The partner's messages from `first` on, as many as fit together with what our receipt has to say of them.
    fn messages(
        &self,
        step: &Step<'_>,
        stream: &StreamRow,
        first: u64,
        mut room: usize,
    ) -> Result<(Vec<Delivery>, Vec<ItemId>), Refusal> {
        let mut words_room = RECEIPT_ROOM;
        let (mut deliveries, mut items) = (Vec::new(), Vec::new());
        for seq in (first..=stream.in_length).take(BATCH_MESSAGES) {
            let row = step.rows().get(RECEIVED, &(self.link, seq))?;
            let row = row.ok_or_else(|| find::broken("a received message without a row"))?;
            let entry = step.entry(row.entry)?;
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
            deliveries.push(delivery);
            items.push(head.item);
        }
        Ok((deliveries, items))
    }

    /// The last page: our operator is told, and our own stream is sent again from where the partner stands.
    fn told(&self, step: &mut Step<'_>, link: &LinkRow, stream: &StreamRow) -> Result<(), Refusal> {
        let no = self.link;
        step.memory.sessions.remove(&no);
        step.wake(no);
        let first = self.request.body().from_seq.get();
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
}
