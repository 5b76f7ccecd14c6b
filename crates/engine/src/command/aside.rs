//! Setting messages of a stream aside: they are kept and shown, and every fold goes on as if they had never been.
//! proto-spec, sections 5.8 and 5.10.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use deskwire_machine::delegation::{Answer, Event, OpenEvent, Place, Role, Words};
use deskwire_machine::saying::said;
use deskwire_proto::delivery::Delivery;
use deskwire_proto::envelope::{read_head, text_body};
use deskwire_proto::message::{Body, Facts, Kind};
use deskwire_proto::session::Cut;
use deskwire_store::local::{DelegationNo, LinkNo, Order, TicketNumber};
use deskwire_store::record::{Counted, GivenUp, ItemMade, Record, Refolded, SetAside};
use deskwire_store::row::{ReceivedRow, Refused, SentRow, WaitingRow};
use deskwire_store::table::{DELEGATION_EVENTS, RECEIPTS, RECEIVED, Rows, SENT};
use deskwire_store::{Direction, EntryRef};

use super::find;
use crate::project::stream::read_receipt;
use crate::{Refusal, Step};

/// Which messages of one stream lose their effect.
pub(super) struct Away {
    /// The link.
    pub(super) no: LinkNo,
    /// Whether the stream is our own.
    pub(super) ours: bool,
    /// First and last number of what stays in the stream, without effect; nothing when the second is lower.
    pub(super) range: (u64, u64),
    /// From this number on our own messages are given up: their items wait again, under the same ids.
    pub(super) given_up: Option<u64>,
    /// Where our own stream ends without those.
    pub(super) end: Option<Cut>,
    /// Why, for the people who see it.
    pub(super) why: Refused,
}

/// Sets messages aside and folds every delegation that they concern anew. Replies with the items that wait again.
pub(super) fn set_aside(step: &mut Step<'_>, away: Away) -> Result<Vec<Order>, Refusal> {
    let mut aside = SetAside {
        no: away.no,
        ours: away.ours,
        range: away.range,
        why: away.why.clone(),
        threads: Vec::new(),
        files: Vec::new(),
        given_up: Vec::new(),
        end: away.end,
        at: step.now,
    };
    let mut concerned = BTreeSet::new();
    for seq in away.range.0..=away.range.1 {
        if away.ours {
            concerned.extend(sent(step, away.no, seq)?.event);
        } else {
            theirs(step, seq, &mut aside, &mut concerned)?;
        }
    }
    if let Some(first) = away.given_up {
        let last = find::stream(step, away.no)?.out_length;
        for seq in first..=last {
            let given_up = give_up(step, away.no, seq)?;
            concerned.extend(given_up.row.event);
            aside.given_up.push(given_up);
        }
    }
    let again: BTreeMap<EntryRef, (u64, Order)> =
        aside.given_up.iter().map(|given_up| (given_up.row.entry, (given_up.seq, given_up.order))).collect();
    step.record(&Record::SetAside(Box::new(aside)), None)?;
    for delegation in concerned {
        refold(step, away.no, delegation, &again, &away.why)?;
    }
    Ok(again.into_values().map(|(_, order)| order).collect())
}

/// Receipts that cover our messages behind `upto` bind nobody: their answers are open again.
pub(super) fn void_receipts(
    step: &mut Step<'_>,
    no: LinkNo,
    upto: u64,
    why: &Refused,
) -> Result<(), Refusal> {
    let acked = find::stream(step, no)?.acked;
    step.record(&Record::ReceiptsVoid { no, upto, at: step.now }, None)?;
    let mut concerned = BTreeSet::new();
    for seq in upto + 1..=acked {
        concerned.extend(sent(step, no, seq)?.event);
    }
    for delegation in concerned {
        refold(step, no, delegation, &BTreeMap::new(), why)?;
    }
    Ok(())
}

/// What a message of the partner has brought about, beside the fold.
fn theirs(
    step: &Step<'_>,
    seq: u64,
    aside: &mut SetAside,
    concerned: &mut BTreeSet<DelegationNo>,
) -> Result<(), Refusal> {
    let row = received(step, aside.no, seq)?;
    if row.refused.is_some() || row.aside.is_some() {
        return Ok(());
    }
    let Record::Received(message) = step.read(row.entry)? else {
        return Err(find::broken("a received message that is another record"));
    };
    let shown: Option<(TicketNumber, EntryRef)> = message.local.ticket.map(|ticket| (ticket, row.entry));
    aside.threads.extend(shown);
    aside.files.extend(message.local.file);
    if message.event.is_some() {
        concerned.extend(message.local.delegation);
    }
    Ok(())
}

/// The item of a message of ours, as it waits again.
fn give_up(step: &Step<'_>, no: LinkNo, seq: u64) -> Result<GivenUp, Refusal> {
    let row = sent(step, no, seq)?;
    let made = item(step, row.item)?;
    let waiting = WaitingRow {
        entry: row.item,
        item: made.item,
        kind: made.kind,
        delegation: made.delegation.map(|(delegation, _)| delegation),
        event: row.event,
        thread: row.thread,
        at: made.at,
        file: made.file.map(|(file, _)| file),
    };
    Ok(GivenUp { seq, order: row.order, row: waiting })
}

/// Folds a delegation from what the journal holds of it, but for what was set aside.
fn refold(
    step: &mut Step<'_>,
    no: LinkNo,
    delegation: DelegationNo,
    again: &BTreeMap<EntryRef, (u64, Order)>,
    why: &Refused,
) -> Result<(), Refusal> {
    let row = find::delegation(step, delegation)?;
    let stream = find::stream(step, no)?;
    let numbers = numbers(step, no, delegation)?;
    let mut anew = Refolded {
        delegation,
        events: Vec::new(),
        aside: Vec::new(),
        given_up: Vec::new(),
        version: 1,
        why: why.clone(),
        cursor: stream.in_length,
    };
    let past = Past { no, ours: row.case.role(), acked: stream.acked, numbers: &numbers, again };
    for ((_, entry), shown) in step.rows().list(DELEGATION_EVENTS, &delegation, usize::MAX)? {
        match past.event(step, entry, shown.by)? {
            Found::Counts(open, words) => {
                if let (Event::Update { version, .. }, Place::Numbered(_)) = (open.event, open.place) {
                    anew.version = anew.version.max(version);
                }
                anew.events.push(Counted { open, words, entry });
            }
            Found::Aside(author, place) => anew.aside.push((author, place, entry)),
            Found::Elsewhere => {}
        }
        anew.given_up.extend(again.get(&entry));
    }
    step.record(&Record::Refolded(Box::new(anew)), None).map(drop)
}

/// Our numbered messages of a delegation's fold, by the record with the item.
fn numbers(
    step: &Step<'_>,
    no: LinkNo,
    delegation: DelegationNo,
) -> Result<BTreeMap<EntryRef, (u64, SentRow)>, Refusal> {
    let mut found = BTreeMap::new();
    step.rows().scan(SENT, &no, None, Direction::Forward, &mut |(_, seq), row| {
        if row.event == Some(delegation) {
            found.insert(row.item, (seq, row));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// What is known of one delegation's past.
struct Past<'a> {
    no: LinkNo,
    ours: Role,
    acked: u64,
    numbers: &'a BTreeMap<EntryRef, (u64, SentRow)>,
    again: &'a BTreeMap<EntryRef, (u64, Order)>,
}

/// What has become of an event.
enum Found {
    /// It counts.
    Counts(OpenEvent, Option<Words>),
    /// It was set aside.
    Aside(Role, Place),
    /// It waits, or never left: nothing changes.
    Elsewhere,
}

impl Past<'_> {
    fn event(&self, step: &Step<'_>, entry: EntryRef, by: Role) -> Result<Found, Refusal> {
        if by == self.ours { self.own(step, entry) } else { self.partners(step, entry) }
    }

    fn partners(&self, step: &Step<'_>, entry: EntryRef) -> Result<Found, Refusal> {
        let Record::Received(message) = step.read(entry)? else {
            return Err(find::broken("an event of a partner that is another record"));
        };
        let (author, place) = (self.ours.other(), Place::Numbered(message.seq));
        let row = step.rows().get(RECEIVED, &(self.no, message.seq))?;
        if row.is_none_or(|row| row.entry != entry || row.aside.is_some()) {
            return Ok(Found::Aside(author, place));
        }
        let Some(said) = message.event else { return Ok(Found::Elsewhere) };
        let (event, answer) = (said.0, Answer::Applied);
        let open = OpenEvent { author, place, seen: message.seen, event, answer, receipt_length: None };
        Ok(Found::Counts(open, said.1))
    }

    fn own(&self, step: &Step<'_>, entry: EntryRef) -> Result<Found, Refusal> {
        let made = item(step, entry)?;
        let author = self.ours;
        if let Some((_, order)) = self.again.get(&entry) {
            let Some(said) = made.event else { return Ok(Found::Elsewhere) };
            let (place, answer) = (Place::Waiting(order.0), Answer::Unknown);
            let seen = find::stream(step, self.no)?.in_length;
            let open = OpenEvent { author, place, seen, event: said.0, answer, receipt_length: None };
            return Ok(Found::Counts(open, said.1));
        }
        let Some((seq, sent)) = self.numbers.get(&entry) else { return Ok(Found::Elsewhere) };
        let place = Place::Numbered(*seq);
        if sent.aside.is_some() {
            return Ok(Found::Aside(author, place));
        }
        let Record::Numbered { signed, seen, .. } = step.read(sent.signed)? else {
            return Err(find::broken("a sent message that is another record"));
        };
        let Some((event, words)) = own_event(step, entry, made, &signed)? else {
            return Ok(Found::Elsewhere);
        };
        let (answer, receipt_length) = self.answer(step, *seq)?;
        Ok(Found::Counts(OpenEvent { author, place, seen, event, answer, receipt_length }, words))
    }

    /// What the first receipt that covers our message says of it.
    fn answer(&self, step: &Step<'_>, seq: u64) -> Result<(Answer, Option<u64>), Refusal> {
        if seq > self.acked {
            return Ok((Answer::Unknown, None));
        }
        let mut first = None;
        let from = (self.no, seq);
        step.rows().scan(RECEIPTS, &self.no, Some(&from), Direction::Forward, &mut |_, at| {
            first = Some(at);
            Ok(ControlFlow::Break(()))
        })?;
        let Some(at) = first else { return Ok((Answer::Unknown, None)) };
        let Record::ReceiptTaken { receipt, .. } = step.read(at)? else {
            return Err(find::broken("a receipt that is another record"));
        };
        let receipt = read_receipt(&receipt).ok_or_else(|| find::broken("a receipt that was taken"))?;
        let answer = if receipt.outcome(seq).is_some() { Answer::Refused } else { Answer::Applied };
        Ok((answer, Some(receipt.length)))
    }
}

/// What a numbered message of ours says to its fold, with the version under which an update left.
fn own_event(
    step: &Step<'_>,
    entry: EntryRef,
    made: ItemMade,
    signed: &[u8],
) -> Result<Option<(Event, Option<Words>)>, Refusal> {
    let head = read_head(signed).map_err(|_| find::broken("a message of our own without a head"))?;
    let kind = Kind::from_name(made.kind.as_str());
    let (event, words) = match (made.event, kind) {
        (Some(said), _) => (said.0, said.1),
        (None, Some(kind)) => {
            // It came back after a restore: the message itself says what it said.
            let text = step.entry(entry)?.text.into_bytes();
            let delivery = Delivery::new(signed.to_vec(), text);
            let body = Body::decode(kind, &head.facts, delivery.text().and_then(text_body));
            let Some(said) = body.ok().as_ref().and_then(said) else { return Ok(None) };
            (said.event, said.words)
        }
        (None, None) => return Ok(None),
    };
    let event = match (event, kind) {
        (Event::Update { binding, .. }, Some(kind)) => {
            let Ok(Facts::Update(facts)) = Facts::decode(kind, &head.facts) else {
                return Err(find::broken("an update of our own without facts"));
            };
            Event::Update { version: facts.version.get(), binding }
        }
        (event, _) => event,
    };
    Ok(Some((event, words)))
}

fn item(step: &Step<'_>, at: EntryRef) -> Result<ItemMade, Refusal> {
    match step.read(at)? {
        Record::ItemMade(made) => Ok(made),
        _ => Err(find::broken("a sent item that is another record")),
    }
}

pub(super) fn sent(step: &Step<'_>, no: LinkNo, seq: u64) -> Result<SentRow, Refusal> {
    step.rows().get(SENT, &(no, seq))?.ok_or_else(|| find::broken("a sent message without a row"))
}

pub(super) fn received(step: &Step<'_>, no: LinkNo, seq: u64) -> Result<ReceivedRow, Refusal> {
    step.rows().get(RECEIVED, &(no, seq))?.ok_or_else(|| find::broken("a received message without a row"))
}
