//! What this desk sees of a delegation at a place, and whether the partner sees the same. proto-spec, section 6.24.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use deskwire_machine::delegation::{Place, Role};
use deskwire_machine::digest::{Message, Shared};
use deskwire_proto::envelope::{Head, read_head};
use deskwire_proto::message::{Facts, Kind, digest};
use deskwire_proto::text::{Code, Line};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, LinkNo};
use deskwire_store::record::Record;
use deskwire_store::row::DelegationRow;
use deskwire_store::table::{AGREEMENTS, DELEGATIONS, RECEIPTS, RECEIVED, Rows, TO_COMPARE};
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
    let stream = reader.stream(row.link)?;
    let at = (stream.acked, stream.in_length);
    Ok(shared(reader, &row, at)?.facts(at))
}

/// What came of the partner's newest digest; nothing if it has sent none.
///
/// # Errors
/// When there is no such delegation, or the store fails.
pub fn agreement(reader: &Reader, no: DelegationNo) -> Result<Option<Agreement>, Refusal> {
    let row = row(reader, no)?;
    let known = reader.rows().get(AGREEMENTS, &no)?.unwrap_or_default();
    let said = known.said;
    let Some(known) = known.heard else { return Ok(None) };
    let Record::Received(message) = reader.record(known.entry)? else {
        return Err(broken("a digest that is another record"));
    };
    let head = read_head(&message.signed).map_err(|_| broken("a stored message has no head"))?;
    let Ok(Facts::Digest(theirs)) = Facts::decode(Kind::Digest, &head.facts) else {
        return Err(broken("a digest of another shape"));
    };
    let place = (theirs.at.1, theirs.at.0);
    let ours = shared(reader, &row, place)?;
    let seen = ours.facts(theirs.at);
    let pairs = [
        ("state", seen.state != theirs.state),
        ("thread", seen.thread != theirs.thread),
        ("work", seen.work != theirs.work),
    ];
    let differs =
        pairs.into_iter().filter(|(_, differs)| *differs).filter_map(|(name, _)| Code::new(name).ok());
    let (heard, at) = (known.entry, known.at);
    let compared = known.compared.map(|(at, _)| at);
    // The partner's word covers one of ours if it had seen that.
    let answered = said.is_some_and(|said| said < place.0);
    Ok(Some(Agreement { heard, at, compared, answered, place, differs: differs.collect(), ours }))
}

/// The delegations whose partner has sent a digest that was not compared yet.
///
/// # Errors
/// When the store fails.
pub fn to_compare(reader: &Reader, most: usize) -> Result<Vec<DelegationNo>, Refusal> {
    let mut found = Vec::new();
    reader.rows().scan(TO_COMPARE, &(), None, Direction::Forward, &mut |no, ()| {
        found.push(no);
        Ok(if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(found)
}

fn row(reader: &Reader, no: DelegationNo) -> Result<DelegationRow, Refusal> {
    let row = reader.rows().get(DELEGATIONS, &no)?;
    row.ok_or_else(|| Refusal::unknown("delegation", no, "deskwire delegation list"))
}

/// What this desk sees at a place: so many messages of its own, so many of the partner.
fn shared(reader: &Reader, row: &DelegationRow, (ours, theirs): (u64, u64)) -> Result<Shared, Refusal> {
    let offer = read_offer(reader, row)?;
    let principal = row.case.role() == Role::Principal;
    // Whatever is said of a delegation stands behind its offer, or has seen it.
    let (own_first, other_first) =
        if principal { (offer.seq, offer.seen + 1) } else { (offer.seen + 1, offer.seq) };
    let mut messages = Vec::new();
    let refused = refused(reader, row.link, own_first, ours)?;
    let stream = reader.stream(row.link)?;
    for seq in own_first..=ours {
        let applied = !refused.contains(&seq) && stream.aside(seq).is_none();
        take(reader, row, (Way::Out, seq), applied, &mut messages)?;
    }
    for seq in other_first..=theirs {
        let known = reader.rows().get(RECEIVED, &(row.link, seq))?;
        let applied = known.is_some_and(|known| known.refused.is_none() && known.aside.is_none());
        take(reader, row, (Way::In, seq), applied, &mut messages)?;
    }
    let partner = reader.partner(row.link)?.ok_or_else(|| broken("a delegation without a link"))?;
    let contractor = if principal { partner.row.side.other() } else { partner.row.side };
    Ok(Shared::of(messages, contractor))
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

/// Which of this desk's messages the partner did not apply.
fn refused(reader: &Reader, link: LinkNo, first: u64, last: u64) -> Result<BTreeSet<u64>, Refusal> {
    let mut receipts = Vec::new();
    reader.rows().scan(RECEIPTS, &link, Some(&(link, first)), Direction::Forward, &mut |(_, upto), at| {
        receipts.push(at);
        Ok(if upto < last { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    let mut refused = BTreeSet::new();
    let mut told = first.saturating_sub(1);
    for at in receipts {
        let (Record::ReceiptTaken { receipt, .. } | Record::ReceiptReturned { receipt, .. }) =
            reader.record(at)?
        else {
            return Err(broken("a receipt that is another record"));
        };
        let receipt = read_receipt(&receipt).ok_or_else(|| broken("a receipt that was taken"))?;
        // Of receipts that contradict each other the first stands.
        refused.extend(receipt.outcomes.iter().map(|outcome| outcome.0).filter(|seq| *seq > told));
        told = told.max(receipt.upto);
    }
    Ok(refused)
}

fn take(
    reader: &Reader,
    row: &DelegationRow,
    (way, seq): (Way, u64),
    applied: bool,
    messages: &mut Vec<Message>,
) -> Result<(), Refusal> {
    let signed = stored(reader, row.link, way, seq)?.signed;
    let head = read_head(&signed).map_err(|_| broken("a stored message has no head"))?;
    let kind = Kind::from_name(head.kind.as_str());
    let of_link = matches!(kind, Some(Kind::LinkClose | Kind::StatementPropose | Kind::StatementSign));
    if head.delegation == Some(row.id) || of_link {
        let ours = row.case.role();
        let author = if way == Way::Out { ours } else { ours.other() };
        messages.push(Message { head, author, applied });
    }
    Ok(())
}
