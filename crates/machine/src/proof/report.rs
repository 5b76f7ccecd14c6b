//! What the verification of a proof file tells.

use deskwire_proto::id::{DelegationId, DeskId, Hash};
use deskwire_proto::proof::About;

use crate::delegation::State;

/// Everything that a file proves, and everything found wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What the file says to be about.
    pub about: Option<About>,
    /// The streams as far as they are there: the inviter's, the accepter's.
    pub streams: Vec<StreamReport>,
    /// Where the delegations stand after these messages, by id.
    pub cases: Vec<CaseReport>,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing is wrong; remarks may be there.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.findings.iter().all(|finding| finding.weight == Weight::Remark)
    }
}

/// One stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamReport {
    /// Whose.
    pub author: DeskId,
    /// Messages whose signature holds.
    pub messages: u64,
    /// Messages of which the hash alone is there.
    pub left_out: u64,
    /// Text parts that are there and fit.
    pub texts: u64,
    /// Text parts that were signed and are not there.
    pub texts_missing: u64,
    /// Receipts of the other desk that hold.
    pub receipts: u64,
    /// Number of the last message.
    pub length: u64,
    /// Its hash; the link id for an empty stream, nothing if it cannot be told.
    pub head: Option<Hash>,
    /// Up to this number the other desk has signed that it holds the messages.
    pub received: u64,
    /// Messages under a key that did not stand any more.
    pub disowned: u64,
}

/// Where a delegation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaseReport {
    /// Its id.
    pub id: DelegationId,
    /// The desk that handed the work over.
    pub principal: DeskId,
    /// The state that the fold comes to.
    pub state: State,
    /// Whether the state can be another one: an event of it has no receipt in the file, or could be among what is left out.
    pub provisional: bool,
    /// Messages of both streams of which the hash alone is there; each of them could be an event of this delegation.
    pub left_out: u64,
    /// Events of the fold.
    pub events: u64,
    /// Events without effect: superseded or refused.
    pub without_effect: u64,
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// The file, or what it holds, is not as it was signed.
    Broken,
    /// To be known; honest desks can cause it.
    Remark,
}

/// Something found, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable, for programs.
    pub code: &'static str,
    /// What is wrong.
    pub words: String,
    /// How much it weighs.
    pub weight: Weight,
    /// The author of the stream; nothing for the file as a whole.
    pub author: Option<DeskId>,
    /// The number of the message.
    pub seq: Option<u64>,
}

impl Finding {
    pub(super) const fn of_file(code: &'static str, words: String) -> Self {
        Self { code, words, weight: Weight::Broken, author: None, seq: None }
    }
}
