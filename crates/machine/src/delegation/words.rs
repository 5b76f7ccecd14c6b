//! Each side's own words about the case: ticket id, status code, label. They ride beside the fold
//! (proto-spec, section 7.9).

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::open::{Answer, OpenEvent, Place};
use super::state::Role;

/// How many sets of own words that no receipt covers yet are kept; with more, the middle ones are forgotten: the first
/// ones stand if all later ones are dropped, the last one is what our people see.
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

    /// Whether own words with this place are kept.
    pub(super) fn has(&self, place: Place) -> bool {
        self.pending.iter().any(|(known, _)| *known == place)
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
        while self.pending.len() > PENDING {
            self.pending.remove(self.forgettable());
        }
    }

    /// Which of too many: one that is numbered and followed by a numbered one, for neither can be dropped any more;
    /// otherwise the last but one.
    fn forgettable(&self) -> usize {
        let followed = self.pending.windows(2).position(|pair| matches!(pair[1].0, Place::Numbered(_)));
        followed.unwrap_or_else(|| self.pending.len() - 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(ticket: u64) -> Words {
        Words { ticket: ticket.to_string(), ..Words::default() }
    }

    /// Five statuses in a row, the later ones dropped by an operator: what the partner got has to stand here as well.
    #[test]
    fn the_first_words_stand_when_all_later_ones_are_dropped() {
        let mut book = Book::default();
        for number in 1..=5 {
            book.say(Place::Waiting(number), words(number));
        }
        assert_eq!(book.visible(Role::Principal, Role::Principal), &words(5), "the newest ones are shown");
        book.number(1, 1);
        (2..=5).for_each(|local| book.drop_waiting(local));
        book.answered(Role::Principal, 1, Answer::Applied);
        assert_eq!(book.standing(Role::Principal), &words(1));
    }

    /// Many messages on their way, then one that waits and is dropped: the last one on its way is what both have.
    #[test]
    fn words_that_were_forgotten_while_they_waited_stand_with_their_number() {
        let mut book = Book::default();
        (1..=5).for_each(|number| book.say(Place::Waiting(number), words(number)));
        book.drop_waiting(5);
        for number in 1..=4 {
            book.number(number, number);
            if !book.has(Place::Numbered(number)) {
                book.say(Place::Numbered(number), words(number));
            }
        }
        (1..=4).for_each(|number| book.answered(Role::Principal, number, Answer::Applied));
        assert_eq!(book.standing(Role::Principal), &words(4));
    }

    #[test]
    fn the_last_numbered_words_stand_when_those_that_wait_are_dropped() {
        let mut book = Book::default();
        for number in 1..=5 {
            book.say(Place::Numbered(number), words(number));
        }
        book.say(Place::Waiting(6), words(6));
        book.drop_waiting(6);
        (1..=5).for_each(|seq| book.answered(Role::Principal, seq, Answer::Applied));
        assert_eq!(book.standing(Role::Principal), &words(5));
    }
}
