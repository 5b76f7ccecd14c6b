//! What there is to act on: tickets, and what was handed over.

use deskwire_api_types::FieldName;

use super::ledger::{MarkNo, Who};

/// The marks in the words of a ticket or an offer.
#[derive(Clone, Default)]
pub(super) struct Words {
    /// In the title.
    pub(super) title: Vec<MarkNo>,
    /// In the description, with what stands before it.
    pub(super) description: Vec<MarkNo>,
    /// In the optional fields.
    pub(super) fields: Vec<(FieldName, MarkNo)>,
    /// Whether the contact may be handed on.
    pub(super) onward: bool,
}

impl Words {
    /// All of them.
    pub(super) fn marks(&self) -> impl Iterator<Item = MarkNo> {
        let fields = self.fields.iter().map(|(_, mark)| mark);
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
    /// Its own files: id, and the marks of name, content and of the person who attached it.
    pub(super) files: Vec<(String, [MarkNo; 3])>,
    /// The mark of its own status label.
    pub(super) label: Option<MarkNo>,
    /// The partners that have it or gave it, with the delegations.
    pub(super) shared: Vec<(Who, String)>,
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
