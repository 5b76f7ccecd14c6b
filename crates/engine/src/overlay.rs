//! The changes of the group being built, over the committed view; each job can be undone by itself.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use deskwire_store::table::{Key, READ_OFTEN, Rows, RowsMut, Table};
use deskwire_store::{Batch, Direction, MAX_KEY, MAX_VALUE, Result, View, VisitRow, merge_over};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What the overlay held for a key: nothing, a deletion, or a value.
type Before = Option<Option<Vec<u8>>>;

/// The committed view with changes that are not committed yet: those of the group that is being synced, and over them
/// those of the group being built.
pub struct Overlay {
    view: Arc<dyn View>,
    syncing: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// What each changed key was before the job at work: `None` if the overlay did not hold it.
    undo: Vec<(Vec<u8>, Before)>,
    /// Whether the job at work wrote a row that no view takes.
    unfit: bool,
    /// Committed rows of tables that are read again and again. Nobody else changes the view.
    known: RefCell<Known>,
}

impl Overlay {
    /// No changes yet.
    pub fn new(view: Arc<dyn View>) -> Self {
        Self {
            view,
            syncing: BTreeMap::new(),
            changes: BTreeMap::new(),
            undo: Vec::new(),
            unfit: false,
            known: RefCell::default(),
        }
    }

    /// Keeps what the job has changed.
    pub fn keep(&mut self) {
        self.unfit = false;
        self.undo.clear();
    }

    /// Takes back what the job has changed.
    pub fn undo(&mut self) {
        self.undo_to(0);
        self.unfit = false;
    }

    /// A place in the job at work, to which it can be taken back.
    pub fn mark(&self) -> usize {
        self.undo.len()
    }

    /// Takes back what the job has changed since the mark.
    pub fn undo_to(&mut self, mark: usize) {
        for (key, before) in self.undo.drain(mark..).rev() {
            match before {
                Some(value) => self.changes.insert(key, value),
                None => self.changes.remove(&key),
            };
        }
    }

    /// Checks what the job has changed against the limits of a view. What is on stable storage has to be foldable, so
    /// a row that no view takes must not get there.
    ///
    /// # Errors
    /// [`Error::BadRow`](deskwire_store::Error::BadRow).
    pub fn check(&self) -> Result<()> {
        if !self.unfit {
            return Ok(());
        }
        let mut batch = Batch::new();
        for (key, _) in &self.undo {
            if let Some(Some(value)) = self.changes.get(key)
                && (value.len() > MAX_VALUE || key.len() > MAX_KEY)
            {
                batch.put(key.clone(), value.clone());
            }
        }
        batch.check()
    }

    /// The group is sealed: its changes stay in sight while it is synced. The one before must have landed.
    pub fn seal(&mut self) {
        self.undo.clear();
        debug_assert!(self.syncing.is_empty(), "one group is synced at a time");
        self.syncing = std::mem::take(&mut self.changes);
    }

    /// Takes out the changes of the sealed group, to be applied to the view.
    pub fn land(&mut self) -> Batch {
        let mut batch = Batch::new();
        let known = self.known.get_mut();
        for (key, value) in std::mem::take(&mut self.syncing) {
            known.change(&key, value.as_deref());
            match value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            }
        }
        batch
    }

    /// Forgets everything that is not committed.
    pub fn clear(&mut self) {
        self.undo.clear();
        self.changes.clear();
        self.syncing.clear();
    }

    fn change(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.unfit |= key.len() > MAX_KEY || value.as_ref().is_some_and(|value| value.len() > MAX_VALUE);
        let before = self.changes.insert(key.clone(), value);
        self.undo.push((key, before));
    }

    /// Shows the value of a key, wherever it lies.
    fn look<T>(&self, key: &[u8], take: impl FnOnce(&[u8]) -> T) -> Result<Option<T>> {
        if let Some(value) = self.changes.get(key).or_else(|| self.syncing.get(key)) {
            return Ok(value.as_deref().map(take));
        }
        if !key.first().is_some_and(|table| READ_OFTEN.contains(table)) {
            return Ok(self.view.get(key)?.as_deref().map(take));
        }
        if let Some(value) = self.known.borrow().rows.get(key) {
            return Ok(Some(take(value)));
        }
        let Some(value) = self.view.get(key)? else { return Ok(None) };
        self.known.borrow_mut().keep(key, &value);
        Ok(Some(take(&value)))
    }
}

/// Committed rows in memory; all are forgotten when they become many.
#[derive(Default)]
struct Known {
    rows: HashMap<Vec<u8>, Vec<u8>>,
    bytes: usize,
}

/// Bytes of committed rows kept in memory.
const KNOWN_BYTES: usize = 1 << 20;
/// What a row takes beside its bytes, roughly.
const KNOWN_COST: usize = 96;

impl Known {
    fn keep(&mut self, key: &[u8], value: &[u8]) {
        let cost = key.len() + value.len() + KNOWN_COST;
        if self.bytes + cost > KNOWN_BYTES {
            (self.rows, self.bytes) = (HashMap::new(), 0);
        }
        self.bytes += cost;
        self.rows.insert(key.to_vec(), value.to_vec());
    }

    /// A change of a row is committed.
    fn change(&mut self, key: &[u8], value: Option<&[u8]>) {
        let Some(known) = self.rows.get_mut(key) else { return };
        match value {
            Some(value) => value.clone_into(known),
            None => drop(self.rows.remove(key)),
        }
    }
}

impl Rows for Overlay {
    fn raw_get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.look(key, <[u8]>::to_vec)
    }

    fn get<K: Key, R: Serialize + DeserializeOwned>(&self, table: Table<K, R>, key: &K) -> Result<Option<R>> {
        self.look(&table.key(key), |bytes| table.value(bytes))?.transpose()
    }

    fn raw_scan(
        &self,
        start: &[u8],
        end: &[u8],
        direction: Direction,
        visit: &mut VisitRow<'_>,
    ) -> Result<()> {
        if start >= end {
            return Ok(());
        }
        let within = (Bound::Included(start), Bound::Excluded(end));
        let mut own: BTreeMap<&[u8], Option<&[u8]>> = BTreeMap::new();
        for layer in [&self.syncing, &self.changes] {
            let rows = layer.range::<[u8], _>(within);
            own.extend(rows.map(|(key, value)| (key.as_slice(), value.as_deref())));
        }
        let below = |visit: &mut VisitRow<'_>| self.view.scan(start, Some(end), direction, visit);
        merge_over(own.into_iter().collect(), direction, below, visit)
    }
}

impl RowsMut for Overlay {
    fn raw_put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.change(key, Some(value));
    }

    fn raw_delete(&mut self, key: Vec<u8>) {
        self.change(key, None);
    }
}
