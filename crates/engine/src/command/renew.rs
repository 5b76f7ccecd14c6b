//! Renewing the calendar of terms that was made from this desk's own hours, before it ends. proto-spec, section 3.2.

use std::ops::ControlFlow;

use deskwire_machine::terms::differences;
use deskwire_proto::list::List;
use deskwire_proto::terms::{Interval, Terms};
use deskwire_proto::time::Timestamp;
use deskwire_store::Direction;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::row::{Hours, LinkRow};
use deskwire_store::table::{LINK_EVENTS, Rows};

use super::find;
use super::terms::ProposeTerms;
use crate::calendar::{MONTHS, intervals};
use crate::query::clock::own_hours;
use crate::{Command, Fault, Refusal, Step};

/// So long before its end a calendar is renewed, milliseconds: about two months.
const AHEAD: u64 = 60 * DAY;
/// A proposal that nobody accepts is not made again for so long, milliseconds.
const PAUSE: u64 = 7 * DAY;
/// When something is tried again that could not be said, milliseconds.
const AGAIN: u64 = DAY;
const DAY: u64 = 86_400_000;
/// What the event is called that tells of it.
const EVENT: &str = "calendar-proposed";

/// Proposes a newer calendar where the one in force ends soon and is what this desk's hours say. When to look again.
pub(super) fn due(step: &mut Step<'_>, no: LinkNo, link: &LinkRow) -> Result<Option<Timestamp>, Refusal> {
    let terms = find::terms(step, link)?;
    let Some(last) = terms.calendar.as_deref().and_then(|open| open.last()).map(|last| last.1) else {
        return Ok(None);
    };
    let now = step.now;
    if last > now.plus(AHEAD) {
        return Ok(Some(Timestamp(last.0.saturating_sub(AHEAD))));
    }
    let proposed = link.accord.ours.is_some() || link.accord.theirs.is_some();
    if proposed || find::speakable(link).is_err() {
        return Ok(None);
    }
    let Some(hours) = own_hours(step)?.filter(|hours| is_of(&terms, hours, now)) else { return Ok(None) };
    if let Some(before) = told(step, no)?.filter(|at| now < at.plus(PAUSE)) {
        return Ok(Some(before.plus(PAUSE)));
    }
    let Ok(made) = intervals(&hours, now, MONTHS) else { return Ok(None) };
    let Ok(open) = List::new(made.open) else { return Ok(None) };
    let newer = Terms { calendar: Some(open), ..Terms::clone(&terms) };
    if differences(&terms, &newer).is_empty() {
        return Ok(None);
    }
    let propose = ProposeTerms { link: no, base: terms.v.get(), terms: newer };
    match step.attempt(|step| propose.run(step)) {
        Ok(version) => {
            let words = format!(
                "The business hours of the terms end soon: version {version} with those of the next {MONTHS} months is proposed to {}.",
                link.partner_name
            );
            let event = find::event(now, EVENT, &words, Vec::new());
            step.record(&Record::Noted { no, event }, None)?;
            Ok(Some(now.plus(PAUSE)))
        }
        Err(refusal) if refusal.fault == Fault::Ours => Err(refusal),
        Err(refusal) => {
            tracing::warn!(link = %no, code = refusal.code, "a newer calendar cannot be proposed");
            Ok(Some(now.plus(AGAIN)))
        }
    }
}

/// Whether what is left of the calendar of these terms, or was its end, is what these hours say.
fn is_of(terms: &Terms, hours: &Hours, now: Timestamp) -> bool {
    let from = Timestamp(now.0.saturating_sub(AHEAD));
    let Ok(made) = intervals(hours, from, 5) else { return false };
    let Some(first) = made.open.first() else { return false };
    let known = terms.calendar.as_deref().unwrap_or_default();
    let rest: Vec<Interval> = known.iter().filter(|open| open.0 >= first.0).copied().collect();
    let Some(start) = rest.first().map(|open| open.0) else { return false };
    let said = made.open.iter().skip_while(|open| open.0 < start).take(rest.len());
    said.copied().eq(rest.iter().copied())
}

/// When this was proposed last.
fn told(step: &Step<'_>, no: LinkNo) -> Result<Option<Timestamp>, Refusal> {
    let mut last = None;
    step.rows().scan(LINK_EVENTS, &no, None, Direction::Backward, &mut |_, event| {
        if event.code.as_str() == EVENT {
            last = Some(event.at);
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(last)
}
