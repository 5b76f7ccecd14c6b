//! Telling a principal how the case stands further down. proto-spec, section 6.36.

use deskwire_machine::chain_report::{Below, compose};
use deskwire_machine::clock::Clock;
use deskwire_machine::delegation::{Role, State};
use deskwire_proto::cbor;
use deskwire_proto::id::Hash;
use deskwire_proto::list::List;
use deskwire_proto::message::chain_report::{Facts, Hop};
use deskwire_proto::message::{Body, common::NoText};
use deskwire_proto::terms::Redelegate;
use deskwire_proto::text::Label;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::DelegationNo;
use deskwire_store::record::{ChainRecord, Record};
use deskwire_store::row::{DelegationRow, LinkState};
use deskwire_store::table::{REPORTS, Rows};

use super::due::is_under_way;
use super::find;
use super::say::{Saying, say};
use crate::query::clock::{History, Part, reported};
use crate::{Fault, Refusal, Step};

/// The feature that a partner names when it takes reports. proto-spec, section 13.3.
pub(crate) const FEATURE: &str = "chain";
/// The least time between two reports about one delegation that is under way, milliseconds.
pub(super) const PAUSE: u64 = 900_000;

/// When a report has to wait for the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// While the work is under way.
    Paced,
    /// Never: nothing can be said on the link after this.
    Last,
}

/// Reports about the delegation `above`, of which this desk is the contractor, if what is settled further down differs
/// from what was told: at once when the case is resolved or has ended, otherwise not more often than every [`PAUSE`].
/// When it has to be looked at again.
///
/// # Errors
/// When the store fails.
pub(super) fn tell(
    step: &mut Step<'_>,
    above: DelegationNo,
    pace: Pace,
) -> Result<Option<Timestamp>, Refusal> {
    let row = find::delegation(step, above)?;
    let below = below(step, above, &row)?;
    if row.case.role() != Role::Contractor || below.is_empty() || !takes_reports(step, &row, pace)? {
        return Ok(None);
    }
    let now = step.now;
    let history = History::load(step, above, &row)?;
    let clock = history.read(now, Part::Settled);
    if !is_under_way(clock.state) {
        return Ok(None);
    }
    let facts = composed(step, &row, &clock, &below)?;
    let over = clock.state == State::Resolved || clock.state.is_terminal();
    // Once everything has ended no time runs any more: what stays is told to the millisecond.
    let stays =
        clock.state.is_terminal() && below.iter().all(|(_, below)| below.case.settled().state.is_terminal());
    let told_of = if stays { facts.hops.to_vec() } else { without_times(&facts) };
    let hash = Hash::of(&cbor::encode_plain(&told_of).unwrap_or_default());
    let told = step.rows().get(REPORTS, &above)?.and_then(|row| row.ours);
    match told {
        Some((known, _)) if known == hash => return Ok(None),
        Some((_, at)) if !over && pace == Pace::Paced && now < at.plus(PAUSE) => {
            return Ok(Some(at.plus(PAUSE)));
        }
        Some(_) | None => {}
    }
    let body = Body::ChainReport { facts, text: NoText };
    let said = step.attempt(|step| {
        say(step, Saying::event(row.link, (above, row.id), body))?;
        step.record(&Record::Chain(ChainRecord::Reported { delegation: above, hash, at: now }), None)
    });
    match said {
        Ok(_) => Ok(None),
        Err(refusal) if refusal.fault == Fault::Ours => Err(refusal),
        Err(refusal) => {
            tracing::info!(
                delegation = above.0,
                code = refusal.code,
                "a principal is not told how its case stands"
            );
            Ok(Some(now.plus(PAUSE)))
        }
    }
}

/// What this desk handed on for it and what was accepted, oldest first.
fn below(
    step: &Step<'_>,
    above: DelegationNo,
    row: &DelegationRow,
) -> Result<Vec<(DelegationNo, DelegationRow)>, Refusal> {
    let mut below = find::delegations(step, row.ticket)?;
    below.retain(|(no, below)| {
        *no != above && below.case.role() == Role::Principal && is_under_way(below.case.settled().state)
    });
    Ok(below)
}

/// Whether the principal understands reports, and anything can be said to it.
fn takes_reports(step: &Step<'_>, row: &DelegationRow, pace: Pace) -> Result<bool, Refusal> {
    let link = find::link(step, row.link)?;
    let last = pace == Pace::Last && link.accord.close.ours.is_none() && link.accord.close.asked.is_none();
    if link.state == LinkState::Closed || !last && find::speakable(&link).is_err() {
        return Ok(false);
    }
    let descriptor = find::descriptor(step, link.descriptor)?;
    Ok(descriptor.body().features.iter().any(|feature| feature.as_str() == FEATURE))
}

fn composed(
    step: &mut Step<'_>,
    row: &DelegationRow,
    clock: &Clock<'_>,
    below: &[(DelegationNo, DelegationRow)],
) -> Result<Facts, Refusal> {
    let now = step.now;
    let mut parts = Vec::with_capacity(below.len());
    for (no, below) in below {
        let history = History::load(step, *no, below)?;
        let hops = reported(step, *no, below)?;
        let name = find::link(step, below.link)?.partner_name;
        parts.push((history, List::new(hops).ok().map(|hops| Facts { hops }), name));
    }
    let clocks: Vec<_> = parts.iter().map(|(history, _, _)| history.read(now, Part::Settled)).collect();
    let below: Vec<_> = clocks
        .iter()
        .zip(&parts)
        .map(|(clock, (history, report, name))| Below {
            clock,
            name: name.clone(),
            report: report.as_ref(),
            stars: history.stars(),
        })
        .collect();
    let link = find::link(step, row.link)?;
    let named = find::terms(step, &link)?.redelegate == Redelegate::Named;
    let name = own_name(step);
    Ok(compose(clock, name, &below, named))
}

fn own_name(step: &Step<'_>) -> Label {
    step.identity.descriptor().body().name.clone()
}

/// What makes a report worth sending.
fn without_times(facts: &Facts) -> Vec<Hop> {
    facts.hops.iter().map(|hop| Hop { held: 0, waited: 0, ..hop.clone() }).collect()
}
