//! Deadlines as they come near and pass, and reports up a chain: what the clocks of delegations make this desk do by
//! itself. proto-spec, sections 6.36 and 8.6.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use deskwire_machine::clock::{Clock, Due, DueKind, Verdict};
use deskwire_machine::delegation::{Role, State};
use deskwire_proto::terms::Terms;
use deskwire_proto::time::Timestamp;
use deskwire_store::Direction;
use deskwire_store::local::{DelegationNo, LinkNo};
use deskwire_store::record::{ChainRecord, Record};
use deskwire_store::row::{ClockRow, DelegationRow, Told};
use deskwire_store::table::{CLOCK_DUE, CLOCKS, DELEGATIONS, Rows, TICKETS};

use super::chain_report::{self, Pace};
use super::find;
use crate::query::clock::{History, Part};
use crate::{Command, Fault, Refusal, Step};

/// Clocks that one tick looks at, so that none takes long.
const AT_ONCE: usize = 128;
/// Clocks that are looked through for reports when a link ends.
const LOOKED_AT: usize = 4_096;
/// When a clock is looked at again that could not be, milliseconds.
const PAUSE: u64 = 900_000;
/// What people were told of a delegation that is remembered, so that nobody is told twice.
const TOLD: usize = 4;

/// Looks at the clocks of delegations to which something has happened, or whose deadlines are near; does nothing else of
/// what [`super::tick::Tick`] does, and costs little where there is nothing. Replies when it has to be called next.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clocks;

impl Command for Clocks {
    type Reply = Option<Timestamp>;

    fn run(self, step: &mut Step<'_>) -> Result<Option<Timestamp>, Refusal> {
        due(step)
    }
}

/// Looks at the clocks that are due. The moment at which it has to be called next.
///
/// # Errors
/// When the store fails.
pub(super) fn due(step: &mut Step<'_>) -> Result<Option<Timestamp>, Refusal> {
    let (now, mut clocks, mut next) = (step.now.0, Vec::new(), None);
    step.rows().scan(CLOCK_DUE, &(), None, Direction::Forward, &mut |(moment, no), ()| {
        if moment > now || clocks.len() == AT_ONCE {
            next = Some(Timestamp(moment.max(now)));
            return Ok(ControlFlow::Break(()));
        }
        clocks.push(no);
        Ok(ControlFlow::Continue(()))
    })?;
    clocks.sort_unstable();
    clocks.dedup();
    for no in clocks {
        // One that cannot be looked at keeps nobody else from being told.
        let again = match step.attempt(|step| look(step, no)) {
            Ok(again) => again,
            Err(refusal) => {
                tracing::error!(delegation = no.0, %refusal, "the clock of a delegation cannot be looked at");
                Some(step.now.plus(PAUSE))
            }
        };
        next = match (next, again) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    Ok(next)
}

/// Looks at one clock, tells people what they have to know, and notes when to look again.
fn look(step: &mut Step<'_>, no: DelegationNo) -> Result<Option<Timestamp>, Refusal> {
    let Some(row) = step.rows().get(DELEGATIONS, &no)? else {
        return Err(find::broken("a clock of a delegation that is not there"));
    };
    let history = History::load(step, no, &row)?;
    let tolerance = history.newest_terms().and_then(|terms| terms.tolerance).unwrap_or(Terms::TOLERANCE);
    let now = step.now;
    let known = step.rows().get(CLOCKS, &no)?.unwrap_or_default();
    let clock = history.read(now, Part::All);
    let news = news(&clock, &known, now, tolerance);
    let report = up(step, no, &row)?;
    let next = [next(&clock, &known, &news, now, tolerance), report].into_iter().flatten().min();
    for (told, by) in &news {
        let Told { kind, due, passed: _ } = *told;
        let delegation = no;
        let record = ChainRecord::Due { ticket: row.ticket, delegation, kind, due, by: *by, at: now };
        step.record(&Record::Chain(record), None)?;
    }
    let mut told = known.told;
    told.extend(news.iter().map(|(told, _)| *told));
    told.drain(..told.len().saturating_sub(TOLD));
    let breaches = u64::try_from(clock.breaches.len()).unwrap_or(u64::MAX);
    let shown = ClockRow { next, respond: clock.respond, resolve: clock.resolve, breaches, told };
    step.record(
        &Record::Chain(ChainRecord::Clocked { delegation: no, row: Box::new(shown), at: now }),
        None,
    )?;
    Ok(next)
}

/// What people are to be told now: that a deadline is near, or that it has passed. The latter not before nothing that
/// still comes can count as in time.
fn news(clock: &Clock<'_>, known: &ClockRow, now: Timestamp, tolerance: u64) -> Vec<(Told, Option<Role>)> {
    let mut news = Vec::new();
    for (kind, due) in clock.dues() {
        let (passed, by) = match due.verdict {
            Verdict::Breached(by) if now > certain(due, tolerance) => (true, Some(by)),
            Verdict::Open if due.is_near(now) => (false, None),
            Verdict::Breached(_) | Verdict::Open | Verdict::Met(_) | Verdict::Void => continue,
        };
        let told = Told { kind, due: due.at, passed };
        if !known.told.contains(&told) {
            news.push((told, by));
        }
    }
    news
}

/// When a breach is certain: a message may claim to be older than its commit by the tolerance.
fn certain(due: &Due, tolerance: u64) -> Timestamp {
    due.done.unwrap_or(due.at.plus(tolerance))
}

fn next(
    clock: &Clock<'_>,
    known: &ClockRow,
    news: &[(Told, Option<Role>)],
    now: Timestamp,
    tolerance: u64,
) -> Option<Timestamp> {
    let untold = |kind: DueKind, due: &Due| {
        let told = Told { kind, due: due.at, passed: true };
        !known.told.contains(&told) && !news.iter().any(|(new, _)| *new == told)
    };
    let certain = clock.dues().filter(|(kind, due)| match due.verdict {
        Verdict::Breached(_) => untold(*kind, due),
        Verdict::Open | Verdict::Met(_) | Verdict::Void => false,
    });
    let certain = certain.map(|(_, due)| certain_next(due, tolerance)).filter(|moment| *moment > now).min();
    [clock.next(now), certain].into_iter().flatten().min()
}

fn certain_next(due: &Due, tolerance: u64) -> Timestamp {
    certain(due, tolerance).plus(1)
}

/// The delegation above this one, whose principal is told how the case stands: itself, or that by which the ticket came.
fn up(step: &mut Step<'_>, no: DelegationNo, row: &DelegationRow) -> Result<Option<Timestamp>, Refusal> {
    let above = reported_about(step, no, row)?;
    above.map_or(Ok(None), |above| chain_report::tell(step, above, Pace::Paced))
}

/// Says the reports at once that wait for their time, about delegations of a link on which nothing can be said afterwards.
///
/// # Errors
/// When the store fails.
pub(super) fn last_reports(step: &mut Step<'_>, link: LinkNo) -> Result<(), Refusal> {
    let (until, mut waiting) = (step.now.plus(chain_report::PAUSE).0, Vec::new());
    step.rows().scan(CLOCK_DUE, &(), None, Direction::Forward, &mut |(moment, no), ()| {
        waiting.push(no);
        let more = moment <= until && waiting.len() < LOOKED_AT;
        Ok(if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    let mut above = BTreeSet::new();
    for no in waiting {
        let Some(row) = step.rows().get(DELEGATIONS, &no)? else { continue };
        let Some(no) = reported_about(step, no, &row)? else { continue };
        if step.rows().get(DELEGATIONS, &no)?.is_some_and(|row| row.link == link) {
            above.insert(no);
        }
    }
    for no in above.into_iter().take(AT_ONCE) {
        match step.attempt(|step| chain_report::tell(step, no, Pace::Last)) {
            Err(refusal) if refusal.fault == Fault::Ours => return Err(refusal),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

/// The delegation about which its principal is told how the case stands: this one, or that by which the ticket came.
fn reported_about(
    step: &Step<'_>,
    no: DelegationNo,
    row: &DelegationRow,
) -> Result<Option<DelegationNo>, Refusal> {
    match row.case.role() {
        Role::Contractor => Ok(Some(no)),
        Role::Principal => Ok(step.rows().get(TICKETS, &row.ticket)?.and_then(|ticket| ticket.origin)),
    }
}

/// Whether a case that stands so has anything to report.
pub(super) const fn is_under_way(state: State) -> bool {
    match state {
        State::Accepted | State::InProgress | State::Waiting { .. } | State::Resolved | State::Confirmed => {
            true
        }
        State::Returned | State::Recalled => true,
        State::Unoffered | State::Offered | State::Declined => false,
    }
}
