//! Rows that lie together: sled takes about as long for a row as for a page of them, so rows of tables that are
//! written in the order of their keys share one.
//!
//! A page stands under the key of its first row, and has every row up to the next page of its table. Rows move to
//! pages with higher keys alone: whoever reads forward and passes over what was read already misses none, and whoever
//! reads backward asks anew below the last row read. Its bytes are 0 and then row after row, each as one byte with
//! the length of the key, two with that of the value, key and value; or 1 and the value of its only row.

use std::collections::BTreeMap;
use std::ops::Bound;

use sled::IVec;

use crate::fresh::Change;

/// How large a page may grow, unless one row alone is larger. Each change writes the page anew.
const PAGE: usize = 1_500;
/// What a row takes beside key and value.
const FRAME: usize = 3;

const MANY: u8 = 0;
const ONE: u8 = 1;

type Row<'a> = (&'a [u8], &'a [u8]);

/// The value of a key, if there is such a row.
pub(crate) fn get(db: &sled::Db, key: &[u8]) -> sled::Result<Option<Vec<u8>>> {
    let Some((first, page)) = covering(db, key)? else { return Ok(None) };
    let rows = rows(&first, &page)?;
    Ok(rows.into_iter().find(|(other, _)| *other == key).map(|(_, value)| value.to_vec()))
}

/// The page in which a row with this key would be.
pub(crate) fn covering(db: &sled::Db, key: &[u8]) -> sled::Result<Option<(IVec, IVec)>> {
    let table = key.get(..1).unwrap_or_default();
    db.range::<&[u8], _>((Bound::Included(table), Bound::Included(key))).next_back().transpose()
}

/// The rows of the page that stands under this key.
pub(crate) fn rows<'a>(first: &'a [u8], page: &'a [u8]) -> sled::Result<Vec<Row<'a>>> {
    let broken = || sled::Error::ReportableBug("a page of rows cannot be read".into());
    match page.split_first() {
        Some((&ONE, value)) => Ok(vec![(first, value)]),
        Some((&MANY, mut rest)) => {
            let mut rows = Vec::with_capacity(24);
            while let Some((&[key, high, low], behind)) = rest.split_first_chunk::<FRAME>() {
                let (key, behind) = behind.split_at_checked(usize::from(key)).ok_or_else(broken)?;
                let value = usize::from(u16::from_be_bytes([high, low]));
                let (value, behind) = behind.split_at_checked(value).ok_or_else(broken)?;
                rows.push((key, value));
                rest = behind;
            }
            if rest.is_empty() { Ok(rows) } else { Err(broken()) }
        }
        Some(_) | None => Err(broken()),
    }
}

/// Adds the changes of rows to a batch: those of tables that are `packed` into their pages.
pub(crate) fn write(
    db: &sled::Db,
    packed: &[u8],
    changes: &BTreeMap<Vec<u8>, Change>,
    writes: &mut sled::Batch,
) -> sled::Result<()> {
    let mut changes = changes.iter().map(|(key, value)| (key.as_slice(), value.as_deref())).peekable();
    while let Some(&(key, value)) = changes.peek() {
        if !is_packed(packed, key) {
            match value {
                Some(value) => writes.insert(key, value),
                None => writes.remove(key),
            }
            changes.next();
            continue;
        }
        let page = covering(db, key)?;
        let end = following(db, page.as_ref().map_or(key, |(first, _)| first))?;
        let here = |other: &[u8]| {
            other.first() == key.first() && end.as_ref().is_none_or(|(end, _)| other < end.as_ref())
        };
        let mut run = Vec::new();
        while let Some(change) = changes.next_if(|(other, _)| here(other)) {
            run.push(change);
        }
        rewrite(page.as_ref(), &run, end.is_none(), writes)?;
    }
    Ok(())
}

/// Whether the rows of this key's table lie in pages.
pub(crate) fn is_packed(packed: &[u8], key: &[u8]) -> bool {
    key.first().is_some_and(|table| packed.contains(table))
}

/// The page behind this key in the same table.
fn following(db: &sled::Db, key: &[u8]) -> sled::Result<Option<(IVec, IVec)>> {
    let next = db.range::<&[u8], _>((Bound::Excluded(key), Bound::Unbounded)).next().transpose()?;
    Ok(next.filter(|(next, _)| next.first() == key.first()))
}

/// Lays a page out anew with the changes that fall into it. `last`: no page of the table comes behind it.
fn rewrite(
    page: Option<&(IVec, IVec)>,
    changes: &[(&[u8], Option<&[u8]>)],
    last: bool,
    writes: &mut sled::Batch,
) -> sled::Result<()> {
    let before = page.map_or_else(|| Ok(Vec::new()), |(first, page)| rows(first, page))?;
    // What is only appended fills page after page; what comes between leaves room for more of its kind.
    let appended = last && before.last().map(|(key, _)| *key) < changes.first().map(|(key, _)| *key);
    let merged = merge(&before, changes);
    let mut stays = false;
    for rows in lay_out(&merged, appended) {
        let key = rows[0].0;
        stays |= page.is_some_and(|(first, _)| first.as_ref() == key);
        writes.insert(key, encode(rows));
    }
    if let Some((first, _)) = page.filter(|_| !stays) {
        writes.remove(first.as_ref());
    }
    Ok(())
}

fn merge<'a>(before: &[Row<'a>], changes: &[(&'a [u8], Option<&'a [u8]>)]) -> Vec<Row<'a>> {
    let mut merged = Vec::with_capacity(before.len() + changes.len());
    let mut before = before.iter().copied().peekable();
    for &(key, value) in changes {
        while let Some(row) = before.next_if(|(other, _)| *other < key) {
            merged.push(row);
        }
        before.next_if(|(other, _)| *other == key);
        merged.extend(value.map(|value| (key, value)));
    }
    merged.extend(before);
    merged
}

/// Splits rows into pages, none of them empty.
fn lay_out<'r, 'a>(rows: &'r [Row<'a>], appended: bool) -> Vec<&'r [Row<'a>]> {
    let size = |(key, value): &Row<'_>| FRAME + key.len() + value.len();
    let total: usize = rows.iter().map(size).sum();
    let room = if appended { PAGE } else { total.div_ceil(total.div_ceil(PAGE).max(1)) };
    let (mut pages, mut begin, mut filled) = (Vec::new(), 0, 0);
    for (place, row) in rows.iter().enumerate() {
        let size = size(row);
        if place > begin && (filled + size > PAGE || filled >= room) {
            pages.push(&rows[begin..place]);
            (begin, filled) = (place, 0);
        }
        filled += size;
    }
    if begin < rows.len() {
        pages.push(&rows[begin..]);
    }
    pages
}

fn encode(rows: &[Row<'_>]) -> Vec<u8> {
    if let [(_, value)] = rows {
        return [&[ONE], *value].concat();
    }
    let mut bytes = Vec::with_capacity(PAGE + 1);
    bytes.push(MANY);
    for (key, value) in rows {
        // Both are within the bounds of a view: 255 bytes, and 4,095.
        bytes.push(key.len() as u8);
        bytes.extend_from_slice(&(value.len() as u16).to_be_bytes());
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value);
    }
    bytes
}

#[cfg(test)]
mod tests {
    //! A row that is lost between two pages is a message that nobody sees.
    use super::*;

    /// A small generator, so that each run is the same.
    struct Draws(u64);

    impl Draws {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % bound
        }
    }

    fn apply(db: &sled::Db, changes: &BTreeMap<Vec<u8>, Change>) {
        let mut writes = sled::Batch::default();
        write(db, b"p", changes, &mut writes).unwrap();
        db.apply_batch(writes).unwrap();
    }

    #[test]
    fn rows_in_pages_are_those_that_were_written() {
        let db = sled::Config::new().temporary(true).open().unwrap();
        let (mut draws, mut expected) = (Draws(7), BTreeMap::new());
        for round in 0..60u64 {
            let mut changes = BTreeMap::new();
            for n in 0..draws.below(80) {
                let number = if round % 2 == 0 { round * 100 + n } else { draws.below(6_000) };
                let key = [b"opq"[draws.below(3) as usize], (number >> 8) as u8, number as u8].to_vec();
                let long = if draws.below(40) == 0 { 4_095 } else { draws.below(90) };
                let value = (draws.below(4) > 0).then(|| vec![n as u8; long as usize]);
                changes.insert(key, value);
            }
            apply(&db, &changes);
            expected.extend(changes);
            expected.retain(|_, value: &mut Change| value.is_some());
        }
        let mut found = BTreeMap::new();
        for entry in db.iter() {
            let (key, value) = entry.unwrap();
            assert!(value.len() <= 4_096, "{}", value.len());
            let read = if key[0] == b'p' { rows(&key, &value).unwrap() } else { vec![(&*key, &*value)] };
            assert!(read.first().is_some_and(|(first, _)| *first == key.as_ref()), "under its first row");
            assert!(read.is_sorted());
            found.extend(read.into_iter().map(|(key, value)| (key.to_vec(), Some(value.to_vec()))));
        }
        assert_eq!(found, expected);
        for number in 0..6_100u64 {
            let key = [b'p', (number >> 8) as u8, number as u8];
            assert_eq!(get(&db, &key).unwrap(), expected.get(key.as_slice()).cloned().flatten(), "{number}");
        }
    }

    #[test]
    fn what_is_appended_fills_its_pages() {
        let db = sled::Config::new().temporary(true).open().unwrap();
        for batch in 0..50u16 {
            let rows = (0..40).map(|n| [b'p', (batch >> 3) as u8, ((batch & 7) * 32 + n.min(31)) as u8]);
            let rows: BTreeMap<_, _> = rows.map(|key| (key.to_vec(), Some(vec![1; 60]))).collect();
            apply(&db, &rows);
        }
        let rows = 50 * 32;
        assert!(db.len() <= rows * (60 + 3 + FRAME) / (PAGE - 66) + 2, "{} pages", db.len());
    }

    #[test]
    fn bytes_that_are_no_page_are_an_error() {
        for bytes in [&b""[..], &[2], &[0, 1], &[0, 1, 0, 5, b'a'], &[0, 9, 0, 0, b'a']] {
            assert!(rows(b"a", bytes).is_err(), "{bytes:?}");
        }
    }
}
