//! The changes that one group makes to the view.

use crate::{Error, Result};

/// The longest value a row may have, bytes. Longer bodies belong in the journal, with a reference in the row.
pub const MAX_VALUE: usize = 4095;

/// The longest key a row may have, bytes.
pub const MAX_KEY: usize = 255;

/// The puts and deletes of one group, applied to the view at once. Of two changes of one key the later counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Batch {
    /// A batch without changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a row. Lengths are checked when the batch is applied.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.changes.push((key.into(), Some(value.into())));
    }

    /// Deletes a row; one that is not there is no error.
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) {
        self.changes.push((key.into(), None));
    }

    /// The changes in the order they were made: key, and the value or `None` for a delete.
    pub fn changes(&self) -> impl ExactSizeIterator<Item = (&[u8], Option<&[u8]>)> {
        self.changes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    /// How many changes there are.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Appends all changes of another batch.
    pub fn append(&mut self, mut other: Batch) {
        self.changes.append(&mut other.changes);
    }

    /// Checks every row against the limits of a view; each backend calls it before it changes anything.
    ///
    /// # Errors
    /// [`Error::BadRow`] for an empty or over-long key, a key that begins with the reserved byte 0, a value over
    /// [`MAX_VALUE`].
    pub fn check(&self) -> Result<()> {
        for (key, value) in self.changes() {
            check_key(key)?;
            if let Some(value) = value.filter(|v| v.len() > MAX_VALUE) {
                return Err(Error::BadRow(format!(
                    "a value of {} bytes is over the limit of {MAX_VALUE}, keep the body in the journal (key begins {})",
                    value.len(),
                    hex_prefix(key),
                )));
            }
        }
        Ok(())
    }
}

fn check_key(key: &[u8]) -> Result<()> {
    match key {
        [] => Err(Error::BadRow("a key is empty".into())),
        [0, ..] => {
            Err(Error::BadRow("a key begins with byte 0, which is reserved for the view itself".into()))
        }
        _ if key.len() > MAX_KEY => Err(Error::BadRow(format!(
            "a key of {} bytes is over the limit of {MAX_KEY} (it begins {})",
            key.len(),
            hex_prefix(key)
        ))),
        _ => Ok(()),
    }
}

fn hex_prefix(key: &[u8]) -> String {
    key.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
