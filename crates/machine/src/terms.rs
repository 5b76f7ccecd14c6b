//! What both sides of a link agree on, folded from the link's own messages: which terms are in force, for which message,
//! and since which message a side takes no new work (proto-spec, sections 6.3 to 6.6).
//!
//! The inviter stands in the place of the contractor: its stream is the order, and a word of the accepter stands
//! directly before the first word of the inviter that has seen it.

mod differences;

use deskwire_proto::id::Hash;
use deskwire_proto::terms::Side;
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use differences::{Difference, differences, in_words, is_calendar_renewal};

/// What a message says to the link as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Word {
    /// Proposes the terms with this version and hash.
    Propose {
        /// Version of the proposed terms.
        version: u64,
        /// Their hash.
        hash: Hash,
    },
    /// Accepts a proposal of the other side.
    Accept {
        /// Its version.
        version: u64,
        /// Its hash.
        hash: Hash,
    },
    /// Takes and gives no new work.
    Suspend {
        /// Until then, if known.
        until: Option<Timestamp>,
    },
    /// The suspension ends.
    Resume,
    /// The link ends.
    Close,
}

/// A message of one side that says something to the link and has effect as far as its reader says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Said {
    /// Its number in its author's stream.
    pub seq: u64,
    /// What its author had seen of the other stream.
    pub seen: u64,
    /// What it says.
    pub word: Word,
}

/// A message of a link, by its author and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Whose stream.
    pub author: Side,
    /// The number in it.
    pub seq: u64,
}

impl Place {
    /// Whether the author of a message knew the one in this place: it stands before it in the author's own stream, or in
    /// the other one at or below what it had seen.
    #[must_use]
    pub const fn is_known_to(&self, author: Side, seq: u64, seen: u64) -> bool {
        if same(self.author, author) { self.seq < seq } else { self.seq <= seen }
    }
}

/// Terms that came into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Agreed {
    /// Their version.
    pub version: u64,
    /// The message that proposed them.
    pub proposal: Place,
    /// The message that accepted them.
    pub accept: Place,
}

/// What the words of a link have come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Agreement {
    /// Terms that came into force after those of linking, oldest first.
    pub agreed: Vec<Agreed>,
    /// The newest proposal of the inviter and of the accepter that can still be accepted: its place and hash.
    pub standing: [Option<(Place, Hash)>; 2],
    /// Accepts without effect.
    pub superseded: Vec<Place>,
}

/// The terms of linking.
pub const FIRST: u64 = 1;

impl Agreement {
    /// The version in force as things stand.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.agreed.last().map_or(FIRST, |agreed| agreed.version)
    }

    /// The terms by which a message is checked: the highest version whose effective accept its author knew. `None` for the
    /// terms of linking. Both sides compute the same from the moment at which the message is consumed.
    #[must_use]
    pub fn for_message(&self, author: Side, seq: u64, seen: u64) -> Option<&Agreed> {
        self.agreed.iter().rev().find(|agreed| agreed.accept.is_known_to(author, seq, seen))
    }

    /// The proposal of this side that can still be accepted.
    #[must_use]
    pub const fn proposal(&self, of: Side) -> Option<(Place, Hash)> {
        self.standing[index(of)]
    }
}

/// Folds what both sides said; each list by rising number.
#[must_use]
pub fn fold(inviter: &[Said], accepter: &[Said]) -> Agreement {
    let mut agreement = Agreement::default();
    let mut newest: [Option<(Place, u64, Hash)>; 2] = [None, None];
    for (place, word) in order(inviter, accepter) {
        match word {
            Word::Propose { version, hash } => newest[index(place.author)] = Some((place, version, hash)),
            Word::Accept { version, hash } => {
                let theirs = newest[index(place.author.other())];
                let next = agreement.version() + 1;
                match theirs {
                    Some((proposal, proposed, of))
                        if (proposed, of) == (version, hash) && version == next =>
                    {
                        agreement.agreed.push(Agreed { version, proposal, accept: place });
                    }
                    Some(_) | None => agreement.superseded.push(place),
                }
            }
            Word::Suspend { .. } | Word::Resume | Word::Close => {}
        }
    }
    let next = agreement.version() + 1;
    let standing = |of: Option<(Place, u64, Hash)>| {
        of.filter(|(_, version, _)| *version == next).map(|(place, _, hash)| (place, hash))
    };
    agreement.standing = newest.map(standing);
    agreement
}

/// Whether the author of a message knew that one of the two sides takes no new work: an offer of it is not allowed.
#[must_use]
pub fn suspended(inviter: &[Said], accepter: &[Said], (author, seq, seen): (Side, u64, u64)) -> bool {
    let of = |side: Side, words: &[Said]| {
        let known = |said: &&Said| Place { author: side, seq: said.seq }.is_known_to(author, seq, seen);
        let last = words.iter().rev().filter(known).find_map(|said| match said.word {
            Word::Suspend { .. } => Some(true),
            Word::Resume => Some(false),
            Word::Propose { .. } | Word::Accept { .. } | Word::Close => None,
        });
        last.unwrap_or(false)
    };
    of(Side::Inviter, inviter) || of(Side::Accepter, accepter)
}

/// Both lists in the order of chapter 7.
fn order(inviter: &[Said], accepter: &[Said]) -> Vec<(Place, Word)> {
    let mut ordered = Vec::with_capacity(inviter.len() + accepter.len());
    let mut others = accepter.iter().peekable();
    let placed = |author: Side, said: &Said| (Place { author, seq: said.seq }, said.word);
    for said in inviter {
        while let Some(other) = others.next_if(|other| other.seq <= said.seen) {
            ordered.push(placed(Side::Accepter, other));
        }
        ordered.push(placed(Side::Inviter, said));
    }
    ordered.extend(others.map(|other| placed(Side::Accepter, other)));
    ordered
}

const fn index(side: Side) -> usize {
    match side {
        Side::Inviter => 0,
        Side::Accepter => 1,
    }
}

const fn same(one: Side, other: Side) -> bool {
    index(one) == index(other)
}

#[cfg(test)]
mod tests;
