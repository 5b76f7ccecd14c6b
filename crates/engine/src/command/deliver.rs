//! Consuming a partner's messages, in order, and giving the receipt. proto-spec, sections 5.4 and 8.1.

use std::sync::atomic::Ordering;

use deskwire_machine::delegation;
use deskwire_proto::batch::BatchHead;
use deskwire_proto::code::Code;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::document::{Signed, V1};
use deskwire_proto::envelope::Verified;
use deskwire_proto::id::Hash;
use deskwire_proto::limits::{PULL_PAGE_BYTES, RECEIPT_MESSAGES};
use deskwire_proto::message::Body;
use deskwire_proto::receipt::{NotApplied, Outcome, Receipt};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{FileNo, LinkNo};
use deskwire_store::record::{Received, Record};
use deskwire_store::row::{LinkRow, LinkState, Pause, ReceivedRow, StreamRow};
use deskwire_store::table::{FETCHING, LEFT_RECEIVED, RECEIVED, RETIRED, Rows};

use super::consume::{self, Consumed, Context, consume, seen};
use super::{aside, change, closing, find, key, privacy, recover, relay, session};
use crate::port::Effect;
use crate::sabotage::{self, Sabotage};
use crate::{Command, Fault, Refusal, Step, quota};

/// Verified messages of one batch.
#[derive(Debug, Clone)]
pub struct Deliver {
    /// The link.
    pub link: LinkNo,
    /// The head of the batch.
    pub head: BatchHead,
    /// Its messages, each through [`deskwire_proto::envelope::accept`].
    pub messages: Vec<Verified>,
}

/// A row that was looked at for a message counts as so many bytes of it.
const LOOKED_BYTES: usize = 200;
/// Rows that are looked at for one message without ending the batch.
const LOOKED_MOST: usize = 2_000;

/// What came of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivered {
    /// The signed receipt.
    Receipt(Vec<u8>),
    /// Messages before these are missing; the stream goes up to here.
    Gap {
        /// Messages held.
        cursor: u64,
    },
    /// The batch is refused.
    Refused(Code),
}

impl Command for Deliver {
    type Reply = Delivered;
    const CAN_COME_AGAIN: bool = true;

    fn run(self, step: &mut Step<'_>) -> Result<Delivered, Refusal> {
        let link = find::link(step, self.link)?;
        if let Some(code) = closed(&link.state) {
            return Ok(Delivered::Refused(code));
        }
        let stream = find::stream(step, self.link)?;
        let no = self.link;
        let news = self.messages.iter().find(|message| message.head.seq > stream.in_length);
        if news.is_some_and(|message| message.head.seq > stream.in_length + 1)
            && !sabotage::makes(Sabotage::GapAccepted)
        {
            return Ok(Delivered::Gap { cursor: stream.in_length });
        }
        if let Err(code) = in_session(step, no, &self.head, &stream)? {
            return Ok(Delivered::Refused(code));
        }
        if stream.is_leaving() {
            // What was disowned loses its effect before anything new takes any.
            aside::go_on(step, no)?;
            return Ok(Delivered::Refused(Code::Busy));
        }
        if news.is_some() && !is_affordable(step, no)? {
            return Ok(Delivered::Refused(Code::RateLimited));
        }
        let known = self.head.known;
        if known > stream.in_length && !recover::is_complete_again(&stream) {
            // The author has receipts of ours for more than we hold: it is we who have lost something.
            recover::doubt(step, no);
            return Ok(Delivered::Refused(Code::Busy));
        }
        let recovers = stream.recovery.is_some();
        let mut placing = recover::Placing::begin();
        if recovers && !placing.place(step, no)? {
            return Ok(Delivered::Refused(Code::Busy));
        }
        let mut current = link;
        let last = self.messages.last().map_or(0, |message| message.head.seq);
        for message in self.messages {
            let (of_link, place) = (message.head.delegation.is_none(), (message.head.seq, message.head.seen));
            let terms = find::terms_for(step, no, &current, (false, place.0, place.1))?;
            let context = Context { no, link: &current, terms: &terms };
            if let Some(id) = message.head.delegation {
                closing::reached_by(step, no, &current, id)?;
            }
            let held = find::stream(step, no)?.in_length;
            let ended = one(step, &context, (message, last))?;
            if of_link && find::stream(step, no)?.in_length > held {
                closing::heard(step, no)?;
                current = find::link(step, no)?;
            }
            if let Some(ended) = ended {
                // What was consumed before it is told by a receipt; the author meets the problem when it goes on there.
                if ended == Delivered::Refused(Code::Fork)
                    || find::stream(step, no)?.in_length == stream.in_length
                {
                    return Ok(ended);
                }
                break;
            }
            if recovers && !placing.place(step, no)? {
                break;
            }
        }
        step.memory.heard(no, step.now);
        step.after(Effect::Advanced(no));
        let receipt = receipt(step, no, &current, known)?;
        closing::after(step, no, &current)?;
        Ok(Delivered::Receipt(receipt))
    }
}

/// Whether something new may come on a link: this desk has room, and the partner has not said too much in this hour.
fn is_affordable(step: &mut Step<'_>, no: LinkNo) -> Result<bool, Refusal> {
    quota::has_room(step)?;
    Ok(!quota::is_spent(step, no))
}

fn closed(state: &LinkState) -> Option<Code> {
    match state {
        LinkState::Active | LinkState::Quarantined(_) => None,
        LinkState::WaitingApproval | LinkState::WaitingPartner => Some(Code::LinkWaiting),
        LinkState::Paused(_) => Some(Code::LinkPaused),
        LinkState::Closed => Some(Code::LinkClosed),
    }
}

/// Whether the batch belongs to the partner's session. A welcomed session takes over with its first batch; an instance
/// that another one has replaced is a clone; one that has lost messages has to recover them first.
fn in_session(
    step: &mut Step<'_>,
    no: LinkNo,
    head: &BatchHead,
    stream: &StreamRow,
) -> Result<Result<(), Code>, Refusal> {
    // A partner that brings its files has to learn of every start of this desk how many messages it holds: it may be of a
    // backup that has an announcement and not the bytes. proto-spec, section 10.4.
    let lacks_files = || session::has_behind(step, FETCHING, no, (no, FileNo(0)));
    if !step.memory.answered.contains(&no) && lacks_files()? {
        return Ok(Err(Code::SessionUnknown));
    }
    if stream.session.as_ref().is_some_and(|current| current.session == head.session) {
        return Ok(Ok(()));
    }
    let Some(pending) = stream.pending.iter().find(|pending| pending.session == head.session) else {
        return Ok(Err(Code::SessionUnknown));
    };
    let at = step.now;
    if pending.short {
        return Ok(Err(Code::RecoveryNeeded));
    }
    if step.rows().get(RETIRED, &(no, pending.instance))?.is_some() {
        step.record(&Record::CloneFound { no, instance: pending.instance, at }, None)?;
        let partner = find::link(step, no)?.partner_name;
        let words = format!(
            "Two copies of the desk of {partner} run: a batch came from one that another had replaced. The link stands \
             still on both sides. When {partner} has stopped one of them, go on with `deskwire link resume`."
        );
        recover::pause(step, no, Pause::Clone, "clone-suspected", &words)?;
        return Ok(Err(Code::CloneSuspected));
    }
    let (entry, session) = (pending.entry, pending.session);
    step.record(&Record::SessionTaken { no, session, at }, None)?;
    recover::shorten(step, no, stream, entry)?;
    Ok(Ok(()))
}

/// Consumes one message of a batch up to `last`, or says why the batch ends here. What was consumed before it stays.
fn one(
    step: &mut Step<'_>,
    context: &Context<'_>,
    (message, last): (Verified, u64),
) -> Result<Option<Delivered>, Refusal> {
    let no = context.no;
    let stream = find::stream(step, no)?;
    let seq = message.head.seq;
    let window = if sabotage::makes(Sabotage::DedupeByWindow) { 2 } else { u64::MAX };
    if seq <= stream.in_length && stream.in_length - seq < window {
        return held(step, no, seq, message);
    }
    if let Some(ended) = stops(step, no, &stream, (&message, last))? {
        return Ok(Some(ended));
    }
    let told = recover::told(step, no, &stream, seq)?;
    if let Some(receipt) = told.as_ref().and_then(|told| told.contradicts(&message)) {
        recover::forked(step, no, false, receipt, message.delivery.0)?;
        return Ok(Some(Delivered::Refused(Code::Fork)));
    }
    let disowned = stream.is_disowned(seq, message.key as u64);
    let (decided_at, consumed) = decided(step, context, &stream, &message, told)?;
    let looked = charged(step, no, &message, &consumed);
    // Times of first commit never fall, whatever the clock does and whatever comes back: each receipt has to tell the same
    // ones.
    let before = if stream.in_length == 0 { Timestamp(0) } else { received(step, no, stream.in_length)?.at };
    let record = Received {
        no,
        seq,
        hash: message.hash,
        // What lies about what it has seen is not used for anything.
        seen: if !disowned && seen(&stream, &message).is_ok() { message.head.seen } else { stream.in_seen },
        signed: message.delivery.0,
        refused: consumed.refused,
        local: consumed.local,
        event: consumed.event,
        at: decided_at.unwrap_or(step.now).max(before),
        key: message.key as u64,
        here: consumed.here,
    };
    heard_first(step, no, seq);
    let file = record.local.file;
    let gone = privacy::is_gone(step, no, message.head.item)?;
    let came = relay::Came::of(&record).filter(|_| !gone);
    let offered = record.local.delegation.filter(|_| record.refused.is_none());
    let described = match (&record.refused, &message.body) {
        (None, Ok(Body::LinkDescriptor { facts, .. })) => Descriptor::open(&facts.descriptor).ok(),
        (None | Some(_), _) => None,
    };
    let text = message.delivery.1.filter(|_| !gone).map(|text| text.into_vec());
    let at = step.record(&Record::Received(record), text)?;
    if disowned {
        // It came once, was disowned, and was lost here with a restore.
        aside::disown(step, no, (seq, seq), context.link.partner_name.as_str())?;
        return Ok(None);
    }
    if let Some(newer) = described {
        key::take(step, no, &newer)?;
    }
    fetch(step, no, file, gone)?;
    if let (Some(came), Ok(body)) = (came, &message.body) {
        onward(step, no, |step| relay::came(step, no, at, &came, body))?;
    }
    if let (Some(delegation), Ok(Body::Offer { facts, .. })) = (offered, &message.body) {
        let tags = facts.loop_tags.as_deref().unwrap_or_default();
        onward(step, no, |step| relay::looped(step, no, delegation, (message.hash, tags)))?;
    }
    // A long search ends the batch, so that no partner causes a long stop.
    Ok((looked > LOOKED_MOST).then_some(Delivered::Refused(Code::Busy)))
}

/// Counts a message towards what its author may say: its bytes, those of its file, and what was looked at for it. How much
/// that was.
fn charged(step: &mut Step<'_>, no: LinkNo, message: &Verified, consumed: &Consumed) -> usize {
    let text = message.delivery.1.as_ref().map_or(0, |text| text.len());
    let looked = step.memory.looked.swap(0, Ordering::Relaxed);
    quota::took(step, no, message.delivery.0.len() + text + looked * LOOKED_BYTES);
    if consumed.local.file.is_some() {
        quota::took_file(step, no, consumed.size);
    }
    looked
}

/// With the first message of a partner: all receipts that it can have are those of this process.
fn heard_first(step: &mut Step<'_>, no: LinkNo, seq: u64) {
    if seq == 1 {
        step.once_kept(move |memory| {
            memory.receipted.entry(no).or_insert(false);
        });
    }
}

/// The bytes of an announced file are fetched, unless they were erased before this desk was restored.
fn fetch(step: &mut Step<'_>, no: LinkNo, file: Option<FileNo>, gone: bool) -> Result<(), Refusal> {
    match file {
        Some(file) if gone => return privacy::forget_file(step, file),
        Some(_) => step.after(Effect::Fetch(no)),
        None => {}
    }
    Ok(())
}

/// What follows at other partners from a message that was consumed. It stays consumed whatever stands in the way there.
fn onward(
    step: &mut Step<'_>,
    no: LinkNo,
    follows: impl FnOnce(&mut Step<'_>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    match step.attempt(follows) {
        Err(refusal) if refusal.fault != Fault::Ours => {
            tracing::warn!(link = %no, %refusal, "what follows from a message cannot be said to another partner");
            Ok(())
        }
        outcome => outcome,
    }
}

/// The first check of a message that is new: why the stream stops before it. proto-spec, section 4.5.
fn stops(
    step: &mut Step<'_>,
    no: LinkNo,
    stream: &StreamRow,
    (message, last): (&Verified, u64),
) -> Result<Option<Delivered>, Refusal> {
    let seq = message.head.seq;
    let gap = sabotage::makes(Sabotage::GapAccepted);
    if seq > stream.in_length + 1 && !gap {
        return Ok(Some(Delivered::Gap { cursor: stream.in_length }));
    }
    let unchecked =
        gap || sabotage::makes(Sabotage::DedupeByWindow) || sabotage::makes(Sabotage::PrevNotChecked);
    if message.head.prev != stream.in_head && !unchecked {
        return Ok(Some(Delivered::Refused(Code::BadPrev)));
    }
    match change::stands(stream, seq, message.key as u64, message.hash) {
        Ok(()) => {}
        Err(code @ Code::Fork) => {
            change::forked(step, no, message.delivery.signed())?;
            return Ok(Some(Delivered::Refused(code)));
        }
        Err(code) => return Ok(Some(Delivered::Refused(code))),
    }
    // There may be messages of this desk that it does not have, or has otherwise: then what has seen more is no lie, and
    // what has no text any more may have been answered when it had one.
    let gone = message.head.text.is_some() && message.delivery.1.is_none();
    let ahead = message.head.seen > change::surely_ours(stream);
    if (gone || ahead) && !recover::holds_no_more(step, no, (seq, last)) {
        recover::doubt(step, no);
        return Ok(Some(Delivered::Refused(Code::Busy)));
    }
    Ok(None)
}

/// What comes of a message: as it was decided once, with the time of then, or decided now.
fn decided(
    step: &Step<'_>,
    context: &Context<'_>,
    stream: &StreamRow,
    message: &Verified,
    told: Option<recover::Told>,
) -> Result<(Option<Timestamp>, Consumed), Refusal> {
    if let Some(told) = told {
        return Ok((Some(told.at), recover::consume(step, context, message, told)?));
    }
    if let Some((at, consumed)) = left(step, context.no, stream, message)? {
        return Ok((Some(at), consumed));
    }
    Ok((None, consume(step, context, stream, message)?))
}

/// A message that stands on both branches of a fork was decided about before one of them was left.
fn left(
    step: &Step<'_>,
    no: LinkNo,
    stream: &StreamRow,
    message: &Verified,
) -> Result<Option<(Timestamp, Consumed)>, Refusal> {
    let seq = message.head.seq;
    if seq > stream.in_left {
        return Ok(None);
    }
    for (_, row) in step.rows().list(LEFT_RECEIVED, &(no, seq), usize::MAX)? {
        if row.hash == message.hash
            && let Record::Received(before) = step.read(row.entry)?
        {
            let consumed = match joins(step, &before)? {
                Ok(()) => {
                    let (refused, local, event) = (before.refused, before.local, before.event);
                    Consumed { refused, local, event, ..Consumed::default() }
                }
                Err(refusal) => consume::out_of_order(&refusal),
            };
            return Ok(Some((before.at, consumed)));
        }
    }
    Ok(None)
}

/// Whether what a message of a left branch said to a fold fits there once more.
fn joins(step: &Step<'_>, before: &Received) -> Result<Result<(), delegation::Refusal>, Refusal> {
    let (Some(delegation), Some(event)) = (before.local.delegation, &before.event) else { return Ok(Ok(())) };
    let mut case = find::delegation(step, delegation)?.case;
    Ok(case.take(before.seq, before.seen, event.clone().into()).map(drop))
}

/// A message that is held already is taken again; another one under its number is a fork.
fn held(step: &mut Step<'_>, no: LinkNo, seq: u64, message: Verified) -> Result<Option<Delivered>, Refusal> {
    let row = received(step, no, seq)?;
    if row.hash == message.hash {
        return Ok(None);
    }
    let Record::Received(before) = step.read(row.entry)? else {
        return Err(find::broken("a received message that is another record"));
    };
    recover::forked(step, no, false, before.signed, message.delivery.0)?;
    Ok(Some(Delivered::Refused(Code::Fork)))
}

fn received(step: &Step<'_>, no: LinkNo, seq: u64) -> Result<ReceivedRow, Refusal> {
    step.rows().get(RECEIVED, &(no, seq))?.ok_or_else(|| find::broken("a received message without a row"))
}

/// Hash of the partner's message with this number; the link id for 0.
fn head_at(step: &Step<'_>, no: LinkNo, link: &LinkRow, seq: u64) -> Result<Hash, Refusal> {
    if seq == 0 { Ok(link.link.into()) } else { Ok(received(step, no, seq)?.hash) }
}

/// Room for times and outcomes in a receipt, bytes: well below what can be read, as a partner without an endpoint that
/// hands it back has to get it into a page of a pull. proto-spec, sections 5.7 and 8.2.
pub(super) const RECEIPT_ROOM: usize = PULL_PAGE_BYTES / 4 * 3 - 1_024;
/// What one message takes of it, without code and words: its time, and the frame of its outcome.
pub(super) const RECEIPT_FRAME: usize = 40;

/// Signs what is on stable storage once this step is committed. What does not fit is left to the next receipt.
fn receipt(step: &mut Step<'_>, no: LinkNo, link: &LinkRow, known: u64) -> Result<Vec<u8>, Refusal> {
    receipt_upto(step, no, link, (known, u64::MAX))
}

/// As [`receipt`], for the messages behind `known` up to `most`.
pub(super) fn receipt_upto(
    step: &mut Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    (known, most): (u64, u64),
) -> Result<Vec<u8>, Refusal> {
    let signed = signed_receipt(step, no, link, (known, most))?;
    let Receipt { base, upto, .. } = *signed.body();
    let raw = signed.into_parts().0;
    step.record(&Record::ReceiptGiven { no, upto, receipt: raw.clone().into(), base }, None)?;
    Ok(raw)
}

/// A receipt that nobody is given in a session: it tells nothing of what the partner knows.
pub(super) fn signed_receipt(
    step: &Step<'_>,
    no: LinkNo,
    link: &LinkRow,
    (known, most): (u64, u64),
) -> Result<Signed<Receipt>, Refusal> {
    let stream = find::stream(step, no)?;
    let base = known.min(stream.in_length);
    let (mut upto, mut hash) = (base, head_at(step, no, link, base)?);
    let mut times = Vec::new();
    let mut outcomes = Vec::new();
    let mut before = 0;
    let mut room = RECEIPT_ROOM;
    for row in
        (base + 1..=stream.in_length.min(most)).take(RECEIPT_MESSAGES).map(|seq| received(step, no, seq))
    {
        let row = row?;
        let words =
            row.refused.as_ref().map_or(0, |(_, why)| why.code.as_str().len() + why.words.as_str().len());
        let Some(left) = room.checked_sub(words + RECEIPT_FRAME) else { break };
        (room, upto, hash) = (left, upto + 1, row.hash);
        times.push(row.at.0.saturating_sub(before));
        before = row.at.0.max(before);
        let repeated = upto <= stream.given && sabotage::makes(Sabotage::OutcomeNotRepeated);
        if let Some((unsupported, why)) = row.refused.filter(|_| !repeated) {
            let what = if unsupported { NotApplied::Unsupported } else { NotApplied::Refused };
            outcomes.push(Outcome(upto, what, why.code, why.words));
        }
    }
    let body = Receipt {
        v: V1,
        to: link.partner,
        base,
        from: step.identity.desk(),
        hash,
        link: link.link,
        upto,
        times,
        length: change::counted(&stream),
        outcomes,
    };
    Ok(Signed::seal(body, step.identity.secret()))
}
