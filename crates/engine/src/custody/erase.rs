//! Carries out what [`Erase`](crate::command::erase::Erase) ordered: journal, files, snapshots, and what lies beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use deskwire_store::journal::Verdict;
use deskwire_store::local::FileNo;
use deskwire_store::record::{KeepRecord, Record};
use deskwire_store::table::{BLOB_FILES, Committed, ERASING, FILES, Rows, SCHEMA};
use deskwire_store::{BlobId, Direction, EntryRef, Error, Result};

use super::{Custody, Pace};
use crate::command::file::is_wanted;
use crate::query::partial_key;
use crate::sabotage::{self, Sabotage};

/// Most orders that are carried out together.
const TOGETHER: usize = 1_000;

/// How the erasures that were ordered stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erasure {
    /// It waits for the end of the segment being written: run [`EndSegment`](crate::command::erase::EndSegment) and try
    /// again.
    SegmentOpen,
    /// Everything is gone; where the view could not be made anew now, its old pages go with the next start. Record it with [`ErasureDone`](crate::command::erase::ErasureDone).
    Done(Vec<EntryRef>),
    /// The pace ended it.
    Stopped,
}

impl Custody {
    /// Carries out the erasures that are not done, if there are any: blanks the texts in every segment of the journal,
    /// removes the bytes of files that nothing else needs, makes a snapshot without them and deletes the older ones, and
    /// deletes what was set aside of damaged journals and of torn writes. After a crash or an error it is simply done
    /// again.
    ///
    /// # Errors
    /// [`Error::Full`], damage of the journal, and whatever else the disk says.
    pub fn erase_ordered(&self, pace: Pace<'_>) -> Result<Option<Erasure>> {
        let rows = Committed(Arc::clone(&self.view));
        let orders = rows.list(ERASING, &(), TOGETHER)?;
        let orders: Vec<EntryRef> = orders.into_iter().map(|(order, ())| order).collect();
        let Some(last) = orders.last().copied() else { return Ok(None) };
        let (mut entries, mut files) = (Vec::new(), Vec::new());
        for order in &orders {
            let Record::Keep(KeepRecord::Erased { entries: more, files: also, .. }) =
                Record::read(&self.journal.read(*order)?)?
            else {
                return Err(Error::BadRow("an erasure that is another record".into()));
            };
            entries.extend(more);
            files.extend(also);
        }
        let open = self.journal.tail().segment;
        if entries.iter().chain([&last]).any(|at| at.segment >= open) {
            return Ok(Some(Erasure::SegmentOpen));
        }
        if !self.blank(&entries, pace)? {
            return Ok(Some(Erasure::Stopped));
        }
        for file in files {
            self.remove_bytes(&rows, file)?;
        }
        if !self.renew_snapshots(last, pace)? {
            return Ok(Some(Erasure::Stopped));
        }
        self.archive.forget_cut()?;
        self.keeper.forget_set_aside()?;
        self.keeper.renew_view()?;
        Ok(Some(Erasure::Done(orders)))
    }

    /// Blanks the texts of entries. `false` when the pace ended it.
    fn blank(&self, entries: &[EntryRef], pace: Pace<'_>) -> Result<bool> {
        let mut by_segment: BTreeMap<u64, BTreeSet<EntryRef>> = BTreeMap::new();
        for at in entries {
            by_segment.entry(at.segment).or_default().insert(*at);
        }
        for (segment, entries) in by_segment {
            if sabotage::makes(Sabotage::ErasureForgotten) {
                break;
            }
            let mut judge = |at, entry: &_| {
                if !entries.contains(&at) {
                    return Ok(Verdict::Keep);
                }
                Ok(Record::blanked(entry)?.map_or(Verdict::Erase, Verdict::Replace))
            };
            self.archive.purge(segment, &mut judge, &mut *pace)?;
            if pace(0).is_break() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Deletes the bytes of a file, and those of it that have come so far, unless they are those of another one that is
    /// here or still to come.
    fn remove_bytes(&self, rows: &Committed, file: FileNo) -> Result<()> {
        let Some(row) = rows.get(FILES, &file)? else { return Ok(()) };
        self.blobs.discard(&partial_key(file, &row))?;
        let mut needed = false;
        let mut others = Vec::new();
        rows.scan(BLOB_FILES, &row.blob, None, Direction::Forward, &mut |(_, other), ()| {
            others.push(other);
            Ok(ControlFlow::Continue(()))
        })?;
        for other in others {
            let state = rows.get(FILES, &other)?.map(|row| row.state);
            needed |= state.is_some_and(|state| is_wanted(&state));
        }
        if !needed {
            let id = BlobId(*row.blob.as_bytes());
            self.blobs.discard(&id)?;
            self.blobs.remove(&id)?;
        }
        Ok(())
    }

    /// Makes a snapshot that has the order behind it, and deletes those that have not. `false` when the pace ended it.
    fn renew_snapshots(&self, order: EntryRef, pace: Pace<'_>) -> Result<bool> {
        if self.snapshots.groups()?.is_empty() {
            return Ok(true);
        }
        self.snapshot(&mut *pace)?;
        if pace(0).is_break() {
            return Ok(false);
        }
        for group in self.snapshots.groups()? {
            let has_it = self.snapshots.open(group, SCHEMA).is_ok_and(|snapshot| {
                let at = snapshot.position();
                (at.segment, at.offset) > (order.segment, order.offset)
            });
            if !has_it {
                self.snapshots.remove(group)?;
            }
        }
        Ok(true)
    }
}
