//! What the care of the store has found: told to the operator, and fetched again where a partner has it.

use deskwire_proto::id::Hash;
use deskwire_proto::text::{Code, Line};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{FileNo, LinkNo};
use deskwire_store::record::Record;
use deskwire_store::row::{Author, FileState, LinkEventRow, LinkState};
use deskwire_store::table::{BLOB_FILES, EXCHANGES, FILES, KEYED, Rows};

use super::find;
use crate::custody::Finding;
use crate::port::Effect;
use crate::{Command, Refusal, Step, cut_words};

/// The link number under which events of the whole desk are kept.
pub const WHOLE_DESK: LinkNo = LinkNo(0);

/// Most that one pass tells one by one.
const TOLD: usize = 12;

/// How long answers and exchanges are kept for whoever repeats a call, milliseconds: 30 days.
pub(crate) const KEPT_FOR: u64 = 30 * 24 * 60 * 60 * 1_000;

/// Tells what was found.
#[derive(Debug, Clone)]
pub struct TellFindings(pub Vec<Finding>);

impl Command for TellFindings {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        for finding in self.0.iter().take(TOLD) {
            let Ok(code) = Code::new(finding.code()) else { continue };
            let words = cut_words(&finding.words());
            let event = LinkEventRow { at: step.now, code, words, details: details(finding) };
            step.record(&Record::Noted { no: WHOLE_DESK, event }, None)?;
        }
        Ok(())
    }
}

/// The files of tickets that a damaged blob belongs to.
fn details(finding: &Finding) -> Vec<Line> {
    let Finding::Blob(_, files) = finding else { return Vec::new() };
    files.iter().take(TOLD).filter_map(|(file, _)| Line::new(format!("file {}", file.0)).ok()).collect()
}

/// The bytes of a partner's file are gone or damaged here: they are fetched again. So are all files of the same bytes
/// whose partners can be asked: one of them may have been taken for complete since somebody looked.
#[derive(Debug, Clone)]
pub struct FetchAgain(pub FileNo);

impl Command for FetchAgain {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let Some(row) = step.rows().get(FILES, &self.0)? else { return Ok(()) };
        for ((_, file), ()) in step.rows().list(BLOB_FILES, &row.blob, usize::MAX)? {
            let Some(row) = step.rows().get(FILES, &file)? else { continue };
            if let (FileState::Here, Author::Partner(link)) = (&row.state, row.author)
                && (file == self.0 || can_be_asked(step, link)?)
            {
                step.record(&Record::BlobLost { file, at: step.now }, None)?;
                step.after(Effect::Fetch(link));
            }
        }
        Ok(())
    }
}

/// Whether a partner can be asked for its files: a partner without an address brought them itself.
fn can_be_asked(step: &Step<'_>, no: LinkNo) -> Result<bool, Refusal> {
    let link = find::link(step, no)?;
    let open = link.state == LinkState::Active;
    Ok(open && !find::descriptor(step, link.descriptor)?.body().endpoints.is_empty())
}

/// Gives up rows that nobody asks for any more, as [`Custody::sweepable`](crate::custody::Custody::sweepable) found them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Answers to changing calls, by their keys.
    pub keyed: Vec<Hash>,
    /// Linking exchanges, by the hashes of their answers.
    pub exchanges: Vec<Hash>,
    /// Hellos of partners that were answered.
    pub hellos: Vec<(LinkNo, Hash)>,
}

impl Sweep {
    /// Whether there is nothing to give up.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keyed.is_empty() && self.exchanges.is_empty() && self.hellos.is_empty()
    }
}

impl Command for Sweep {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let Self { mut keyed, mut exchanges, hellos } = self;
        let now = step.now;
        // A key may have been used again meanwhile.
        let old = |at: Timestamp| now.since(at) > KEPT_FOR;
        let mut failure = Ok(());
        keyed.retain(|key| match step.rows().get(KEYED, key) {
            Ok(row) => row.is_some_and(|row| old(row.at)),
            Err(error) => {
                failure = Err(error);
                false
            }
        });
        exchanges.retain(|answer| match step.rows().get(EXCHANGES, answer) {
            Ok(row) => row.is_some_and(|row| old(row.at)),
            Err(error) => {
                failure = Err(error);
                false
            }
        });
        failure?;
        if !keyed.is_empty() || !exchanges.is_empty() || !hellos.is_empty() {
            step.record(&Record::Swept { keyed, exchanges, hellos }, None)?;
        }
        Ok(())
    }
}
