//! The fold: what a delegation has become after some of its events, and what one more makes of it
//! (proto-spec, sections 7.5 and 7.7).

use serde::{Deserialize, Serialize};

use super::event::{Event, Field, Fields};
use super::open::Place;
use super::state::{Role, State};
use super::table::{FOLD_RULES, Outcome, transition};

/// How many disputed waitings are remembered for display, the newest ones.
pub const DISPUTED_SHOWN: usize = 8;

/// What became of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It changed the state.
    Moved,
    /// It has its effect; the state is the same as before it.
    Kept,
    /// It came too late or too early: shown, without effect.
    Superseded,
    /// The receiver refused it: shown to its author, without effect.
    Refused,
}

impl Fate {
    /// True when the event has an effect.
    pub const fn is_effective(self) -> bool {
        match self {
            Self::Moved | Self::Kept => true,
            Self::Superseded | Self::Refused => false,
        }
    }
}

/// For each binding field the version of the offer that its value comes from; 0 before the offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Versions {
    /// Source of the deadline.
    pub deadline: u64,
    /// Source of the priority.
    pub priority: u64,
    /// Source of the price limit.
    pub price: u64,
    /// Source of the scope.
    pub scope: u64,
}

impl Versions {
    /// The version that `field` has its value from.
    pub const fn get(&self, field: Field) -> u64 {
        match field {
            Field::Deadline => self.deadline,
            Field::Priority => self.priority,
            Field::Price => self.price,
            Field::Scope => self.scope,
        }
    }

    const fn all(version: u64) -> Self {
        Self { deadline: version, priority: version, price: version, scope: version }
    }

    fn set(&mut self, fields: Fields, version: u64) {
        for field in fields.iter() {
            match field {
                Field::Deadline => self.deadline = version,
                Field::Priority => self.priority = version,
                Field::Price => self.price = version,
                Field::Scope => self.scope = version,
            }
        }
    }

    fn newest(&self) -> u64 {
        Field::ALL.into_iter().map(|field| self.get(field)).max().unwrap_or(0)
    }
}

/// A change of binding fields that the contractor has neither taken nor declined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Proposal {
    /// The version of the principal's `delegation.update`.
    pub version: u64,
    /// Its fields which no later proposal replaces.
    pub fields: Fields,
}

/// A waiting on the principal that was never answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Question {
    /// The contractor's message with which the waiting began.
    pub first: Place,
    /// The newest question of that waiting: an answer counts if it has seen this one.
    pub last: Place,
}

/// Everything that the fold remembers. Equal on both sides once every event is settled.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Memory {
    /// Where the delegation stands.
    pub state: State,
    /// The fold rules which its offer named.
    pub rules: u16,
    /// The newest version of the offer: 1, or that of the last update.
    pub version: u64,
    /// Where the values of the binding fields come from.
    pub versions: Versions,
    /// True since the acceptance: the values bind, and a change of them is a proposal.
    pub bound: bool,
    /// Open proposals, oldest first; never two for one field.
    pub proposals: Vec<Proposal>,
    /// The last waiting on the principal, while it is unanswered.
    pub question: Option<Question>,
    /// The contractor's latest `delegation.resolve` that had effect.
    pub resolution: Option<Place>,
    /// Waitings that the principal disputes, by the contractor's message that began each; the newest eight.
    pub disputed: Vec<Place>,
}

/// Why an event is superseded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    State,
    OfferChanged,
    Overtaken,
    NoQuestion,
    NoProposal(u64),
    OldVersion(u64),
}

/// What an event would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    Next(State),
    Keep,
    Superseded(Why),
    Forbidden,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            state: State::Unoffered,
            rules: FOLD_RULES,
            version: 0,
            versions: Versions::all(0),
            bound: false,
            proposals: Vec::new(),
            question: None,
            resolution: None,
            disputed: Vec::new(),
        }
    }
}

impl Memory {
    /// The highest version of which a value binds; 0 before the acceptance.
    pub fn binding_version(&self) -> u64 {
        if self.bound { self.versions.newest() } else { 0 }
    }

    /// Lets one event that was not refused have its effect, and says which it was.
    pub fn apply(&mut self, author: Role, place: Place, seen: u64, event: &Event) -> Fate {
        match self.judge(author, seen, event) {
            Judgement::Next(state) => {
                self.note(place, event, Some(state));
                self.state = state;
                Fate::Moved
            }
            Judgement::Keep => {
                self.note(place, event, None);
                Fate::Kept
            }
            Judgement::Superseded(_) => Fate::Superseded,
            Judgement::Forbidden => Fate::Refused,
        }
    }

    /// The table's cell, and behind it the conditions that look at more than the state.
    pub(super) fn judge(&self, author: Role, seen: u64, event: &Event) -> Judgement {
        let allowed = match transition(self.state, event.kind(), author) {
            Outcome::Next(state) => Judgement::Next(state),
            Outcome::Keep => Judgement::Keep,
            Outcome::Superseded => return Judgement::Superseded(Why::State),
            Outcome::Forbidden => return Judgement::Forbidden,
        };
        match self.hindrance(seen, event) {
            Some(why) => Judgement::Superseded(why),
            None => allowed,
        }
    }

    fn hindrance(&self, seen: u64, event: &Event) -> Option<Why> {
        match event {
            Event::Accept { version } => {
                let fits = (self.versions.newest()..=self.version).contains(version);
                (!fits).then_some(Why::OfferChanged)
            }
            Event::Update { version, binding: _ } => {
                (*version <= self.version).then_some(Why::OldVersion(*version))
            }
            Event::Confirm | Event::Reopen => match self.resolution {
                Some(place) if place.seen_by(seen) => None,
                Some(_) | None => Some(Why::Overtaken),
            },
            Event::Answer { needed: _ } => match self.question {
                Some(question) if question.last.seen_by(seen) => None,
                Some(_) => Some(Why::Overtaken),
                None => Some(Why::NoQuestion),
            },
            Event::ChangeTake { version } | Event::ChangeDecline { version } => {
                let open = self.proposals.iter().any(|proposal| proposal.version == *version);
                (!open).then_some(Why::NoProposal(*version))
            }
            Event::Offer { rules: _ } | Event::Decline | Event::Return | Event::Recall => None,
            Event::Status { to: _ } | Event::Resolve | Event::Ask | Event::Rate | Event::LinkClose => None,
        }
    }

    fn note(&mut self, place: Place, event: &Event, next: Option<State>) {
        match *event {
            Event::Offer { rules } => {
                self.rules = rules;
                self.version = 1;
                self.versions = Versions::all(1);
            }
            Event::Accept { version: _ } => self.bound = true,
            Event::Ask => self.note_question(place, next),
            Event::Resolve => self.resolution = Some(place),
            Event::Update { version, binding } => self.note_update(version, binding),
            Event::ChangeTake { version } => self.close_proposal(version, true),
            Event::ChangeDecline { version } => self.close_proposal(version, false),
            Event::Answer { needed: true } => self.question = None,
            Event::Answer { needed: false } => self.note_dispute(),
            Event::Decline | Event::Return | Event::Recall | Event::Confirm | Event::Reopen => {}
            Event::Status { to: _ } | Event::Rate | Event::LinkClose => {}
        }
        if next.is_some_and(State::is_terminal) {
            self.proposals.clear();
            self.question = None;
        }
    }

    fn note_question(&mut self, place: Place, next: Option<State>) {
        let first = match (next, self.question) {
            (None, Some(question)) => question.first,
            (Some(_), _) | (None, None) => place,
        };
        self.question = Some(Question { first, last: place });
    }

    fn note_dispute(&mut self) {
        if let Some(question) = self.question.take() {
            self.disputed.push(question.first);
            let surplus = self.disputed.len().saturating_sub(DISPUTED_SHOWN);
            self.disputed.drain(..surplus);
        }
    }

    fn note_update(&mut self, version: u64, binding: Fields) {
        self.version = version;
        if !self.bound {
            self.versions.set(binding, version);
            return;
        }
        for proposal in &mut self.proposals {
            proposal.fields = proposal.fields.without(binding);
        }
        self.proposals.push(Proposal { version, fields: binding });
        self.proposals.retain(|proposal| !proposal.fields.is_empty());
    }

    fn close_proposal(&mut self, version: u64, take: bool) {
        if let Some(at) = self.proposals.iter().position(|proposal| proposal.version == version) {
            let proposal = self.proposals.remove(at);
            if take {
                self.versions.set(proposal.fields, version);
            }
        }
    }
}
