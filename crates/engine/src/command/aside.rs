//! Setting messages of a stream aside: they are kept and shown, and every fold goes on as if they had never been.
//! proto-spec, sections 5.8 and 5.10.

mod steps;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use deskwire_machine::delegation::{Answer, Event, EventKind, Gap, OpenEvent, Place, Role, Words};
use deskwire_machine::saying::said;
use deskwire_proto::delivery::Delivery;
use deskwire_proto::envelope::{read_head, text_body};
use deskwire_proto::message::{Body, Facts, Kind};
use deskwire_proto::receipt::Receipt;
use deskwire_proto::session::Cut;
use deskwire_store::local::{DelegationNo, LinkNo, Order, TicketNumber};
use deskwire_store::record::{Counted, GivenUp, ItemMade, Received, Record, Refolded, SetAside};
use deskwire_store::row::{DelegationEventRow, ReceivedRow, Refused, SentRow, WaitingRow};
use deskwire_store::table::{DELEGATION_EVENTS, DELEGATION_IDS, DELEGATIONS, RECEIPTS, RECEIVED, Rows, SENT};
use deskwire_store::{Direction, EntryRef};

use serde_bytes::ByteBuf;

use super::find;
use crate::project::stream::read_receipt;
use crate::query::timeline;
use crate::sabotage::{self, Sabotage};
use crate::{Refusal, Step, refused};

pub(super) use steps::{begin, disown_more, go_on, wait_again};

/// Messages of which one record says that they are set aside.
const AT_ONCE: u64 = 1_000;

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
    /// Where a branch of a fork is left.
    pub(super) left: Option<Left>,
}

/// Where a branch of a fork is left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    /// Length of the partner's stream from now on.
    cursor: u64,
    /// Own events that come back on the other branch.
    gap: Option<Gap>,
}

/// Sets messages aside and folds every delegation that they concern anew. Replies with the items that wait again.
pub(super) fn set_aside(step: &mut Step<'_>, away: Away) -> Result<Vec<Order>, Refusal> {
    let stream = find::stream(step, away.no)?;
    let Left { cursor, gap } = away.left.unwrap_or(Left { cursor: stream.in_length, gap: None });
    let mut piece = SetAside {
        no: away.no,
        ours: away.ours,
        range: away.range,
        why: away.why.clone(),
        threads: Vec::new(),
        files: Vec::new(),
        given_up: Vec::new(),
        end: None,
        at: step.now,
    };
    let mut concerned = BTreeSet::from_iter(ended(step, away.no, away.ours, away.range)?);
    concerned.extend(
        away.given_up
            .map_or(Ok(Vec::new()), |first| ended(step, away.no, true, (first, stream.out_length)))?,
    );
    let mut first = away.range.0;
    while first <= away.range.1 {
        piece.range = (first, away.range.1.min(first.saturating_add(AT_ONCE - 1)));
        for seq in piece.range.0..=piece.range.1 {
            if away.ours {
                concerned.extend(sent(step, away.no, seq)?.event);
            } else {
                concerned.extend(theirs(step, seq, &mut piece)?);
            }
        }
        first = piece.range.1 + 1;
        record(step, &mut piece)?;
    }
    let mut again = BTreeMap::new();
    for seq in away.given_up.into_iter().flat_map(|first| first..=stream.out_length) {
        let given_up = give_up(step, away.no, seq)?;
        concerned.extend(given_up.row.event);
        again.insert(given_up.row.entry, (seq, given_up.order));
        piece.given_up.push(given_up);
        if piece.given_up.len() as u64 == AT_ONCE {
            record(step, &mut piece)?;
        }
    }
    piece.end = away.end;
    record(step, &mut piece)?;
    let link = Anew { no: away.no, again, why: away.why, cursor, gap };
    link.refold(step, concerned)?;
    Ok(link.again.into_values().map(|(_, order)| order).collect())
}

/// Records what was gathered, and goes on with nothing.
fn record(step: &mut Step<'_>, piece: &mut SetAside) -> Result<(), Refusal> {
    let nothing = piece.range.0 > piece.range.1 && piece.given_up.is_empty() && piece.end.is_none();
    if !nothing {
        step.record(&Record::SetAside(Box::new(piece.clone())), None)?;
    }
    piece.range = (1, 0);
    (piece.threads, piece.files, piece.given_up) = (Vec::new(), Vec::new(), Vec::new());
    Ok(())
}

/// Takes the effect from messages that the partner has disowned.
pub(super) fn disown(
    step: &mut Step<'_>,
    no: LinkNo,
    range: (u64, u64),
    partner: &str,
) -> Result<(), Refusal> {
    let words = format!("{partner} has disowned this: somebody else had its key. It has no effect.");
    let why = refused("disowned", &words);
    let away = Away { no, ours: false, range, given_up: None, end: None, why, left: None };
    set_aside(step, away).map(drop)
}

/// Folds delegations anew into which messages of ours came back that stand before what was settled.
pub(super) fn came_back(
    step: &mut Step<'_>,
    no: LinkNo,
    concerned: BTreeSet<DelegationNo>,
) -> Result<(), Refusal> {
    let cursor = find::stream(step, no)?.in_length;
    let why = refused("recovered", "A message that was lost came back and stands before this one.");
    refold_all(step, no, why, Left { cursor, gap: None }, concerned)
}

/// Folds these delegations anew where nothing is given up.
fn refold_all(
    step: &mut Step<'_>,
    no: LinkNo,
    why: Refused,
    Left { cursor, gap }: Left,
    concerned: BTreeSet<DelegationNo>,
) -> Result<(), Refusal> {
    Anew { no, again: BTreeMap::new(), why, cursor, gap }.refold(step, concerned)
}

/// What a message of the partner has brought about, beside the fold; and the delegation whose fold it belongs to.
fn theirs(step: &Step<'_>, seq: u64, aside: &mut SetAside) -> Result<Option<DelegationNo>, Refusal> {
    let row = received(step, aside.no, seq)?;
    if row.refused.is_some() || row.aside.is_some() {
        return Ok(None);
    }
    let message = message(step, row.entry)?;
    let shown: Option<(TicketNumber, EntryRef)> = message.local.ticket.map(|ticket| (ticket, row.entry));
    aside.threads.extend(shown);
    aside.files.extend(message.local.file);
    Ok(message.local.delegation.filter(|_| message.event.is_some()))
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

/// Delegations of one link that get another past.
struct Anew {
    no: LinkNo,
    /// Own messages that wait again, by the record with the item.
    again: BTreeMap<EntryRef, (u64, Order)>,
    why: Refused,
    cursor: u64,
    gap: Option<Gap>,
}

impl Anew {
    /// Folds each from what the journal holds of it, but for what was set aside.
    fn refold(&self, step: &mut Step<'_>, concerned: BTreeSet<DelegationNo>) -> Result<(), Refusal> {
        if concerned.is_empty() || sabotage::makes(Sabotage::AsideIgnored) {
            return Ok(());
        }
        let stream = find::stream(step, self.no)?;
        let numbers = numbers(step, self.no, &concerned)?;
        let mut answers = Answers { no: self.no, acked: stream.acked, known: BTreeMap::new() };
        for delegation in concerned {
            let past =
                Past { anew: self, ours: find::delegation(step, delegation)?.case.role(), numbers: &numbers };
            let refolded = past.refolded(step, delegation, &mut answers)?;
            step.record(&Record::Refolded(Box::new(refolded)), None)?;
        }
        Ok(())
    }
}

/// Our numbered messages of the folds of these delegations, by the record with the item.
fn numbers(
    step: &Step<'_>,
    no: LinkNo,
    concerned: &BTreeSet<DelegationNo>,
) -> Result<BTreeMap<EntryRef, (u64, SentRow)>, Refusal> {
    let mut found = BTreeMap::new();
    for delegation in concerned {
        let row = find::delegation(step, *delegation)?;
        for ((_, entry), event) in step.rows().list(DELEGATION_EVENTS, delegation, usize::MAX)? {
            if event.by == row.case.role() {
                found.extend(timeline::number_of(step.rows(), &row, entry)?.map(|known| (entry, known)));
            }
        }
    }
    if let Some(end) = find::link(step, no)?.accord.close.ours
        && let Some(row) = step.rows().get(SENT, &(no, end.seq))?
    {
        found.insert(end.text, (end.seq, row));
    }
    Ok(found)
}

/// The delegations that a side's end of the link has reached, if it stands in this part of its stream.
fn ended(
    step: &Step<'_>,
    no: LinkNo,
    ours: bool,
    (first, last): (u64, u64),
) -> Result<Vec<DelegationNo>, Refusal> {
    let close = find::link(step, no)?.accord.close;
    let end = if ours { close.ours } else { close.theirs };
    let mut reached = Vec::new();
    if end.is_none_or(|end| !(first..=last).contains(&end.seq)) {
        return Ok(reached);
    }
    step.rows().scan(DELEGATION_IDS, &no, None, Direction::Forward, &mut |_, delegation| {
        let row = step.rows().get(DELEGATIONS, &delegation)?;
        reached.extend(row.filter(|row| if ours { row.ended.0 } else { row.ended.1 }).map(|_| delegation));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(reached)
}

/// What is known of one delegation's past.
struct Past<'a> {
    anew: &'a Anew,
    ours: Role,
    numbers: &'a BTreeMap<EntryRef, (u64, SentRow)>,
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
    fn refolded(
        &self,
        step: &Step<'_>,
        delegation: DelegationNo,
        answers: &mut Answers,
    ) -> Result<Refolded, Refusal> {
        let mut anew = Refolded {
            delegation,
            events: Vec::new(),
            aside: Vec::new(),
            given_up: Vec::new(),
            version: 1,
            why: self.anew.why.clone(),
            cursor: self.anew.cursor,
            gap: self.anew.gap,
        };
        for ((_, entry), shown) in step.rows().list(DELEGATION_EVENTS, &delegation, usize::MAX)? {
            match self.event(step, entry, &shown, answers)? {
                Found::Counts(open, words) => {
                    if let (Event::Update { version, .. }, Place::Numbered(_)) = (open.event, open.place) {
                        anew.version = anew.version.max(version);
                    }
                    anew.events.push(Counted { open, words, entry });
                }
                Found::Aside(author, place) => anew.aside.push((author, place, entry)),
                Found::Elsewhere => {}
            }
            anew.given_up.extend(self.anew.again.get(&entry));
        }
        keep_last_words(&mut anew.events);
        Ok(anew)
    }

    fn event(
        &self,
        step: &Step<'_>,
        entry: EntryRef,
        shown: &DelegationEventRow,
        answers: &mut Answers,
    ) -> Result<Found, Refusal> {
        // The end of a link is an event of each of its delegations, and says so in none of them.
        let ends = (shown.kind == EventKind::LinkClose).then_some(Event::LinkClose);
        if shown.by == self.ours {
            self.own(step, entry, ends, answers)
        } else {
            self.partners(step, entry, ends)
        }
    }

    fn partners(&self, step: &Step<'_>, entry: EntryRef, ends: Option<Event>) -> Result<Found, Refusal> {
        let message = message(step, entry)?;
        let (author, place) = (self.ours.other(), Place::Numbered(message.seq));
        let row = step.rows().get(RECEIVED, &(self.anew.no, message.seq))?;
        if row.is_none_or(|row| row.entry != entry || row.aside.is_some()) {
            return Ok(Found::Aside(author, place));
        }
        let said = message.event.map(|said| (said.0, said.1)).or(ends.map(|end| (end, None)));
        let Some((event, words)) = said else { return Ok(Found::Elsewhere) };
        let answer = Answer::Applied;
        let open = OpenEvent { author, place, seen: message.seen, event, answer, receipt_length: None };
        Ok(Found::Counts(open, words))
    }

    fn own(
        &self,
        step: &Step<'_>,
        entry: EntryRef,
        ends: Option<Event>,
        answers: &mut Answers,
    ) -> Result<Found, Refusal> {
        let made = item(step, entry)?;
        let author = self.ours;
        if let Some((_, order)) = self.anew.again.get(&entry) {
            let Some(said) = made.event else { return Ok(Found::Elsewhere) };
            let (place, answer) = (Place::Waiting(order.0), Answer::Unknown);
            let (event, seen) = (said.0, self.anew.cursor);
            let open = OpenEvent { author, place, seen, event, answer, receipt_length: None };
            return Ok(Found::Counts(open, said.1));
        }
        let Some((seq, sent)) = self.numbers.get(&entry) else { return Ok(Found::Elsewhere) };
        let place = Place::Numbered(*seq);
        if sent.aside.is_some() {
            return Ok(Found::Aside(author, place));
        }
        let (signed, seen) = numbered(step, sent)?;
        let said = match ends {
            Some(end) => Some((end, None)),
            None => own_event(step, entry, made, &signed)?,
        };
        let Some((event, words)) = said else { return Ok(Found::Elsewhere) };
        let (answer, receipt_length) = answers.of(step, *seq)?;
        Ok(Found::Counts(OpenEvent { author, place, seen, event, answer, receipt_length }, words))
    }
}

/// Of the words that both sides have, each side's last ones stand: the others need no room.
fn keep_last_words(events: &mut [Counted]) {
    for author in [Role::Principal, Role::Contractor] {
        let stand = |event: &Counted| {
            event.words.is_some() && event.open.author == author && event.open.answer == Answer::Applied
        };
        let last = events.iter().filter(|event| stand(event)).map(|event| event.open.place).max();
        for event in events.iter_mut().filter(|event| stand(event) && Some(event.open.place) != last) {
            event.words = None;
        }
    }
}

/// What receipts of the partner say of our messages; each is read once.
struct Answers {
    no: LinkNo,
    acked: u64,
    /// By the last number that each covers: the length it names, and what it says has no effect.
    known: BTreeMap<u64, (u64, BTreeSet<u64>)>,
}

impl Answers {
    /// What the first receipt that covers our message says of it.
    fn of(&mut self, step: &Step<'_>, seq: u64) -> Result<(Answer, Option<u64>), Refusal> {
        if seq > self.acked {
            return Ok((Answer::Unknown, None));
        }
        let mut first = None;
        let from = (self.no, seq);
        step.rows().scan(RECEIPTS, &self.no, Some(&from), Direction::Forward, &mut |(_, upto), at| {
            first = Some((upto, at));
            Ok(ControlFlow::Break(()))
        })?;
        let Some((upto, at)) = first else { return Ok((Answer::Unknown, None)) };
        let (length, refused) = match self.known.entry(upto) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let receipt = taken(step, at)?;
                let refused = receipt.outcomes.iter().map(|outcome| outcome.0).collect();
                unknown.insert((receipt.length, refused))
            }
        };
        let answer = if refused.contains(&seq) { Answer::Refused } else { Answer::Applied };
        Ok((answer, Some(*length)))
    }
}

/// A receipt of the partner.
fn taken(step: &Step<'_>, at: EntryRef) -> Result<Receipt, Refusal> {
    let Record::ReceiptTaken { receipt, .. } = step.read(at)? else {
        return Err(find::broken("a receipt that is another record"));
    };
    read_receipt(&receipt).ok_or_else(|| find::broken("a receipt that was taken"))
}

/// A signed message of ours, and what it had seen.
fn numbered(step: &Step<'_>, sent: &SentRow) -> Result<(ByteBuf, u64), Refusal> {
    match step.read(sent.signed)? {
        Record::Numbered { signed, seen, .. } => Ok((signed, seen)),
        _ => Err(find::broken("a sent message that is another record")),
    }
}

/// What our message with this number had seen.
pub(super) fn seen_by_ours(step: &Step<'_>, no: LinkNo, seq: u64) -> Result<u64, Refusal> {
    numbered(step, &sent(step, no, seq)?).map(|(_, seen)| seen)
}

fn message(step: &Step<'_>, at: EntryRef) -> Result<Received, Refusal> {
    match step.read(at)? {
        Record::Received(message) => Ok(message),
        _ => Err(find::broken("a received message that is another record")),
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
