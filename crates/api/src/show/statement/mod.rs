//! Statements of account.

mod csv;
mod html;
mod words;

pub(crate) use csv::{cell, statement as statement_csv};
pub(crate) use html::statement as statement_html;

use deskwire_api_types as api;
use deskwire_engine::Partner;
use deskwire_engine::identity::Identity;
use deskwire_engine::query::{Detail, StatementDetail, StatementInfo, StatementState};
use deskwire_machine::account::{StatementLine, Sum};
use deskwire_proto::id::DeskId;
use deskwire_proto::message::common::Money;

use super::{string, time};

/// A statement as lists show it.
pub(crate) fn statement_info(partner: &Partner, info: &StatementInfo) -> api::Statement {
    api::Statement {
        id: info.id.to_string(),
        link: partner.row.name.to_string(),
        partner: partner.row.partner_name.to_string(),
        ours: info.ours,
        state: state(info.state),
        from: time(info.period.0),
        to: time(info.period.1),
        zone: info.zone.to_string(),
        hash: info.hash.to_string(),
        totals: info.totals.iter().map(money).collect(),
        time: time(info.time),
    }
}

/// A statement with its lines.
pub(crate) fn statement(
    identity: &Identity,
    partner: &Partner,
    detail: &StatementDetail,
) -> api::StatementDetail {
    let computed = detail.computed.as_ref();
    let lines = computed.map(|statement| statement.lines()).unwrap_or_default();
    let shown = lines.iter().zip(&detail.details).map(|(one, more)| line(identity, detail.us, one, more));
    api::StatementDetail {
        statement: statement_info(partner, &detail.info),
        cut: detail.cut,
        computed_hash: computed.map(|statement| statement.hash().to_string()),
        lines: shown.collect(),
        disputed_since: detail.disputed.iter().map(ToString::to_string).collect(),
        totals: computed.map(|statement| statement.totals().iter().map(money).collect()).unwrap_or_default(),
        sums: detail.sums.iter().map(|one| sum(detail.us, one)).collect(),
        evidence: detail.evidence.iter().map(evidence).collect(),
    }
}

fn evidence(one: &deskwire_engine::query::SignedMessage) -> api::Evidence {
    api::Evidence {
        kind: one.kind.to_string(),
        from: one.from.to_string(),
        seq: one.seq,
        signed: hex(&one.signed),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn line(identity: &Identity, us: DeskId, line: &StatementLine, detail: &Detail) -> api::StatementLine {
    api::StatementLine {
        delegation: line.0.to_string(),
        work: line.1.to_string(),
        ticket: detail.ticket.map(|ticket| identity.ticket_label(ticket).to_string()),
        ours: line.2 == us,
        contractor: line.2.to_string(),
        date: time(detail.date),
        what: string(detail.what.as_ref()),
        r#type: super::work::work_type(line.3),
        quantity: line.4.to_string(),
        unit: line.5.to_string(),
        price: line.6.to_string(),
        currency: line.7.to_string(),
        tax: line.8.to_string(),
        net: line.9.to_string(),
        tax_amount: line.10.to_string(),
    }
}

fn sum(us: DeskId, sum: &Sum) -> api::StatementSum {
    api::StatementSum {
        ours: sum.contractor == us,
        currency: sum.currency.to_string(),
        tax: sum.tax.to_string(),
        lines: sum.lines,
        net: sum.net.to_string(),
        tax_amount: sum.tax_amount.to_string(),
        gross: (sum.net + sum.tax_amount).to_string(),
    }
}

fn money(money: &Money) -> api::Money {
    api::Money { amount: money.0.to_string(), currency: money.1.to_string() }
}

const fn state(state: StatementState) -> api::StatementState {
    match state {
        StatementState::Waiting => api::StatementState::Waiting,
        StatementState::Proposed => api::StatementState::Proposed,
        StatementState::ToSign => api::StatementState::ToSign,
        StatementState::Differs => api::StatementState::Differs,
        StatementState::Unsettled => api::StatementState::Unsettled,
        StatementState::Overtaken => api::StatementState::Overtaken,
        StatementState::Refused => api::StatementState::Refused,
        StatementState::Signed { settled: false } => api::StatementState::Signing,
        StatementState::Signed { settled: true } => api::StatementState::Signed,
    }
}

#[cfg(test)]
mod tests;
