//! Statements of account: which there are, how far each has come, and what is in one.

use std::collections::BTreeMap;

use deskwire_machine::account::{Account, Asked, Booked, Said, Signed, Statement, Sum, Upto, Word, sums};
use deskwire_proto::envelope::read_head;
use deskwire_proto::id::{DeskId, Hash, ItemId};
use deskwire_proto::message::common::Money;
use deskwire_proto::message::{Facts, statement_propose};
use deskwire_proto::session::Cut;
use deskwire_proto::terms::{Interval, Side};
use deskwire_proto::text::{KindName, Label};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::row::{AccountRow, StreamRow};
use deskwire_store::table::{ACCOUNT, RECEIVED, Rows, SENT, WAITING};
use deskwire_store::{Direction, EntryRef};

use super::account::{Detail, details};
use super::lookup::{Lookup, broken};
use super::message::Message;
use crate::account::{Counting, asked, desks, outcomes_known, word, words};
use crate::{Partner, Reader, Refusal};

/// How far a statement has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementState {
    /// Ours, and not sent yet.
    Waiting,
    /// Ours: the partner has to sign it.
    Proposed,
    /// The partner's, and this desk comes to the same: a person may sign it.
    ToSign,
    /// The partner's, and this desk comes to another one.
    Differs,
    /// The partner's, and it counts what receipts do not cover yet.
    Unsettled,
    /// Another one was signed that this one does not know: it cannot be signed any more.
    Overtaken,
    /// Without effect: the other side refused it, or it was disowned.
    Refused,
    /// Signed by both; whether a receipt has confirmed that.
    Signed {
        /// Whether nothing can change it.
        settled: bool,
    },
}

/// A statement as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementInfo {
    /// The item that proposes it.
    pub id: ItemId,
    /// Whether this desk proposed it.
    pub ours: bool,
    /// From, included, and to, not included.
    pub period: Interval,
    /// The time zone in which that was chosen.
    pub zone: Label,
    /// Its hash.
    pub hash: Hash,
    /// What the proposer gets, as it says.
    pub totals: Vec<Money>,
    /// When it was proposed.
    pub time: Timestamp,
    /// How far it has come.
    pub state: StatementState,
    entry: EntryRef,
}

/// A statement with its lines, as this desk computes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementDetail {
    /// The statement.
    pub info: StatementInfo,
    /// The lines as this desk comes to them, and their totals; nothing while that cannot be known.
    pub computed: Option<Statement>,
    /// What this desk knows of each line beside.
    pub details: Vec<Detail>,
    /// Lines that the principal has disputed since: the statement pays them all the same.
    pub disputed: Vec<ItemId>,
    /// Sums by contractor, currency and tax rate.
    pub sums: Vec<Sum>,
    /// This desk.
    pub us: DeskId,
    /// Length of the proposer's stream and of the other one at the cut.
    pub cut: [u64; 2],
    /// The proposal and the signature as they were signed.
    pub evidence: Vec<SignedMessage>,
}

/// A signed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedMessage {
    /// What it says.
    pub kind: KindName,
    /// Who signed it.
    pub from: DeskId,
    /// Its number in that desk's stream.
    pub seq: u64,
    /// The bytes.
    pub signed: Vec<u8>,
}

/// The statements of a link, newest first.
///
/// # Errors
/// When the store fails.
pub fn statements(reader: &Reader, link: &Partner) -> Result<Vec<StatementInfo>, Refusal> {
    steadily(reader, link, |book| {
        let mut all = book.waiting(reader)?;
        for (ours, seq, row) in book.rows.iter().rev() {
            if matches!(row.said, Said::Propose { .. }) {
                all.push(book.info(reader, *ours, *seq, row)?);
            }
        }
        all.sort_by_key(|info| std::cmp::Reverse(info.time));
        Ok(all)
    })
}

/// One statement with its lines.
///
/// # Errors
/// `unknown-statement`, or when the store fails.
pub fn statement(reader: &Reader, link: &Partner, id: ItemId) -> Result<StatementDetail, Refusal> {
    steadily(reader, link, |book| {
        let found =
            book.rows.iter().find(|(_, _, row)| matches!(row.said, Said::Propose { item, .. } if item == id));
        let us = reader.identity().desk();
        let Some((ours, seq, row)) = found else {
            let waiting = book.waiting(reader)?.into_iter().find(|info| info.id == id);
            let info = waiting.ok_or_else(|| unknown(id))?;
            let facts = facts(reader, info.entry)?;
            return book.detail(reader, info, &facts, us);
        };
        let facts = facts(reader, row.entry)?;
        book.detail(reader, book.info(reader, *ours, *seq, row)?, &facts, us)
    })
}

/// How often a look is repeated because something of the link got its number meanwhile.
const LOOKS: usize = 4;

/// Looks at the account of a link while nothing of it gets a number: a proposal that does so between two reads would be
/// neither among those that wait nor among the others.
fn steadily<T>(
    reader: &Reader,
    link: &Partner,
    look: impl Fn(&Book<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    for _ in 1..LOOKS {
        let book = Book::read(reader, link)?;
        let found = look(&book);
        if reader.stream(link.no)?.out_length == book.stream.out_length {
            return found;
        }
    }
    look(&Book::read(reader, link)?)
}

/// The signed statements whose period meets this one, newest first: for exports and evidence.
///
/// # Errors
/// When the store fails.
pub fn signed_statements(reader: &Reader, link: &Partner) -> Result<Vec<StatementInfo>, Refusal> {
    let all = statements(reader, link)?;
    Ok(all.into_iter().filter(|info| matches!(info.state, StatementState::Signed { .. })).collect())
}

/// What a statement that this desk proposed now would hold of lines that were done before `until`: how many, and the
/// totals.
///
/// # Errors
/// `statement-too-large`, or when the store fails.
pub fn open_account(reader: &Reader, link: &Partner, until: Timestamp) -> Result<(u64, Vec<Money>), Refusal> {
    let stream = reader.stream(link.no)?;
    let account = Account::of(words(reader.rows(), (link.no, &link.row), &stream, Counting::Settled)?);
    // Heads are part of the bytes alone, not of what counts.
    let asked = Asked {
        link: link.row.link,
        desks: desks(&link.row, reader.identity().desk()),
        proposer: link.row.side,
        cut: (Cut(stream.acked, stream.out_head), Cut(stream.in_length, stream.in_head)),
        period: Interval(Timestamp(0), until),
        zone: Label::new("UTC").expect("a zone"),
    };
    let statement = Statement::of(&account, &asked);
    let statement = statement.map_err(|error| Refusal::invalid("until", error))?;
    Ok((statement.lines().len() as u64, statement.totals().to_vec()))
}

fn unknown(id: ItemId) -> Refusal {
    Refusal::new(
        crate::Fault::NotFound,
        "unknown-statement",
        format!("There is no statement {id} on this link."),
        "See what there is with `deskwire statement list`.",
    )
}

fn facts(reader: &Reader, entry: EntryRef) -> Result<statement_propose::Facts, Refusal> {
    match Message::read(reader, entry)?.facts() {
        Some(Facts::StatementPropose(facts)) => Ok(facts),
        Some(_) | None => Err(broken("a proposal that cannot be read")),
    }
}

/// What is known of the statements of a link.
struct Book<'a> {
    link: &'a Partner,
    stream: StreamRow,
    /// Proposals and signatures: ours?, number.
    rows: Vec<(bool, u64, AccountRow)>,
    settled: Account,
    signed: Vec<Signed>,
    signed_settled: Vec<Signed>,
    /// Statements of the partner whose signature waits for its number.
    signing: Vec<ItemId>,
}

impl<'a> Book<'a> {
    fn read(reader: &Reader, link: &'a Partner) -> Result<Self, Refusal> {
        let stream = reader.stream(link.no)?;
        let found = reader.rows().list(ACCOUNT, &(link.no, true), usize::MAX)?;
        let rows: Vec<_> = found.into_iter().map(|((_, (_, (ours, seq))), row)| (ours, seq, row)).collect();
        let stands = rows.iter().filter(|(_, _, row)| !row.refused && !row.aside);
        let said: Vec<Word> =
            stands.map(|(ours, seq, row)| word(link.row.side, *ours, *seq, row.clone())).collect();
        let signed = Account::of(said).signed(&Upto::ALL);
        let settled = Account::of(words(reader.rows(), (link.no, &link.row), &stream, Counting::Settled)?);
        let signed_settled = settled.signed(&Upto::ALL);
        let signing = signing(reader, link.no, &stream)?;
        Ok(Self { link, stream, rows, settled, signed, signed_settled, signing })
    }

    const fn side(&self, ours: bool) -> Side {
        if ours { self.link.row.side } else { self.link.row.side.other() }
    }

    fn info(
        &self,
        reader: &Reader,
        ours: bool,
        seq: u64,
        row: &AccountRow,
    ) -> Result<StatementInfo, Refusal> {
        let facts = facts(reader, row.entry)?;
        let state = self.state(reader, (ours, seq), row, &facts);
        Ok(shown(row.item, ours, row.entry, row.at, facts, state))
    }

    fn state(
        &self,
        reader: &Reader,
        (ours, seq): (bool, u64),
        row: &AccountRow,
        facts: &statement_propose::Facts,
    ) -> StatementState {
        if row.refused || row.aside {
            return StatementState::Refused;
        }
        let proposer = self.side(ours);
        let is_this = |one: &&Signed| one.proposer == proposer && one.proposed == seq;
        if self.signed.iter().any(|one| is_this(&one)) {
            let settled = self.signed_settled.iter().any(|one| is_this(&one));
            return StatementState::Signed { settled };
        }
        let upto = Upto::of(proposer, facts.cut.0.0, facts.cut.1.0);
        if self.signed.iter().any(|one| !one.within(&upto)) {
            return StatementState::Overtaken;
        }
        if ours {
            return StatementState::Proposed;
        }
        if self.signing.contains(&row.item) {
            return StatementState::Signed { settled: false };
        }
        if !outcomes_known(self.link.row.side, &self.stream, &upto) {
            return StatementState::Unsettled;
        }
        let asked = asked(&self.link.row, reader.identity().desk(), proposer, facts);
        match Statement::of(&self.settled, &asked) {
            Ok(statement) if statement.hash() == facts.hash => StatementState::ToSign,
            Ok(_) | Err(_) => StatementState::Differs,
        }
    }

    /// Our proposals that have no number yet.
    fn waiting(&self, reader: &Reader) -> Result<Vec<StatementInfo>, Refusal> {
        if self.stream.waiting == 0 {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for (_, row) in reader.rows().list(WAITING, &self.link.no, usize::MAX)? {
            if row.kind.as_str() == "statement.propose" {
                let facts = facts(reader, row.entry)?;
                found.push(shown(row.item, true, row.entry, row.at, facts, StatementState::Waiting));
            }
        }
        Ok(found)
    }

    fn detail(
        &self,
        reader: &Reader,
        info: StatementInfo,
        facts: &statement_propose::Facts,
        us: DeskId,
    ) -> Result<StatementDetail, Refusal> {
        let proposer = self.side(info.ours);
        let asked = asked(&self.link.row, us, proposer, facts);
        let known = outcomes_known(self.link.row.side, &self.stream, &asked.upto());
        let computed = Statement::of(&self.settled, &asked).ok().filter(|_| known);
        let lookup = Lookup::new(reader);
        let side = self.link.row.side;
        let details = match &computed {
            Some(statement) => details(&lookup, self.link.no, side, (&self.settled, statement))?,
            None => Vec::new(),
        };
        let sums = computed.as_ref().map(|statement| sums(statement.lines())).unwrap_or_default();
        let cut = [facts.cut.0.0, facts.cut.1.0];
        let evidence = self.evidence(reader, info.id, info.ours)?;
        let disputed = match &computed {
            Some(statement) => self.disputed(reader, statement)?,
            None => Vec::new(),
        };
        Ok(StatementDetail { info, computed, details, disputed, sums, us, cut, evidence })
    }

    /// The lines of a statement that were disputed behind its cut, also by what no receipt covers yet.
    fn disputed(&self, reader: &Reader, statement: &Statement) -> Result<Vec<ItemId>, Refusal> {
        let (no, first) = (self.link.no, self.stream.acked + 1);
        let mut ours = BTreeMap::new();
        let from = (no, (false, (true, first)));
        reader.rows().scan(
            ACCOUNT,
            &(no, (false, true)),
            Some(&from),
            Direction::Forward,
            &mut |_, row| {
                if let Said::Verdict { work, approved, .. } = &row.said
                    && !row.refused
                    && !row.aside
                {
                    ours.insert(*work, *approved);
                }
                Ok(std::ops::ControlFlow::Continue(()))
            },
        )?;
        let disputed = |delegation, work| {
            let known = self.settled.line(delegation, work).and_then(Booked::newest_verdict);
            ours.get(&work).copied().or(known) == Some(false)
        };
        let lines = statement.lines().iter();
        Ok(lines.filter(|line| disputed(line.0, line.1)).map(|line| line.1).collect())
    }

    /// The proposal with this id and its signature, as far as they are numbered.
    fn evidence(&self, reader: &Reader, id: ItemId, ours: bool) -> Result<Vec<SignedMessage>, Refusal> {
        let mut found = Vec::new();
        for (by_us, seq, row) in &self.rows {
            let part = match &row.said {
                Said::Propose { item, .. } => *item == id && *by_us == ours,
                Said::Sign { statement, .. } => *statement == id && *by_us != ours,
                Said::Line { .. } | Said::Verdict { .. } => false,
            };
            if part && !row.refused && !row.aside {
                found.push(signed_message(reader, self.link.no, *by_us, *seq)?);
            }
        }
        Ok(found)
    }
}

/// The statements that signatures without a number are for.
fn signing(reader: &Reader, no: LinkNo, stream: &StreamRow) -> Result<Vec<ItemId>, Refusal> {
    let mut found = Vec::new();
    if stream.waiting == 0 {
        return Ok(found);
    }
    for (_, row) in reader.rows().list(WAITING, &no, usize::MAX)? {
        if row.kind.as_str() == "statement.sign"
            && let Some(Facts::StatementSign(facts)) = Message::read(reader, row.entry)?.facts()
        {
            found.push(facts.statement);
        }
    }
    Ok(found)
}

/// A numbered message of either stream as it was signed.
fn signed_message(reader: &Reader, no: LinkNo, ours: bool, seq: u64) -> Result<SignedMessage, Refusal> {
    let missing = || broken("a message of the account without a row");
    let at = if ours {
        reader.rows().get(SENT, &(no, seq))?.ok_or_else(missing)?.signed
    } else {
        reader.rows().get(RECEIVED, &(no, seq))?.ok_or_else(missing)?.entry
    };
    let signed = match reader.record(at)? {
        Record::Numbered { signed, .. } => signed,
        Record::Received(received) => received.signed,
        _ => return Err(broken("a message is another record")),
    };
    let head = read_head(&signed).map_err(|_| broken("a stored message has no head"))?;
    Ok(SignedMessage { kind: head.kind, from: head.from, seq, signed: signed.into_vec() })
}

fn shown(
    id: ItemId,
    ours: bool,
    entry: EntryRef,
    time: Timestamp,
    facts: statement_propose::Facts,
    state: StatementState,
) -> StatementInfo {
    StatementInfo {
        id,
        ours,
        period: facts.period,
        zone: facts.zone,
        hash: facts.hash,
        totals: facts.totals.into_vec(),
        time,
        state,
        entry,
    }
}
