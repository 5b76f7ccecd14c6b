//! Consuming a partner's message for which this desk once gave a receipt: nothing is decided again.
//! proto-spec, sections 4.6 and 5.7.

use deskwire_machine::delegation::Said;
use deskwire_machine::saying::{said, said_in_facts};
use deskwire_proto::code::OutcomeCode;
use deskwire_proto::cose::Sign1;
use deskwire_proto::envelope::{Head, Verified};
use deskwire_proto::id::{DelegationId, Hash};
use deskwire_proto::message::{Body, Facts, Kind};
use deskwire_proto::receipt::NotApplied;
use deskwire_proto::text::Line;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, FileNo, LinkNo, TicketNumber};
use deskwire_store::record::{FoldEvent, Later, Local, Record};
use deskwire_store::row::{Refused, StreamRow};
use deskwire_store::table::{DELEGATION_IDS, Rows, SENT, TICKETS, TOLD};
use deskwire_store::{Direction, EntryRef};
use serde_bytes::ByteBuf;

use super::super::consume::{Consumed, Context, thread};
use super::super::find;
use super::older_keys_upto;
use crate::project::kinds::{Leaves, leaves};
use crate::project::stream::read_receipt;
use crate::{Refusal, Step, refused};

/// How many of our own messages are looked through for the ticket that an offer became here.
const LOOK_AHEAD: u64 = 512;

/// What our own receipt says of a message of the partner.
pub(crate) struct Told {
    /// When it was committed first.
    pub(crate) at: Timestamp,
    /// Why it had no effect: true for `unsupported`.
    refused: Option<(bool, Refused)>,
    /// The last message that the receipt covers: its hash stands there, and covers those before it.
    end: Option<Hash>,
    /// The receipt.
    raw: ByteBuf,
}

impl Told {
    /// Our receipt, if it was given for another message with this number.
    pub(crate) fn contradicts(&self, message: &Verified) -> Option<ByteBuf> {
        self.end.filter(|end| *end != message.hash).map(|_| self.raw.clone())
    }
}

/// What our own receipts, handed back, say of the partner's message with this number; nothing if none covers it.
pub(crate) fn told(
    step: &Step<'_>,
    no: LinkNo,
    stream: &StreamRow,
    seq: u64,
) -> Result<Option<Told>, Refusal> {
    if stream.recovery.as_ref().is_none_or(|recovery| seq > recovery.told) {
        return Ok(None);
    }
    let mut found: Option<EntryRef> = None;
    step.rows().scan(TOLD, &no, Some(&(no, seq)), Direction::Forward, &mut |_, at| {
        found = Some(at);
        Ok(std::ops::ControlFlow::Break(()))
    })?;
    let Some(at) = found else { return Ok(None) };
    let Record::ReceiptReturned { receipt: raw, .. } = step.read(at)? else {
        return Err(find::broken("a receipt that came back is another record"));
    };
    let receipt = read_receipt(&raw).ok_or_else(|| find::broken("a receipt that came back"))?;
    let newest = step.identity.keys().current().id();
    if Sign1::parse(&raw)?.key_id() != newest && receipt.length > older_keys_upto(stream) {
        // It names messages of ours behind the last change of key: somebody else gave it with the old one.
        return Ok(None);
    }
    let time = receipt.commit_times().find(|(told, _)| *told == seq);
    let Some((_, at)) = time else { return Ok(None) };
    let refused = receipt.outcome(seq).map(|outcome| {
        let why = refused(outcome.2.as_str(), outcome.3.as_str());
        (outcome.1 == NotApplied::Unsupported, why)
    });
    let end = (receipt.upto == seq).then_some(receipt.hash);
    Ok(Some(Told { at, refused, end, raw }))
}

/// Takes the outcome as it was told, and finds what the message concerns here.
pub(crate) fn consume(
    step: &Step<'_>,
    context: &Context<'_>,
    message: &Verified,
    told: Told,
) -> Result<Consumed, Refusal> {
    if told.refused.is_some() {
        return Ok(Consumed { refused: told.refused, ..Consumed::default() });
    }
    let nothing = || {
        tracing::warn!(link = %context.no, seq = message.head.seq, "a message that was applied once finds nothing here");
        Ok(Consumed::default())
    };
    let (Some(kind), Some(id)) = (Kind::from_name(message.head.kind.as_str()), message.head.delegation)
    else {
        let withdrawn = match &message.body {
            Ok(Body::LinkWithdraw { facts, .. }) => Some(Later::Withdraws(facts.seq.get())),
            Ok(_) | Err(_) => None,
        };
        return Ok(Consumed { local: Local { later: withdrawn, ..Local::default() }, ..Consumed::default() });
    };
    if !is_readable(kind, message) {
        return nothing();
    }
    let event = event_of(kind, &message.head, message.body.as_ref().ok());
    let counters = step.counters()?;
    let known = step.rows().get(DELEGATION_IDS, &(context.no, id))?;
    if kind == Kind::Offer {
        if known.is_some() {
            return nothing();
        }
        let ticket = ticket_of(step, context.no, id, message)?.unwrap_or(TicketNumber(counters.ticket));
        let local = local(DelegationNo(counters.delegation), ticket, None);
        return Ok(Consumed { local, event: event.map(folded), ..Consumed::default() });
    }
    let Some(delegation) = known else { return nothing() };
    let mut row = find::delegation(step, delegation)?;
    let ticket = row.ticket;
    let Some(said) = event else {
        let revises = match leaves(kind) {
            Leaves::Comment | Leaves::File | Leaves::Work | Leaves::Digest | Leaves::Report => false,
            Leaves::Event | Leaves::Revision | Leaves::Link => true,
        };
        if revises {
            let facts = Facts::decode(kind, &message.head.facts).ok();
            let later = facts.map(|facts| thread::later(step, context.no, (ticket, delegation), &facts));
            let Some(later) = later.transpose()?.flatten() else { return nothing() };
            let local = Local { later: Some(later), ..local(delegation, ticket, None) };
            return Ok(Consumed { local, ..Consumed::default() });
        }
        let file = (kind == Kind::FileAdd).then_some(FileNo(counters.file));
        return Ok(Consumed { local: local(delegation, ticket, file), ..Consumed::default() });
    };
    let seen = message.head.seen;
    if row.case.check_peer(&said.event).is_err()
        || find::has_room(&row).is_err()
        || row.case.take(message.head.seq, seen, said.clone()).is_err()
    {
        return nothing();
    }
    Ok(Consumed { local: local(delegation, ticket, None), event: Some(folded(said)), ..Consumed::default() })
}

/// Whether a message could have been applied: it is well formed, but for a text that was erased since.
fn is_readable(kind: Kind, message: &Verified) -> bool {
    match &message.body {
        Ok(_) => true,
        Err(OutcomeCode::TextMissing) => Facts::decode(kind, &message.head.facts).is_ok(),
        Err(_) => false,
    }
}

/// What a message says to the fold, also one whose text was erased.
pub(super) fn event_of(kind: Kind, head: &Head, body: Option<&Body>) -> Option<Said> {
    match body {
        Some(body) => said(body),
        None => said_in_facts(&Facts::decode(kind, &head.facts).ok()?),
    }
}

pub(super) fn folded(said: Said) -> FoldEvent {
    FoldEvent(said.event, said.words)
}

const fn local(delegation: DelegationNo, ticket: TicketNumber, file: Option<FileNo>) -> Local {
    Local { delegation: Some(delegation), ticket: Some(ticket), file, later: None }
}

/// The number that the ticket of an offer had here: as our own messages about it, which came back, name it. It is
/// taken if it is free, or if it stands for the same case, recovered from another partner.
fn ticket_of(
    step: &Step<'_>,
    no: LinkNo,
    id: DelegationId,
    message: &Verified,
) -> Result<Option<TicketNumber>, Refusal> {
    let Some(number) = named_ticket(step, no, id)? else { return Ok(None) };
    let title = match &message.body {
        Ok(Body::Offer { text, .. }) => Some(&text.title),
        Ok(_) | Err(_) => None,
    };
    Ok(match step.rows().get(TICKETS, &number)? {
        None => Some(number),
        Some(row) if row.origin.is_none() && title == Some(&row.title) => Some(number),
        Some(_) => None,
    })
}

fn named_ticket(step: &Step<'_>, no: LinkNo, id: DelegationId) -> Result<Option<TicketNumber>, Refusal> {
    let stream = find::stream(step, no)?;
    let Some(recovery) = &stream.recovery else { return Ok(None) };
    let first = recovery.placed + 1;
    for seq in first..=stream.out_length.min(first + LOOK_AHEAD) {
        let Some(row) = step.rows().get(SENT, &(no, seq))? else { continue };
        let Record::Numbered { signed, .. } = step.read(row.signed)? else { continue };
        let Ok(head) = deskwire_proto::envelope::read_head(&signed) else { continue };
        let kind = Kind::from_name(head.kind.as_str()).filter(|_| head.delegation == Some(id));
        let words = kind.and_then(|kind| event_of(kind, &head, None)).and_then(|said| said.words);
        if let Some(words) = words {
            return Ok(number(step, &words.ticket));
        }
    }
    Ok(None)
}

/// The number in a ticket id of this desk, as it was told to a partner.
pub(super) fn number(step: &Step<'_>, label: &str) -> Option<TicketNumber> {
    let digits = label.strip_prefix(step.identity.prefix())?.strip_prefix('-')?;
    digits.parse().ok().filter(|number| *number > 0).map(TicketNumber)
}

/// The title of an offer; what stands there once its text is erased.
pub(super) fn title_of(text: Option<&deskwire_proto::message::offer::Text>) -> Line {
    text.map_or_else(|| Line::new("(erased)").expect("one short line"), |text| text.title.clone())
}
