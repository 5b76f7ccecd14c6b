//! Records of the care of the store: what is erased, and what is left of what was given back.

use deskwire_proto::id::Hash;
use deskwire_proto::text::Line;
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Record, TicketMade};
use crate::local::{FileNo, LinkNo, TicketNumber};
use crate::{Entry, EntryRef, Result};

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeepRecord {
    /// Texts have to go, everywhere on this disk.
    Erased {
        /// The records with the texts.
        entries: Vec<EntryRef>,
        /// Tickets whose titles go with them.
        tickets: Vec<TicketNumber>,
        /// Files whose bytes go with them.
        files: Vec<FileNo>,
        /// When.
        at: Timestamp,
    },
    /// What the record `order` says is gone.
    ErasureDone {
        /// The record.
        order: EntryRef,
        /// When.
        at: Timestamp,
    },
    /// A segment of the journal was ended, so that the one before can be rewritten.
    SegmentEnded {
        /// When.
        at: Timestamp,
    },
    /// What is left of a hello that was answered and whose session is over.
    HelloSeen {
        /// The link.
        no: LinkNo,
        /// Hash of the signed hello.
        hello: Hash,
        /// When it was answered.
        at: Timestamp,
    },
}

impl Record {
    /// The facts of a record without what a person wrote in them; nothing when there is nothing of the kind. They are not
    /// longer than before.
    ///
    /// # Errors
    /// As [`Record::read`] and [`Record::entry`].
    pub fn blanked(entry: &Entry) -> Result<Option<Vec<u8>>> {
        match Record::read(entry)? {
            Record::TicketMade(made) => {
                let title = Line::new("-").unwrap_or_else(|_| made.title.clone());
                let blank = Record::TicketMade(TicketMade { title, ..made });
                Ok(Some(blank.entry(None)?.facts))
            }
            _ => Ok(None),
        }
    }
}
