//! Numbering what waits, and laying out the next batch. proto-spec, section 5.4.

use deskwire_machine::delegation::{Event, Role, Words};
use deskwire_proto::batch::{Batch, BatchHead};
use deskwire_proto::cbor;
use deskwire_proto::delivery::Delivery;
use deskwire_proto::document::V1;
use deskwire_proto::envelope::{Composed, Place, Stream, seal};
use deskwire_proto::id::SessionId;
use deskwire_proto::limits::{BATCH_BYTES, BATCH_MESSAGES};
use deskwire_proto::message::{Facts, Kind};
use deskwire_proto::number::Revision;
use deskwire_store::local::{DelegationNo, LinkNo, Order};
use deskwire_store::record::{ItemMade, MendRecord, Record};
use deskwire_store::row::{LinkRow, LinkState, StreamRow, WaitingRow};
use deskwire_store::table::{DELEGATIONS, Rows, SENT, WAITING};

use super::{closing, find, key, queue, recover, terms};
use serde_bytes::ByteBuf;

use crate::sabotage::{self, Sabotage};
use crate::{Command, Fault, Refusal, Step, refused};

/// Room in a batch for its head.
const BATCH_HEAD: usize = 256;
/// What the head, the signature and the framing of a message add to its facts and its text part.
const MESSAGE_FRAME: usize = 640;

/// Times that one call goes on when nothing of a whole batch of what waits could be sent.
const ROUNDS: usize = 16;

/// Lays out the next batch of a link: what is numbered and not in flight, then what waits.
#[derive(Debug, Clone, Copy)]
pub struct NextBatch {
    /// The link.
    pub link: LinkNo,
    /// The session in which it will be sent.
    pub session: SessionId,
    /// The highest number in flight; `None` begins behind what is acknowledged.
    pub after: Option<u64>,
}

/// What there is to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The body of a POST.
    Batch {
        /// The bytes.
        bytes: Vec<u8>,
        /// Number of the first message.
        first: u64,
        /// Number of the last message.
        last: u64,
    },
    /// Nothing.
    Idle,
    /// The session is not open: say hello.
    NoSession,
}

impl Command for NextBatch {
    type Reply = Next;

    fn run(self, step: &mut Step<'_>) -> Result<Next, Refusal> {
        let link = find::link(step, self.link)?;
        if link.state != LinkState::Active {
            return Ok(Next::Idle);
        }
        if step.memory.sessions.get(&self.link) != Some(&self.session)
            && !sabotage::makes(Sabotage::NumberWithoutSession)
        {
            return Ok(Next::NoSession);
        }
        let mut stream = find::stream(step, self.link)?;
        if stream.leaving.is_some() {
            return Ok(Next::Idle);
        }
        if stream.recovery.is_some() {
            recover::place_due(step, self.link)?;
            stream = find::stream(step, self.link)?;
        }
        let held = step.memory.held.get(&self.link).copied().unwrap_or(u64::MAX);
        let first = stream.sendable_to(self.after.unwrap_or(stream.acked), held);
        let mut room = Room { deliveries: Vec::new(), bytes: BATCH_BYTES - BATCH_HEAD };
        again(step, self.link, first, &stream, &mut room)?;
        // As long as this desk gets back what it lost, it numbers nothing. proto-spec, section 5.7.
        if first + room.deliveries.len() as u64 > stream.out_length && stream.recovery.is_none() {
            let mut rounds = ROUNDS;
            while !closing::has_ended(step, self.link)?
                && number(step, self.link, find::stream(step, self.link)?, &mut room)?
            {
                rounds -= 1;
                if rounds == 0 {
                    // The rest of what cannot be sent is for the next call, so that no group grows without bound.
                    step.wake(self.link);
                    break;
                }
            }
        }
        let mut first = first;
        if room.deliveries.is_empty() {
            match opening(step, self, &mut room)? {
                Some(seq) => first = seq,
                None => return Ok(Next::Idle),
            }
        }
        let last = first + room.deliveries.len() as u64 - 1;
        let head = BatchHead { v: V1, link: link.link, known: stream.acked, session: self.session };
        let bytes = Batch { head, deliveries: room.deliveries }.encode();
        Ok(Next::Batch { bytes, first, last })
    }
}

/// What makes the session the current one although there is nothing to send, as long as the partner has not taken anything
/// since this start; the number of the first message. Only a batch does that, and what this desk may have lost with a
/// restore stays open at the partner until then: the last message goes once more. proto-spec, section 5.3.
fn opening(step: &mut Step<'_>, asked: NextBatch, room: &mut Room) -> Result<Option<u64>, Refusal> {
    let stream = find::stream(step, asked.link)?;
    let last = stream.out_length;
    if step.memory.confirmed.contains(&asked.link) || stream.recovery.is_some() {
        return Ok(None);
    }
    if last == 0 || stream.aside(last).is_some() {
        return first_word(step, asked.link, &stream, room);
    }
    if asked.after.is_some_and(|after| after >= last) {
        return Ok(None);
    }
    again(step, asked.link, last, &stream, room)?;
    Ok((!room.deliveries.is_empty()).then_some(last))
}

/// Where no message can go once more, but some that were disowned have no receipt, or receipts of an earlier process may
/// have counted some that are lost, the descriptor is said: it harms nobody.
fn first_word(
    step: &mut Step<'_>,
    no: LinkNo,
    stream: &StreamRow,
    room: &mut Room,
) -> Result<Option<u64>, Refusal> {
    let uncovered = stream.acked < stream.out_length;
    let owed = uncovered || step.memory.receipted.get(&no) == Some(&true);
    if !owed || closing::has_ended(step, no)? {
        return Ok(None);
    }
    match step.attempt(|step| key::say_descriptor(step, no)) {
        // The link ends, or as much was said as may be.
        Err(refusal) if refusal.fault != Fault::Ours => return Ok(None),
        outcome => outcome?,
    }
    step.once_kept(move |memory| {
        memory.receipted.insert(no, false);
    });
    let stream = find::stream(step, no)?;
    let first = stream.out_length + 1;
    number(step, no, stream, room)?;
    Ok((!room.deliveries.is_empty()).then_some(first))
}

/// A batch being filled.
struct Room {
    deliveries: Vec<Delivery>,
    bytes: usize,
}

impl Room {
    fn fits(&self, size: usize) -> bool {
        self.deliveries.len() < BATCH_MESSAGES && size + 16 <= self.bytes
    }

    fn push(&mut self, delivery: Delivery) {
        self.bytes = self.bytes.saturating_sub(delivery.size() + 16);
        self.deliveries.push(delivery);
    }
}

/// Messages that have numbers already, from `first` on.
fn again(
    step: &Step<'_>,
    no: LinkNo,
    first: u64,
    stream: &StreamRow,
    room: &mut Room,
) -> Result<(), Refusal> {
    let held = step.memory.held.get(&no).copied().unwrap_or(u64::MAX);
    for seq in first..=stream.out_length {
        if seq <= held && stream.aside(seq).is_some() {
            break;
        }
        let row =
            step.rows().get(SENT, &(no, seq))?.ok_or_else(|| find::broken("a sent message without a row"))?;
        let Record::Numbered { signed, .. } = step.read(row.signed)? else {
            return Err(find::broken("a sent message that is another record"));
        };
        // What was withdrawn is sent without its text. proto-spec, section 6.9.
        let text = if row.withdrawn { None } else { step.entry(row.item)?.text.into_bytes() };
        let delivery = sabotage::renumber(Delivery::new(signed.into_vec(), text), step.identity.secret());
        if !room.fits(delivery.size()) {
            break;
        }
        room.push(delivery);
    }
    Ok(())
}

/// Numbers what waits, in the order in which it was accepted. What has become impossible is dropped and said to its
/// author on the ticket. `true` when nothing of a whole batch could be sent, and there may be more behind it.
fn number(step: &mut Step<'_>, no: LinkNo, mut stream: StreamRow, room: &mut Room) -> Result<bool, Refusal> {
    let mut link = find::link(step, no)?;
    let waiting = step.rows().list(WAITING, &no, BATCH_MESSAGES)?;
    let full = waiting.len() == BATCH_MESSAGES;
    for ((_, order), row) in waiting {
        if stream.parked > 0
            && row.event.is_none()
            && let Some(delegation) = row.delegation
            && queue::hold(step, no, order, (delegation, false))?
        {
            continue;
        }
        let entry = step.entry(row.entry)?;
        let Record::ItemMade(made) = Record::read(&entry)? else {
            return Err(find::broken("a waiting item that is another record"));
        };
        let text = entry.text.into_bytes();
        let size = made.facts.len() + text.as_ref().map_or(0, Vec::len) + MESSAGE_FRAME;
        if !room.fits(size) {
            return Ok(false);
        }
        if let Some((delegation, _)) = made.delegation {
            closing::reach(step, no, &link, delegation)?;
        }
        let judged = match terms::possible(step, &link, &made, text.as_deref())? {
            Ok(()) => possible(step, &row, (order, stream.out_length + 1, stream.in_length), &made)?,
            Err(refusal) => Err(refusal),
        };
        let facts = match judged {
            Ok(facts) => facts,
            Err(refusal) => {
                if let Some(delegation) = row.event.filter(|_| stream.parked > 0)
                    && queue::hold(step, no, order, (delegation, true))?
                {
                    continue;
                }
                terms::told_dropped(step, no, &made, &refusal)?;
                let why = refusal.kept();
                queue::drop_item(step, (no, order), why, None)?;
                continue;
            }
        };
        let of_link = made.delegation.is_none();
        let ends = made.kind.as_str() == Kind::LinkClose.name();
        let Some(delivery) = sealed(step, (no, &link), (order, &row), (made, facts, text), &mut stream)?
        else {
            continue;
        };
        room.push(delivery);
        if of_link {
            // It may have been the word that puts other terms in force.
            link = find::link(step, no)?;
        }
        if ends {
            // It is the last of our messages. proto-spec, section 6.7.
            return Ok(false);
        }
    }
    Ok(full && room.deliveries.is_empty())
}

/// Gives an item its number, signs it and records both; `None` when it does not pass our own check, and is dropped.
fn sealed(
    step: &mut Step<'_>,
    (no, link): (LinkNo, &LinkRow),
    (order, row): (Order, &WaitingRow),
    (made, facts, text): (ItemMade, ByteBuf, Option<Vec<u8>>),
    stream: &mut StreamRow,
) -> Result<Option<Delivery>, Refusal> {
    let seq = stream.out_length + 1;
    let seen = if sabotage::makes(Sabotage::SeenForgotten) { 0 } else { stream.in_length };
    let place = Place { seq, prev: stream.out_head, seen, time: made.at };
    let addressed = Stream { link: link.link, from: step.identity.desk(), to: link.partner };
    let words = made.event.as_ref().and_then(|event| event.1.clone());
    match seal(&addressed, place, made.item, &content(made, facts, text), step.identity.secret()) {
        Ok(delivery) => {
            stream.out_length = seq;
            stream.out_head = delivery.hash();
            let signed = delivery.signed().to_vec().into();
            let hash = stream.out_head;
            let at = Some(step.now);
            step.record(&Record::Numbered { no, order, seq, hash, seen, signed, at }, None)?;
            if let (Some(delegation), Some(words)) = (row.event, words) {
                keep_words(step, delegation, seq, words)?;
            }
            Ok(Some(delivery))
        }
        Err(code) => {
            tracing::error!(%code, link = %no, "an item of our own does not pass our own check");
            let words = "This could not be put into a message: a mistake of this program. Please report it.";
            let why = refused("internal", words);
            queue::drop_item(step, (no, order), why, None)?;
            Ok(None)
        }
    }
}

/// While many events of a delegation wait, the words of some are forgotten; with their number they are known again.
fn keep_words(step: &mut Step<'_>, delegation: DelegationNo, seq: u64, words: Words) -> Result<(), Refusal> {
    if find::delegation(step, delegation)?.case.has_words(seq) {
        return Ok(());
    }
    step.record(&Record::Mend(MendRecord::WordsSaid { delegation, seq, words }), None).map(drop)
}

/// The facts of an item as they stand now; a refusal if an event no longer fits what the partner has said meanwhile, or if
/// the offer on which the item rests never left.
fn possible(
    step: &Step<'_>,
    row: &WaitingRow,
    (order, seq, seen): (Order, u64, u64),
    made: &ItemMade,
) -> Result<Result<ByteBuf, Refusal>, Refusal> {
    let Some(delegation) = row.event else {
        return Ok(offer_left(step, row)?.map(|()| made.facts.clone()));
    };
    let stored = step.rows().get(DELEGATIONS, &delegation)?;
    let mut case = stored.ok_or_else(|| find::broken("an event without a delegation"))?.case;
    match case.number(order.0, seq, seen) {
        Ok(numbered) => versioned(numbered.event, made).map(Ok),
        Err(refusal) => Ok(Err(refusal.into())),
    }
}

/// Refuses what rests on an offer of ours that was dropped or disowned: the partner would refuse it, for it knows nothing of
/// the delegation.
fn offer_left(step: &Step<'_>, row: &WaitingRow) -> Result<Result<(), Refusal>, Refusal> {
    let Some(no) = row.delegation else { return Ok(Ok(())) };
    let delegation = find::delegation(step, no)?;
    if delegation.case.role() == Role::Contractor {
        return Ok(Ok(()));
    }
    match queue::offered(step, no, &delegation) {
        Err(refusal) if refusal.fault != Fault::Conflict => Err(refusal),
        judged => Ok(judged),
    }
}

/// An update gets its version with its number: an earlier one may have been dropped meanwhile.
fn versioned(event: Event, made: &ItemMade) -> Result<ByteBuf, Refusal> {
    let Event::Update { version, .. } = event else { return Ok(made.facts.clone()) };
    let broken = || find::broken("a waiting update that cannot be read");
    let Ok(Facts::Update(mut facts)) = Facts::decode(Kind::Update, &made.facts) else { return Err(broken()) };
    facts.version = Revision::new(version).map_err(|_| broken())?;
    Ok(ByteBuf::from(cbor::encode(&facts).map_err(|_| broken())?))
}

fn content(made: ItemMade, facts: ByteBuf, text: Option<Vec<u8>>) -> Composed {
    Composed {
        kind: made.kind,
        facts,
        text: text.map(Into::into),
        delegation: made.delegation.map(|(_, id)| id),
    }
}
