//! What an operation on a case changed, for timelines, events and automation.

use super::event::Event;
use super::fold::{Fate, Memory};
use super::open::{Answer, OpenEvent, Place};
use super::state::{Role, State};

/// One event whose fate became known or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// Who said it.
    pub author: Role,
    /// Its place in the author's stream.
    pub place: Place,
    /// What was said.
    pub event: Event,
    /// What became of it.
    pub fate: Fate,
    /// True when that is final. Each event is reported so exactly once.
    pub settled: bool,
}

/// What one operation changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Visible state before.
    pub from: State,
    /// Visible state after.
    pub to: State,
    /// Settled state before.
    pub settled_from: State,
    /// Settled state after.
    pub settled_to: State,
    /// Events, in their order, whose fate is new, is another than before, or is final now.
    pub events: Vec<Change>,
}

/// What was visible before an operation.
pub(super) struct Before {
    state: State,
    settled: State,
    fates: Vec<(Role, Place, Fate)>,
}

impl Before {
    pub(super) fn of(settled: &Memory, open: &[OpenEvent]) -> Self {
        let mut memory = settled.clone();
        let fates = open.iter().map(|open| (open.author, open.place, step(&mut memory, open))).collect();
        Self { fates, state: memory.state, settled: settled.state }
    }

    /// A new number alone is no change of an event.
    pub(super) fn renumber(&mut self, ours: Role, local: u64, seq: u64) {
        for (author, place, _) in &mut self.fates {
            if *author == ours && *place == Place::Waiting(local) {
                *place = Place::Numbered(seq);
            }
        }
    }

    /// Compares with what is now, where the first `prefix` open events are settled. Gives back what they make
    /// of `settled` as well.
    pub(super) fn compare(self, settled: &Memory, open: &[OpenEvent], prefix: usize) -> (Changes, Memory) {
        let mut memory = settled.clone();
        let mut after = settled.clone();
        let mut events = Vec::new();
        for (index, open) in open.iter().enumerate() {
            let OpenEvent { author, place, event, .. } = *open;
            let fate = step(&mut memory, open);
            let settled = index < prefix;
            if settled || !self.fates.contains(&(author, place, fate)) {
                events.push(Change { author, place, event, fate, settled });
            }
            if index + 1 == prefix {
                after = memory.clone();
            }
        }
        let (from, to) = (self.state, memory.state);
        let changes = Changes { from, to, settled_from: self.settled, settled_to: after.state, events };
        (changes, after)
    }
}

/// Lets one open event have its effect on `memory`.
pub(super) fn step(memory: &mut Memory, open: &OpenEvent) -> Fate {
    match open.answer {
        Answer::Unknown | Answer::Applied => memory.apply(open.author, open.place, open.seen, &open.event),
        Answer::Refused => Fate::Refused,
    }
}

/// What `events` make of `memory`.
pub(super) fn fold(mut memory: Memory, events: &[OpenEvent]) -> Memory {
    for open in events {
        step(&mut memory, open);
    }
    memory
}
