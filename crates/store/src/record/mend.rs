//! Records that mend what a restore, or the want of room, has left open.

use deskwire_machine::delegation::Words;
use deskwire_proto::session::Cut;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::local::{DelegationNo, LinkNo};
use crate::row::{Leaving, LinkEventRow};

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MendRecord {
    /// The words of our event with this number, which had been forgotten because too many waited, stand with it again.
    WordsSaid {
        /// Of which delegation.
        delegation: DelegationNo,
        /// The number.
        seq: u64,
        /// What they say.
        words: Words,
    },
    /// The partner of a link was restored: the files that our messages behind this number announced are gone there.
    FilesLost {
        /// Of which link.
        no: LinkNo,
        /// How many of our messages it holds.
        behind: u64,
    },
    /// It holds our messages up to this number again: their files can be brought once more.
    FilesAgain {
        /// Of which link.
        no: LinkNo,
        /// How many of our messages it holds.
        upto: u64,
    },
    /// The partner of a link may have been restored to a time before it was brought files: those that were brought since our
    /// message with this number was the last one are brought once more. It says itself which of them it has.
    FilesDoubted {
        /// Of which link.
        no: LinkNo,
        /// How many of our messages it holds.
        behind: u64,
    },
    /// Messages that somebody else wrote in our name were fetched: what waits on this link moves behind them, as items have
    /// the order of their numbers.
    WaitsBehind {
        /// The link.
        no: LinkNo,
    },
    /// What loses its effect on a link, step by step, and how far that has come; nothing once all of it has.
    Leaving {
        /// On which link.
        no: LinkNo,
        /// What.
        leaving: Option<Leaving>,
    },
    /// A receipt that could not be compared with all that are held of the same messages is kept beside them.
    ReceiptKept {
        /// Of which link.
        no: LinkNo,
        /// As signed.
        receipt: ByteBuf,
        /// What the operator is told.
        event: LinkEventRow,
    },
    /// A stream ends before the last messages of the branch that is left, which were set aside before.
    BranchLeft {
        /// On which link.
        no: LinkNo,
        /// Whether the stream is our own.
        ours: bool,
        /// Its last message from now on.
        cut: Cut,
        /// What that message had seen.
        seen: u64,
        /// The delegations whose folds they belonged to.
        delegations: Vec<DelegationNo>,
    },
}
