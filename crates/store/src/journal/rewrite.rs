//! Rewrites a closed segment without what is not needed any more: what stays keeps its address, and the chain its hashes.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::archive::Pace;
use super::entry::{Entry, EntryRef, Position};
use super::format::{
    Check, ENTRY_HEADER, EntryHeader, EntrySlices, FRAME_HEADER, FrameHeader, MAX_SLACK, Place, TextState,
    walk_entries,
};
use super::scan::{Found, Scan, Window};
use super::segments::{Extent, Log, file_name, open, unfinished_name};
use super::thin::{MOST, SegmentFile, Thinning};
use crate::{DiskFile, Error, Result};

/// What becomes of an entry when its segment is rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It stays as it is.
    Keep,
    /// Its text is erased; the facts stay.
    Erase,
    /// Other facts take the place of its own, which are at least as long; its text is erased.
    Replace(Vec<u8>),
    /// It is given back: nothing refers to it, and folding without it gives the same rows.
    Drop,
}

/// What rewriting a segment did, or would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// Bytes of its file before.
    pub before: u64,
    /// Bytes of its file afterwards.
    pub after: u64,
    /// Entries that were given back.
    pub dropped: u64,
    /// Entries whose text was erased.
    pub erased: u64,
    /// Entries whose facts were replaced.
    pub replaced: u64,
}

/// Who decides about each entry.
pub type Judge<'a> = &'a mut dyn FnMut(EntryRef, &Entry) -> Result<Verdict>;

/// One rewriting of one segment.
pub(crate) struct Rewrite<'a> {
    pub(crate) log: &'a Log,
    pub(crate) extent: Extent,
    /// The last group of the journal that the judge knows.
    pub(crate) judged: u64,
}

impl Rewrite<'_> {
    /// Goes through the segment without writing. `None` when the pace ended it.
    pub(crate) fn plan(&self, judge: Judge<'_>, pace: Pace<'_>) -> Result<Option<Rewritten>> {
        let mut thinning = Thinning::new(None);
        let done = self.walk(&mut thinning, judge, pace)?;
        let finished = |done| Rewritten { after: thinning.bytes(), ..done };
        Ok(done.map(finished))
    }

    /// Writes the segment anew beside the old one, verifies it, and lets it take the old one's place. `None` when the
    /// pace ended it: nothing has changed.
    pub(crate) fn run(&self, judge: Judge<'_>, pace: Pace<'_>) -> Result<Option<Rewritten>> {
        let number = self.extent.start.segment;
        let result = self.make(judge, pace);
        if !matches!(result, Ok(Some(_))) {
            // The reason matters more than the file.
            let _ = self.log.disk().remove(&unfinished_name(number));
        }
        result
    }

    fn make(&self, judge: Judge<'_>, pace: Pace<'_>) -> Result<Option<Rewritten>> {
        let number = self.extent.start.segment;
        let doing = |error| Error::io(format!("rewrite {}", file_name(number)), error);
        let header = self.log.header(number).ok_or(Error::NoEntry { segment: number, offset: 0 })?;
        let file = self.log.disk().create(&unfinished_name(number)).map_err(doing)?;
        let mut thinning = Thinning::new(Some(file.clone()));
        let Some(done) = self.walk(&mut thinning, judge, pace)? else { return Ok(None) };
        let after = thinning.bytes();
        let header = thinning.finish(header, (self.extent.end, self.judged)).map_err(doing)?;
        self.verify(Arc::new(SegmentFile::open(file, number)?))?;
        self.log.replace(header).map_err(doing)?;
        Ok(Some(Rewritten { after, ..done }))
    }

    /// Goes through the groups and keeps what is to be kept.
    fn walk(&self, thinning: &mut Thinning, judge: Judge<'_>, pace: Pace<'_>) -> Result<Option<Rewritten>> {
        let (number, end) = (self.extent.start.segment, self.extent.end);
        if end > MOST {
            return Err(Error::TooLarge { what: "a segment that is rewritten", size: end, limit: MOST });
        }
        let old = open(self.log.disk().as_ref(), number)?;
        let doing = |error| Error::io(format!("rewrite {}", file_name(number)), error);
        let mut done = Rewritten { before: old.stored().map_err(doing)?, ..Rewritten::default() };
        let old: Arc<dyn DiskFile> = old;
        let scan = |at| Scan::new(Window::new(old.clone(), number, end), self.log.id(), at);
        let mut walk = scan(self.extent.start);
        while walk.at.offset < end {
            let before = walk.at;
            let (header, place) = match walk.next()? {
                Found::Group { header, place, .. } => (header, place),
                Found::Bad(_) if self.log.mend(&old, before, end)? => {
                    walk = scan(before);
                    continue;
                }
                Found::Bad(bad) => return Err(bad.damage.into()),
            };
            let frame = walk.window.get(place.at.offset, header.padded())?;
            let group = Group { header, place, before, frame };
            group.write(thinning, judge, &mut done).map_err(|failure| match failure {
                Failure::Other(error) => error,
                Failure::Disk(error) => doing(error),
            })?;
            if pace(header.padded()).is_break() {
                return Ok(None);
            }
        }
        Ok(Some(done))
    }

    /// A rewritten segment must hold the same chain before it may take the place of the old one.
    fn verify(&self, file: Arc<dyn DiskFile>) -> Result<()> {
        let (number, end) = (self.extent.start.segment, self.extent.end);
        let mut scan = Scan::new(Window::new(file, number, end), self.log.id(), self.extent.start);
        while scan.at.offset < end {
            if let Found::Bad(bad) = scan.next()? {
                return Err(bad.damage.into());
            }
        }
        let next: Option<Position> = self.log.extent(number + 1).map(|next| next.start);
        if next.is_some_and(|next| next != scan.at) {
            return Err(Place::new(self.log.id(), number, end).damage("the chain ends otherwise").into());
        }
        Ok(())
    }
}

enum Failure {
    Other(Error),
    Disk(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// A group that verifies, before it is rewritten.
struct Group<'a> {
    header: FrameHeader,
    place: Place,
    before: Position,
    frame: &'a [u8],
}

/// What stands at an address afterwards.
struct Kept<'a> {
    at: EntryRef,
    header: EntryHeader,
    facts: std::borrow::Cow<'a, [u8]>,
    text: &'a [u8],
}

impl Group<'_> {
    /// Keeps what is to be kept of the group.
    fn write(&self, thinning: &mut Thinning, judge: Judge<'_>, done: &mut Rewritten) -> Result<(), Failure> {
        let mut kept: Vec<Kept<'_>> = Vec::new();
        // Groups in which nothing but texts was erased keep their chain hash computable.
        let (mut changed, mut thinned) = (false, self.header.seal.is_some());
        let mut failure = None;
        let walked = walk_entries(self.frame, &self.header, self.place, |at, entry| {
            if failure.is_some() {
                return;
            }
            let verdict = match entry.is_dropped() {
                true => Ok(Verdict::Drop),
                false => judge(at, &entry.to_entry()),
            };
            match verdict {
                Ok(verdict) => {
                    if !entry.is_dropped() {
                        done.dropped += u64::from(verdict == Verdict::Drop);
                        thinned |= match &verdict {
                            Verdict::Drop => true,
                            Verdict::Replace(facts) => facts != entry.facts,
                            Verdict::Keep | Verdict::Erase => false,
                        };
                    }
                    let new = judged(at, entry, verdict);
                    done.replaced += u64::from(!new.header.is_dropped() && *new.facts != *entry.facts);
                    if entry.header.state == TextState::Kept && new.header.state == TextState::Erased {
                        done.erased += 1;
                    }
                    changed |= new.header != entry.header;
                    push(&mut kept, new);
                }
                Err(error) => failure = Some(error),
            }
        });
        if let Some(error) = failure.or_else(|| walked.err().map(Error::from)) {
            return Err(Failure::Other(error));
        }
        if !changed && kept.len() == self.header.entries as usize && self.header.seal.is_none() {
            let length = self.header.length as usize;
            return Ok(thinning.keep(self.place.at.offset, &self.frame[..length])?);
        }
        self.write_kept(thinning, &kept, thinned)
    }

    fn write_kept(&self, thinning: &mut Thinning, kept: &[Kept<'_>], thinned: bool) -> Result<(), Failure> {
        let mut header = FrameHeader { entries: kept.len() as u32, ..self.header };
        if thinned {
            let mut check = Check::sealing(&self.before.chain, &header);
            for entry in kept {
                check.entry(&EntrySlices { header: entry.header, facts: &entry.facts, text: entry.text });
            }
            (header.seal, header.first_of_write) = (check.seal(), header.group);
        }
        let begin = self.place.at.offset;
        thinning.keep(begin, &header.encode(self.place))?;
        for entry in kept {
            let offset = entry.at.offset;
            let place = Place { id: self.place.id, at: entry.at };
            thinning.keep(offset, &entry.header.encode(place))?;
            let facts = offset + ENTRY_HEADER as u64;
            thinning.keep(facts, &entry.facts)?;
            thinning.keep(facts + entry.facts.len() as u64, entry.text)?;
        }
        let last = self.header.length as usize - 1;
        // Where nothing but texts went, the end mark is still looked for.
        let mark: &[u8] = if thinned { &[] } else { &self.frame[last..=last] };
        Ok(thinning.keep(begin + last as u64, mark)?)
    }
}

/// How an entry looks once it is judged.
fn judged<'a>(at: EntryRef, entry: EntrySlices<'a>, verdict: Verdict) -> Kept<'a> {
    let whole = Kept { at, header: entry.header, facts: entry.facts.into(), text: entry.text };
    let erase = |kept: Kept<'a>| match kept.header.state {
        TextState::Kept | TextState::Erased => {
            let zeros = vec![0; kept.header.text as usize];
            let (state, text_checksum) = (TextState::Erased, crc32c::crc32c(&zeros));
            Kept { header: EntryHeader { state, text_checksum, ..kept.header }, text: &[], ..kept }
        }
        TextState::None | TextState::Dropped => kept,
    };
    match verdict {
        Verdict::Keep if entry.header.state == TextState::Erased => Kept { text: &[], ..whole },
        Verdict::Keep => whole,
        Verdict::Erase => erase(whole),
        Verdict::Replace(facts) if facts.len() <= entry.facts.len() => {
            let spare = (entry.facts.len() - facts.len()) as u32;
            let header = EntryHeader {
                facts: facts.len() as u32,
                facts_checksum: crc32c::crc32c(&facts),
                slack: entry.header.slack + spare,
                ..entry.header
            };
            erase(Kept { header, facts: facts.into(), ..whole })
        }
        // Longer facts have no room: nothing is better than what should be gone.
        Verdict::Replace(_) => erase(whole),
        Verdict::Drop => {
            let slack = (entry.header.extent() - ENTRY_HEADER as u64) as u32;
            let empty = crc32c::crc32c(&[]);
            let header = EntryHeader {
                facts: 0,
                text: 0,
                state: TextState::Dropped,
                facts_checksum: empty,
                text_checksum: empty,
                slack,
            };
            Kept { at, header, facts: Vec::new().into(), text: &[] }
        }
    }
}

/// Adds what stands next; neighbours that were given back are one.
fn push<'a>(kept: &mut Vec<Kept<'a>>, next: Kept<'a>) {
    if let Some(last) = kept.last_mut()
        && last.header.is_dropped()
        && next.header.is_dropped()
    {
        let slack = u64::from(last.header.slack) + next.header.extent();
        if slack <= u64::from(MAX_SLACK) {
            last.header.slack = slack as u32;
            return;
        }
    }
    kept.push(next);
}

/// Whether rewriting is worth it: a tenth of the file at least.
pub(crate) fn is_worth_it(done: &Rewritten) -> bool {
    done.erased + done.replaced > 0 || done.before.saturating_sub(done.after) >= (done.before / 10).max(1)
}

/// A pace that never ends anything.
pub(crate) fn no_pace(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

const _: () = assert!(FRAME_HEADER >= ENTRY_HEADER);
