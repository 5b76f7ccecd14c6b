//! What this desk sees of a delegation at a place, and whether the partner sees the same. proto-spec, section 6.24.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use deskwire_machine::delegation::{Place, Role};
use deskwire_machine::digest::{Message, Shared};
use deskwire_proto::envelope::{Head, read_head};
use deskwire_proto::message::{Facts, Kind, digest};
use deskwire_proto::terms::Side;
use deskwire_proto::text::{Code, Line};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, LinkNo};
use deskwire_store::record::Record;
use deskwire_store::row::{DelegationRow, HeardDigest};
use deskwire_store::table::{
    AGREEMENTS, DELEGATION_IDS, DELEGATIONS, RECEIPTS, RECEIVED, Rows, SENT, TO_COMPARE,
};
use deskwire_store::{Direction, EntryRef};

use super::log::Way;
use super::lookup::{Lookup, broken};
use super::stored::stored;
use super::timeline::own_place;
use crate::project::stream::read_receipt;
use crate::{Fault, Reader, Refusal};

/// The partner's newest word on a delegation beside what this desk sees at the same place.
#[derive(Debug, Clone)]
pub struct Agreement {
    /// The record with the partner's message.
    pub heard: EntryRef,
    /// When it came.
    pub at: Timestamp,
    /// When it was compared by this desk, if it was.
    pub compared: Option<Timestamp>,
    /// Whether this desk has said its own view before, and the partner had seen that: then no answer is due.
    pub answered: bool,
    /// Length of this desk's stream, and of the partner's, at the place.
    pub place: (u64, u64),
    /// What differs: `state`, `thread`, `work`.
    pub differs: Vec<Code>,
    /// What this desk sees.
    pub ours: Shared,
}

impl Agreement {
    /// What this desk sees of what differs, a line each, for people to compare.
    #[must_use]
    pub fn details(&self) -> Vec<Line> {
        let of = |name: &str| self.differs.iter().any(|code| code.as_str() == name);
        let mut lines = Vec::new();
        if of("state") {
            lines.push(format!("here: {}, version {}", self.ours.state.name(), self.ours.version));
        }
        if of("thread") {
            lines.push(format!("here: {} comments and files", self.ours.thread.len()));
        }
        if of("work") {
            lines.push(format!("here: {} lines of work", self.ours.work.len()));
        }
        lines.into_iter().filter_map(|line| Line::new(line).ok()).collect()
    }
}

/// The facts of a digest over everything that both desks are known to hold.
///
/// # Errors
/// When there is no such delegation, or the store fails.
pub fn own_digest(reader: &Reader, no: DelegationNo) -> Result<digest::Facts, Refusal> {
    let row = row(reader, no)?;
    let at = certain(reader, &row)?;
    let messages = everything(Messages::read(reader, &row, at, &mut |_| ControlFlow::Continue(()))?)?;
    Ok(messages.shared(at).facts(at))
}

/// What came of the partner's newest digest; nothing if it has sent none.
///
/// # Errors
/// When there is no such delegation, or the store fails.
pub fn agreement(reader: &Reader, no: DelegationNo) -> Result<Option<Agreement>, Refusal> {
    let row = row(reader, no)?;
    let Some(heard) = heard(reader, no)? else { return Ok(None) };
    let pace = &mut |_| ControlFlow::Continue(());
    let messages = everything(Messages::read(reader, &row, heard.place, pace)?)?;
    heard.compared_with(&messages).map(Some)
}

/// What came of a partner's digest, and what this desk answers.
#[derive(Debug, Clone)]
pub struct Answered {
    /// What came of it.
    pub agreement: Agreement,
    /// What this desk sees now.
    pub own: digest::Facts,
}

/// As [`agreement`] and [`own_digest`], reading everything once and at the pace of the caller, who is told how many bytes are
/// read; nothing comes of it when the caller ends it.
///
/// # Errors
/// When there is no such delegation, or the store fails.
pub fn answer(
    reader: &Reader,
    no: DelegationNo,
    pace: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Option<Answered>, Refusal> {
    let row = row(reader, no)?;
    let Some(heard) = heard(reader, no)? else { return Ok(None) };
    let (at, place) = (certain(reader, &row)?, heard.place);
    let most = (at.0.max(place.0), at.1.max(place.1));
    let Some(messages) = Messages::read(reader, &row, most, pace)? else { return Ok(None) };
    let own = messages.shared(at).facts(at);
    Ok(Some(Answered { agreement: heard.compared_with(&messages)?, own }))
}

/// How much of both streams both desks are known to hold.
fn certain(reader: &Reader, row: &DelegationRow) -> Result<(u64, u64), Refusal> {
    let stream = reader.stream(row.link)?;
    Ok((stream.acked, stream.in_length))
}

fn everything(messages: Option<Messages>) -> Result<Messages, Refusal> {
    messages.ok_or_else(|| broken("a reading that nobody ended has ended"))
}

/// The partner's newest digest.
struct Heard {
    known: HeardDigest,
    theirs: digest::Facts,
    said: Option<u64>,
    place: (u64, u64),
}

fn heard(reader: &Reader, no: DelegationNo) -> Result<Option<Heard>, Refusal> {
    let row = reader.rows().get(AGREEMENTS, &no)?.unwrap_or_default();
    let Some(known) = row.heard else { return Ok(None) };
    let Record::Received(message) = reader.record(known.entry)? else {
        return Err(broken("a digest that is another record"));
    };
    let head = read_head(&message.signed).map_err(|_| broken("a stored message has no head"))?;
    let Ok(Facts::Digest(theirs)) = Facts::decode(Kind::Digest, &head.facts) else {
        return Err(broken("a digest of another shape"));
    };
    Ok(Some(Heard { known, said: row.said, place: (theirs.at.1, theirs.at.0), theirs }))
}

impl Heard {
    fn compared_with(self, messages: &Messages) -> Result<Agreement, Refusal> {
        let Self { known, theirs, said, place } = self;
        let ours = messages.shared(place);
        let seen = ours.facts(theirs.at);
        let pairs = [
            ("state", seen.state != theirs.state),
            ("thread", seen.thread != theirs.thread),
            ("work", seen.work != theirs.work),
        ];
        let differs =
            pairs.into_iter().filter(|(_, differs)| *differs).filter_map(|(name, _)| Code::new(name).ok());
        Ok(Agreement {
            heard: known.entry,
            at: known.at,
            compared: known.compared.map(|(at, _)| at),
            // The partner's word covers one of ours if it had seen that.
            answered: said.is_some_and(|said| said < place.0),
            place,
            differs: differs.collect(),
            ours,
        })
    }
}

/// The delegations whose partner has sent a digest that was not compared yet, without those that are looked at `later`.
///
/// # Errors
/// When the store fails.
pub fn to_compare(
    reader: &Reader,
    most: usize,
    later: impl Fn(DelegationNo) -> bool,
) -> Result<Vec<DelegationNo>, Refusal> {
    let mut found = Vec::new();
    reader.rows().scan(TO_COMPARE, &(), None, Direction::Forward, &mut |no, ()| {
        if !later(no) {
            found.push(no);
        }
        Ok(if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(found)
}

fn row(reader: &Reader, no: DelegationNo) -> Result<DelegationRow, Refusal> {
    let row = reader.rows().get(DELEGATIONS, &no)?;
    row.ok_or_else(|| Refusal::unknown("delegation", no, "deskwire delegation list"))
}

/// About so many bytes a row takes of the pace, and a message.
const ROW_BYTES: u64 = 100;
const MESSAGE_BYTES: u64 = 1_000;

/// The messages that concern a delegation, by their place, up to a place of both streams.
struct Messages {
    found: Vec<(Way, u64, Message)>,
    contractor: Side,
}

impl Messages {
    /// Reads them. What concerns other delegations is passed over by its row alone.
    fn read(
        reader: &Reader,
        row: &DelegationRow,
        (ours, theirs): (u64, u64),
        pace: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Option<Self>, Refusal> {
        let offer = read_offer(reader, row)?;
        let principal = row.case.role() == Role::Principal;
        // Whatever is said of a delegation stands behind its offer, or has seen it.
        let (own_first, other_first) =
            if principal { (offer.seq, offer.seen + 1) } else { (offer.seen + 1, offer.seq) };
        let Some(own) = own(reader, row, (own_first, ours), pace)? else { return Ok(None) };
        let Some(other) = others(reader, row, (other_first, theirs), pace)? else { return Ok(None) };
        let mut found = Vec::new();
        let mut answers = Answers { link: row.link, known: BTreeMap::new() };
        for (way, seq) in
            own.into_iter().map(|seq| (Way::Out, seq)).chain(other.into_iter().map(|seq| (Way::In, seq)))
        {
            if pace(MESSAGE_BYTES).is_break() {
                return Ok(None);
            }
            let Some(head) = concerning(reader, row, (way, seq))? else { continue };
            let applied = way == Way::In || answers.applied(reader, seq)?;
            let ours = row.case.role();
            let author = if way == Way::Out { ours } else { ours.other() };
            found.push((way, seq, Message { head, author, applied }));
        }
        let partner = reader.partner(row.link)?.ok_or_else(|| broken("a delegation without a link"))?;
        let contractor = if principal { partner.row.side.other() } else { partner.row.side };
        Ok(Some(Self { found, contractor }))
    }

    /// What this desk sees at a place: so many messages of its own, so many of the partner.
    fn shared(&self, (ours, theirs): (u64, u64)) -> Shared {
        let there = |(way, seq): (Way, u64)| seq <= if way == Way::Out { ours } else { theirs };
        let there = self.found.iter().filter(|(way, seq, _)| there((*way, *seq)));
        Shared::of(there.map(|(_, _, message)| message.clone()).collect(), self.contractor)
    }
}

/// Our messages in a part of our stream that stand and may concern the delegation.
fn own(
    reader: &Reader,
    row: &DelegationRow,
    (first, last): (u64, u64),
    pace: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Option<Vec<u64>>, Refusal> {
    let no = reader.rows().get(DELEGATION_IDS, &(row.link, row.id))?;
    let (mut found, mut ended) = (Vec::new(), false);
    reader.rows().scan(
        SENT,
        &row.link,
        Some(&(row.link, first)),
        Direction::Forward,
        &mut |(_, seq), sent| {
            if seq > last {
                return Ok(ControlFlow::Break(()));
            }
            if sent.aside.is_none() && (sent.about.is_none() || sent.about == no) {
                found.push(seq);
            }
            ended = pace(ROW_BYTES).is_break();
            Ok(if ended { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        },
    )?;
    Ok((!ended).then_some(found))
}

/// As [`own`], of the partner's stream.
fn others(
    reader: &Reader,
    row: &DelegationRow,
    (first, last): (u64, u64),
    pace: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Option<Vec<u64>>, Refusal> {
    let no = reader.rows().get(DELEGATION_IDS, &(row.link, row.id))?;
    let (mut found, mut ended) = (Vec::new(), false);
    let from = (row.link, first);
    reader.rows().scan(RECEIVED, &row.link, Some(&from), Direction::Forward, &mut |(_, seq), known| {
        if seq > last {
            return Ok(ControlFlow::Break(()));
        }
        let stands = known.refused.is_none() && known.aside.is_none();
        if stands && (known.about.is_none() || known.about == no) {
            found.push(seq);
        }
        ended = pace(ROW_BYTES).is_break();
        Ok(if ended { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok((!ended).then_some(found))
}

fn read_offer(reader: &Reader, row: &DelegationRow) -> Result<Head, Refusal> {
    let unreadable = |_| broken("a stored message has no head");
    if let Record::Received(message) = reader.record(row.offer)? {
        return read_head(&message.signed).map_err(unreadable);
    }
    let place = own_place(&Lookup::new(reader), row, row.offer)?;
    let Some((Place::Numbered(seq), _)) = place else {
        return Err(Refusal::new(
            Fault::Conflict,
            "offer-not-sent",
            "The offer has not been sent yet: there is nothing to compare.",
            "Try again when the partner has it.",
        ));
    };
    read_head(&stored(reader, row.link, Way::Out, seq)?.signed).map_err(unreadable)
}

/// What the partner did with our messages.
struct Answers {
    link: LinkNo,
    /// Those without effect of each receipt, by the last message that it covers.
    known: BTreeMap<u64, BTreeSet<u64>>,
}

impl Answers {
    /// Whether a message of ours was applied, as the first receipt says that covers it: of receipts that contradict each
    /// other that one stands.
    fn applied(&mut self, reader: &Reader, seq: u64) -> Result<bool, Refusal> {
        let mut first = None;
        let from = (self.link, seq);
        reader.rows().scan(RECEIPTS, &self.link, Some(&from), Direction::Forward, &mut |(_, upto), at| {
            first = Some((upto, at));
            Ok(ControlFlow::Break(()))
        })?;
        let Some((upto, at)) = first else { return Ok(true) };
        if let Some(refused) = self.known.get(&upto) {
            return Ok(!refused.contains(&seq));
        }
        let (Record::ReceiptTaken { receipt, .. } | Record::ReceiptReturned { receipt, .. }) =
            reader.record(at)?
        else {
            return Err(broken("a receipt that is another record"));
        };
        let receipt = read_receipt(&receipt).ok_or_else(|| broken("a receipt that was taken"))?;
        let refused: BTreeSet<u64> = receipt.outcomes.iter().map(|outcome| outcome.0).collect();
        let applied = !refused.contains(&seq);
        self.known.insert(upto, refused);
        Ok(applied)
    }
}

/// The head of a message, if it concerns the delegation.
fn concerning(reader: &Reader, row: &DelegationRow, (way, seq): (Way, u64)) -> Result<Option<Head>, Refusal> {
    let signed = stored(reader, row.link, way, seq)?.signed;
    let head = read_head(&signed).map_err(|_| broken("a stored message has no head"))?;
    let kind = Kind::from_name(head.kind.as_str());
    let of_link = matches!(kind, Some(Kind::LinkClose | Kind::StatementPropose | Kind::StatementSign));
    Ok((head.delegation == Some(row.id) || of_link).then_some(head))
}
