//! The promises between the engine and whatever stores its bytes.
//!
//! The order of one commit is: [`Stage::seal`](crate::Stage::seal) → [`Sink::write`] (durable when it returns) →
//! [`View::apply`] → answers and effects. The journal is the truth; the view can be thrown away at any time.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::blob::{BlobFile, Blobs};
use crate::journal::{Correction, Entry, EntryRef, Judge, Position, Rewritten, SealedGroup, Stage};
use crate::{Batch, Damage, Error, Result, Snapshots};

/// A store that has been opened: its parts, each handed to whoever needs it.
pub struct Opened {
    /// Lays out the next groups; belongs to the one writer.
    pub stage: Stage,
    /// Makes groups durable; belongs to the writer or to the thread that syncs for it.
    pub sink: Box<dyn Sink>,
    /// Reads what has been committed.
    pub reader: Arc<dyn JournalReader>,
    /// Keeps the journal's segments: backup, erasure, retention.
    pub archive: Arc<dyn Archive>,
    /// The rows folded from the journal.
    pub view: Arc<dyn View>,
    /// Whether the rows can be used as they are. With [`ViewState::NeedsRebuild`] the view is empty.
    pub view_state: ViewState,
    /// The files of the desk.
    pub blobs: Arc<dyn Blobs>,
    /// The snapshots of the rows.
    pub snapshots: Arc<Snapshots>,
    /// Disk space and the end of the session.
    pub keeper: Arc<dyn Keeper>,
}

/// Whether the view found at opening can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewState {
    /// It reflects the journal up to its own [`View::position`]; replay what follows, if anything does.
    Intact,
    /// It was set aside, and the view now open is empty: replay the whole journal, then call [`Keeper::view_rebuilt`].
    NeedsRebuild(RebuildReason),
}

/// Why a view was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RebuildReason {
    /// There was none: a fresh store, or one restored from a backup.
    Missing,
    /// The machine went down without a clean stop, so that the view may have lost writes without knowing.
    PowerCut,
    /// It was written by another version of the fold.
    Schema {
        /// The version of the view found.
        found: u32,
        /// The version asked for.
        wanted: u32,
    },
    /// It reflects groups that the journal does not have.
    AheadOfJournal {
        /// The group the view reflects.
        view: u64,
        /// The last group of the journal.
        journal: u64,
    },
    /// It reflects a group that the journal has otherwise.
    OtherHistory {
        /// The group the view reflects.
        group: u64,
    },
    /// It could not be opened or read.
    Unreadable(String),
}

impl RebuildReason {
    /// Why a view at this position cannot be brought up to date from this journal, if it cannot.
    ///
    /// # Errors
    /// Those of [`JournalReader::replay`], except for a position that the journal does not contain.
    pub fn of_position(journal: &dyn JournalReader, view: Option<Position>) -> Result<Option<Self>> {
        let tail = journal.tail();
        let Some(view) = view else { return Ok((tail.group > 0).then_some(Self::Missing)) };
        if view.group > tail.group {
            return Ok(Some(Self::AheadOfJournal { view: view.group, journal: tail.group }));
        }
        match journal.replay(Some(view), &mut |_| ControlFlow::Break(())) {
            Ok(_) => Ok(None),
            Err(Error::NoPosition { .. }) => Ok(Some(Self::OtherHistory { group: view.group })),
            Err(error) => Err(error),
        }
    }
}

impl RebuildReason {
    /// Whether it proves that the journal lost groups which had been acknowledged.
    #[must_use]
    pub fn proves_loss(&self) -> bool {
        match self {
            Self::AheadOfJournal { .. } | Self::OtherHistory { .. } => true,
            Self::Missing | Self::PowerCut | Self::Schema { .. } | Self::Unreadable(_) => false,
        }
    }
}

/// Refuses a journal whose first segments are gone, unless a snapshot has what they held.
///
/// # Errors
/// [`Error::Damaged`] for the segment that is missing, and whatever the disk says.
pub fn check_beginning(journal: &dyn JournalReader, snapshots: &Snapshots, schema: u32) -> Result<()> {
    let start = journal.start();
    if start.group == 0 {
        return Ok(());
    }
    for group in snapshots.groups()?.into_iter().filter(|group| *group >= start.group) {
        let Ok(snapshot) = snapshots.open(group, schema) else { continue };
        if RebuildReason::of_position(journal, Some(snapshot.position()))?.is_none() {
            return Ok(());
        }
    }
    let reason = "the segment is missing, and no snapshot has what it held".into();
    Err(Damage { segment: start.segment.saturating_sub(1), offset: 0, reason }.into())
}

impl fmt::Display for RebuildReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(f, "there is no view yet"),
            Self::PowerCut => write!(f, "the machine went down without a clean stop of the desk"),
            Self::Schema { found, wanted } => {
                write!(f, "the view has schema {found}, this program uses {wanted}")
            }
            Self::AheadOfJournal { view, journal } => {
                write!(f, "the view reflects group {view}, the journal ends with group {journal}")
            }
            Self::OtherHistory { group } => {
                write!(f, "the journal has another group {group} than the view reflects")
            }
            Self::Unreadable(reason) => write!(f, "the view cannot be read: {reason}"),
        }
    }
}

/// Makes sealed groups durable, in the order they were sealed. One per store.
pub trait Sink: Send {
    /// Appends the groups and syncs them: one write and one `fdatasync` for each segment touched, normally one.
    /// On return all of them survive a power cut, and [`JournalReader`] sees them. Returns the end of the last;
    /// an empty slice writes nothing and returns the tail.
    ///
    /// # Errors
    /// [`WriteError::Full`]: nothing of these groups is visible now or after a restart; the sink goes on working.
    /// [`WriteError::Fatal`]: it is unknown what is on the disk; the sink refuses everything from now on. End the
    /// process without answering: opening again finds out.
    fn write(&mut self, groups: &[SealedGroup]) -> Result<Position, WriteError>;
}

/// Why groups were not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// No room. Reset the stage with [`JournalReader::tail`], refuse new work, try again when there is room.
    #[error("the disk is full, the journal took nothing: {0}")]
    Full(String),
    /// A write or a sync failed, or the groups are not the next ones.
    #[error("the journal cannot be written any more, the desk must stop: {0}")]
    Fatal(String),
}

impl WriteError {
    /// A stable name of this kind of error, for programs and for the manual.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Full(_) => "store-disk-full",
            Self::Fatal(_) => "store-journal-fatal",
        }
    }
}

/// One step of a replay.
#[derive(Debug)]
pub enum Replayed {
    /// The next entry.
    Entry(EntryRef, Entry),
    /// The group whose entries came before is whole; this is its end.
    GroupEnd(Position),
}

/// Reads committed groups. Cheap to share, usable while groups are being written.
pub trait JournalReader: Send + Sync {
    /// Reads one committed entry and checks it.
    ///
    /// # Errors
    /// [`Error::NoEntry`] for an address at which none is committed, or whose segment is
    /// gone; [`Error::Damaged`] when a checksum does not hold.
    fn read(&self, at: EntryRef) -> Result<Entry>;

    /// Visits every entry after the given position (`None`: from the first one kept) up to the tail at the time of
    /// the call, in order, with the end of each group after its entries. Each group is verified, the hash chain
    /// included, before its first entry is visited. `Break` ends it early. Returns the end of the last group visited
    /// whole, or the start.
    ///
    /// # Errors
    /// [`Error::NoPosition`] when this journal does not contain `after`;
    /// [`Error::Damaged`] at the first group that does not verify.
    fn replay(
        &self,
        after: Option<Position>,
        visit: &mut dyn FnMut(Replayed) -> ControlFlow<()>,
    ) -> Result<Position>;

    /// The end of the last committed group.
    fn tail(&self) -> Position;

    /// The point before the first group kept: group 0, or a later one when the first segments are gone.
    fn start(&self) -> Position;
}

/// What is known of a segment of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its number.
    pub number: u64,
    /// The point before its first group.
    pub start: Position,
    /// Its committed bytes, the header included, before anything of it was given back.
    pub bytes: u64,
    /// The bytes that it takes on the disk.
    pub stored: u64,
    /// If it was rewritten: the last group of the journal when it was decided what is kept.
    pub judged: Option<u64>,
    /// Whether it gets no further group. Closed segments change by erasure only.
    pub closed: bool,
}

/// Keeps the journal's segments. May be used while groups are read and written; one operation at a time is done.
pub trait Archive: Send + Sync {
    /// All segments kept, in order.
    fn segments(&self) -> Vec<SegmentInfo>;

    /// Opens the committed part of a segment, header included, as it is now: what is erased or dropped later stays
    /// readable through it. The files of all segments are a whole journal, which can be opened elsewhere.
    ///
    /// # Errors
    /// [`Error::NoEntry`] when there is no such segment.
    fn open_segment(&self, number: u64) -> Result<Arc<dyn BlobFile>>;

    /// Erases the texts of entries for ever and durably, at unchanged addresses and with an unchanged chain; entries
    /// without a text, or whose text is erased, are left as they are. Returns how many texts were erased. Each segment
    /// is rewritten beside the old one and takes its place at once: after an error or a crash the rest can be done
    /// again.
    ///
    /// # Errors
    /// [`Error::SegmentOpen`] when an entry lies in the segment being written, with nothing
    /// erased: call [`Stage::begin_segment`](crate::Stage::begin_segment) and try again after the next group.
    fn erase(&self, entries: &[EntryRef]) -> Result<usize>;

    /// Writes a closed segment anew without what the judge gives back, at unchanged addresses and with the chain hashes
    /// as they were, and puts it in the place of the old one once it has been verified. `judged` is the last group that
    /// the judge knows of. Every entry that is left is asked about, twice. `None` when it was not worth it, or the pace
    /// ended it: nothing has changed then.
    ///
    /// # Errors
    /// [`Error::SegmentOpen`] for the last segment, [`Error::Full`], [`Error::Damaged`], and whatever the judge says;
    /// the old segment stays. After a sync of the folder that failed, everything is refused until the next start.
    fn rewrite(
        &self,
        segment: u64,
        judged: u64,
        judge: Judge<'_>,
        pace: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Option<Rewritten>>;

    /// As [`Archive::rewrite`], however little that gives back: what the judge takes has to go. `None` when it takes
    /// nothing, or the pace ended it.
    ///
    /// # Errors
    /// As [`Archive::rewrite`].
    fn purge(
        &self,
        segment: u64,
        judge: Judge<'_>,
        pace: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Option<Rewritten>>;

    /// Deletes what openings cut off the journal and kept aside, durably.
    ///
    /// # Errors
    /// Whatever the disk says.
    fn forget_cut(&self) -> Result<()>;

    /// Verifies a segment as it lies on the disk, correcting flipped bits as every reading does. The pace is told of
    /// bytes read and may end it early.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged) at the first group that does not verify and cannot be corrected.
    fn verify(&self, number: u64, pace: &mut dyn FnMut(u64) -> ControlFlow<()>) -> Result<()>;

    /// The flipped bits that were corrected since this was asked last.
    fn corrections(&self) -> Vec<Correction>;
}

/// The order of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Ascending keys.
    Forward,
    /// Descending keys.
    Backward,
}

/// What a scan calls with each key and value; `Break` ends the scan.
pub type VisitRow<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// An ordered map of small rows. Written by the one writer, read by everybody.
///
/// Keys are 1 to [`MAX_KEY`](crate::MAX_KEY) bytes, do not begin with byte 0, and compare bytewise; keep them
/// prefixed, big-endian, ordered by time or sequence. Values are at most [`MAX_VALUE`](crate::MAX_VALUE) bytes.
pub trait View: Send + Sync {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Visits the rows with `start <= key`, and `key < end` where an end is given, in the order asked for, until
    /// `Break`. A batch applied meanwhile may be seen in part by a scan; a single [`View::get`] is never torn.
    fn scan(
        &self,
        start: &[u8],
        end: Option<&[u8]>,
        direction: Direction,
        visit: &mut VisitRow<'_>,
    ) -> Result<()>;

    /// Applies all changes and the position they reflect, or nothing. Not durable by itself: the journal is.
    ///
    /// # Errors
    /// [`Error::BadRow`] for a row outside the limits, with nothing applied;
    /// [`Error::Full`], with nothing applied, when there is no room, which a rebuild can meet:
    /// after [`Sink::write`] has taken a group there is room for its rows;
    /// [`Error::ViewFailed`] when the view is of no use any more.
    fn apply(&self, batch: &Batch, position: &Position) -> Result<()>;

    /// The position of the last batch applied; `None` for an empty view.
    fn position(&self) -> Result<Option<Position>>;

    /// Deletes every row and the position.
    fn clear(&self) -> Result<()>;

    /// Hands to the operating system what the view still buffers, so that a restart after a mere process crash has
    /// less to replay. Slow-ish, never needed for correctness; call it when idle.
    fn flush(&self) -> Result<()>;
}

/// Disk space and the end of the session.
pub trait Keeper: Send + Sync {
    /// Bytes free for this process where the store lives.
    fn free_bytes(&self) -> Result<u64>;

    /// Gives up the reserve kept on the disk, so that a full disk can still be opened and tidied.
    fn release_reserve(&self) -> Result<()>;

    /// Takes the reserve again. `false` when there is no room for it now.
    fn restore_reserve(&self) -> Result<bool>;

    /// Takes the reserve again if it was given up and the disk has plenty of room now. Whether this took it; where there
    /// is no reserve, never.
    fn restore_lost_reserve(&self) -> Result<bool> {
        Ok(false)
    }

    /// What this opening found to be lost of what had been acknowledged, as a sentence.
    fn loss(&self) -> Option<String> {
        None
    }

    /// Tells that a rebuild is complete: the views set aside are deleted.
    fn view_rebuilt(&self) -> Result<()>;

    /// Tells that the view is filled with rows of a snapshot, out of order: it must not be trusted before
    /// [`Keeper::view_rebuilt`], even if only the process ends.
    fn view_loading(&self) -> Result<()>;

    /// Deletes what was set aside of damaged journals and of former views: texts that were erased may be in it.
    ///
    /// # Errors
    /// Whatever the disk says.
    fn forget_set_aside(&self) -> Result<()> {
        Ok(())
    }

    /// Has the view made anew, so that its files hold nothing but the rows as they are now: at once where that can be
    /// done while it is in use, else at the next opening.
    ///
    /// # Errors
    /// Whatever the disk says.
    fn renew_view(&self) -> Result<()> {
        self.forget_view()
    }

    /// Lets the next opening rebuild the view, whatever else it finds: the end of an erasure, since a view keeps old
    /// rows in its files for a while. The present view stays usable until then.
    fn forget_view(&self) -> Result<()>;

    /// Ends the session: the view is made durable and marked clean, so that the next opening trusts it. Call it after
    /// the last write. Dropping the parts without this is a crash, and safe.
    fn close(&self) -> Result<()>;
}
