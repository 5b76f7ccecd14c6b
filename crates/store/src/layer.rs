//! Changes of rows kept in memory over rows that lie elsewhere.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use crate::{Batch, Direction, Result, VisitRow};

/// What a row costs in memory beside its bytes, roughly.
const ROW_COST: usize = 96;

/// Rows put and deleted, by key.
#[derive(Debug, Clone, Default)]
pub struct Layer {
    rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
}

impl Layer {
    /// Takes in the changes of a batch.
    pub fn apply(&mut self, batch: &Batch) {
        for (key, value) in batch.changes() {
            let cost = |value: Option<usize>| key.len() + value.unwrap_or(0) + ROW_COST;
            self.bytes += cost(value.map(<[u8]>::len));
            if let Some(before) = self.rows.insert(key.to_vec(), value.map(<[u8]>::to_vec)) {
                self.bytes = self.bytes.saturating_sub(cost(before.map(|value| value.len())));
            }
        }
    }

    /// What is known of a key here: `Some(None)` that it was deleted.
    pub fn get(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        self.rows.get(key).map(Option::as_deref)
    }

    /// All changes in the order of their keys.
    pub fn changes(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.rows.iter().map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    /// The changes of keys from a start on and before an end, if one is given.
    #[must_use]
    pub fn within(&self, start: &[u8], end: Option<&[u8]>) -> Self {
        let mut within = Self::default();
        if end.is_some_and(|end| start >= end) {
            return within;
        }
        let upper = end.map_or(Bound::Unbounded, Bound::Excluded);
        for (key, value) in self.rows.range::<[u8], _>((Bound::Included(start), upper)) {
            within.bytes += key.len() + value.as_ref().map_or(0, Vec::len) + ROW_COST;
            within.rows.insert(key.clone(), value.clone());
        }
        within
    }

    /// What it takes of memory, bytes, roughly.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Scans the rows below with the changes over them. `below` scans the rows below within the same bounds.
    ///
    /// # Errors
    /// Whatever `below` says.
    pub fn scan_over(
        &self,
        (start, end): (&[u8], Option<&[u8]>),
        direction: Direction,
        below: impl FnOnce(&mut VisitRow<'_>) -> Result<()>,
        visit: &mut VisitRow<'_>,
    ) -> Result<()> {
        if end.is_some_and(|end| start >= end) {
            return Ok(());
        }
        let upper = end.map_or(Bound::Unbounded, Bound::Excluded);
        let range = self.rows.range::<[u8], _>((Bound::Included(start), upper));
        let own = range.map(|(key, value)| (key.as_slice(), value.as_deref()));
        merge_over(own.collect(), direction, below, visit)
    }
}

/// Shows rows from below with changes over them, which are given in the order of their keys: a value, or a deletion.
/// `below` scans the rows below within the same bounds, in the direction asked for.
///
/// # Errors
/// Whatever `below` says.
pub fn merge_over(
    mut own: Vec<(&[u8], Option<&[u8]>)>,
    direction: Direction,
    below: impl FnOnce(&mut VisitRow<'_>) -> Result<()>,
    visit: &mut VisitRow<'_>,
) -> Result<()> {
    if direction == Direction::Forward {
        own.reverse();
    }
    let mut merge = Merge { own, direction, visit, ended: false };
    below(&mut |key, value| merge.below(key, value))?;
    merge.rest();
    Ok(())
}

/// Merges rows from below with changes, which lie with the next one last.
struct Merge<'a, 'v> {
    own: Vec<(&'a [u8], Option<&'a [u8]>)>,
    direction: Direction,
    visit: &'a mut VisitRow<'v>,
    ended: bool,
}

impl Merge<'_, '_> {
    fn below(&mut self, key: &[u8], value: &[u8]) -> ControlFlow<()> {
        while let Some((next, _)) = self.own.last() {
            let order = match self.direction {
                Direction::Forward => next.cmp(&key),
                Direction::Backward => key.cmp(next),
            };
            if order == Ordering::Greater {
                break;
            }
            self.own_row()?;
            if order == Ordering::Equal {
                return ControlFlow::Continue(());
            }
        }
        self.show(key, value)
    }

    fn rest(&mut self) {
        while !self.ended && !self.own.is_empty() {
            if self.own_row().is_break() {
                return;
            }
        }
    }

    fn own_row(&mut self) -> ControlFlow<()> {
        match self.own.pop() {
            Some((key, Some(value))) => self.show(key, value),
            Some((_, None)) | None => ControlFlow::Continue(()),
        }
    }

    fn show(&mut self, key: &[u8], value: &[u8]) -> ControlFlow<()> {
        let flow = (self.visit)(key, value);
        self.ended = flow.is_break();
        flow
    }
}

#[cfg(test)]
mod tests {
    //! A row hidden or shown twice here is a row that the desk shows wrongly while its disk is full.
    use super::*;

    #[test]
    fn changes_lie_over_what_is_below_in_both_directions() {
        let below =
            [(b"b".to_vec(), b"1".to_vec()), (b"d".to_vec(), b"2".to_vec()), (b"f".to_vec(), b"3".to_vec())];
        let mut layer = Layer::default();
        let mut batch = Batch::new();
        batch.put(*b"a", *b"x");
        batch.delete(*b"b");
        batch.put(*b"d", *b"y");
        batch.put(*b"g", *b"z");
        layer.apply(&batch);
        for direction in [Direction::Forward, Direction::Backward] {
            let mut found = Vec::new();
            let scan = |visit: &mut VisitRow<'_>| {
                let mut rows: Vec<_> =
                    below.iter().filter(|(key, _)| key.as_slice() < b"g".as_slice()).collect();
                if direction == Direction::Backward {
                    rows.reverse();
                }
                let _ = rows.into_iter().try_for_each(|(key, value)| visit(key, value));
                Ok(())
            };
            let mut show = |key: &[u8], value: &[u8]| {
                found.push((key[0], value[0]));
                ControlFlow::Continue(())
            };
            layer.scan_over((b"a", Some(b"g")), direction, scan, &mut show).unwrap();
            let mut wanted = vec![(b'a', b'x'), (b'd', b'y'), (b'f', b'3')];
            if direction == Direction::Backward {
                wanted.reverse();
            }
            assert_eq!(found, wanted);
        }
        assert_eq!((layer.get(b"b"), layer.get(b"c")), (Some(None), None));
    }

    /// A scan over a view that failed must neither miss a row nor copy all of them.
    #[test]
    fn within_bounds_are_the_changes_there_and_no_others() {
        let mut batch = Batch::new();
        for key in [b"a", b"b", b"c", b"d"] {
            batch.put(*key, *b"row");
        }
        batch.delete(*b"c");
        let mut layer = Layer::default();
        layer.apply(&batch);
        let keys = |start: &[u8], end: Option<&[u8]>| {
            layer
                .within(start, end)
                .changes()
                .map(|(key, value)| (key[0], value.is_some()))
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(b"b", Some(b"d")), [(b'b', true), (b'c', false)]);
        assert_eq!(keys(b"c", None), [(b'c', false), (b'd', true)]);
        assert_eq!(keys(b"c", Some(b"b")), []);
        assert_eq!(layer.within(b"a", None).bytes(), layer.bytes());
    }
}
