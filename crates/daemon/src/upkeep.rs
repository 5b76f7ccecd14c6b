//! The care of the store while the desk works: one thread of low priority that makes snapshots, gives back what is not
//! needed any more, carries out erasures, reads everything over once a day at most, and tells what it finds.

mod cared;
mod compare;
mod erasing;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use deskwire_api::metrics::Meter;
use deskwire_engine::Engine;
use deskwire_engine::command::keep::{FetchAgain, TellFindings};
use deskwire_engine::custody::{Custody, Finding, GivenBack};
use deskwire_store::local::FileNo;
use deskwire_store::row::{Author, LinkState};
use deskwire_store::table::{FILES, Rows};
use deskwire_store::{BlobId, Error, SegmentInfo};
use tokio::runtime::Handle;

use crate::config::{Config, Store};
use cared::Cared;
use erasing::Erasing;

/// How often it is asked whether something is due.
const LOOK: Duration = Duration::from_secs(20);
/// Pause between two looks for partners that ask what this desk sees, and for files that gave wrong bytes.
const ANSWER: Duration = Duration::from_secs(1);

/// How long after the start, and after the end of the last time, everything is read over.
const FIRST_SCRUB: Duration = Duration::from_secs(15 * 60);
const NEXT_SCRUB: Duration = Duration::from_secs(24 * 60 * 60);

/// How long after the start, and after the end of the last time, all closed segments are looked at again for what can be
/// given back; one that has just been closed is looked at once in any case.
const FIRST_LOOK: Duration = Duration::from_secs(10 * 60);
const NEXT_LOOK: Duration = Duration::from_secs(24 * 60 * 60);

/// Bytes a second for rewriting where nothing is read over by itself.
const LEAST_RATE: u64 = 1 << 20;

/// Bytes a second that are read to compare what partners see with what this desk sees.
const COMPARE_RATE: u64 = 16 << 20;

/// How nice the thread is.
const NICE: i32 = 10;

/// The running thread. Dropped, it ends at its next few bytes.
pub(crate) struct Upkeep {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    cared: Arc<Cared>,
}

impl Upkeep {
    /// Starts it. Where no thread can be had the desk goes without, and says so.
    pub(crate) fn start(custody: Custody, engine: Engine, config: &Config, erased: PathBuf) -> Self {
        let (stop, stopped) = mpsc::channel();
        let settings: &Store = &config.store;
        let cared = Arc::new(Cared::default());
        let keeper = Keeper {
            custody,
            engine,
            runtime: Handle::current(),
            stopped,
            snapshot_after: settings.snapshot_after.0,
            rate: settings.scrub_rate.0,
            retention: settings.retention.milliseconds(),
            floor: config.files.disk_floor.0,
            cared: Arc::clone(&cared),
        };
        let erasing = Erasing::new(erased);
        let thread = thread::Builder::new().name("upkeep".into()).spawn(move || keeper.run(erasing));
        let thread =
            thread.inspect_err(|error| tracing::warn!(%error, "nothing takes care of the store")).ok();
        Self { stop: Some(stop), thread, cared }
    }

    /// What it has done so far, for the page of measures.
    pub(crate) fn meter(&self) -> Meter {
        Cared::meter(&self.cared)
    }

    /// Ends it and lets go of the store.
    pub(crate) fn stop(&mut self) {
        self.stop = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the care of the store had failed");
        }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.stop = None;
    }
}

struct Keeper {
    custody: Custody,
    engine: Engine,
    runtime: Handle,
    stopped: Receiver<()>,
    snapshot_after: u64,
    rate: u64,
    /// How long the texts of cases that are over are kept, milliseconds; for ever if nothing is said.
    retention: Option<u64>,
    /// With less room on the disk nothing is rewritten, bytes.
    floor: u64,
    cared: Arc<Cared>,
}

impl Keeper {
    fn run(self, mut erasing: Erasing) {
        // Where it is not granted the pace is slow all the same.
        let _ = rustix::process::setpriority_process(None, NICE);
        let mut scrub_at = Instant::now() + FIRST_SCRUB;
        let mut look_at = Instant::now() + FIRST_LOOK;
        let mut looked = BTreeSet::new();
        let mut orphans = Vec::new();
        let mut comparing = compare::Comparing::default();
        self.tell(self.custody.lost());
        self.tell(self.custody.corrected());
        while !self.rests(&mut comparing, &mut erasing) {
            self.tell(self.custody.corrected());
            self.snapshot();
            self.restore_reserve();
            if Instant::now() >= look_at {
                self.expire();
                looked.clear();
                look_at = Instant::now() + NEXT_LOOK;
            }
            self.give_back(&mut looked);
            if Instant::now() >= scrub_at {
                if self.rate > 0 {
                    self.scrub();
                }
                self.sweep(&mut orphans);
                scrub_at = Instant::now() + NEXT_SCRUB;
            }
        }
    }

    /// Waits until something may be due; whether that is the end. Partners that ask what this desk sees are answered
    /// meanwhile, and erasures go on: people wait there.
    fn rests(&self, comparing: &mut compare::Comparing, erasing: &mut Erasing) -> bool {
        let until = Instant::now() + LOOK;
        while Instant::now() < until {
            if self.waits(ANSWER) {
                return true;
            }
            comparing.look(&self.engine, &self.runtime, &mut self.pace(COMPARE_RATE));
            self.look_at_doubts();
            self.erase(erasing);
        }
        false
    }

    fn snapshot(&self) {
        if self.snapshot_after == 0 {
            return;
        }
        let due = self.custody.snapshot_is_due(self.snapshot_after);
        let made = due.and_then(|due| match due {
            true => self.custody.snapshot(&mut self.pace(self.rate.saturating_mul(2))),
            false => Ok(None),
        });
        match made {
            Ok(Some(made)) => {
                tracing::info!(group = made.position.group, bytes = made.bytes, "a snapshot was made");
                self.cared.snapshots.add(1);
            }
            Ok(None) => {}
            Err(Error::Damaged(damage)) => self.tell(vec![Finding::Journal(damage)]),
            Err(error) => tracing::warn!(%error, "no snapshot could be made"),
        }
    }

    /// Rewrites closed segments without what is not needed any more, those that have not been looked at.
    fn give_back(&self, looked: &mut BTreeSet<u64>) {
        let mut now = Vec::new();
        let mut which = |segment: &SegmentInfo| {
            let new = !looked.contains(&segment.number);
            if new {
                now.push(segment.number);
            }
            new
        };
        let rate = self.rate.max(LEAST_RATE);
        match self.custody.give_back(&mut which, self.floor, &mut self.pace(rate)) {
            Ok(done) => {
                self.told(done);
                looked.extend(now.into_iter().take(usize::try_from(done.looked).unwrap_or(usize::MAX)));
            }
            Err(Error::Damaged(damage)) => {
                looked.extend(now);
                self.tell(vec![Finding::Journal(damage)]);
            }
            Err(error) => {
                looked.extend(now);
                tracing::warn!(%error, "nothing could be given back of the journal");
            }
        }
    }

    fn told(&self, done: GivenBack) {
        self.cared.segments.add(done.segments);
        self.cared.given_back.add(done.bytes);
        self.cared.records.add(done.records);
        if done.segments > 0 {
            let GivenBack { segments, bytes, records, .. } = done;
            tracing::info!(segments, bytes, records, "segments of the journal were rewritten");
        }
    }

    /// Takes back the room that was given up to open the store on a full disk.
    fn restore_reserve(&self) {
        match self.custody.restore_reserve() {
            Ok(true) => tracing::info!("the disk has room again; the reserve was taken back"),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the reserve could not be taken back"),
        }
    }

    fn scrub(&self) {
        match self.custody.scrub(&mut self.pace(self.rate)) {
            Ok(done) => {
                tracing::info!(
                    segments = done.segments,
                    files = done.blobs,
                    rows = done.rows,
                    bytes = done.bytes,
                    findings = done.findings.len(),
                    "what is stored was read over"
                );
                self.cared.scrubs.add(u64::from(done.whole));
                self.cared.scrubbed.add(done.bytes);
                self.tell(done.findings);
            }
            Err(error) => tracing::warn!(%error, "what is stored could not be read over"),
        }
    }

    /// Reads over the files of which somebody has met wrong bytes: a person waits for them.
    fn look_at_doubts(&self) {
        for id in self.engine.reader().new_doubts() {
            match self.custody.look_at(&id, &mut self.pace(0)) {
                // It was the line, or is right again: the next time is a new one.
                Ok(None) => self.engine.reader().trust(&id),
                Ok(Some(found)) => self.tell(vec![found]),
                Err(error) => {
                    tracing::warn!(%error, blob = %id, "a file that gave wrong bytes could not be read over")
                }
            }
        }
    }

    /// Gives up what nobody asks for any more; files only if they were nobody's the last time too.
    fn sweep(&self, orphans: &mut Vec<BlobId>) {
        let swept = (|| -> Result<(), Box<dyn std::error::Error>> {
            loop {
                let sweep = self.custody.sweepable(self.engine.now())?;
                if sweep.is_empty() || self.waits(Duration::ZERO) {
                    break;
                }
                self.runtime.block_on(self.engine.call(sweep))?;
            }
            let now = self.custody.orphans()?;
            let twice: Vec<_> = orphans.iter().filter(|id| now.contains(id)).copied().collect();
            for id in self.custody.remove_orphans(&twice)? {
                tracing::info!(blob = %id, "a file that belongs to no ticket was deleted");
            }
            *orphans = now;
            Ok(())
        })();
        if let Err(error) = swept {
            tracing::warn!(%error, "what nobody asks for any more could not be given up");
        }
    }

    /// Tells the operator, and has damaged files fetched again.
    fn tell(&self, mut findings: Vec<Finding>) {
        if findings.is_empty() {
            return;
        }
        for finding in &mut findings {
            self.cared.findings.one(finding.code());
            if let Finding::Blob(id, files) = finding
                && let Err(error) = self.fetch_again(id, files)
            {
                tracing::warn!(%error, blob = %id, "a damaged file could not be fetched again");
                files.iter_mut().for_each(|(_, again)| *again = false);
            }
            tracing::warn!(code = finding.code(), "{}", finding.words());
        }
        if let Err(refusal) = self.runtime.block_on(self.engine.call(TellFindings(findings))) {
            tracing::warn!(code = refusal.code, "what was found could not be kept for the operator");
        }
    }

    /// Has a damaged file fetched again of those partners who can be asked for it now, and notes which those are. For
    /// the others nothing is touched: the next look asks again.
    fn fetch_again(
        &self,
        id: &BlobId,
        files: &mut [(FileNo, bool)],
    ) -> Result<(), Box<dyn std::error::Error>> {
        for (file, partner) in files.iter_mut() {
            *partner = *partner && self.can_be_asked(*file)?;
        }
        let lost: Vec<_> = files.iter().filter(|(_, again)| *again).map(|(file, _)| *file).collect();
        if lost.is_empty() {
            return Ok(());
        }
        self.custody.set_blob_aside(id)?;
        for file in lost {
            self.runtime.block_on(self.engine.call(FetchAgain(file)))?;
        }
        Ok(())
    }

    /// Whether the partner who sent a file can be asked for it: its link is active and it has an address. A partner
    /// without one brought the file itself and does not bring it again.
    fn can_be_asked(&self, file: FileNo) -> Result<bool, Box<dyn std::error::Error>> {
        let reader = self.engine.reader();
        let Some(row) = reader.rows().get(FILES, &file)? else { return Ok(false) };
        let Author::Partner(link) = row.author else { return Ok(false) };
        let partner = reader.partner(link)?;
        Ok(partner
            .is_some_and(|partner| partner.row.state == LinkState::Active && !partner.endpoints().is_empty()))
    }

    /// Waits; whether that is the end.
    fn waits(&self, time: Duration) -> bool {
        !matches!(self.stopped.recv_timeout(time), Err(RecvTimeoutError::Timeout))
    }

    /// Lets so many bytes through in a second.
    fn pace(&self, rate: u64) -> impl FnMut(u64) -> ControlFlow<()> {
        let (begin, mut bytes) = (Instant::now(), 0u64);
        move |more| {
            bytes += more;
            let due = Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64);
            let wait = if rate == 0 { Duration::ZERO } else { due.saturating_sub(begin.elapsed()) };
            // Short waits are collected.
            let wait = if wait < Duration::from_millis(20) { Duration::ZERO } else { wait };
            if self.waits(wait) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
}
