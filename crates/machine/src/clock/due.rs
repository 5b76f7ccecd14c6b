//! Deadlines: moved by what the contractor waited for the principal, met or breached, and by whom (proto-spec, section 8.6).

use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::split::{Hand, Step, Stretch};
use crate::delegation::{Event, Role, State};

/// Which deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DueKind {
    /// To accept or decline the offer.
    Respond,
    /// To resolve.
    Resolve,
}

impl DueKind {
    /// The name for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Respond => "respond",
            Self::Resolve => "resolve",
        }
    }
}

/// How a deadline stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Not yet due.
    Open,
    /// Done in time, at this counted time.
    Met(Timestamp),
    /// It passed while this side had the turn.
    Breached(Role),
    /// The delegation ended before it was due.
    Void,
}

impl Verdict {
    /// The name for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Met(_) => "met",
            Self::Breached(_) => "breached",
            Self::Void => "void",
        }
    }
}

/// A deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// As the principal said it.
    pub said: Timestamp,
    /// Moved by the open time that was lost. While the clock stands it moves on with the time.
    pub at: Timestamp,
    /// The open time that was lost, ms.
    pub moved: u64,
    /// The clock stands now.
    pub stands: bool,
    /// When little of the time is left.
    pub warn: Timestamp,
    /// How it stands.
    pub verdict: Verdict,
    /// When it was done late.
    pub done: Option<Timestamp>,
}

/// A deadline that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Breach {
    /// When it was due.
    pub at: Timestamp,
    /// Which.
    pub kind: DueKind,
    /// Who had the turn.
    pub by: Role,
}

impl Due {
    /// True when a warning is due at `now` and the deadline has not passed.
    pub fn is_near(&self, now: Timestamp) -> bool {
        self.is_running() && self.warn <= now && now <= self.at
    }

    /// The next moment after `now` at which a warning is due or it has passed, if nothing is said until then.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let moments = [self.warn, self.at.plus(1)];
        moments.into_iter().filter(|moment| *moment > now && self.is_running()).min()
    }

    fn is_running(&self) -> bool {
        self.verdict == Verdict::Open && !self.stands
    }

    fn new(said: Timestamp, since: &Stretch<'_>, warn: u8) -> Self {
        let from = since.from;
        let spare = since.calendar.open(from, said) / 100 * u64::from(warn.min(100));
        let warn = since.calendar.retreat(from.min(said), said, spare);
        Self { said, at: said, moved: 0, stands: false, warn, verdict: Verdict::Open, done: None }
    }

    fn move_on(&mut self, stretch: &Stretch<'_>) {
        let lost = stretch.calendar.open(stretch.from, stretch.to);
        self.at = stretch.calendar.advance(self.at, lost);
        self.warn = stretch.calendar.advance(self.warn.max(stretch.from), lost);
        self.moved += lost;
    }

    fn breach(&mut self, kind: DueKind, by: Role, breaches: &mut Vec<Breach>) {
        self.verdict = Verdict::Breached(by);
        breaches.push(Breach { at: self.at, kind, by });
    }
}

/// Both deadlines, and all that passed.
pub(super) fn dues(
    steps: &[Step<'_>],
    stretches: &[Stretch<'_>],
    warn: u8,
) -> (Option<Due>, Option<Due>, Vec<Breach>) {
    let mut breaches = Vec::new();
    let respond = respond(steps, stretches, warn, &mut breaches);
    let resolve = resolve(steps, stretches, warn, &mut breaches);
    breaches.sort_unstable();
    (respond, resolve, breaches)
}

/// The last value that the principal said before the answer holds.
fn respond(
    steps: &[Step<'_>],
    stretches: &[Stretch<'_>],
    warn: u8,
    breaches: &mut Vec<Breach>,
) -> Option<Due> {
    let mut due: Option<Due> = None;
    for (step, stretch) in steps.iter().zip(stretches) {
        if step.fate.is_effective()
            && step.state == State::Offered
            && let Some(said) = step.timed.respond
        {
            due = Some(Due::new(said, stretch, warn));
            let due = due.as_mut()?;
            if said < stretch.from {
                due.breach(DueKind::Respond, Role::Principal, breaches);
            }
        }
        let Some(due) = due.as_mut() else { continue };
        if step.state != State::Offered && step.state != State::Unoffered {
            due.answered(step);
            return Some(*due);
        }
        if due.verdict == Verdict::Open && stretch.to > due.at {
            due.breach(DueKind::Respond, Role::Contractor, breaches);
        }
    }
    due
}

impl Due {
    /// The offer is not open any more.
    fn answered(&mut self, step: &Step<'_>) {
        let by_contractor = step.timed.author == Role::Contractor;
        match self.verdict {
            Verdict::Open if by_contractor => self.verdict = Verdict::Met(step.at),
            Verdict::Open => self.verdict = Verdict::Void,
            Verdict::Breached(_) if by_contractor => self.done = Some(step.at),
            Verdict::Breached(_) | Verdict::Met(_) | Verdict::Void => {}
        }
    }
}

/// Each stretch moves the deadline, or lets it pass, or neither. A new value that binds begins anew.
fn resolve(
    steps: &[Step<'_>],
    stretches: &[Stretch<'_>],
    warn: u8,
    breaches: &mut Vec<Breach>,
) -> Option<Due> {
    let ends = ends(steps, stretches);
    let values = Values::of(steps);
    let mut due: Option<Due> = None;
    let mut version = 0;
    for (index, (step, stretch)) in steps.iter().zip(stretches).enumerate() {
        if step.version != version {
            version = step.version;
            if let Some(said) = values.get(version) {
                due = Some(Due::new(said, stretch, warn));
                if let Some(due) = due.as_mut().filter(|due| due.at < stretch.from) {
                    due.breach(DueKind::Resolve, Role::Principal, breaches);
                }
            }
        }
        if let Some(due) = due.as_mut() {
            due.pass(step, stretch, ends[index], breaches);
            due.stands = due.verdict == Verdict::Open && stretch.hand == Hand::Waiting;
        }
    }
    due
}

impl Due {
    fn pass(&mut self, step: &Step<'_>, stretch: &Stretch<'_>, end: End, breaches: &mut Vec<Breach>) {
        if step.fate.is_effective() && step.timed.event == Event::Resolve {
            self.done = match self.verdict {
                Verdict::Breached(_) => Some(step.at),
                Verdict::Open | Verdict::Met(_) | Verdict::Void => None,
            };
        }
        if self.verdict != Verdict::Open {
            return;
        }
        match (stretch.hand, end) {
            (Hand::Waiting, _) | (Hand::Resolved, End::Reopened) => self.move_on(stretch),
            (Hand::Closed, End::Reopened) => self.move_on(stretch),
            (Hand::Resolved, End::Stands) => self.verdict = Verdict::Met(step.at),
            (Hand::Closed, End::Stands | End::TakenBack) if step.state == State::Confirmed => {
                self.verdict = Verdict::Met(step.at);
            }
            (Hand::Closed, End::Stands | End::TakenBack) => self.verdict = Verdict::Void,
            (Hand::Offered | Hand::Working | Hand::Third | Hand::Disputed, _)
            | (Hand::Resolved, End::TakenBack) => {
                if stretch.to > self.at {
                    self.breach(DueKind::Resolve, Role::Contractor, breaches);
                }
            }
        }
    }
}

/// What became of a resolution.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// It stands, or was confirmed.
    Stands,
    /// The principal reopened it: the contractor could not work meanwhile.
    Reopened,
    /// The contractor itself went on: it had not been done.
    TakenBack,
}

/// For each stretch in which the work counts as done what became of that in the end.
fn ends(steps: &[Step<'_>], stretches: &[Stretch<'_>]) -> Vec<End> {
    let is_done = |state| state == State::Resolved || state == State::Confirmed;
    let mut ends = vec![End::Stands; steps.len()];
    for index in (0..steps.len().saturating_sub(1)).rev() {
        let next = &steps[index + 1];
        ends[index] = match stretches[index].ended_by {
            _ if !is_done(steps[index].state) => End::Stands,
            _ if is_done(next.state) => ends[index + 1],
            Some(Role::Principal) => End::Reopened,
            Some(Role::Contractor) => End::TakenBack,
            None => End::Stands,
        };
    }
    ends
}

/// The values of the deadline by version of the offer, ascending.
struct Values(Vec<(u64, Timestamp)>);

impl Values {
    fn of(steps: &[Step<'_>]) -> Self {
        let said = steps.iter().filter(|step| step.fate.is_effective());
        let values = said.filter_map(|step| match step.timed.event {
            Event::Offer { rules: _ } => Some((1, step.timed.resolve?)),
            Event::Update { version, binding: _ } => Some((version, step.timed.resolve?)),
            Event::Accept { version: _ } | Event::ChangeTake { version: _ } => None,
            Event::ChangeDecline { version: _ } | Event::Answer { needed: _ } | Event::Ask => None,
            Event::Decline | Event::Return | Event::Recall | Event::Status { to: _ } => None,
            Event::Resolve | Event::Confirm | Event::Reopen | Event::Rate | Event::LinkClose => None,
        });
        Self(values.collect())
    }

    fn get(&self, version: u64) -> Option<Timestamp> {
        let at = self.0.binary_search_by_key(&version, |(version, _)| *version).ok()?;
        Some(self.0[at].1)
    }
}
