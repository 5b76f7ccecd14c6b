//! Reading long tables part by part: whoever reads one never has all of its rows, nor holds the table for that long.

use std::ops::ControlFlow;

use deskwire_store::table::{Key, Rows, Table};
use deskwire_store::{Direction, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Most rows that are read together.
pub(crate) const PAGE: usize = 1_000;

/// Visits the rows of a table whose keys begin with `prefix`, from `start` on, as [`Rows::scan`] does forward, but a page of
/// them at a time. A row that is written meanwhile may be visited or not.
///
/// # Errors
/// Whatever the view or the visitor says.
pub(crate) fn visit<P: Key, K: Key + Clone + PartialEq, R: Serialize + DeserializeOwned>(
    rows: &impl Rows,
    table: Table<K, R>,
    prefix: &P,
    start: Option<K>,
    visit: &mut dyn FnMut(K, R) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let (mut from, mut seen) = (start, None);
    loop {
        let mut page = Vec::new();
        rows.scan(table, prefix, from.as_ref(), Direction::Forward, &mut |key, row| {
            if seen.as_ref() != Some(&key) {
                page.push((key, row));
            }
            Ok(if page.len() < PAGE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        let last = page.last().filter(|_| page.len() == PAGE).map(|(key, _)| key.clone());
        for (key, row) in page {
            if visit(key, row)?.is_break() {
                return Ok(());
            }
        }
        if last.is_none() {
            return Ok(());
        }
        (from, seen) = (last.clone(), last);
    }
}

#[cfg(test)]
mod tests {
    //! A row that falls between two pages is a text that stays after its erasure.
    use std::sync::Arc;

    use deskwire_proto::id::ItemId;
    use deskwire_store::local::LinkNo;
    use deskwire_store::memory::MemoryStore;
    use deskwire_store::table::{RECOVERED_ITEMS, RETURNED_ITEMS, RowsMut, SCHEMA};

    use super::*;
    use crate::overlay::Overlay;

    fn key(link: u32, number: u64) -> (LinkNo, ItemId) {
        (LinkNo(link), ItemId::new(u128::from(number).to_be_bytes()))
    }

    #[test]
    fn every_row_of_every_page_is_visited_once_and_no_other() {
        let opened = MemoryStore::new(7).open(SCHEMA).unwrap();
        let mut rows = Overlay::new(Arc::clone(&opened.view));
        for count in [0, 1, PAGE as u64 - 1, PAGE as u64, PAGE as u64 + 1, 2 * PAGE as u64 + 7] {
            let link = u32::try_from(count).unwrap() + 10;
            (0..count).for_each(|number| rows.put(RECOVERED_ITEMS, &key(link, number), &number).unwrap());
            rows.put(RECOVERED_ITEMS, &key(link + 1, 0), &u64::MAX).unwrap();
            rows.put(RETURNED_ITEMS, &key(link, 0), &u64::MAX).unwrap();
            let seen = |start: Option<u64>, most: usize| {
                let mut seen = Vec::new();
                let start = start.map(|start| key(link, start));
                visit(&rows, RECOVERED_ITEMS, &LinkNo(link), start, &mut |_, number| {
                    seen.push(number);
                    Ok(if seen.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
                })
                .unwrap();
                seen
            };
            assert_eq!(seen(None, usize::MAX), (0..count).collect::<Vec<_>>(), "{count}");
            assert_eq!(seen(Some(count / 2), usize::MAX), (count / 2..count).collect::<Vec<_>>(), "{count}");
            let most = count.min(PAGE as u64 + 3);
            assert_eq!(seen(None, (most as usize).max(1)), (0..most).collect::<Vec<_>>(), "{count}");
        }
    }
}
