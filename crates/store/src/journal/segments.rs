//! The segment files of a journal: their names, their creation, and what readers and the sink know of them together.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::entry::{JournalId, Position};
use super::format::{Rewriting, SECTOR, SegmentHeader};
use super::mend::{self, Correction};
use super::thin::SegmentFile;
use crate::disk::read_fully;
use crate::error::sync_failed;
use crate::{Damage, Disk, DiskFile, Error, Result};

/// The folder of the segments.
pub(crate) const FOLDER: &str = "journal";

/// What the name of a segment ends with while it is being made.
const UNFINISHED: &str = ".new";

/// How many closed segments are kept open for reading.
const OPEN_FILES: usize = 32;

/// The name of a segment's file.
pub(crate) fn file_name(number: u64) -> String {
    format!("{FOLDER}/{number:020}.seg")
}

/// The name of a segment's file while it is being made.
pub(crate) fn unfinished_name(number: u64) -> String {
    format!("{}{UNFINISHED}", file_name(number))
}

/// What is known of the journal's files by everybody who uses them.
pub(crate) struct Log {
    disk: Arc<dyn Disk>,
    id: JournalId,
    state: RwLock<State>,
    files: Mutex<BTreeMap<u64, Arc<SegmentFile>>>,
    /// Held while a segment is corrected, or put in the place of another.
    changing: Mutex<()>,
    /// Held while a segment is rewritten.
    rewriting: Mutex<()>,
    /// Whether the names of the segments could not be made durable once: nobody knows which ones are on the disk.
    doubtful: AtomicBool,
    /// Flipped bits that were corrected and not yet told.
    corrections: Mutex<Vec<Correction>>,
}

#[derive(Debug, Clone)]
struct State {
    headers: BTreeMap<u64, SegmentHeader>,
    tail: Position,
}

/// The extent of one segment's groups at some moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) start: Position,
    /// The offset at which its committed groups end.
    pub(crate) end: u64,
}

impl Log {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        headers: BTreeMap<u64, SegmentHeader>,
        id: JournalId,
        tail: Position,
    ) -> Self {
        let state = RwLock::new(State { headers, tail });
        Self {
            disk,
            id,
            state,
            files: Mutex::default(),
            changing: Mutex::default(),
            rewriting: Mutex::default(),
            doubtful: AtomicBool::new(false),
            corrections: Mutex::default(),
        }
    }

    /// Lets one alone rewrite or drop segments.
    ///
    /// # Errors
    /// When a sync of their folder has failed: only a start finds out what is on the disk.
    pub(crate) fn rewriting(&self) -> Result<MutexGuard<'_, ()>> {
        if self.doubtful.load(Ordering::Acquire) {
            let failed =
                io::Error::other("a sync of it failed before; the next start finds out what is on the disk");
            return Err(Error::io(format!("change {FOLDER}"), failed));
        }
        Ok(self.rewriting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets one alone correct segments, or put one in the place of another.
    pub(crate) fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Corrects the group after a position. `false` if that cannot be done.
    pub(crate) fn mend(&self, file: &Arc<dyn DiskFile>, at: Position, end: u64) -> Result<bool> {
        let _one = self.change();
        let found = mend::mend(file, self.id, at, end)?;
        let mended = !found.is_empty();
        self.corrections.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
        Ok(mended)
    }

    /// Notes what was corrected elsewhere.
    pub(crate) fn note(&self, corrections: Vec<Correction>) {
        self.corrections.lock().unwrap_or_else(PoisonError::into_inner).extend(corrections);
    }

    /// What was corrected since this was asked last.
    pub(crate) fn take_corrections(&self) -> Vec<Correction> {
        std::mem::take(&mut *self.corrections.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn id(&self) -> JournalId {
        self.id
    }

    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    pub(crate) fn tail(&self) -> Position {
        self.read_state(|state| state.tail)
    }

    /// The point before the first group kept.
    pub(crate) fn start(&self) -> Position {
        self.read_state(|state| {
            state.headers.first_key_value().map_or(state.tail, |(_, header)| header.start())
        })
    }

    /// Makes groups visible that have become durable, with the segments created for them.
    pub(crate) fn publish(&self, tail: Position, created: &[SegmentHeader]) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.headers.extend(created.iter().map(|header| (header.number, *header)));
        state.tail = tail;
    }

    /// The committed extents of all segments from `first` on, and the tail, at one moment.
    pub(crate) fn extents_from(&self, first: u64) -> (Vec<Extent>, Position) {
        self.read_state(|state| {
            let numbers = state.headers.range(first..).map(|(number, _)| *number);
            (numbers.filter_map(|number| state.extent(number)).collect(), state.tail)
        })
    }

    /// Whether a segment gets no further group, because a later one has some.
    pub(crate) fn is_closed(&self, number: u64) -> bool {
        self.read_state(|state| number < state.tail.segment)
    }

    /// The committed extent of one segment.
    pub(crate) fn extent(&self, number: u64) -> Option<Extent> {
        self.read_state(|state| state.extent(number))
    }

    /// A segment's file, from the few kept open.
    pub(crate) fn file(&self, number: u64) -> Result<Arc<SegmentFile>> {
        // Locked while opening: a file that is being replaced must not get in here afterwards.
        let mut files = self.files();
        if let Some(file) = files.get(&number) {
            return Ok(file.clone());
        }
        let file = open(self.disk.as_ref(), number)?;
        if files.len() >= OPEN_FILES {
            files.pop_first();
        }
        files.insert(number, file.clone());
        Ok(file)
    }

    /// The header of a segment.
    pub(crate) fn header(&self, number: u64) -> Option<SegmentHeader> {
        self.read_state(|state| state.headers.get(&number).copied())
    }

    /// Puts a rewritten segment in the place of the one read so far, durably.
    pub(crate) fn replace(&self, header: SegmentHeader) -> io::Result<()> {
        let _one = self.change();
        let number = header.number;
        let mut files = self.files();
        files.remove(&number);
        self.disk.rename(&unfinished_name(number), &file_name(number))?;
        self.state.write().unwrap_or_else(PoisonError::into_inner).headers.insert(number, header);
        self.sync_names()
    }

    /// Makes the names of the segments durable. One that failed is never tried again: it may seem to succeed.
    fn sync_names(&self) -> io::Result<()> {
        self.disk.sync_folder(FOLDER).map_err(sync_failed).inspect_err(|_| {
            self.doubtful.store(true, Ordering::Release);
        })
    }

    /// Corrects the list of a rewritten segment where a bit of it flipped.
    pub(crate) fn correct_list(&self, number: u64) -> Result<()> {
        let _one = self.change();
        let file = open(self.disk.as_ref(), number)?;
        if let Some(correction) = file.flipped() {
            file.correct_list()
                .map_err(|error| Error::io(format!("correct {}", file_name(number)), error))?;
            self.note(vec![correction]);
        }
        Ok(())
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<SegmentFile>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_state<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn extent(&self, number: u64) -> Option<Extent> {
        let start = self.headers.get(&number)?.start();
        let end = match self.headers.get(&(number + 1)) {
            Some(next) => next.previous_end,
            None if self.tail.segment == number => self.tail.offset,
            None => SECTOR,
        };
        Some(Extent { start, end })
    }
}

/// Opens the file of a segment.
pub(crate) fn open(disk: &dyn Disk, number: u64) -> Result<Arc<SegmentFile>> {
    let name = file_name(number);
    let file = disk.open(&name).map_err(|error| Error::io(format!("open {name}"), error))?;
    SegmentFile::open(file, number).map(Arc::new)
}

/// Creates a segment with its header, under its final name and durable when this returns.
pub(crate) fn create(disk: &dyn Disk, header: &SegmentHeader, reserve: u64) -> io::Result<Arc<dyn DiskFile>> {
    let (name, unfinished) = (file_name(header.number), unfinished_name(header.number));
    let file = disk.create(&unfinished)?;
    file.allocate(reserve)?;
    file.write_at(&header.encode(), 0)?;
    file.sync_all().map_err(sync_failed)?;
    disk.rename(&unfinished, &name)?;
    disk.sync_folder(FOLDER).map_err(sync_failed)?;
    Ok(file)
}

/// Puts every byte of a rewritten segment at its address again, up to an offset where one is given, durably; so it can
/// be appended to. Returns its header.
pub(crate) fn spread(disk: &dyn Disk, header: &SegmentHeader, upto: Option<u64>) -> Result<SegmentHeader> {
    let old = open(disk, header.number)?;
    let rewritten = header.rewritten.map(|rewriting| Rewriting { list_at: 0, runs: 0, ..rewriting });
    let header = SegmentHeader { rewritten, ..*header };
    let copy = || {
        let new = disk.create(&unfinished_name(header.number))?;
        let end = upto.map_or_else(|| old.size(), Ok)?;
        super::archive::copy(old.as_ref(), new.as_ref(), end)?;
        new.write_at(&header.encode(), 0)?;
        new.sync_all().map_err(sync_failed)?;
        disk.rename(&unfinished_name(header.number), &file_name(header.number))?;
        disk.sync_folder(FOLDER).map_err(sync_failed)
    };
    copy().map_err(|error| Error::io(format!("write {} anew", file_name(header.number)), error))?;
    Ok(header)
}

/// Cuts a rewritten segment off at an address.
pub(crate) fn cut(disk: &dyn Disk, number: u64, offset: u64) -> Result<()> {
    let header = load_header(disk, number, &mut Vec::new())?;
    spread(disk, &header, Some(offset)).map(drop)
}

/// Deletes a segment, or what an interrupted [`create`] left of it, durably.
pub(crate) fn remove(disk: &dyn Disk, number: u64) -> io::Result<()> {
    delete(disk, number)?;
    disk.sync_folder(FOLDER).map_err(sync_failed)
}

fn delete(disk: &dyn Disk, number: u64) -> io::Result<()> {
    for name in [unfinished_name(number), file_name(number)] {
        match disk.remove(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The headers of all segments, in order, after deleting what interrupted creations left, and what was corrected in
/// them.
pub(crate) fn load_headers(disk: &dyn Disk) -> Result<(BTreeMap<u64, SegmentHeader>, Vec<Correction>)> {
    let (mut headers, mut corrections) = (BTreeMap::new(), Vec::new());
    for number in segment_numbers(disk)? {
        headers.insert(number, load_header(disk, number, &mut corrections)?);
    }
    check_sequence(&headers)?;
    Ok((headers, corrections))
}

/// The numbers of the segments there are, without a change to anything.
pub(crate) fn numbers(disk: &dyn Disk) -> Result<Vec<u64>> {
    let names = disk.list(FOLDER).map_err(|error| Error::io(format!("list {FOLDER}"), error))?;
    let mut numbers: Vec<u64> =
        names.iter().filter_map(|name| name.strip_suffix(".seg")?.parse().ok()).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn segment_numbers(disk: &dyn Disk) -> Result<Vec<u64>> {
    let names = disk.list(FOLDER).map_err(|error| Error::io(format!("list {FOLDER}"), error))?;
    let mut numbers = Vec::new();
    for name in names {
        if name.ends_with(UNFINISHED) {
            let name = format!("{FOLDER}/{name}");
            disk.remove(&name).map_err(|error| Error::io(format!("delete {name}"), error))?;
        } else if let Some(number) = name.strip_suffix(".seg").and_then(|number| number.parse().ok()) {
            numbers.push(number);
        }
    }
    Ok(numbers)
}

fn load_header(disk: &dyn Disk, number: u64, corrections: &mut Vec<Correction>) -> Result<SegmentHeader> {
    let file = open(disk, number)?;
    if let Some(correction) = file.flipped() {
        file.correct_list().map_err(|error| Error::io(format!("correct {}", file_name(number)), error))?;
        corrections.push(correction);
    }
    let mut sector = [0; SECTOR as usize];
    read_fully(file.as_ref(), &mut sector, 0)
        .map_err(|error| Error::io(format!("read {}", file_name(number)), error))?;
    let reason = match SegmentHeader::decode(&sector, number) {
        Ok(header) => return Ok(header),
        Err(reason) => reason,
    };
    let Some((header, correction)) = mend::find_in_segment_header(&sector, number) else {
        return Err(Damage { segment: number, offset: 0, reason }.into());
    };
    file.write_at(&header.encode(), 0)
        .and_then(|()| file.sync_data().map_err(sync_failed))
        .map_err(|error| Error::io(format!("correct {}", file_name(number)), error))?;
    corrections.push(correction);
    Ok(header)
}

/// Segments must follow one another without a gap, be of one journal and of growing groups.
fn check_sequence(headers: &BTreeMap<u64, SegmentHeader>) -> Result<()> {
    for (previous, next) in headers.values().zip(headers.values().skip(1)) {
        let damage = |segment, reason: &str| Err(Damage { segment, offset: 0, reason: reason.into() }.into());
        if next.number != previous.number + 1 {
            return damage(previous.number + 1, "the segment is missing");
        }
        if next.id != previous.id {
            return damage(next.number, "the segment belongs to another journal");
        }
        if next.last_group <= previous.last_group || next.previous_end <= SECTOR {
            return damage(next.number, "the segment does not continue the one before it");
        }
    }
    Ok(())
}
