//! What the end of a link would leave behind: cases that are open on it, and work that no signed statement holds.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use deskwire_machine::account::{Account, Amount, LineState, Upto};
use deskwire_machine::delegation::{Role, State};
use deskwire_proto::id::DelegationId;
use deskwire_proto::text::Currency;
use deskwire_store::Direction;
use deskwire_store::local::TicketNumber;
use deskwire_store::table::{DELEGATION_IDS, DELEGATIONS, Rows};

use crate::account::{Counting, words};
use crate::{Partner, Reader, Refusal};

/// Open cases that are named; all are counted.
const NAMED: usize = 50;

/// What a link would leave behind if it ended now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOpen {
    /// How many delegations have not ended.
    pub open: u64,
    /// The first of them.
    pub cases: Vec<OpenCase>,
    /// Lines of work that no signed statement holds, by currency: nobody can approve or sign them afterwards.
    pub unsettled: Vec<Unsettled>,
}

/// A delegation that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCase {
    /// Its id.
    pub id: DelegationId,
    /// This desk's side.
    pub role: Role,
    /// This desk's ticket.
    pub ticket: TicketNumber,
    /// Its state.
    pub state: State,
}

/// Lines of work in one currency that no signed statement holds, with their sums, taxes included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsettled {
    /// The currency.
    pub currency: Currency,
    /// How many lines.
    pub lines: u64,
    /// Of lines that wait for the principal's word.
    pub open: Amount,
    /// Of approved lines.
    pub approved: Amount,
    /// Of disputed lines.
    pub disputed: Amount,
}

impl Unsettled {
    /// The sum of all of them.
    #[must_use]
    pub fn sum(&self) -> Amount {
        self.open + self.approved + self.disputed
    }
}

/// What a link would leave behind if it ended now, everything numbered taken for applied.
///
/// # Errors
/// When the store fails.
pub fn left_open(reader: &Reader, link: &Partner) -> Result<LeftOpen, Refusal> {
    let stream = reader.stream(link.no)?;
    let mut all = Vec::new();
    reader.rows().scan(DELEGATION_IDS, &link.no, None, Direction::Forward, &mut |(_, id), no| {
        all.push((id, no));
        Ok(ControlFlow::Continue(()))
    })?;
    let mut left = LeftOpen { open: 0, cases: Vec::new(), unsettled: unsettled(reader, link)? };
    for (id, no) in all {
        let Some(row) = reader.rows().get(DELEGATIONS, &no)? else { continue };
        let state = row.case.view(stream.in_length).state;
        if state.is_terminal() || state == State::Unoffered {
            continue;
        }
        left.open += 1;
        if left.cases.len() < NAMED {
            left.cases.push(OpenCase { id, role: row.case.role(), ticket: row.ticket, state });
        }
    }
    Ok(left)
}

fn unsettled(reader: &Reader, link: &Partner) -> Result<Vec<Unsettled>, Refusal> {
    let stream = reader.stream(link.no)?;
    let account = Account::of(words(reader.rows(), (link.no, &link.row), &stream, Counting::Numbered)?);
    let signed = account.signed(&Upto::ALL);
    let mut sums: BTreeMap<&Currency, Unsettled> = BTreeMap::new();
    for (_, _, line) in account.lines().filter(|(_, _, line)| line.held_by(&signed).is_none()) {
        let currency = &line.facts.currency;
        let sum = sums.entry(currency).or_insert_with(|| Unsettled {
            currency: currency.clone(),
            lines: 0,
            open: Amount::ZERO,
            approved: Amount::ZERO,
            disputed: Amount::ZERO,
        });
        let amount = line.net() + line.tax();
        sum.lines += 1;
        match line.state(&Upto::ALL, &signed) {
            LineState::Open => sum.open += amount,
            LineState::Approved => sum.approved += amount,
            LineState::Disputed => sum.disputed += amount,
        }
    }
    Ok(sums.into_values().collect())
}
