//! Records of the care of the store: what is erased, and what is left of what was given back.

use deskwire_proto::id::Hash;
use deskwire_proto::text::Line;
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Record, TicketMade};
use crate::local::{FileNo, LinkNo, TicketNumber};
use crate::row::LinkEventRow;
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
        /// Whether texts of the tickets are left, as they have still to reach a partner.
        #[serde(default)]
        left: bool,
        /// Tickets whose status loses its name at this desk, though their titles stay.
        #[serde(default)]
        statuses: Vec<TicketNumber>,
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
        let facts = |record: &Record| Ok(Some(record.entry(None)?.facts));
        match Record::read(entry)? {
            Record::TicketMade(made) => {
                let title = Line::new("-").unwrap_or_else(|_| made.title.clone());
                facts(&Record::TicketMade(TicketMade { title, ..made }))
            }
            Record::TicketStatus { ticket, status, label: Some(_), at } => {
                facts(&Record::TicketStatus { ticket, status, label: None, at })
            }
            // Once they had titles of tickets in their details.
            Record::Noted { no, event } => facts(&Record::Noted { no, event: without_details(event) }),
            Record::RecoveryEnded { no, event } => {
                facts(&Record::RecoveryEnded { no, event: without_details(event) })
            }
            _ => Ok(None),
        }
    }
}

fn without_details(event: LinkEventRow) -> LinkEventRow {
    LinkEventRow { details: Vec::new(), ..event }
}

#[cfg(test)]
mod tests {
    //! What stays in a fact is in every backup, whoever asked for its erasure.
    use super::*;
    use crate::row::Refused;
    use deskwire_proto::text::{Code, Label, Words};

    #[test]
    fn words_of_people_in_facts_are_blanked() {
        let at = Timestamp(7);
        let code = || Code::new("recovered").unwrap();
        let Refused { code, words } =
            Refused { code: code(), words: Words::new("It is here again.").unwrap() };
        let details = vec![Line::new("3: delegation.offer on A-1, Kowalewskaja cannot print").unwrap()];
        let event = LinkEventRow { at, code: code.clone(), words, details };
        let label = Some(Label::new("Waits for Kowalewskaja").unwrap());
        for record in [
            Record::Noted { no: LinkNo(1), event: event.clone() },
            Record::RecoveryEnded { no: LinkNo(1), event },
            Record::TicketStatus { ticket: TicketNumber(1), status: code, label, at },
        ] {
            let entry = record.entry(None).unwrap();
            let has = |facts: &[u8]| facts.windows(12).any(|window| window == b"Kowalewskaja");
            let blank = Record::blanked(&entry).unwrap().unwrap();
            assert!(has(&entry.facts) && !has(&blank) && blank.len() <= entry.facts.len());
            let again = Entry { facts: blank.clone(), ..entry };
            assert_eq!(Record::blanked(&again).unwrap().unwrap_or(blank.clone()), blank);
        }
    }
}
