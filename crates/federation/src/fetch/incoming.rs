//! The file of one link that is being brought, and what was wrong with those before it.

use std::collections::BTreeSet;

use deskwire_proto::id::Hash;

use super::partial::Partial;

/// One file at a time; whoever fetches holds the place as well, so that two never write into one file.
#[derive(Default)]
pub(crate) struct Incoming {
    file: Option<Partial>,
    /// Files whose chunk list came wrong once; as many as were announced, at most [`MOST`].
    accused: BTreeSet<Hash>,
}

const MOST: usize = 64;

impl Incoming {
    /// The file that is being brought, if it is this one.
    pub(crate) fn take_if(&mut self, blob: Hash) -> Option<Partial> {
        self.file.take_if(|file| file.blob() == blob)
    }

    /// Puts it back.
    pub(crate) fn keep(&mut self, file: Partial) {
        self.file = Some(file);
    }

    /// Forgets the file: somebody else works on it.
    pub(super) fn clear(&mut self) {
        self.file = None;
    }

    /// Notes a wrong list; `true` if it is not the first one.
    pub(crate) fn accuse(&mut self, blob: Hash) -> bool {
        if self.accused.len() >= MOST {
            self.accused.clear();
        }
        !self.accused.insert(blob)
    }

    /// A right list came.
    pub(crate) fn forgive(&mut self, blob: Hash) {
        self.accused.remove(&blob);
    }
}
