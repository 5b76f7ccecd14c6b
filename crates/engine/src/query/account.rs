//! Lines of work and statements as people see them: what stands now, and what is settled.

use std::collections::BTreeMap;

use deskwire_machine::account::{Account, Amount, LineState, Said, Signed, Statement, Upto, Word};
use deskwire_machine::delegation::Role;
use deskwire_proto::id::{Hash, ItemId};
use deskwire_proto::message::common::Person;
use deskwire_proto::message::{Body, Facts, work_add};
use deskwire_proto::terms::Side;
use deskwire_proto::text::{Currency, Line, Prose};
use deskwire_proto::time::Timestamp;
use deskwire_store::EntryRef;
use deskwire_store::local::{DelegationNo, TicketNumber};
use deskwire_store::row::{Author, DelegationRow, Refused, Shared, ThreadKind, ThreadRow};
use deskwire_store::table::{DELEGATIONS, Rows, THREADS, WORK_ITEMS};

use super::delivery::{self, Delivery, DeliveryState};
use super::lookup::{Lookup, broken};
use super::message::{Message, written};
use super::thread::{Happened, SeenBy, What};
use crate::account::{Counting, statement_words};
use crate::{Reader, Refusal};

/// Numbers that no message has: what waits for its number stands behind all that has one.
const WAITING: u64 = 1 << 60;

/// The account of one delegation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Which side this desk is.
    pub role: Role,
    /// Its lines, in the order in which they were stored here.
    pub lines: Vec<WorkLine>,
    /// Their sums by currency.
    pub sums: Vec<WorkSum>,
}

/// One line of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkLine {
    /// Its id.
    pub id: ItemId,
    /// What it says.
    pub facts: work_add::Facts,
    /// What was done; nothing once it is erased.
    pub what: Option<Line>,
    /// Who added it.
    pub by: Option<Person>,
    /// When it was added.
    pub time: Timestamp,
    /// Quantity times price.
    pub net: Amount,
    /// The tax.
    pub tax: Amount,
    /// Its state, everything said taken for applied; nothing for a line without effect.
    pub state: Option<LineState>,
    /// Its state that nothing but a newer word changes; nothing while the line itself is under way.
    pub settled: Option<LineState>,
    /// What the principal said last.
    pub verdict: Option<Verdict>,
    /// The signed statement that holds it.
    pub statement: Option<ItemId>,
    /// How far an own line has come, while it is not delivered.
    pub delivery: Option<Delivery>,
    /// Why it has no effect.
    pub refused: Option<Refused>,
}

/// What the principal said to a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it agrees.
    pub approved: bool,
    /// Why not.
    pub reason: Option<Prose>,
    /// Who said it.
    pub by: Option<Person>,
    /// When.
    pub time: Timestamp,
    /// How far an own one has come, while it is not delivered.
    pub delivery: Option<Delivery>,
}

/// Sums of the lines in one currency, taxes included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkSum {
    /// The currency.
    pub currency: Currency,
    /// Lines that wait for the principal's word.
    pub open: Amount,
    /// Approved lines.
    pub approved: Amount,
    /// Those of them that are settled.
    pub settled: Amount,
    /// Those that signed statements hold.
    pub billed: Amount,
    /// Disputed lines.
    pub disputed: Amount,
}

/// The lines of one delegation with their states.
///
/// # Errors
/// `unknown-delegation`, or when the store fails.
pub fn work(reader: &Reader, no: DelegationNo) -> Result<Work, Refusal> {
    let lookup = Lookup::new(reader);
    let row = reader.rows().get(DELEGATIONS, &no)?;
    let row = row.ok_or_else(|| Refusal::unknown("delegation", no, "deskwire delegation list"))?;
    of_delegation(&lookup, no, &row)
}

pub(super) fn of_delegation(
    lookup: &Lookup<'_>,
    no: DelegationNo,
    row: &DelegationRow,
) -> Result<Work, Refusal> {
    let entries = entries(lookup, no, row)?;
    let role = row.case.role();
    if entries.is_empty() {
        return Ok(Work { role, lines: Vec::new(), sums: Vec::new() });
    }
    let visible = Folded::of(lookup, row, &entries, Counting::Numbered)?;
    let settled = Folded::of(lookup, row, &entries, Counting::Settled)?;
    let mut lines = Vec::new();
    for entry in &entries {
        if let Some(Facts::WorkAdd(facts)) = entry.message.facts() {
            lines.push(line(entry, facts, row, &entries, (&visible, &settled)));
        }
    }
    let sums = sums(&lines);
    Ok(Work { role, lines, sums })
}

/// One message about a line, with how far it has come.
struct Entry {
    message: Message,
    ours: bool,
    seq: u64,
    delivery: Option<Delivery>,
    state: Option<DeliveryState>,
    aside: Option<Refused>,
}

impl Entry {
    /// Why it has no effect.
    fn refused(&self) -> Option<&Refused> {
        match &self.state {
            Some(DeliveryState::Refused(why) | DeliveryState::Unsupported(why)) => Some(why),
            Some(
                DeliveryState::Waiting
                | DeliveryState::Sent
                | DeliveryState::Parked(..)
                | DeliveryState::Lost(_)
                | DeliveryState::Delivered,
            )
            | None => self.aside.as_ref(),
        }
    }

    fn counts(&self, counting: Counting) -> bool {
        let known = match counting {
            Counting::Numbered => !matches!(self.state, Some(DeliveryState::Parked(..))),
            Counting::Settled => !self.ours || matches!(self.state, Some(DeliveryState::Delivered)),
        };
        known && self.refused().is_none()
    }

    fn said(&self, row: &DelegationRow) -> Option<Said> {
        let delegation = row.id;
        let facts = self.message.facts()?;
        if let Facts::WorkApprove(facts) = facts {
            return Some(Said::Verdict { delegation, work: facts.work, approved: true });
        }
        if let Facts::WorkDispute(facts) = facts {
            return Some(Said::Verdict { delegation, work: facts.work, approved: false });
        }
        let Facts::WorkAdd(facts) = facts else { return None };
        Some(Said::Line { delegation, item: self.message.item, facts, hash: Hash::new([0; 32]) })
    }

    /// What it says to which line, if it is a verdict.
    fn judges(&self) -> Option<(ItemId, bool)> {
        match self.message.facts()? {
            Facts::WorkApprove(facts) => Some((facts.work, true)),
            facts => {
                if let Facts::WorkDispute(facts) = facts {
                    Some((facts.work, false))
                } else {
                    None
                }
            }
        }
    }

    /// Its delivery, while it is not delivered.
    fn under_way(&self) -> Option<Delivery> {
        self.delivery.clone().filter(|_| !matches!(self.state, Some(DeliveryState::Delivered)))
    }
}

fn entries(lookup: &Lookup<'_>, no: DelegationNo, row: &DelegationRow) -> Result<Vec<Entry>, Refusal> {
    let mut entries = Vec::new();
    for ((_, at), thread) in lookup.reader.rows().list(THREADS, &row.ticket, usize::MAX)? {
        if thread.kind == ThreadKind::Work(no) {
            entries.push(entry(lookup, row, at, thread)?);
        }
    }
    Ok(entries)
}

fn entry(
    lookup: &Lookup<'_>,
    row: &DelegationRow,
    at: EntryRef,
    thread: ThreadRow,
) -> Result<Entry, Refusal> {
    let message = Message::read(lookup.reader, at)?;
    let ours = thread.author == Author::Own;
    let (delivery, state) = match thread.shared.first() {
        Some(shared) => come(lookup, &thread, shared)?,
        None => (None, None),
    };
    let numbered = lookup.reader.rows().get(WORK_ITEMS, &(row.link, (ours, message.item)))?;
    let order = thread.shared.first().map_or(0, |shared| shared.order.0);
    let seq = numbered.map_or(WAITING + order, |numbered| numbered.seq);
    Ok(Entry { message, ours, seq, delivery, state, aside: thread.aside })
}

fn come(
    lookup: &Lookup<'_>,
    thread: &ThreadRow,
    shared: &Shared,
) -> Result<(Option<Delivery>, Option<DeliveryState>), Refusal> {
    let deliveries = delivery::all(lookup, thread.at, std::slice::from_ref(shared))?;
    let delivery = deliveries.into_iter().next();
    let state = delivery.as_ref().map(|delivery| delivery.state.clone());
    Ok((delivery, state))
}

/// The account of one delegation, counted in one way.
struct Folded {
    account: Account,
    signed: Vec<Signed>,
}

impl Folded {
    fn of(
        lookup: &Lookup<'_>,
        row: &DelegationRow,
        entries: &[Entry],
        counting: Counting,
    ) -> Result<Self, Refusal> {
        let partner = lookup.partner(row.link)?;
        let stream = lookup.stream(row.link)?;
        let side = partner.row.side;
        let by = |ours: bool| if ours { side } else { side.other() };
        let own = entries.iter().filter(|entry| entry.counts(counting)).filter_map(|entry| {
            let said = entry.said(row)?;
            Some(Word { by: by(entry.ours), seq: entry.seq, seen: 0, said })
        });
        let link = (row.link, &partner.row);
        let statements = statement_words(lookup.reader.rows(), link, &stream, counting)?;
        let account = Account::of(own.chain(statements.into_iter().map(|(_, word)| word)));
        let signed = account.signed(&Upto::ALL);
        Ok(Self { account, signed })
    }

    fn state(&self, row: &DelegationRow, item: ItemId) -> Option<LineState> {
        self.account.line(row.id, item).map(|line| line.state(&Upto::ALL, &self.signed))
    }

    fn statement(&self, row: &DelegationRow, item: ItemId) -> Option<ItemId> {
        let held = self.account.line(row.id, item)?.held_by(&self.signed)?;
        Some(self.signed[held].item)
    }
}

fn line(
    entry: &Entry,
    facts: work_add::Facts,
    row: &DelegationRow,
    entries: &[Entry],
    (visible, settled): (&Folded, &Folded),
) -> WorkLine {
    let id = entry.message.item;
    let (by, what) = match entry.message.body() {
        Some(Body::WorkAdd { text, .. }) => (text.by, Some(text.what)),
        Some(_) | None => (None, None),
    };
    let net = Amount::net(&facts.quantity, &facts.price);
    WorkLine {
        id,
        tax: net.tax(&facts.tax),
        net,
        facts,
        what,
        by,
        time: entry.message.time,
        state: visible.state(row, id),
        settled: settled.state(row, id),
        verdict: verdict(entries, id),
        statement: settled.statement(row, id),
        delivery: entry.under_way(),
        refused: entry.refused().cloned(),
    }
}

/// The newest word that has effect on a line.
fn verdict(entries: &[Entry], item: ItemId) -> Option<Verdict> {
    let about = entries.iter().filter(|entry| entry.counts(Counting::Numbered));
    let judged = about
        .filter_map(|entry| entry.judges().filter(|(work, _)| *work == item).map(|(_, yes)| (entry, yes)));
    let (entry, approved) = judged.max_by_key(|(entry, _)| entry.seq)?;
    let (by, reason) = entry.message.body().map(written).unwrap_or_default();
    Some(Verdict { approved, reason, by, time: entry.message.time, delivery: entry.under_way() })
}

fn sums(lines: &[WorkLine]) -> Vec<WorkSum> {
    let mut all: BTreeMap<&Currency, WorkSum> = BTreeMap::new();
    for line in lines {
        let currency = &line.facts.currency;
        let sum = all.entry(currency).or_insert_with(|| WorkSum {
            currency: currency.clone(),
            open: Amount::ZERO,
            approved: Amount::ZERO,
            settled: Amount::ZERO,
            billed: Amount::ZERO,
            disputed: Amount::ZERO,
        });
        let gross = line.net + line.tax;
        match line.state {
            Some(LineState::Open) => sum.open += gross,
            Some(LineState::Approved) => sum.approved += gross,
            Some(LineState::Disputed) => sum.disputed += gross,
            None => {}
        }
        if line.settled == Some(LineState::Approved) && line.state == Some(LineState::Approved) {
            sum.settled += gross;
        }
        if line.statement.is_some() {
            sum.billed += gross;
        }
    }
    all.into_values().collect()
}

/// What a message about a line says on the thread of its ticket.
pub(super) fn happened(
    lookup: &Lookup<'_>,
    at: EntryRef,
    no: DelegationNo,
    thread: &ThreadRow,
) -> Result<Happened, Refusal> {
    let row = lookup.delegation(no)?;
    let partner = lookup.partner(row.link)?;
    let entry = entry(lookup, &row, at, thread.clone())?;
    let (by, words) = match entry.message.body() {
        Some(Body::WorkAdd { facts, text }) => {
            let words = format!(
                "{} × {} {}, {} {}",
                text.what, facts.quantity, facts.unit, facts.price, facts.currency
            );
            (text.by, Some(words))
        }
        Some(body) => {
            let (by, words) = written(body);
            (by, words.map(|words| words.to_string()))
        }
        None => (None, None),
    };
    Ok(Happened {
        time: entry.message.time,
        what: What::Work { message: entry.message.kind.clone(), words },
        by,
        partner: Some(partner.row.partner_name.clone()),
        theirs: !entry.ours,
        delegation: Some(row.id),
        refused: entry.refused().cloned(),
        delivery: entry.under_way(),
        audience: SeenBy::Delegations(vec![row.id]),
    })
}

/// One line of a statement with what this desk knows of it beside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// This desk's ticket.
    pub ticket: Option<TicketNumber>,
    /// What was done; nothing once it is erased.
    pub what: Option<Line>,
    /// When it was done.
    pub date: Timestamp,
}

/// What this desk knows of the lines of a statement, in their order.
pub(super) fn details(
    lookup: &Lookup<'_>,
    no: deskwire_store::local::LinkNo,
    side: Side,
    (account, statement): (&Account, &Statement),
) -> Result<Vec<Detail>, Refusal> {
    use deskwire_store::table::{ACCOUNT, DELEGATION_IDS};
    let rows = lookup.reader.rows();
    let one = |line: &deskwire_machine::account::StatementLine| {
        let missing = || broken("a statement holds a line that is not there");
        let booked = account.line(line.0, line.1).ok_or_else(missing)?;
        let place = (no, (false, (booked.contractor == side, booked.seq)));
        let row = rows.get(ACCOUNT, &place)?.ok_or_else(missing)?;
        let what = match Message::read(lookup.reader, row.entry)?.body() {
            Some(Body::WorkAdd { text, .. }) => Some(text.what),
            Some(_) | None => None,
        };
        let ticket = match rows.get(DELEGATION_IDS, &(no, line.0))? {
            Some(delegation) => Some(lookup.delegation(delegation)?.ticket),
            None => None,
        };
        Ok(Detail { ticket, what, date: booked.facts.date })
    };
    statement.lines().iter().map(one).collect()
}
