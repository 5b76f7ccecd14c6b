//! Each side's own words about the case: ticket id, status code, label. They ride beside the fold
//! (proto-spec, section 7.9).

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::open::{Answer, OpenEvent, Place};
use super::state::Role;

/// How many sets of own words that no receipt covers yet are kept; with more, the middle ones are forgotten.
const PENDING: usize = 3;

/// One side's words about its own ticket. A message with words replaces all three; an empty one means that it said none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Words {
    /// The side's own ticket id, as its people say it.
    pub ticket: String,
    /// The side's own status code.
    pub status: String,
    /// That status in the side's own words.
    pub label: String,
}

/// An event together with the words that its message carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The facts for the fold.
    pub event: Event,
    /// The author's words, when the message carries any.
    pub words: Option<Words>,
}

impl From<Event> for Said {
    fn from(event: Event) -> Self {
        Self { event, words: None }
    }
}

/// Both sides' words: what stands, and what we said and no receipt covers yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Book {
    principal: Words,
    contractor: Words,
    pending: Vec<(Place, Words)>,
}

impl Book {
    /// What `of` says, seen from `ours`.
    pub(super) const fn visible(&self, ours: Role, of: Role) -> &Words {
        match self.pending.as_slice() {
            [.., (_, words)] if ours as u8 == of as u8 => words,
            [..] => self.standing(of),
        }
    }

    /// What `of` says, as far as both sides have it.
    pub(super) const fn standing(&self, of: Role) -> &Words {
        match of {
            Role::Principal => &self.principal,
            Role::Contractor => &self.contractor,
        }
    }

    /// Words that the peer has certainly got (ours), or that came from it.
    pub(super) fn stand(&mut self, of: Role, words: Words) {
        match of {
            Role::Principal => self.principal = words,
            Role::Contractor => self.contractor = words,
        }
    }

    /// Own words, not covered by a receipt.
    pub(super) fn say(&mut self, place: Place, words: Words) {
        self.pending.push((place, words));
        self.sort();
    }

    pub(super) fn number(&mut self, local: u64, seq: u64) {
        for (place, _) in &mut self.pending {
            if *place == Place::Waiting(local) {
                *place = Place::Numbered(seq);
            }
        }
        self.sort();
    }

    /// What is sorted stays so once all that wait have moved.
    pub(super) fn move_waiting(&mut self, from: u64, to: u64) {
        for (place, _) in self.pending.iter_mut().filter(|(place, _)| *place == Place::Waiting(from)) {
            *place = Place::Waiting(to);
        }
    }

    pub(super) fn drop_waiting(&mut self, local: u64) {
        self.pending.retain(|(place, _)| *place != Place::Waiting(local));
    }

    pub(super) fn answered(&mut self, ours: Role, seq: u64, answer: Answer) {
        let Some(at) = self.pending.iter().position(|(place, _)| *place == Place::Numbered(seq)) else {
            return;
        };
        let (_, words) = self.pending.remove(at);
        match answer {
            Answer::Applied => self.stand(ours, words),
            Answer::Refused | Answer::Unknown => {}
        }
    }

    /// Words of a numbered event, told again in the order of its author's stream.
    pub(super) fn replay(&mut self, ours: Role, open: &OpenEvent, words: Words) {
        match open.answer {
            Answer::Applied => self.stand(open.author, words),
            Answer::Unknown if open.author == ours => self.say(open.place, words),
            Answer::Unknown | Answer::Refused => {}
        }
    }

    /// Takes over the words of items that wait.
    pub(super) fn keep_waiting(&mut self, other: &Self) {
        for (place, words) in &other.pending {
            match place {
                Place::Waiting(_) => self.say(*place, words.clone()),
                Place::Numbered(_) => {}
            }
        }
    }

    fn sort(&mut self) {
        self.pending.sort_by_key(|(place, _)| *place);
        let surplus = self.pending.len().saturating_sub(PENDING);
        self.pending.drain(..surplus);
    }
}
