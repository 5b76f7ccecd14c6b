//! Statements of account: proposed by one side, computed anew and signed by the other. proto-spec, sections 6.34 and 6.35.

use deskwire_machine::account::{Account, Asked, Said, Statement, StatementError, Upto};
use deskwire_proto::id::{Hash, ItemId};
use deskwire_proto::list::List;
use deskwire_proto::message::{Body, Facts, Kind, statement_propose, statement_sign};
use deskwire_proto::session::Cut;
use deskwire_proto::terms::Interval;
use deskwire_proto::text::Label;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::row::{AccountRow, LinkRow, StreamRow};
use deskwire_store::table::{ACCOUNT, Rows, WAITING};
use serde::{Deserialize, Serialize};

use super::consume::account::own_cut;
use super::find;
use super::say::{Saying, say};
use crate::account::{Counting, asked, desks, outcomes_known, words};
use crate::{Command, Fault, Refusal, Step};

/// Proposes a statement over what is settled now.
#[derive(Debug, Clone)]
pub struct ProposeStatement {
    /// The link.
    pub link: LinkNo,
    /// From, included, and to, not included.
    pub period: Interval,
    /// The time zone in which it was chosen.
    pub zone: Label,
}

/// A statement that was proposed or signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementSaid {
    /// The item that proposes it.
    pub statement: ItemId,
    /// Its hash.
    pub hash: Hash,
}

impl Command for ProposeStatement {
    type Reply = StatementSaid;

    fn run(self, step: &mut Step<'_>) -> Result<StatementSaid, Refusal> {
        let link = find::link(step, self.link)?;
        find::speakable(&link)?;
        let stream = find::stream(step, self.link)?;
        whole(&stream)?;
        period(self.period, step)?;
        let own = own_cut(step, self.link, &link, stream.acked)?;
        let asked = Asked {
            link: link.link,
            desks: desks(&link, step.identity.desk()),
            proposer: link.side,
            cut: (own, Cut(stream.in_length, stream.in_head)),
            period: self.period,
            zone: self.zone,
        };
        let account = Account::of(words(step.rows(), (self.link, &link), &stream, Counting::Settled)?);
        let statement = Statement::of(&account, &asked).map_err(impossible)?;
        if statement.lines().is_empty() {
            return Err(nothing());
        }
        let hash = statement.hash();
        let totals = List::new(statement.totals().to_vec());
        let totals = totals.map_err(|_| find::broken("a statement of too many currencies"))?;
        let facts =
            statement_propose::Facts { cut: asked.cut, hash, zone: asked.zone, period: asked.period, totals };
        let body = Body::StatementPropose { facts, text: deskwire_proto::message::common::NoText };
        Ok(StatementSaid { statement: said(step, self.link, body)?, hash })
    }
}

/// Signs a statement of the partner, if this desk comes to the same one.
#[derive(Debug, Clone, Copy)]
pub struct SignStatement {
    /// The link.
    pub link: LinkNo,
    /// The item that proposes it.
    pub statement: ItemId,
}

impl Command for SignStatement {
    type Reply = StatementSaid;

    fn run(self, step: &mut Step<'_>) -> Result<StatementSaid, Refusal> {
        let link = find::link(step, self.link)?;
        find::speakable(&link)?;
        let stream = find::stream(step, self.link)?;
        whole(&stream)?;
        let (row, facts) = self.proposal(step)?;
        let account = Account::of(words(step.rows(), (self.link, &link), &stream, Counting::Settled)?);
        let asked = asked(&link, step.identity.desk(), link.side.other(), &facts);
        self.open(step, (&link, &stream), &account, &asked)?;
        let statement = Statement::of(&account, &asked).map_err(impossible)?;
        if statement.hash() != facts.hash {
            return Err(differs(&statement, &facts));
        }
        let body = Body::StatementSign {
            facts: statement_sign::Facts { hash: facts.hash, statement: row.item },
            text: deskwire_proto::message::common::NoText,
        };
        said(step, self.link, body)?;
        Ok(StatementSaid { statement: row.item, hash: facts.hash })
    }
}

impl SignStatement {
    /// The partner's proposal with this id.
    fn proposal(&self, step: &Step<'_>) -> Result<(AccountRow, statement_propose::Facts), Refusal> {
        let theirs = step.rows().list(ACCOUNT, &(self.link, (true, false)), usize::MAX)?;
        let found = theirs.into_iter().map(|(_, row)| row).find(|row| {
            !row.aside && matches!(&row.said, Said::Propose { item, .. } if *item == self.statement)
        });
        let row = found.ok_or_else(|| self.unknown())?;
        let Record::Received(received) = step.read(row.entry)? else {
            return Err(find::broken("a proposal is another record"));
        };
        let head = deskwire_proto::envelope::read_head(&received.signed)?;
        match Facts::decode(Kind::StatementPropose, &head.facts) {
            Ok(Facts::StatementPropose(facts)) => Ok((row, facts)),
            Ok(_) | Err(_) => Err(find::broken("a proposal that cannot be read")),
        }
    }

    fn unknown(&self) -> Refusal {
        Refusal::new(
            Fault::NotFound,
            "unknown-statement",
            format!("The partner has proposed no statement {} on this link.", self.statement),
            "See what there is with `deskwire statement list`.",
        )
    }

    /// It is not signed yet, nor is another one that it does not know, and everything that it counts is known here.
    fn open(
        &self,
        step: &Step<'_>,
        (link, stream): (&LinkRow, &StreamRow),
        account: &Account,
        asked: &Asked,
    ) -> Result<(), Refusal> {
        let all = Account::of(words(step.rows(), (self.link, link), stream, Counting::Numbered)?);
        let signed = all.signed(&Upto::ALL);
        let done = signed.iter().any(|one| one.proposer == asked.proposer && one.item == self.statement);
        if done || self.waits(step)? {
            return Err(Refusal::new(
                Fault::Conflict,
                "statement-signed",
                "This statement is signed already.",
                "See it with `deskwire statement show`.",
            ));
        }
        if !outcomes_known(link.side, stream, &asked.upto()) {
            return Err(Refusal::new(
                Fault::Conflict,
                "statement-not-settled",
                "The statement counts messages of this desk that the partner's receipts do not cover yet.",
                "Wait until the queue of the link is empty, and try again.",
            ));
        }
        let known = account.signed(&asked.upto()).len();
        if signed.len() > known {
            return Err(Refusal::new(
                Fault::Conflict,
                "statement-overtaken",
                "Another statement was signed that this one does not know: it may hold the same lines.",
                "Ask the partner to propose it anew, or propose one yourself.",
            ));
        }
        Ok(())
    }

    /// Whether a signature waits for its number.
    fn waits(&self, step: &Step<'_>) -> Result<bool, Refusal> {
        if find::stream(step, self.link)?.waiting == 0 {
            return Ok(false);
        }
        for (_, row) in step.rows().list(WAITING, &self.link, usize::MAX)? {
            if row.kind.as_str() != "statement.sign" {
                continue;
            }
            let Record::ItemMade(made) = step.read(row.entry)? else { continue };
            // Any signature that waits may be for the same lines: one at a time.
            if Facts::decode(Kind::StatementSign, &made.facts).is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn said(step: &mut Step<'_>, link: LinkNo, body: Body) -> Result<ItemId, Refusal> {
    say(step, Saying { link, delegation: None, body, thread: None, file: None, item: None })
}

/// What was lost here comes first: until then this desk does not know what it has said.
fn whole(stream: &StreamRow) -> Result<(), Refusal> {
    if stream.recovery.is_none() && stream.disowning.is_none() {
        return Ok(());
    }
    Err(Refusal::new(
        Fault::Conflict,
        "recovering",
        "This desk gets back from the partner what was lost, and does not know all that was said.",
        "Wait until the link is whole again: see `deskwire link show`.",
    ))
}

fn period(period: Interval, step: &Step<'_>) -> Result<(), Refusal> {
    if period.0 >= period.1 {
        return Err(Refusal::invalid("period", "it ends before it begins"));
    }
    if period.0 > step.now {
        return Err(Refusal::new(
            Fault::Invalid,
            "impossible-date",
            "The period begins in the future.",
            "Name one that has begun.",
        ));
    }
    Ok(())
}

fn nothing() -> Refusal {
    Refusal::new(
        Fault::Conflict,
        "nothing-to-settle",
        "No approved line of work before the end of the period is unsettled.",
        "See the lines with `deskwire work list`; what is not approved, or not confirmed by a receipt yet, does not count.",
    )
}

fn impossible(error: StatementError) -> Refusal {
    Refusal::new(
        Fault::Conflict,
        "statement-too-large",
        format!("The statement cannot be written: {error}."),
        "Choose an earlier end of the period.",
    )
}

fn differs(ours: &Statement, theirs: &statement_propose::Facts) -> Refusal {
    let list = |totals: &[deskwire_proto::message::common::Money]| {
        let all: Vec<_> = totals.iter().map(|one| format!("{} {}", one.0, one.1)).collect();
        if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
    };
    Refusal::new(
        Fault::Partner,
        "statement-differs",
        format!(
            "This desk comes to another statement over the same messages: {} lines, and {} for the proposer; the partner \
             says {}.",
            ours.lines().len(),
            list(ours.totals()),
            list(theirs.totals.as_ref())
        ),
        "Compare line by line: ask the partner for its export as JSON, and run `deskwire statement compare`.",
    )
}
