//! The receipt: proof that messages are on the receiver's stable storage, and what came of them. proto-spec, chapter 8.

use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::cose::Purpose;
use crate::document::{Document, V1};
use crate::id::{DeskId, Hash, LinkId};
use crate::limits::{RECEIPT_MESSAGES, SEQ_MAX};
use crate::text::{Code as Word, Words};
use crate::time::Timestamp;

/// The signed content of a receipt. It tells of the messages `base + 1 ..= upto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Version of the protocol.
    pub v: V1,
    /// The author of the messages.
    pub to: DeskId,
    /// Messages up to here are known to be told already.
    pub base: u64,
    /// The receiver of the messages.
    pub from: DeskId,
    /// Hash of the message `upto`; the link id for 0.
    pub hash: Hash,
    /// The link.
    pub link: LinkId,
    /// All messages up to this one are on stable storage.
    pub upto: u64,
    /// First commit of message `base + 1`, then the difference to the one before for each later message, ms.
    pub times: Vec<u64>,
    /// Length of the signer's own stream at that moment.
    pub length: u64,
    /// Those of `base + 1 ..= upto` that were not applied.
    pub outcomes: Vec<Outcome>,
}

impl Document for Receipt {
    const PURPOSE: Purpose = Purpose::Receipt;
}

/// What came of one message that was not applied: number, what, code, words for the person who caused it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome(pub u64, pub NotApplied, pub Word, pub Words);

/// The two ways in which a message has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotApplied {
    /// Understood, and refused.
    Refused,
    /// Not understood by this desk.
    Unsupported,
}

impl Receipt {
    /// Checks what the shape alone does not: ranges, counts and order.
    ///
    /// # Errors
    /// [`Code::Malformed`].
    pub fn check(&self) -> Result<(), Code> {
        let span = self.upto.checked_sub(self.base).ok_or(Code::Malformed)?;
        let listed =
            self.upto <= SEQ_MAX && span as usize <= RECEIPT_MESSAGES && self.times.len() as u64 == span;
        let inside = self.outcomes.iter().all(|outcome| outcome.0 > self.base && outcome.0 <= self.upto);
        let rising = self.outcomes.is_sorted_by(|one, other| one.0 < other.0);
        if listed && inside && rising { Ok(()) } else { Err(Code::Malformed) }
    }

    /// The moment of first commit of each message from `base + 1` on.
    pub fn commit_times(&self) -> impl Iterator<Item = (u64, Timestamp)> + '_ {
        let mut at = 0u64;
        (self.base + 1..).zip(self.times.iter().map(move |step| {
            at = at.saturating_add(*step);
            Timestamp(at)
        }))
    }

    /// The outcome of a message that this receipt tells of; `None` means applied.
    #[must_use]
    pub fn outcome(&self, seq: u64) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.0 == seq)
    }
}
