//! What is shown of a delegation, and what its two sides may say next.

use serde::{Deserialize, Serialize};

use super::case::Case;
use super::changes::step;
use super::event::{Event, EventKind};
use super::fold::{Fate, Memory, Proposal, Question, Versions};
use super::open::Place;
use super::state::{Role, State, Turn};
use super::table::{Outcome, transition};
use super::words::Words;

/// How sure it is what became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// An own item that has not left this desk.
    Waiting,
    /// Said; what the other side sends can still change its fate.
    Provisional,
    /// Nothing can change its fate.
    Settled,
}

/// One open event as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shown {
    /// Who said it.
    pub author: Role,
    /// Its place in the author's stream.
    pub place: Place,
    /// What was said.
    pub event: Event,
    /// What becomes of it as things stand.
    pub fate: Fate,
    /// How sure that is.
    pub certainty: Certainty,
}

/// A delegation as it is shown: the state as if everything said were taken, and beside it what is settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The visible state.
    pub state: State,
    /// Who has to act in the visible state.
    pub turn: Turn,
    /// True when the visible state rests on an event that the other side can still make void.
    pub provisional: bool,
    /// The state that nothing can change; automation and statements go by it.
    pub settled_state: State,
    /// The principal's ticket id, status code and label.
    pub principal: Words,
    /// The contractor's ticket id, status code and label.
    pub contractor: Words,
    /// The newest version of the offer: what a person who accepts now has seen.
    pub version: u64,
    /// True since the acceptance: the values of the binding fields bind.
    pub bound: bool,
    /// Where the values of the binding fields come from.
    pub versions: Versions,
    /// Changes that the contractor has not answered, oldest first.
    pub proposals: Vec<Proposal>,
    /// The last waiting on the principal, while it is unanswered.
    pub question: Option<Question>,
    /// Waitings that the principal disputes, by the message that began each; the newest eight.
    pub disputed: Vec<Place>,
    /// The open events in their order, with what becomes of each.
    pub events: Vec<Shown>,
}

impl View {
    /// The open events that are superseded as things stand.
    pub fn superseded(&self) -> impl Iterator<Item = &Shown> {
        self.events.iter().filter(|shown| shown.fate == Fate::Superseded)
    }

    /// True when such an event was said, has its effect here, and can still lose it: a recall, say, which the
    /// contractor has not answered.
    pub fn is_unsure(&self, kind: EventKind) -> bool {
        self.events.iter().any(|shown| {
            shown.event.kind() == kind && shown.fate.is_effective() && shown.certainty != Certainty::Settled
        })
    }
}

/// The view of a case of whose open events the first `prefix` are settled at this cursor.
pub(super) fn of(case: &Case, prefix: usize) -> View {
    let mut memory = case.settled().clone();
    let mut settled_state = memory.state;
    let mut events = Vec::with_capacity(case.open().len());
    for (index, open) in case.open().iter().enumerate() {
        let fate = step(&mut memory, open);
        let certainty = match open.place {
            Place::Waiting(_) => Certainty::Waiting,
            Place::Numbered(_) if index < prefix => Certainty::Settled,
            Place::Numbered(_) => Certainty::Provisional,
        };
        if certainty == Certainty::Settled {
            settled_state = memory.state;
        }
        events.push(Shown { author: open.author, place: open.place, event: open.event, fate, certainty });
    }
    let unsure = |shown: &Shown| shown.fate == Fate::Moved && shown.certainty != Certainty::Settled;
    View {
        state: memory.state,
        turn: memory.state.turn(),
        provisional: events.iter().any(unsure),
        settled_state,
        principal: case.words(Role::Principal).clone(),
        contractor: case.words(Role::Contractor).clone(),
        version: memory.version,
        bound: memory.bound,
        versions: memory.versions,
        proposals: memory.proposals,
        question: memory.question,
        disputed: memory.disputed,
        events,
    }
}

/// What `role` may say to a delegation that has become `memory`.
pub(super) fn allowed(memory: &Memory, role: Role) -> Vec<EventKind> {
    EventKind::ALL.into_iter().filter(|kind| is_allowed(memory, *kind, role)).collect()
}

fn is_allowed(memory: &Memory, kind: EventKind, role: Role) -> bool {
    match transition(memory.state, kind, role) {
        Outcome::Superseded | Outcome::Forbidden => return false,
        Outcome::Next(_) | Outcome::Keep => {}
    }
    match kind {
        EventKind::ChangeTake | EventKind::ChangeDecline => !memory.proposals.is_empty(),
        EventKind::Answer | EventKind::AnswerNotNeeded => memory.question.is_some(),
        EventKind::Confirm | EventKind::Reopen => memory.resolution.is_some(),
        EventKind::Offer | EventKind::Accept | EventKind::Decline | EventKind::Return => true,
        EventKind::Recall | EventKind::Status | EventKind::StatusInProgress => true,
        EventKind::StatusWaitingThird | EventKind::Resolve | EventKind::Update => true,
        EventKind::Ask | EventKind::Rate => true,
        // Said on the link, never on one delegation.
        EventKind::LinkClose => false,
    }
}
