//! Looks a whole journal over without a change to anything, and cuts a damaged one off where it begins to be damaged.

use std::sync::Arc;

use super::entry::{JournalId, Position};
use super::format::{FRAME_HEADER, FrameHeader, Place, SECTOR, SegmentHeader, walk_entries};
use super::mend::{self, Correction};
use super::recover::Walk;
use super::scan::{Bad, Found, Scan, Window};
use super::segments::{self, FOLDER, file_name};
use super::thin::SegmentFile;
use crate::disk::read_fully;
use crate::error::sync_failed;
use crate::{Disk, DiskFile, Error, Result};

/// What was found in a journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// Its segments, in order.
    pub segments: Vec<SegmentReport>,
    /// What is wrong, in order.
    pub problems: Vec<Problem>,
}

/// One segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentReport {
    /// Its number.
    pub number: u64,
    /// Bytes of its file.
    pub bytes: u64,
    /// Groups that can be read.
    pub groups: u64,
    /// Entries in them.
    pub entries: u64,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The segment.
    pub segment: u64,
    /// The byte at which what does not verify begins.
    pub offset: u64,
    /// The byte at which the group begins.
    pub begin: u64,
    /// The group that was expected there; 0 when that is not known.
    pub group: u64,
    /// What does not hold.
    pub reason: String,
    /// How bad it is.
    pub kind: ProblemKind,
    /// The group and the offset from which on it can be read again in this segment, if it can.
    pub readable_again: Option<(u64, u64)>,
}

/// How bad a problem is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemKind {
    /// Flipped bits, which the next start corrects.
    Bits(Vec<Correction>),
    /// The remains of a last write that was never acknowledged; the next start cuts it off.
    Torn,
    /// Damage: the desk does not start.
    Damage,
}

impl Survey {
    /// The first damage that keeps the desk from starting.
    #[must_use]
    pub fn first_damage(&self) -> Option<&Problem> {
        self.problems.iter().find(|problem| problem.kind == ProblemKind::Damage)
    }
}

/// Looks at every group of the journal on a disk.
///
/// # Errors
/// Whatever the disk says; what does not verify is no error here.
pub fn survey(disk: &dyn Disk) -> Result<Survey> {
    let numbers = segments::numbers(disk)?;
    let mut found = Survey::default();
    let mut expected: Option<Position> = None;
    for number in &numbers {
        let last = numbers.last() == Some(number);
        expected = match segments::open(disk, *number) {
            Ok(file) => look_at(&mut found, &file, *number, last, expected)?,
            Err(Error::Damaged(damage)) => {
                found.problems.push(of_segment(*number, ProblemKind::Damage, 0, damage.reason));
                found.segments.push(SegmentReport { number: *number, bytes: 0, groups: 0, entries: 0 });
                None
            }
            Err(error) => return Err(error),
        };
    }
    Ok(found)
}

/// Looks at one segment; returns where it ends, as far as that is known.
fn look_at(
    found: &mut Survey,
    segment: &Arc<SegmentFile>,
    number: u64,
    last: bool,
    expected: Option<Position>,
) -> Result<Option<Position>> {
    let doing = |error| Error::io(format!("read {}", file_name(number)), error);
    let file: &Arc<dyn DiskFile> = &(segment.clone() as Arc<dyn DiskFile>);
    let (bytes, stored) = (file.size().map_err(doing)?, segment.stored().map_err(doing)?);
    let mut sector = [0; SECTOR as usize];
    read_fully(file.as_ref(), &mut sector, 0).map_err(doing)?;
    let problem = |kind, group, reason: String| of_segment(number, kind, group, reason);
    let mut report = SegmentReport { number, bytes: stored, groups: 0, entries: 0 };
    if let Some(bit) = segment.flipped() {
        let reason = "the checksum of the list of what was kept does not hold".into();
        found.problems.push(problem(ProblemKind::Bits(vec![bit]), 0, reason));
    }
    let header = match SegmentHeader::decode(&sector, number) {
        Ok(header) => header,
        Err(reason) => match mend::find_in_segment_header(&sector, number) {
            Some((header, bit)) => {
                found.problems.push(problem(ProblemKind::Bits(vec![bit]), 0, reason));
                header
            }
            None => {
                found.problems.push(problem(ProblemKind::Damage, 0, reason));
                found.segments.push(report);
                return Ok(None);
            }
        },
    };
    if let Some(expected) = expected.filter(|expected| *expected != header.start()) {
        let reason = format!("the segment does not continue group {}", expected.group);
        found.problems.push(problem(ProblemKind::Damage, header.last_group + 1, reason));
    }
    let scan = Scan::new(Window::new(file.clone(), number, bytes), header.id, header.start());
    let end = Walker { found, file, report: &mut report, id: header.id, last }.walk(scan)?;
    found.segments.push(report);
    Ok(end)
}

/// Something that is wrong with a segment as a whole.
fn of_segment(segment: u64, kind: ProblemKind, group: u64, reason: String) -> Problem {
    Problem { segment, offset: 0, begin: 0, group, reason, kind, readable_again: None }
}

struct Walker<'a> {
    found: &'a mut Survey,
    file: &'a Arc<dyn DiskFile>,
    report: &'a mut SegmentReport,
    id: JournalId,
    last: bool,
}

impl Walker<'_> {
    fn walk(mut self, mut scan: Scan) -> Result<Option<Position>> {
        loop {
            let at = scan.at;
            match scan.next()? {
                Found::Group { header, .. } => {
                    self.report.groups += 1;
                    self.report.entries += u64::from(header.entries);
                }
                Found::Bad(bad) => {
                    if bad.header.is_none() && !bad.only_chain && scan.is_zero_from(at.offset)? {
                        return Ok(Some(at));
                    }
                    match self.judge(&mut scan, at, bad)? {
                        Some(next) => scan = next,
                        None => return Ok(None),
                    }
                }
            }
        }
    }

    /// Notes what is wrong at a place, and goes on behind it if that can be done.
    fn judge(&mut self, scan: &mut Scan, at: Position, bad: Bad) -> Result<Option<Scan>> {
        let end = scan.window.end();
        let mut problem = Problem {
            segment: at.segment,
            offset: bad.damage.offset,
            begin: at.offset,
            group: at.group + 1,
            reason: bad.damage.reason.clone(),
            kind: ProblemKind::Damage,
            readable_again: None,
        };
        let window = |end| Window::new(self.file.clone(), at.segment, end);
        if let Some((bits, frame)) = mend::find(self.file.as_ref(), self.id, at, end)? {
            let place = Place::new(self.id, at.segment, at.offset);
            let header = FrameHeader::decode(&frame[..FRAME_HEADER], place);
            problem.kind = ProblemKind::Bits(bits);
            self.found.problems.push(problem);
            let Some(header) = header else { return Ok(None) };
            self.report.groups += 1;
            self.report.entries += u64::from(header.entries);
            return Ok(Some(Scan::new(window(end), self.id, after(at, &header))));
        }
        if self.last {
            let mut walk = Walk::new(Scan::new(window(end), self.id, at));
            if let Ok(Some(_)) = walk.judge(bad) {
                problem.kind = ProblemKind::Torn;
                self.found.problems.push(problem);
                return Ok(None);
            }
        }
        let next = self.find_readable(scan, at)?;
        problem.readable_again = next.as_ref().map(|(header, offset)| (header.group, *offset));
        self.found.problems.push(problem);
        Ok(next.map(|(header, offset)| {
            self.report.groups += 1;
            self.report.entries += u64::from(header.entries);
            let before = Position { group: header.group - 1, offset, ..at };
            Scan::new(window(end), self.id, after(before, &header))
        }))
    }

    /// The next group further on whose entries verify. The chain to it is broken.
    fn find_readable(&self, scan: &mut Scan, at: Position) -> Result<Option<(FrameHeader, u64)>> {
        let mut offset = at.offset + SECTOR;
        while offset < scan.window.end() {
            if let Some(header) = scan.header_at(offset)?.filter(|header| header.group > at.group) {
                let place = Place::new(self.id, at.segment, offset);
                let frame = scan.window.get(offset, header.padded())?;
                if walk_entries(frame, &header, place, |_, _| ()).is_ok() {
                    return Ok(Some((header, offset)));
                }
            }
            offset += SECTOR;
        }
        Ok(None)
    }
}

/// The point after a group that stands at a position.
fn after(at: Position, header: &FrameHeader) -> Position {
    Position {
        group: header.group,
        segment: at.segment,
        offset: at.offset + header.padded(),
        chain: header.chain,
    }
}

/// Cuts the journal off before the first damage: what comes before stays as it is, the damaged segment and all later
/// ones are kept under other names in the folder `aside`, which must not be there yet. Returns how many files those
/// are. After a power cut in the middle it can be done again.
///
/// # Errors
/// [`Error::Full`] when the damaged segment cannot be copied, and whatever else the disk says.
pub fn cut_off(disk: &dyn Disk, damage: &Problem, aside: &str) -> Result<usize> {
    let numbers = segments::numbers(disk)?;
    let doing = |error| Error::io(format!("set the damaged part of the journal aside in {aside}"), error);
    disk.create_folder(aside).map_err(doing)?;
    let name = |number: u64| format!("{aside}/{number:020}.seg");
    // The newest first: the journal never has a gap.
    let later: Vec<u64> = numbers.into_iter().filter(|number| *number > damage.segment).rev().collect();
    for number in &later {
        disk.rename(&file_name(*number), &name(*number)).map_err(doing)?;
    }
    let sync = || {
        disk.sync_folder(aside).map_err(sync_failed)?;
        disk.sync_folder(FOLDER).map_err(sync_failed)
    };
    sync().map_err(doing)?;
    let offset = damage.begin;
    if offset < SECTOR {
        disk.rename(&file_name(damage.segment), &name(damage.segment))
            .and_then(|()| sync())
            .map_err(doing)?;
        return Ok(later.len() + 1);
    }
    let file = segments::open(disk, damage.segment)?;
    let copy = || {
        let copy = disk.create(&name(damage.segment))?;
        super::archive::copy(file.raw().as_ref(), copy.as_ref(), file.stored()?)?;
        copy.sync_all().map_err(sync_failed)?;
        disk.sync_folder(aside).map_err(sync_failed)?;
        if file.is_thinned() {
            return Ok(());
        }
        file.set_len(offset)?;
        file.sync_all().map_err(sync_failed)
    };
    copy().map_err(doing)?;
    if file.is_thinned() {
        segments::cut(disk, damage.segment, offset)?;
    }
    Ok(later.len() + 1)
}
