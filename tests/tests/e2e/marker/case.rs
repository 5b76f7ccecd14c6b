//! What there is to act on: tickets, and what was handed over.

use deskwire_api_types::{Audience, FieldName};

use super::ledger::{MarkNo, Who};

/// The marks in the words of a ticket or an offer.
#[derive(Clone, Default)]
pub(super) struct Words {
    /// In the title.
    pub(super) title: Vec<MarkNo>,
    /// In the description, with what stands before it.
    pub(super) description: Vec<MarkNo>,
    /// In the optional fields, and whether they may be handed on.
    pub(super) fields: Vec<(FieldName, MarkNo, bool)>,
}

impl Words {
    /// All of them.
    pub(super) fn marks(&self) -> impl Iterator<Item = MarkNo> {
        let fields = self.fields.iter().map(|(_, mark, _)| mark);
        self.title.iter().chain(&self.description).chain(fields).copied()
    }
}

/// A ticket, and the marks that stand on it.
#[derive(Clone, Default)]
pub(super) struct Case {
    /// Whose it is.
    pub(super) at: Who,
    /// Its number there.
    pub(super) number: String,
    /// What it says.
    pub(super) words: Words,
    /// Whether a partner handed it over.
    pub(super) foreign: bool,
    /// The case of the desk where the chain begins.
    pub(super) root: usize,
    /// Its own comments and files.
    pub(super) said: Vec<Said>,
    /// The mark of its own status label.
    pub(super) label: Option<MarkNo>,
    /// The mark of its own status code.
    pub(super) code: Option<MarkNo>,
    /// The partners that have it or gave it, with the places of the delegations.
    pub(super) shared: Vec<(Who, usize)>,
}

/// A comment or a file.
#[derive(Clone)]
pub(super) struct Said {
    /// Its id.
    pub(super) id: String,
    /// Whether it is a file.
    pub(super) file: bool,
    /// The marks of its newest words; of a file those of its name and its content.
    pub(super) marks: Vec<MarkNo>,
    /// The marks of whoever said and edited it.
    pub(super) people: Vec<MarkNo>,
    /// For whom it was, until it was taken back.
    pub(super) audiences: Vec<Audience>,
}

/// A delegation.
#[derive(Clone)]
pub(super) struct Handed {
    /// Its id.
    pub(super) id: String,
    /// Who handed it over.
    pub(super) principal: Who,
    /// To whom.
    pub(super) contractor: Who,
    /// The principal's case.
    pub(super) case: usize,
    /// What the offer says.
    pub(super) words: Words,
    /// The contractor's case, once it has accepted.
    pub(super) taken: Option<usize>,
}

impl Handed {
    /// The other of the two desks, and its case.
    pub(super) fn across(&self, from: Who) -> (Who, Option<usize>) {
        if from == self.principal { (self.contractor, self.taken) } else { (self.principal, Some(self.case)) }
    }
}
