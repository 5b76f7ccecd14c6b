//! Lines of work.

use deskwire_api_types as api;
use deskwire_engine::query::{Verdict, Work, WorkLine, WorkSum};
use deskwire_machine::account::LineState;
use deskwire_machine::delegation::Role;
use deskwire_proto::message::work_add::WorkType;

use super::{person, string, time};

/// The lines of a delegation with their sums.
pub(crate) fn work(work: &Work) -> api::WorkList {
    api::WorkList {
        role: match work.role {
            Role::Principal => api::Role::Principal,
            Role::Contractor => api::Role::Contractor,
        },
        lines: work.lines.iter().map(line).collect(),
        sums: work.sums.iter().map(sum).collect(),
    }
}

fn line(line: &WorkLine) -> api::WorkLine {
    let facts = &line.facts;
    api::WorkLine {
        id: line.id.to_string(),
        r#type: work_type(facts.r#type),
        quantity: facts.quantity.to_string(),
        unit: facts.unit.to_string(),
        price: facts.price.to_string(),
        currency: facts.currency.to_string(),
        tax: facts.tax.to_string(),
        net: line.net.to_string(),
        tax_amount: line.tax.to_string(),
        date: time(facts.date),
        what: string(line.what.as_ref()),
        by: person(line.by.as_ref()),
        time: time(line.time),
        state: line.state.map_or(api::LineState::Refused, state),
        settled_state: line.settled.map(state),
        verdict: line.verdict.as_ref().map(verdict),
        statement: line.statement.map(|id| id.to_string()),
        delivery: line.delivery.as_ref().map(super::delivery),
        no_effect: line.refused.as_ref().map(|why| why.words.to_string()),
    }
}

pub(super) const fn work_type(kind: WorkType) -> api::WorkType {
    match kind {
        WorkType::Time => api::WorkType::Time,
        WorkType::Travel => api::WorkType::Travel,
        WorkType::Material => api::WorkType::Material,
        WorkType::Fixed => api::WorkType::Fixed,
    }
}

const fn state(state: LineState) -> api::LineState {
    match state {
        LineState::Open => api::LineState::Open,
        LineState::Approved => api::LineState::Approved,
        LineState::Disputed => api::LineState::Disputed,
    }
}

fn verdict(verdict: &Verdict) -> api::WorkVerdict {
    api::WorkVerdict {
        approved: verdict.approved,
        reason: string(verdict.reason.as_ref()),
        by: person(verdict.by.as_ref()),
        time: time(verdict.time),
        delivery: verdict.delivery.as_ref().map(super::delivery),
    }
}

fn sum(sum: &WorkSum) -> api::WorkSum {
    api::WorkSum {
        currency: sum.currency.to_string(),
        open: sum.open.to_string(),
        approved: sum.approved.to_string(),
        settled: sum.settled.to_string(),
        billed: sum.billed.to_string(),
        disputed: sum.disputed.to_string(),
    }
}
