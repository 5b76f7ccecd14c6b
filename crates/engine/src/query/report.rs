//! Figures about partners over a period, from what is settled.

use std::ops::ControlFlow;
use std::sync::Arc;

use deskwire_machine::account::{Account, Figures, LineState, Times, Upto};
use deskwire_machine::delegation::Role;
use deskwire_proto::terms::Terms;
use deskwire_proto::time::Timestamp;
use deskwire_store::Direction;
use deskwire_store::row::FigureRow;
use deskwire_store::table::{ACCOUNT, DELEGATIONS, FIGURES, Rows, VERSIONS};

use super::clock::History;
use super::lookup::broken;
use crate::account::{Counting, words};
use crate::project::MONTH;
use crate::{Partner, Reader, Refusal};

/// Figures about one partner.
#[derive(Debug, Clone)]
pub struct PartnerFigures {
    /// The link.
    pub partner: Arc<Partner>,
    /// What the partner is in these delegations.
    pub role: Role,
    /// The figures.
    pub figures: Figures,
}

/// Figures about the partners of these links: delegations that were offered, and lines of work that were done, from
/// `from` on and before `to`.
///
/// # Errors
/// When the store fails.
pub fn partner_figures(
    reader: &Reader,
    links: &[Arc<Partner>],
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<PartnerFigures>, Refusal> {
    let mut all = Vec::new();
    for partner in links {
        let mut both = [(Role::Contractor, Figures::default()), (Role::Principal, Figures::default())];
        count(reader, partner, (from, to), &mut both)?;
        pay(reader, partner, (from, to), &mut both)?;
        for (role, figures) in both {
            if figures.offers > 0 || !figures.cost.is_empty() {
                all.push(PartnerFigures { partner: Arc::clone(partner), role, figures });
            }
        }
    }
    Ok(all)
}

fn count(
    reader: &Reader,
    partner: &Partner,
    (from, to): (Timestamp, Timestamp),
    both: &mut [(Role, Figures); 2],
) -> Result<(), Refusal> {
    // An offer is stored later than its author says, and clocks differ; a year is more than either.
    // The rows find the delegations, and hold the times that count where the terms are the usual ones. Deadlines are judged
    // by what is settled alone: as long as that is not over, it is read from the events.
    let usual = is_usual(reader, partner)?;
    let mut found = Vec::new();
    let months = ((from.0 / MONTH).saturating_sub(1), (to.0 / MONTH).saturating_add(12));
    let begin = (partner.no, (months.0, deskwire_store::local::DelegationNo(0)));
    reader.rows().scan(
        FIGURES,
        &partner.no,
        Some(&begin),
        Direction::Forward,
        &mut |(_, (month, no)), row| {
            if month > months.1 {
                return Ok(ControlFlow::Break(()));
            }
            if row.offered.0 > 0 {
                found.push((no, row));
            }
            Ok(ControlFlow::Continue(()))
        },
    )?;
    for (no, row) in found {
        let times = if usual && !row.inexact && (row.closed || !has_deadlines(&row)) {
            times(&row)
        } else {
            let delegation = reader.rows().get(DELEGATIONS, &no)?;
            let delegation = delegation.ok_or_else(|| broken("figures of no delegation"))?;
            History::load(reader, no, &delegation)?.times(reader.now())
        };
        if times.offered >= from && times.offered < to {
            both[usize::from(!row.theirs)].1.count(&times);
        }
    }
    Ok(())
}

/// Whether the terms of a link, of all that were ever in force, believe a contractor's times as far as is usual.
fn is_usual(reader: &Reader, partner: &Partner) -> Result<bool, Refusal> {
    let changed = !reader.rows().list(VERSIONS, &partner.no, 1)?.is_empty();
    let tolerance = partner.terms.tolerance.unwrap_or(Terms::TOLERANCE);
    Ok(!changed && tolerance == Terms::TOLERANCE)
}

const fn has_deadlines(row: &FigureRow) -> bool {
    row.response_kept.is_some() || row.resolution_kept.is_some()
}

const fn times(row: &FigureRow) -> Times {
    Times {
        offered: row.offered,
        accepted: row.accepted,
        declined: row.declined,
        resolved: row.resolved,
        reopened: row.reopened,
        response_kept: row.response_kept,
        resolution_kept: row.resolution_kept,
        stars: row.stars,
    }
}

/// What approved and settled lines cost.
fn pay(
    reader: &Reader,
    partner: &Partner,
    (from, to): (Timestamp, Timestamp),
    both: &mut [(Role, Figures); 2],
) -> Result<(), Refusal> {
    if reader.rows().list(ACCOUNT, &(partner.no, false), 1)?.is_empty() {
        return Ok(());
    }
    let stream = reader.stream(partner.no)?;
    let link = (partner.no, &partner.row);
    let account = Account::of(words(reader.rows(), link, &stream, Counting::Settled)?);
    let signed = account.signed(&Upto::ALL);
    for (_, _, line) in account.lines() {
        let dated = line.facts.date >= from && line.facts.date < to;
        if dated && line.state(&Upto::ALL, &signed) == LineState::Approved {
            let ours = line.contractor == partner.row.side;
            both[usize::from(ours)].1.pay(&line.facts.currency, line.net() + line.tax());
        }
    }
    Ok(())
}
