//! Rows that sled does not have yet. Batches are gathered here and handed to sled together, in the background: what is
//! written and deleted again soon never gets there, what changes with each group gets there once, and the writer does
//! not wait. Nothing rests on it: after a crash the journal still has what was gathered.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use deskwire_store::{Batch, Direction, Position};

/// A layer with so many rows is handed over, or with so large a part of the room kept for the view on the disk: sled
/// writes several times what it is given.
const LAYER_ROWS: usize = 2_048;
const LAYER_SHARE: u64 = 16;
/// A layer with anything in it is handed over after so long, so that a restart has little to fold again.
const LAYER_AGE: Duration = Duration::from_millis(500);
/// Rows that a scan takes out of a layer at once: first few, then more.
const CHUNK: std::ops::RangeInclusive<usize> = 8..=256;

/// What a key was changed to: a value, or nothing.
pub(crate) type Change = Option<Vec<u8>>;

/// The gathered rows: a young layer that grows, and an old one that is on its way into sled.
pub(crate) struct Fresh {
    layers: RwLock<Layers>,
    work: Mutex<Work>,
    changed: Condvar,
    /// Bytes at which a layer is full.
    layer_bytes: u64,
}

struct Layers {
    young: Arc<Layer>,
    old: Option<Arc<Layer>>,
    /// The position that the young layer, or else the old one, reflects; `None` while nothing was gathered.
    position: Option<Position>,
}

/// Changed rows by their keys.
#[derive(Default)]
pub(crate) struct Layer(RwLock<Gathered>);

#[derive(Default)]
struct Gathered {
    rows: BTreeMap<Vec<u8>, Change>,
    bytes: u64,
}

#[derive(Default)]
struct Work {
    /// When the first batch of the young layer came.
    since: Option<Instant>,
    /// Whether the young layer is to be handed over now.
    due: bool,
    /// Whether a layer is on its way.
    busy: bool,
    /// Whether that layer waits for room on the disk.
    stuck: bool,
    /// Nothing more is to be handed over.
    stop: bool,
    /// The thread hands nothing over any more.
    ended: bool,
}

impl Fresh {
    /// Gathers for a view for which so much room is kept on the disk.
    pub(crate) fn new(room_bytes: u64) -> Self {
        let layers = RwLock::new(Layers { young: Arc::default(), old: None, position: None });
        Self {
            layers,
            work: Mutex::default(),
            changed: Condvar::new(),
            layer_bytes: room_bytes / LAYER_SHARE,
        }
    }

    /// Takes a batch in; waits while two full layers are here already. `false` when nobody hands them over any more.
    pub(crate) fn add(&self, batch: &Batch, position: &Position) -> bool {
        let mut work = self.work();
        while work.due && work.busy && !work.stuck && !work.ended {
            work = self.wait(work);
        }
        if work.ended {
            return false;
        }
        let full = {
            let mut layers = self.write();
            layers.position = Some(*position);
            layers.young.take(batch, self.layer_bytes)
        };
        work.since.get_or_insert_with(Instant::now);
        if full && !work.due {
            work.due = true;
            self.changed.notify_all();
        } else if work.since.is_some() && !work.busy {
            // The thread has to know from when on it counts.
            self.changed.notify_all();
        }
        true
    }

    /// What a key was changed to, if it was.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Change> {
        let layers = self.read();
        layers.young.get(key).or_else(|| layers.old.as_ref()?.get(key))
    }

    /// The position of the last batch taken in, if there was one.
    pub(crate) fn position(&self) -> Option<Position> {
        self.read().position
    }

    /// The rows within the bounds as they are now, the young layer first: they stay to be seen by whoever has these,
    /// wherever they move.
    pub(crate) fn cursors(&self, start: &[u8], end: Option<&[u8]>, direction: Direction) -> Vec<Cursor> {
        let layers = self.read();
        let all = std::iter::once(&layers.young).chain(layers.old.as_ref());
        all.map(|layer| Cursor::new(Arc::clone(layer), start, end, direction)).collect()
    }

    /// Waits until everything taken in so far was handed over, or cannot be now.
    pub(crate) fn drain(&self) {
        let mut work = self.work();
        while (work.busy || work.since.is_some()) && !work.stuck && !work.ended {
            work.due |= work.since.is_some();
            self.changed.notify_all();
            work = self.wait(work);
        }
    }

    /// Forgets everything. A layer on its way is waited for.
    pub(crate) fn clear(&self) {
        let mut work = self.work();
        while work.busy && !work.ended {
            work = self.wait(work);
        }
        (work.since, work.due) = (None, false);
        *self.write() = Layers { young: Arc::default(), old: None, position: None };
    }

    /// Tells the thread to end, whatever is left.
    pub(crate) fn stop(&self) {
        self.work().stop = true;
        self.changed.notify_all();
    }

    /// For the thread that hands over: waits for a layer that is due. `None` at the end.
    pub(crate) fn next(&self) -> Option<(Arc<Layer>, Position)> {
        let mut work = self.work();
        loop {
            if work.stop || work.ended {
                work.ended = true;
                self.changed.notify_all();
                return None;
            }
            let left = work.since.map(|since| LAYER_AGE.saturating_sub(since.elapsed()));
            match left {
                Some(left) if work.due || left.is_zero() => break,
                Some(left) => {
                    let waited = self.changed.wait_timeout(work, left);
                    work = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                None => work = self.wait(work),
            }
        }
        (work.since, work.due, work.busy) = (None, false, true);
        let mut layers = self.write();
        let old = std::mem::take(&mut layers.young);
        layers.old = Some(Arc::clone(&old));
        layers.position.map(|position| (old, position))
    }

    /// For that thread: there is no room for the layer now. Waits a little; whether that was the end.
    pub(crate) fn stays_stuck(&self) -> bool {
        let mut work = self.work();
        work.stuck = true;
        self.changed.notify_all();
        let waited = self.changed.wait_timeout(work, LAYER_AGE);
        waited.unwrap_or_else(PoisonError::into_inner).0.stop
    }

    /// For that thread: the layer is in sled.
    pub(crate) fn landed(&self) {
        self.write().old = None;
        let mut work = self.work();
        (work.busy, work.stuck) = (false, false);
        self.changed.notify_all();
    }

    /// For that thread: nothing can be handed over any more.
    pub(crate) fn failed(&self) {
        self.work().ended = true;
        self.changed.notify_all();
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, work: MutexGuard<'a, Work>) -> MutexGuard<'a, Work> {
        self.changed.wait(work).unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, Layers> {
        self.layers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Layers> {
        self.layers.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Layer {
    /// The changes of a batch.
    pub(crate) fn of(batch: &Batch) -> Self {
        let layer = Self::default();
        layer.take(batch, u64::MAX);
        layer
    }

    /// Its changes of keys before one.
    pub(crate) fn before(&self, end: &[u8]) -> Self {
        let gathered = self.gathered();
        let before = (Bound::Unbounded, Bound::Excluded(end));
        let rows = gathered.rows.range::<[u8], _>(before).map(|(key, change)| (key.clone(), change.clone()));
        Self(RwLock::new(Gathered { rows: rows.collect(), bytes: 0 }))
    }

    /// Takes a batch in; whether the layer is full now.
    fn take(&self, batch: &Batch, bytes: u64) -> bool {
        let mut gathered = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in batch.changes() {
            gathered.bytes += (key.len() + value.map_or(0, <[u8]>::len)) as u64;
            match gathered.rows.get_mut(key) {
                Some(row) => *row = value.map(<[u8]>::to_vec),
                None => drop(gathered.rows.insert(key.to_vec(), value.map(<[u8]>::to_vec))),
            }
        }
        gathered.rows.len() >= LAYER_ROWS || gathered.bytes >= bytes
    }

    fn get(&self, key: &[u8]) -> Option<Change> {
        self.gathered().rows.get(key).cloned()
    }

    /// Shows all rows.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&BTreeMap<Vec<u8>, Change>) -> T) -> T {
        look(&self.gathered().rows)
    }

    fn gathered(&self) -> RwLockReadGuard<'_, Gathered> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Walks through a layer. Nothing is locked while the caller looks at a row.
pub(crate) struct Cursor {
    layer: Arc<Layer>,
    from: Bound<Vec<u8>>,
    until: Bound<Vec<u8>>,
    direction: Direction,
    ahead: VecDeque<(Vec<u8>, Change)>,
    chunk: usize,
    exhausted: bool,
}

impl Cursor {
    fn new(layer: Arc<Layer>, start: &[u8], end: Option<&[u8]>, direction: Direction) -> Self {
        let from = Bound::Included(start.to_vec());
        let until = end.map_or(Bound::Unbounded, |end| Bound::Excluded(end.to_vec()));
        let chunk = *CHUNK.start();
        Self { layer, from, until, direction, ahead: VecDeque::new(), chunk, exhausted: false }
    }

    /// The key of the next row, after [`Cursor::fill`].
    pub(crate) fn first(&self) -> Option<&[u8]> {
        self.ahead.front().map(|(key, _)| key.as_slice())
    }

    /// Takes the next row.
    pub(crate) fn pop(&mut self) -> Option<(Vec<u8>, Change)> {
        self.ahead.pop_front()
    }

    /// Looks ahead, unless that was done already or nothing more comes.
    pub(crate) fn fill(&mut self) {
        if !self.ahead.is_empty() || self.exhausted {
            return;
        }
        let gathered = self.layer.gathered();
        if is_empty(&self.from, &self.until) {
            self.exhausted = true;
            return;
        }
        let rows = gathered.rows.range((self.from.clone(), self.until.clone()));
        let copy = |(key, value): (&Vec<u8>, &Change)| (key.clone(), value.clone());
        match self.direction {
            Direction::Forward => self.ahead.extend(rows.take(self.chunk).map(copy)),
            Direction::Backward => self.ahead.extend(rows.rev().take(self.chunk).map(copy)),
        }
        self.exhausted = self.ahead.len() < self.chunk;
        if let Some((last, _)) = self.ahead.back() {
            match self.direction {
                Direction::Forward => self.from = Bound::Excluded(last.clone()),
                Direction::Backward => self.until = Bound::Excluded(last.clone()),
            }
        }
        self.chunk = (self.chunk * 4).min(*CHUNK.end());
    }
}

/// Whether nothing can lie between the bounds; a map refuses to be asked for such a range.
fn is_empty(from: &Bound<Vec<u8>>, until: &Bound<Vec<u8>>) -> bool {
    match (from, until) {
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(until) | Bound::Excluded(until)) => {
            from >= until
        }
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
    }
}

#[cfg(test)]
mod tests {
    //! A row that is lost on its way between the layers is a message that nobody sees.
    use super::*;

    fn batch(changes: &[(&str, Option<&str>)]) -> Batch {
        let mut batch = Batch::new();
        for (key, value) in changes {
            match value {
                Some(value) => batch.put(*key, *value),
                None => batch.delete(*key),
            }
        }
        batch
    }

    fn position(group: u64) -> Position {
        Position { group, segment: 1, offset: 512, chain: [0; 32] }
    }

    fn keys(cursor: &mut Cursor) -> Vec<String> {
        let next = || {
            cursor.fill();
            cursor.pop()
        };
        std::iter::from_fn(next).map(|(key, _)| String::from_utf8(key).unwrap()).collect()
    }

    #[test]
    fn the_newest_change_of_a_key_is_seen_wherever_its_layer_is() {
        let fresh = Fresh::new(8 << 20);
        assert!(fresh.add(&batch(&[("a", Some("1")), ("b", Some("1"))]), &position(1)));
        let (old, at) = fresh.next().unwrap();
        assert_eq!(at.group, 1);
        assert!(fresh.add(&batch(&[("b", None), ("c", Some("2"))]), &position(2)));
        assert_eq!(fresh.get(b"a"), Some(Some(b"1".to_vec())));
        assert_eq!(fresh.get(b"b"), Some(None), "deleted in the young layer");
        let shown: Vec<_> =
            old.read(|rows| rows.iter().map(|(key, value)| (key.clone(), value.is_some())).collect());
        assert_eq!(shown, [(b"a".to_vec(), true), (b"b".to_vec(), true)]);
        let mut cursors = fresh.cursors(b"a", None, Direction::Forward);
        fresh.landed();
        assert_eq!(fresh.get(b"a"), None);
        assert_eq!(fresh.position().unwrap().group, 2);
        assert_eq!(keys(&mut cursors[0]), ["b", "c"]);
        assert_eq!(keys(&mut cursors[1]), ["a", "b"], "what has landed meanwhile is still shown");
    }

    #[test]
    fn a_cursor_shows_each_row_once_in_either_direction() {
        let fresh = Fresh::new(8 << 20);
        let rows: Vec<String> = (0..1_000).map(|n| format!("{n:04}")).collect();
        let changes: Vec<_> = rows.iter().map(|key| (key.as_str(), Some("x"))).collect();
        assert!(fresh.add(&batch(&changes), &position(1)));
        for direction in [Direction::Forward, Direction::Backward] {
            let mut expected = rows[10..990].to_vec();
            if direction == Direction::Backward {
                expected.reverse();
            }
            let mut cursor = fresh.cursors(b"0010", Some(b"0990"), direction).remove(0);
            assert_eq!(keys(&mut cursor), expected);
        }
    }

    #[test]
    fn whoever_waits_is_told_when_the_thread_has_ended() {
        let fresh = Arc::new(Fresh::new(8 << 20));
        assert!(fresh.add(&batch(&[("a", Some("1"))]), &position(1)));
        let waiting = std::thread::spawn({
            let fresh = Arc::clone(&fresh);
            move || fresh.drain()
        });
        assert!(fresh.next().is_some(), "what is waited for is due at once");
        fresh.failed();
        waiting.join().unwrap();
        assert!(!fresh.add(&batch(&[("b", Some("1"))]), &position(2)));
    }
}
