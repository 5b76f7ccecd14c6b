//! The look at every byte: journal, files, snapshots, and the view against a fold of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use deskwire_proto::id::Hash;
use deskwire_store::journal::Correction;
use deskwire_store::local::FileNo;
use deskwire_store::row::{Author, FileState};
use deskwire_store::table::{BLOB_FILES, Committed, FILES, Rows, SCHEMA};
use deskwire_store::{BlobId, Damage, Direction, Error, FoldView, Result, Unfit, Unusable, View};

use super::{Custody, Pace};
use crate::fold::{fold, newest};

/// Rows compared at once.
const CHUNK: usize = 500;

/// Most that is folded over a snapshot in memory to compare the view with, bytes.
const FOLDED: usize = 64 << 20;

/// Rows that differ at first sight and are looked at again; with more the view is wrong in any case.
const DOUBTFUL: usize = 10_000;

/// How often a row that differs is looked at again before it is wrong: the desk goes on working meanwhile.
const LOOKS: usize = 20;

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A flipped bit of the journal was corrected.
    Corrected(Correction),
    /// The journal is damaged.
    Journal(Damage),
    /// A file is missing or not what its hash says. The files of tickets that it belongs to, and whether each came from a
    /// partner, of whom it can be had again.
    Blob(BlobId, Vec<(FileNo, bool)>),
    /// A snapshot was damaged and has been deleted.
    Snapshot(u64, String),
    /// The journal lost what had been acknowledged: a sentence.
    Lost(String),
    /// Something could not be read: what, and what the system said. Nothing was done about it.
    Unread(String, String),
    /// So many rows of the view are not what the journal says; it is rebuilt at the next start.
    View(u64),
}

impl Finding {
    /// Its stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Corrected(_) => "journal-bit-corrected",
            Self::Journal(_) => "journal-damaged",
            Self::Blob(..) => "file-damaged",
            Self::Snapshot(..) => "snapshot-damaged",
            Self::Lost(_) => "journal-groups-lost",
            Self::Unread(..) => "stored-unreadable",
            Self::View(_) => "view-differs",
        }
    }

    /// What it means, for the operator.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Corrected(bit) => format!(
                "A flipped bit of the journal was corrected (segment {}, byte {}, bit {}). One such bit is chance, several are a failing disk or memory.",
                bit.segment, bit.offset, bit.bit
            ),
            Self::Journal(damage) => format!(
                "The journal is damaged at segment {}, offset {}: {}. Stop the desk and run `deskwire check`; do not delete older backups.",
                damage.segment, damage.offset, damage.reason
            ),
            Self::Blob(id, files) if files.iter().any(|(_, partner)| *partner) => {
                format!(
                    "The file with SHA-256 {id} is damaged or missing on this disk; it is fetched from the partner again, and what is here of it is kept until then."
                )
            }
            Self::Blob(id, _) => format!(
                "The file with SHA-256 {id} is damaged or missing on this disk, and there is no partner of whom it can be had now (none sent it, or the link is not active, or the partner has no address): bring it back from a backup, or attach it again. Nothing of it was deleted."
            ),
            Self::Snapshot(group, reason) => {
                format!("The snapshot of group {group} was damaged ({reason}) and deleted; another is made.")
            }
            Self::Lost(words) => words.clone(),
            Self::Unread(what, reason) => format!(
                "Reading {what} failed ({reason}); nothing was changed. If this comes again, look at the disk and at the limits of the process, and keep older backups."
            ),
            Self::View(rows) => {
                format!(
                    "{rows} rows of the view were not what the journal says; the view is rebuilt at the next start."
                )
            }
        }
    }
}

/// What a scrub did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Segments of the journal that were read.
    pub segments: u64,
    /// Files that were read.
    pub blobs: u64,
    /// Rows of the view that were compared.
    pub rows: u64,
    /// Bytes read.
    pub bytes: u64,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Whether it came to its end.
    pub whole: bool,
}

impl Custody {
    /// Reads everything that is stored, at the pace of the caller, and says what is not as it was written.
    ///
    /// # Errors
    /// [`Error::Closed`]. What cannot be read is a finding, and the rest is looked at all the same.
    pub fn scrub(&self, pace: Pace<'_>) -> Result<Scrubbed> {
        let mut done = Scrubbed::default();
        let mut stopped = false;
        {
            let mut counted = |bytes: u64| {
                done.bytes += bytes;
                let flow = pace(bytes);
                stopped |= flow.is_break();
                flow
            };
            let findings = &mut done.findings;
            let read = self.scrub_journal(findings, &mut counted);
            done.segments = or_tell(read, "the journal", findings)?;
            let read = self.scrub_blobs(findings, &mut counted);
            done.blobs = or_tell(read, "the files", findings)?;
            let read = self.scrub_snapshots(findings, &mut counted);
            or_tell(read, "the snapshots", findings)?;
            let read = self.scrub_view(findings, &mut counted);
            done.rows = or_tell(read, "the view, or the journal to compare it with,", findings)?;
        }
        done.whole = !stopped;
        Ok(done)
    }

    /// Reads one file over, of which somebody has met wrong bytes, and says what is wrong with it.
    ///
    /// # Errors
    /// [`Error::Closed`], and whatever the view says.
    pub fn look_at(&self, id: &BlobId, pace: Pace<'_>) -> Result<Option<Finding>> {
        match self.hash(id, pace) {
            Ok(Some(found)) if found == *id => return Ok(None),
            // The pace ended it.
            Ok(None) if self.blobs.exists(id)? => return Ok(None),
            Ok(_) => {}
            Err(error) => return unread(format!("the file with SHA-256 {id}"), &error).map(Some),
        }
        let (rows, mut files) = (Committed(Arc::clone(&self.view)), Vec::new());
        for ((_, no), ()) in rows.list(BLOB_FILES, &Hash::new(id.0), usize::MAX)? {
            if let Some(row) = rows.get(FILES, &no)?.filter(|row| row.state == FileState::Here) {
                files.push((no, matches!(row.author, Author::Partner(_))));
            }
        }
        Ok((!files.is_empty()).then_some(Finding::Blob(*id, files)))
    }

    /// The flipped bits that were corrected while something else read the journal.
    #[must_use]
    pub fn corrected(&self) -> Vec<Finding> {
        self.archive.corrections().into_iter().map(Finding::Corrected).collect()
    }

    fn scrub_journal(&self, findings: &mut Vec<Finding>, pace: Pace<'_>) -> Result<u64> {
        let mut read = 0;
        let segments = self.archive.segments();
        if let Some(first) = segments.first().filter(|first| first.start.group > 0) {
            let reason = "the segment is missing".into();
            let missing = Damage { segment: first.number.saturating_sub(1), offset: 0, reason };
            findings.push(Finding::Journal(missing));
        }
        for segment in segments {
            match self.archive.verify(segment.number, &mut *pace) {
                Ok(()) => read += 1,
                Err(Error::Damaged(damage)) => findings.push(Finding::Journal(damage)),
                // Dropped or rewritten meanwhile.
                Err(Error::NoEntry { .. }) => {}
                Err(error) => {
                    findings.push(unread(format!("segment {} of the journal", segment.number), &error)?)
                }
            }
            if pace(0).is_break() {
                break;
            }
        }
        findings.extend(self.corrected());
        Ok(read)
    }

    fn scrub_blobs(&self, findings: &mut Vec<Finding>, pace: Pace<'_>) -> Result<u64> {
        let (mut read, mut present, mut damaged) = (0, BTreeSet::new(), BTreeSet::new());
        for id in self.blobs.list()? {
            match self.hash(&id, pace) {
                Ok(None) => {}
                Ok(Some(found)) => {
                    present.insert(id);
                    if found == id {
                        read += 1;
                    } else {
                        damaged.insert(id);
                    }
                }
                Err(error) => {
                    present.insert(id);
                    findings.push(unread(format!("the file with SHA-256 {id}"), &error)?);
                }
            }
            if pace(0).is_break() {
                return Ok(read);
            }
        }
        let mut files: BTreeMap<Hash, Vec<(FileNo, bool)>> = BTreeMap::new();
        Committed(Arc::clone(&self.view)).scan(FILES, &(), None, Direction::Forward, &mut |no, row| {
            let id = BlobId(*row.blob.as_bytes());
            // One that is missing is as bad as one that is damaged.
            if row.state == FileState::Here
                && (damaged.contains(&id) || !(present.contains(&id) || self.blobs.exists(&id)?))
            {
                files.entry(row.blob).or_default().push((no, matches!(row.author, Author::Partner(_))));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        for id in damaged {
            files.entry(Hash::new(id.0)).or_default();
        }
        let finding = |(blob, files): (Hash, _)| Finding::Blob(BlobId(*blob.as_bytes()), files);
        findings.extend(files.into_iter().map(finding));
        Ok(read)
    }

    /// What a file hashes to; `None` when it is gone, or the pace ended it.
    fn hash(&self, id: &BlobId, pace: Pace<'_>) -> Result<Option<BlobId>> {
        self.blobs.open(id)?.map_or(Ok(None), |file| file.hash(pace))
    }

    fn scrub_snapshots(&self, findings: &mut Vec<Finding>, pace: Pace<'_>) -> Result<()> {
        for group in self.snapshots.groups()? {
            let reason = match self.snapshots.open(group, SCHEMA) {
                Ok(snapshot) => match snapshot.verify(&mut *pace) {
                    Ok(()) => continue,
                    Err(Error::SnapshotDamaged { reason, .. }) => reason,
                    Err(error) => {
                        findings.push(unread(format!("the snapshot of group {group}"), &error)?);
                        continue;
                    }
                },
                Err(Unusable { kind: Unfit::Damaged, reason, .. }) => reason,
                Err(Unusable { kind: Unfit::Version, .. }) => continue,
                Err(Unusable { kind: Unfit::Unread, reason, .. }) => {
                    findings.push(Finding::Unread(format!("the snapshot of group {group}"), reason));
                    continue;
                }
            };
            findings.push(match self.snapshots.remove(group) {
                Ok(()) => Finding::Snapshot(group, reason),
                Err(error) => unread(format!("the damaged snapshot of group {group} ({reason})"), &error)?,
            });
        }
        Ok(())
    }

    /// Compares the view with a fold that begins at the newest snapshot.
    fn scrub_view(&self, findings: &mut Vec<Finding>, pace: Pace<'_>) -> Result<u64> {
        let rows = Arc::new(FoldView::new(newest(&self.snapshots, self.journal.as_ref())?));
        if !self.catch_up(&rows)? {
            return Ok(0);
        }
        let (mut compared, mut doubtful, mut from) = (0, Vec::new(), vec![1]);
        loop {
            let (ours, next) = chunk(rows.as_ref(), &from, None)?;
            let (theirs, _) = chunk(self.view.as_ref(), &from, next.as_deref())?;
            compared += theirs.len() as u64;
            doubtful.extend(differing(&ours, &theirs));
            let bytes = theirs.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum();
            if pace(bytes).is_break() {
                return Ok(compared);
            }
            match next {
                Some(next) if doubtful.len() < DOUBTFUL => from = next,
                _ => break,
            }
        }
        let mut wrong = 0;
        for key in doubtful {
            wrong += u64::from(!self.agree(&rows, &key)?);
        }
        if wrong > 0 {
            self.keeper.forget_view()?;
            findings.push(Finding::View(wrong));
        }
        Ok(compared)
    }

    /// Folds what came meanwhile. `false` when that is too much for the memory.
    fn catch_up(&self, rows: &Arc<FoldView>) -> Result<bool> {
        let view: Arc<dyn View> = rows.clone();
        fold(&view, self.journal.as_ref(), rows.position()?, None, &mut |_| {
            if rows.layer_bytes() > FOLDED { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(rows.layer_bytes() <= FOLDED)
    }

    /// Whether a row is the same in both while both reflect the same, or at any moment else.
    fn agree(&self, rows: &Arc<FoldView>, key: &[u8]) -> Result<bool> {
        for _ in 0..LOOKS {
            let before = self.view.position()?;
            if !self.catch_up(rows)? || rows.get(key)? == self.view.get(key)? {
                return Ok(true);
            }
            if rows.position()? == before && self.view.position()? == before {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What could not be read, as a finding.
///
/// # Errors
/// [`Error::Closed`] as it is.
fn unread(what: String, error: &Error) -> Result<Finding> {
    match error {
        Error::Closed => Err(Error::Closed),
        error => Ok(Finding::Unread(what, error.to_string())),
    }
}

/// What one part of the look gave; when it could not go on, that is a finding.
fn or_tell<T: Default>(read: Result<T>, what: &str, findings: &mut Vec<Finding>) -> Result<T> {
    let finding = match read {
        Ok(read) => return Ok(read),
        Err(Error::Damaged(damage)) => Finding::Journal(damage),
        Err(error) => unread(what.into(), &error)?,
    };
    // It may have been found before; what comes behind it cannot be folded.
    if !findings.contains(&finding) {
        findings.push(finding);
    }
    Ok(T::default())
}

type Row = (Vec<u8>, Vec<u8>);

/// Some rows from a key on, and the key at which the next ones begin, if there are more. With an end given: all up to it.
fn chunk(view: &dyn View, from: &[u8], end: Option<&[u8]>) -> Result<(Vec<Row>, Option<Vec<u8>>)> {
    let (mut rows, mut next) = (Vec::new(), None);
    let limit = if end.is_some() { usize::MAX } else { CHUNK };
    view.scan(from, end, Direction::Forward, &mut |key, value| {
        if rows.len() >= limit {
            next = Some(key.to_vec());
            return ControlFlow::Break(());
        }
        rows.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok((rows, next))
}

/// The keys whose rows are not the same on both sides.
fn differing(ours: &[Row], theirs: &[Row]) -> Vec<Vec<u8>> {
    if ours == theirs {
        return Vec::new();
    }
    let mut all: BTreeMap<&[u8], [Option<&[u8]>; 2]> = BTreeMap::new();
    for (key, value) in ours {
        all.entry(key).or_default()[0] = Some(value);
    }
    for (key, value) in theirs {
        all.entry(key).or_default()[1] = Some(value);
    }
    all.into_iter().filter(|(_, [ours, theirs])| ours != theirs).map(|(key, _)| key.to_vec()).collect()
}
