//! Writes sealed groups: one write, one sync, and nothing half done when the disk is full.

use std::io;
use std::sync::Arc;

use super::entry::Position;
use super::format::{SECTOR, SegmentHeader};
use super::segments::{self, Log, file_name};
use super::{JournalConfig, SealedGroup};
use crate::error::is_full;
use crate::{DiskFile, Error, Sink, WriteError};

/// The writing end of a journal.
pub(crate) struct FileSink {
    log: Arc<Log>,
    config: JournalConfig,
    /// The last segment: where groups are appended.
    last: Segment,
    /// The end of what is durable.
    tail: Position,
    /// Why nothing is written any more.
    failed: Option<String>,
}

struct Segment {
    number: u64,
    file: Arc<dyn DiskFile>,
    /// Up to where room is reserved, as far as known.
    reserved: u64,
}

/// What a write has done so far, for undoing it.
#[derive(Default)]
struct Progress {
    /// Segments created.
    created: Vec<SegmentHeader>,
    /// Whether anything was written behind the tail.
    touched: bool,
}

impl FileSink {
    pub(crate) fn new(log: Arc<Log>, config: JournalConfig, file: Arc<dyn DiskFile>, tail: Position) -> Self {
        let last = Segment { number: tail.segment, file, reserved: tail.offset };
        Self { log, config, last, tail, failed: None }
    }

    /// Writes one run of groups of the same segment after another.
    fn write_runs(&mut self, groups: &[SealedGroup], progress: &mut Progress) -> Result<(), Error> {
        for run in groups.chunk_by(|one, next| one.start().segment == next.start().segment) {
            let (Some(first), Some(end)) = (run.first(), run.last().map(SealedGroup::end)) else { continue };
            if first.start().segment != self.last.number {
                self.begin_segment(first, progress)?;
            }
            let mut bytes = Vec::with_capacity(run.iter().map(SealedGroup::bytes).sum::<u64>() as usize);
            for group in run {
                group.append_to(&mut bytes, first.group());
            }
            let doing = || format!("write {}", file_name(end.segment));
            self.last.reserve(end.offset, self.config).map_err(|error| Error::io(doing(), error))?;
            progress.touched = true;
            self.last
                .file
                .write_at(&bytes, first.start().offset)
                .map_err(|error| Error::io(doing(), error))?;
            // A sync that failed must never pass for a full disk: what it covered may be gone.
            self.last
                .file
                .sync_data()
                .map_err(|source| Error::Io { doing: format!("sync {}", file_name(end.segment)), source })?;
        }
        Ok(())
    }

    /// Goes on in a new segment. The one before is durable as a whole by now.
    fn begin_segment(&mut self, first: &SealedGroup, progress: &mut Progress) -> Result<(), Error> {
        let end = first.previous();
        let header = SegmentHeader {
            id: self.log.id(),
            number: first.start().segment,
            previous_end: end.offset,
            last_group: end.group,
            chain: end.chain,
            rewritten: None,
        };
        progress.created.push(header);
        let reserved = self.config.reserve_bytes;
        let file = segments::create(self.log.disk().as_ref(), &header, reserved)
            .map_err(|error| Error::io(format!("create {}", file_name(header.number)), error))?;
        // Room that the closed segment did not use; losing the cut in a crash does no harm.
        let _ = self.last.file.set_len(end.offset);
        self.last = Segment { number: header.number, file, reserved };
        Ok(())
    }

    /// Removes everything behind the tail, durably.
    fn undo(&mut self, progress: &Progress) -> Result<(), Error> {
        for header in progress.created.iter().rev() {
            segments::remove(self.log.disk().as_ref(), header.number)
                .map_err(|error| Error::io(format!("delete {}", file_name(header.number)), error))?;
        }
        if !progress.touched && progress.created.is_empty() {
            return Ok(());
        }
        let file = segments::open(self.log.disk().as_ref(), self.tail.segment)?;
        file.set_len(self.tail.offset)
            .and_then(|()| file.sync_all())
            .map_err(|error| Error::io(format!("cut {}", file_name(self.tail.segment)), error))?;
        self.last = Segment { number: self.tail.segment, file, reserved: self.tail.offset };
        Ok(())
    }

    /// The groups must continue the tail and one another, in place, number and chain.
    fn check_order(&self, groups: &[SealedGroup]) -> Result<(), String> {
        let mut at = self.tail;
        for group in groups {
            let start = group.start();
            let in_place = (start.segment == at.segment && start.offset == at.offset)
                || (start.segment == at.segment + 1 && start.offset == SECTOR);
            if group.previous() != at || !in_place {
                return Err(format!(
                    "group {} was laid out after group {}, the journal ends with group {}",
                    group.group(),
                    group.previous().group,
                    at.group
                ));
            }
            at = group.end();
        }
        Ok(())
    }

    fn fail(&mut self, reason: String) -> WriteError {
        self.failed = Some(reason.clone());
        WriteError::Fatal(reason)
    }
}

impl Sink for FileSink {
    fn write(&mut self, groups: &[SealedGroup]) -> Result<Position, WriteError> {
        if let Some(reason) = &self.failed {
            return Err(WriteError::Fatal(format!("it failed before: {reason}")));
        }
        let Some(end) = groups.last().map(SealedGroup::end) else { return Ok(self.tail) };
        self.check_order(groups).map_err(|reason| self.fail(reason))?;
        let mut progress = Progress::default();
        match self.write_runs(groups, &mut progress) {
            Ok(()) => {
                self.tail = end;
                self.log.publish(end, &progress.created);
                Ok(end)
            }
            Err(full @ Error::Full { .. }) => match self.undo(&progress) {
                Ok(()) => Err(WriteError::Full(full.to_string())),
                Err(error) => Err(self.fail(format!("after {full}: {error}"))),
            },
            Err(error) => Err(self.fail(error.to_string())),
        }
    }
}

impl Segment {
    /// Reserves room up to `end`, and a step ahead if the disk has it.
    fn reserve(&mut self, end: u64, config: JournalConfig) -> io::Result<()> {
        if end <= self.reserved {
            return Ok(());
        }
        let ahead = end.next_multiple_of(config.reserve_bytes.max(SECTOR)).min(config.segment_bytes.max(end));
        let reserved = match self.file.allocate(ahead) {
            Err(error) if is_full(&error) && ahead > end => self.file.allocate(end).map(|()| end)?,
            result => result.map(|()| ahead)?,
        };
        self.reserved = reserved;
        Ok(())
    }
}
