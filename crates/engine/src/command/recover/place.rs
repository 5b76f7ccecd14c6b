//! Messages of our own that came back take effect, each as soon as what it had seen is here: in the order in which
//! everything happened before the loss. proto-spec, section 5.7, steps 5 to 8.

use std::collections::{BTreeSet, HashMap};

use deskwire_proto::envelope::{Head, read_head, text_body};
use deskwire_proto::id::{DelegationId, ItemId};
use deskwire_proto::message::common::Priority;
use deskwire_proto::message::{Body, Facts, Kind, offer};
use deskwire_store::Direction;
use deskwire_store::local::{DelegationNo, FileNo, LinkNo, Order, TicketNumber};
use deskwire_store::record::{Placed, PlacedFile, Record, TicketMade, TicketText, encode_text};
use deskwire_store::row::{FileState, Recovery, Refused, SentRow, StreamRow};
use deskwire_store::table::{BLOB_FILES, DELEGATION_IDS, FILES, RECEIPTS, Rows, SENT, TICKETS};
use serde_bytes::ByteBuf;

use super::super::consume::thread;
use super::super::{aside, find};
use super::told::{event_of, folded, number, title_of};
use crate::project::kinds::{Leaves, leaves};
use crate::project::stream::read_receipt;
use crate::{Refusal, Step, refused};

/// Lines of the list that the operator gets.
const LISTED: usize = 11;

/// Messages that take effect in one step, and bytes of them, so that no step takes long and every group has room.
const MESSAGES: usize = 256;
const BYTES: usize = 4 << 20;

/// What one step may still let take effect.
pub(crate) struct Placing {
    messages: usize,
    bytes: usize,
    /// Delegations in which more was settled than a message of ours that came back had seen.
    late: BTreeSet<DelegationNo>,
    /// What waits, by item, once it was looked at.
    waiting: Option<HashMap<ItemId, Order>>,
    /// Whether nobody holds any more what they had seen of the partner's stream behind what is here.
    gone: bool,
}

impl Placing {
    /// Nothing has taken effect in this step yet.
    pub(crate) const fn begin() -> Self {
        Self { messages: MESSAGES, bytes: BYTES, late: BTreeSet::new(), waiting: None, gone: false }
    }

    /// The same, where nobody holds any more what is still to come before some of them.
    pub(super) fn without_the_rest() -> Self {
        Self { gone: true, ..Self::begin() }
    }
}

/// As [`Placing::place`], for a step that does this once.
pub(crate) fn place_due(step: &mut Step<'_>, no: LinkNo) -> Result<bool, Refusal> {
    Placing::begin().place(step, no)
}

impl Placing {
    /// Lets messages of ours that came back take effect whose time has come; ends the recovery when all is here. False
    /// when there is more of them than one step takes: the link is woken to go on, and until then no message of the
    /// partner is looked at.
    pub(crate) fn place(&mut self, step: &mut Step<'_>, no: LinkNo) -> Result<bool, Refusal> {
        let all = self.place_some(step, no)?;
        aside::came_back(step, no, std::mem::take(&mut self.late))?;
        if all {
            end_if_complete(step, no)?;
        }
        Ok(all)
    }

    fn place_some(&mut self, step: &mut Step<'_>, no: LinkNo) -> Result<bool, Refusal> {
        while let Some((stream, row, signed)) = self.next(step, no)? {
            let text = step.entry(row.item)?.text.into_bytes();
            let size = signed.len() + text.as_ref().map_or(0, Vec::len);
            if self.messages == 0 || self.bytes < size {
                step.wake(no);
                return Ok(false);
            }
            (self.messages, self.bytes) = (self.messages - 1, self.bytes - size);
            let head = read_head(&signed)?;
            self.strike(step, no, &stream, head.item)?;
            self.late.extend(place(step, no, &stream, &row, (&head, text.as_deref()))?);
        }
        Ok(true)
    }

    /// The next message of ours that takes effect, if its time has come: what it had seen is here, or gone.
    fn next(&self, step: &Step<'_>, no: LinkNo) -> Result<Option<(StreamRow, SentRow, ByteBuf)>, Refusal> {
        let stream = find::stream(step, no)?;
        let Some(recovery) = &stream.recovery else { return Ok(None) };
        let seq = recovery.placed + 1;
        if seq > stream.out_length {
            return Ok(None);
        }
        let row = step.rows().get(SENT, &(no, seq))?;
        let row = row.ok_or_else(|| find::broken("a message that came back without a row"))?;
        let Record::Numbered { signed, seen, .. } = step.read(row.signed)? else {
            return Err(find::broken("a message that came back is another record"));
        };
        Ok((self.gone || seen <= stream.in_length).then_some((stream, row, signed)))
    }

    /// An event that a caller said again between the page and this moment gives way to its message.
    fn strike(
        &mut self,
        step: &mut Step<'_>,
        no: LinkNo,
        stream: &StreamRow,
        item: ItemId,
    ) -> Result<(), Refusal> {
        let waiting = match &self.waiting {
            Some(waiting) => waiting,
            None => self.waiting.insert(super::waiting(step, no, stream)?),
        };
        if let Some(order) = waiting.get(&item).copied()
            && super::unsent(step, &(no, order))?.is_some_and(|row| row.event.is_some())
        {
            step.record(&Record::Struck { no, order }, None)?;
        }
        Ok(())
    }
}

fn end_if_complete(step: &mut Step<'_>, no: LinkNo) -> Result<(), Refusal> {
    let stream = find::stream(step, no)?;
    match &stream.recovery {
        Some(recovery)
            if recovery.placed == stream.out_length
                && recovery.complete
                && stream.in_length >= recovery.upto =>
        {
            end(step, no, &stream, recovery)
        }
        Some(_) | None => Ok(()),
    }
}

/// Replies with its delegation if that has settled more than the message had seen.
fn place(
    step: &mut Step<'_>,
    no: LinkNo,
    stream: &StreamRow,
    row: &SentRow,
    (head, text): (&Head, Option<&[u8]>),
) -> Result<Option<DelegationNo>, Refusal> {
    let kind = Kind::from_name(head.kind.as_str());
    let body = kind.and_then(|kind| Body::decode(kind, &head.facts, text.and_then(text_body)).ok());
    let said = kind.and_then(|kind| event_of(kind, head, body.as_ref()));
    let mut local = None;
    if let (Some(kind), Some(id)) = (kind, head.delegation) {
        local = match step.rows().get(DELEGATION_IDS, &(no, id))? {
            Some(delegation) => Some((delegation, find::delegation(step, delegation)?.ticket)),
            None if kind == Kind::Offer => Some(handed_over(step, no, id, head, body.as_ref())?),
            None => None,
        };
    }
    let mut late = None;
    let fits = match (&said, local) {
        (Some(said), Some((delegation, _))) => {
            let mut row = find::delegation(step, delegation)?;
            late = row.case.is_settled_beyond(head.seen).then_some(delegation);
            row.case.recover(head.seq, head.seen, said.clone(), stream.in_length).is_ok()
        }
        (Some(_), None) => false,
        (None, _) => true,
    };
    if !fits || local.is_none() && head.delegation.is_some() {
        tracing::warn!(link = %no, seq = head.seq, "a message of this desk that came back finds nothing it fits");
    }
    let local = local.filter(|_| fits);
    let quiet = kind.map(leaves).filter(|left| matches!(left, Leaves::Digest | Leaves::Report));
    let file = match kind.map(|kind| Facts::decode(kind, &head.facts)) {
        Some(Ok(Facts::FileAdd(facts))) if row.thread.is_none() => Some(file(step, head, &facts)?),
        Some(_) | None => None,
    };
    let later = match (kind.map(|kind| Facts::decode(kind, &head.facts)), local) {
        (Some(Ok(facts)), Some((delegation, ticket))) => {
            thread::later(step, no, (ticket, delegation), &facts)?
        }
        (Some(_) | None, _) => None,
    };
    // What was done to a contribution that is lost is shown nowhere.
    let revises = kind.map(leaves) == Some(Leaves::Revision);
    let local = local.filter(|_| !revises || later.is_some());
    let digest = local.filter(|_| quiet == Some(Leaves::Digest)).map(|(delegation, _)| delegation);
    // No thread shows those that say nothing to people.
    let local = local.filter(|_| quiet.is_none());
    let placed = Placed {
        later,
        no,
        seq: head.seq,
        item: head.item,
        seen: head.seen,
        local,
        digest,
        event: said.filter(|_| local.is_some()).map(folded),
        stars: kind.and_then(|kind| crate::project::stars(kind, &head.facts)),
        file,
        answer: answer(step, no, stream, head.seq)?,
        said: head.time,
        at: step.now,
    };
    step.record(&Record::Placed(Box::new(placed)), None)?;
    Ok(late.filter(|_| fits))
}

/// A delegation that was lost with its ticket or without: made anew from the offer.
fn handed_over(
    step: &mut Step<'_>,
    no: LinkNo,
    id: DelegationId,
    head: &Head,
    body: Option<&Body>,
) -> Result<(DelegationNo, TicketNumber), Refusal> {
    let text = match body {
        Some(Body::Offer { text, .. }) => Some(text),
        Some(_) | None => None,
    };
    let ticket = ticket(step, no, head, text)?;
    let delegation = DelegationNo(step.counters()?.delegation);
    step.record(&Record::Delegated { delegation, no, id, ticket, at: head.time }, None)?;
    Ok((delegation, ticket))
}

/// The ticket of an offer of ours: the one that has its number still, or a new one with that number if it is free.
fn ticket(
    step: &mut Step<'_>,
    no: LinkNo,
    head: &Head,
    text: Option<&offer::Text>,
) -> Result<TicketNumber, Refusal> {
    let facts = match Facts::decode(Kind::Offer, &head.facts) {
        Ok(Facts::Offer(facts)) => facts,
        Ok(_) | Err(_) => return Err(find::broken("an offer of ours that cannot be read")),
    };
    let title = title_of(text);
    let next = TicketNumber(step.counters()?.ticket);
    let named = number(step, facts.own.ticket.as_str());
    let number = match named {
        None => next,
        Some(named) => match step.rows().get(TICKETS, &named)? {
            None => named,
            // It was there when the offer was made, so the offer is about it; one that is younger took a number
            // that was lost.
            Some(row) if row.title == title || row.created <= head.time => return Ok(named),
            Some(_) => next,
        },
    };
    if named.is_some_and(|named| named != number) {
        let words = format!(
            "The ticket {}, which was lost with the restore, came back as {}: another ticket has its number now.",
            facts.own.ticket,
            step.identity.ticket_label(number)
        );
        let event = find::event(step.now, "ticket-renumbered", &words, Vec::new());
        step.record(&Record::Noted { no, event }, None)?;
    }
    let made = TicketMade {
        ticket: number,
        title,
        status: facts.own.status,
        priority: facts.priority.unwrap_or(Priority::Normal),
        category: facts.category,
        at: head.time,
    };
    step.record(&Record::TicketMade(made), Some(encode_text(&text.map(said_of).unwrap_or_default())?))?;
    Ok(number)
}

/// What a ticket says, as far as its offer told it.
fn said_of(text: &offer::Text) -> TicketText {
    TicketText {
        description: text.description.clone(),
        requester: text.contact.clone(),
        company: text.company.clone(),
        object: text.object.clone(),
        equipment: text.equipment.clone(),
        agreement: text.agreement.clone(),
        custom: text
            .custom
            .iter()
            .flat_map(|all| all.iter())
            .map(|one| (one.0.clone(), one.1.clone()))
            .collect(),
        by: text.by.clone().unwrap_or_default(),
    }
}

/// A file that was announced: its bytes are here if another file of this desk has them.
fn file(
    step: &Step<'_>,
    head: &Head,
    facts: &deskwire_proto::message::file_add::Facts,
) -> Result<PlacedFile, Refusal> {
    let mut state = FileState::Failed(refused(
        "file-lost",
        "The bytes of this file were lost with the restore. If nobody here has it any more, ask the partner for it.",
    ));
    let mut same = Vec::new();
    step.rows().scan(BLOB_FILES, &facts.blob, None, Direction::Forward, &mut |(_, file), ()| {
        same.push(file);
        Ok(std::ops::ControlFlow::Continue(()))
    })?;
    for file in same {
        if step.rows().get(FILES, &file)?.is_some_and(|row| row.state == FileState::Here) {
            state = FileState::Here;
        }
    }
    Ok(PlacedFile {
        file: FileNo(step.counters()?.file),
        item: head.item,
        blob: facts.blob,
        size: facts.size.into(),
        chunks: facts.chunks,
        state,
    })
}

/// What a receipt that was taken already says of a message of ours.
fn answer(
    step: &Step<'_>,
    no: LinkNo,
    stream: &StreamRow,
    seq: u64,
) -> Result<Option<(Option<Refused>, u64)>, Refusal> {
    if seq > stream.acked {
        return Ok(None);
    }
    let mut found = None;
    step.rows().scan(RECEIPTS, &no, Some(&(no, seq)), Direction::Forward, &mut |_, at| {
        found = Some(at);
        Ok(std::ops::ControlFlow::Break(()))
    })?;
    let Some(at) = found else { return Ok(None) };
    let Record::ReceiptTaken { receipt, .. } = step.read(at)? else {
        return Err(find::broken("a receipt is another record"));
    };
    let receipt = read_receipt(&receipt).ok_or_else(|| find::broken("a receipt that was taken"))?;
    let why = receipt.outcome(seq).map(|outcome| refused(outcome.2.as_str(), outcome.3.as_str()));
    Ok(Some((why, receipt.length)))
}

/// All is here: the operator is told what came back, and the courier goes on.
fn end(step: &mut Step<'_>, no: LinkNo, stream: &StreamRow, recovery: &Recovery) -> Result<(), Refusal> {
    let link = find::link(step, no)?;
    let (own, theirs) = (stream.out_length - recovery.first, stream.in_length.saturating_sub(recovery.held));
    let mut words = format!(
        "This desk was restored from an older state. {} handed back {own} of its messages, and {theirs} of its own that \
         had come here before.",
        link.partner_name
    );
    let gone = recovery.numbered.saturating_sub(stream.out_length);
    if gone > 0 {
        words.push_str(&format!(
            " {gone} more had been signed here and never reached {}: their numbers are used again.",
            link.partner_name
        ));
    }
    let event = find::event(step.now, "recovered", &words, listed(step, no, stream, recovery)?);
    tracing::info!(link = %no, own, theirs, gone, "what was lost with the restore is here again");
    step.record(&Record::RecoveryEnded { no, event }, None)?;
    step.wake(no);
    Ok(())
}

/// The first of our messages that came back, one line each.
fn listed(
    step: &Step<'_>,
    no: LinkNo,
    stream: &StreamRow,
    recovery: &Recovery,
) -> Result<Vec<String>, Refusal> {
    let mut lines = Vec::new();
    for seq in recovery.first + 1..=stream.out_length {
        if lines.len() == LISTED {
            lines.push(format!("and {} more: see `deskwire log`", stream.out_length - seq + 1));
            break;
        }
        let Some(row) = step.rows().get(SENT, &(no, seq))? else { continue };
        let Record::Numbered { signed, .. } = step.read(row.signed)? else { continue };
        let Ok(head) = read_head(&signed) else { continue };
        // No title: it would outlive the ticket's texts.
        lines.push(match row.thread {
            Some((ticket, _)) => format!("{seq}: {} on {}", head.kind, step.identity.ticket_label(ticket)),
            None => format!("{seq}: {}", head.kind),
        });
    }
    Ok(lines)
}
