//! Answers to calls, and files, that nobody asks for any more.

use std::collections::BTreeMap;

use deskwire_engine::custody::Custody;
use deskwire_proto::time::Timestamp;
use deskwire_store::{BlobId, Error};

use crate::world::{Process, World};

/// So long files belong to nothing before they are deleted, milliseconds.
const A_WHILE: u64 = 3_600_000;

/// Files that belonged to no ticket the last time, and when that was.
#[derive(Debug, Default)]
pub(crate) struct Orphans(BTreeMap<usize, (Process, u64, Vec<BlobId>)>);

impl World {
    /// Gives up what nobody asks for any more; files only if they were nobody's the last time too.
    pub(super) fn sweep(&mut self, desk: usize, custody: &Custody) -> Result<Option<&'static str>, Error> {
        let mut sweep = custody.sweepable(Timestamp(self.desks[desk].clock.at(self.now)))?;
        // Callers without an answer ask as long as it takes, whatever the clock of the desk says.
        sweep.keyed.retain(|key| !self.model.is_asked(desk, key));
        let swept = (!sweep.is_empty()).then_some("answers given up");
        if swept.is_some() {
            self.model.forgets_answers(desk, &sweep.keyed);
            self.call(desk, sweep, |_, _| {});
        }
        self.sweep_files(desk, custody)?;
        Ok(swept)
    }

    fn sweep_files(&mut self, desk: usize, custody: &Custody) -> Result<(), Error> {
        let (process, now) = (self.process(desk), self.now);
        let orphans = custody.orphans()?;
        if let Some((before, since, found)) = self.orphans.0.get(&desk)
            && *before == process
        {
            if *since + A_WHILE > now {
                return Ok(());
            }
            let twice: Vec<BlobId> = orphans.iter().filter(|id| found.contains(id)).copied().collect();
            for _ in custody.remove_orphans(&twice)? {
                self.report.count("files of nobody deleted");
            }
        }
        self.orphans.0.insert(desk, (process, now, orphans));
        Ok(())
    }
}
