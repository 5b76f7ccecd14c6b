//! Rows and files that nobody asks for any more.

use std::ops::ControlFlow;
use std::sync::Arc;

use deskwire_proto::time::Timestamp;
use deskwire_store::table::{Committed, EXCHANGES, FILES, HELLOS, KEYED, Rows, STREAMS};
use deskwire_store::{BlobId, Direction, Result};

use super::{Custody, HORIZON};
use crate::command::file::is_wanted;
use crate::command::keep::{KEPT_FOR, Sweep};

/// Most rows that are given up at once.
const AT_ONCE: usize = 2_000;

impl Custody {
    /// Answers to calls and linking exchanges that are older than anybody repeats them; some of them at a time.
    ///
    /// # Errors
    /// Whatever the view says.
    pub fn sweepable(&self, now: Timestamp) -> Result<Sweep> {
        let rows = Committed(Arc::clone(&self.view));
        let mut sweep = Sweep::default();
        let go_on = |found: usize| match found < AT_ONCE {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        };
        rows.scan(KEYED, &(), None, Direction::Forward, &mut |key, row| {
            if now.since(row.at) > KEPT_FOR {
                sweep.keyed.push(key);
            }
            Ok(go_on(sweep.keyed.len()))
        })?;
        rows.scan(EXCHANGES, &(), None, Direction::Forward, &mut |answer, row| {
            if now.since(row.at) > KEPT_FOR {
                sweep.exchanges.push(answer);
            }
            Ok(go_on(sweep.exchanges.len()))
        })?;
        let mut old = Vec::new();
        rows.scan(HELLOS, &(), None, Direction::Forward, &mut |key, row| {
            if now.since(row.at) > HORIZON {
                old.push(key);
            }
            Ok(go_on(old.len()))
        })?;
        for (no, hello) in old {
            let stream = rows.get(STREAMS, &no)?;
            let mut open = stream.iter().flat_map(|row| row.pending.iter().chain(&row.session));
            if open.all(|session| session.hello != hello) {
                sweep.hellos.push((no, hello));
            }
        }
        Ok(sweep)
    }

    /// Stored files that belong to no ticket, or only where they were taken back, erased or not to be had. One that has just
    /// been taken in belongs to none yet: only what is found again a day later may be deleted.
    ///
    /// # Errors
    /// Whatever the disk and the view say.
    pub fn orphans(&self) -> Result<Vec<BlobId>> {
        let mut all = self.blobs.list()?;
        all.sort_unstable();
        let mut used = vec![false; all.len()];
        Committed(Arc::clone(&self.view)).scan(FILES, &(), None, Direction::Forward, &mut |_, row| {
            if !is_wanted(&row.state) {
                return Ok(ControlFlow::Continue(()));
            }
            if let Ok(at) = all.binary_search(&BlobId(*row.blob.as_bytes())) {
                used[at] = true;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(all.into_iter().zip(used).filter(|(_, used)| !used).map(|(id, _)| id).collect())
    }
}
