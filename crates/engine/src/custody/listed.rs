//! What was erased, as it is written down outside the store, where a restored backup does not lose it: proto-spec, section
//! 9.7. Nothing in it says what a text was.
//!
//! One line for each: `record` with the place and the hash of a record that has lost its text, `item` with link and item of
//! a message, and behind them `order` with the place and the hash of the record that had ordered it. As long as the journal
//! has the last order, it has all of them; if it has not, an older state was restored.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use deskwire_proto::envelope::read_head;
use deskwire_proto::id::{Hash, ItemId, LinkId};
use deskwire_proto::message::Kind;
use deskwire_store::local::{FileNo, LinkNo, TicketNumber};
use deskwire_store::record::{KeepRecord, Record};
use deskwire_store::table::{Committed, ERASING, LINK_IDS, LINKS, Rows};
use deskwire_store::{Entry, EntryRef, Error, Result};

use super::Custody;
use crate::command::erase::Erase;
use crate::command::privacy::ApplyErased;

/// One line of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErasedLine {
    /// A record without its text: where it stands, and the hash of its facts as they are then.
    Record(EntryRef, Hash),
    /// A message without its text.
    Item(LinkId, ItemId),
    /// The record that ordered what stands before: where it stands, and the hash of its facts.
    Order(EntryRef, Hash),
}

impl fmt::Display for ErasedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |at: &EntryRef| format!("{} {}", at.segment, at.offset);
        match self {
            Self::Record(at, hash) => write!(f, "record {} {}", place(at), hash.to_hex()),
            Self::Item(link, item) => write!(f, "item {} {}", link.to_hex(), item.to_hex()),
            Self::Order(at, hash) => write!(f, "order {} {}", place(at), hash.to_hex()),
        }
    }
}

/// A line that is none of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoErasedLine;

impl FromStr for ErasedLine {
    type Err = NoErasedLine;

    fn from_str(line: &str) -> Result<Self, NoErasedLine> {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |word: &str| word.parse::<u64>().map_err(|_| NoErasedLine);
        let place = |segment, offset| Ok(EntryRef { segment: number(segment)?, offset: number(offset)? });
        let hash = |word| Hash::from_hex(word).ok_or(NoErasedLine);
        match words.as_slice() {
            ["record", segment, offset, of] => Ok(Self::Record(place(segment, offset)?, hash(of)?)),
            ["order", segment, offset, of] => Ok(Self::Order(place(segment, offset)?, hash(of)?)),
            ["item", link, item] => {
                let link = LinkId::from_hex(link).ok_or(NoErasedLine)?;
                Ok(Self::Item(link, ItemId::from_hex(item).ok_or(NoErasedLine)?))
            }
            _ => Err(NoErasedLine),
        }
    }
}

impl Custody {
    /// The lines of those orders that are not carried out and that `written` does not have; they are added to it. They have
    /// to be on stable storage before [`Custody::erase_ordered`].
    ///
    /// # Errors
    /// Whatever journal and view say.
    pub fn erased_lines(&self, written: &mut BTreeSet<EntryRef>) -> Result<Vec<ErasedLine>> {
        let rows = Committed(self.view.clone());
        let mut lines = Vec::new();
        for (order, ()) in rows.list(ERASING, &(), usize::MAX)? {
            if !written.insert(order) {
                continue;
            }
            let ordered = self.journal.read(order)?;
            let Record::Keep(KeepRecord::Erased { entries, .. }) = Record::read(&ordered)? else {
                return Err(Error::BadRow("an erasure that is another record".into()));
            };
            for at in entries {
                let entry = self.journal.read(at)?;
                lines.push(ErasedLine::Record(at, blank_hash(&entry)?));
                if let Some((no, item)) = item_of(&Record::read(&entry)?) {
                    let link = rows.get(LINKS, &no)?.map(|row| row.link);
                    lines.extend(link.map(|link| ErasedLine::Item(link, item)));
                }
            }
            lines.push(ErasedLine::Order(order, Hash::of(&ordered.facts)));
        }
        Ok(lines)
    }

    /// What this store still has of what the list says, and what may come back; nothing as long as it is the store that the
    /// list was written for. Run it before anything is said, and then write down [`Custody::order_line`] of its reply.
    ///
    /// # Errors
    /// Whatever journal and view say.
    pub fn erased_since(&self, list: &[ErasedLine]) -> Result<Option<ApplyErased>> {
        let last = list.iter().rev().find_map(|line| match line {
            ErasedLine::Order(at, hash) => Some((*at, *hash)),
            ErasedLine::Record(..) | ErasedLine::Item(..) => None,
        });
        let Some((order, hash)) = last else { return Ok(None) };
        if self.held(order)?.is_some_and(|entry| Hash::of(&entry.facts) == hash) {
            return Ok(None);
        }
        let rows = Committed(self.view.clone());
        let (mut entries, mut items) = (BTreeSet::new(), BTreeSet::new());
        let (mut tickets, mut files) = (BTreeSet::new(), BTreeSet::new());
        for line in list {
            match line {
                ErasedLine::Order(..) => {}
                ErasedLine::Item(link, item) => {
                    items.extend(rows.get(LINK_IDS, link)?.map(|no| (no, *item)));
                }
                ErasedLine::Record(at, hash) => {
                    let Some(entry) = self.held(*at)? else { continue };
                    if blank_hash(&entry)? == *hash {
                        belonging(&Record::read(&entry)?, (&mut tickets, &mut files));
                        entries.insert(*at);
                    }
                }
            }
        }
        let entries = entries.into_iter().collect();
        let (tickets, files) = (tickets.into_iter().collect(), files.into_iter().collect());
        let here = Erase { entries, tickets, files, left: false };
        Ok(Some(ApplyErased { here, items: items.into_iter().collect() }))
    }

    /// The line that says that the journal has an order.
    ///
    /// # Errors
    /// Whatever the journal says.
    pub fn order_line(&self, order: EntryRef) -> Result<ErasedLine> {
        Ok(ErasedLine::Order(order, Hash::of(&self.journal.read(order)?.facts)))
    }

    /// The entry at a place that may be another one's here, or nobody's.
    fn held(&self, at: EntryRef) -> Result<Option<Entry>> {
        match self.journal.read(at) {
            Ok(entry) => Ok(Some(entry)),
            Err(Error::NoEntry { .. } | Error::Damaged(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The hash of the facts of a record as they are when its text is gone.
fn blank_hash(entry: &Entry) -> Result<Hash> {
    Ok(Hash::of(&Record::blanked(entry)?.unwrap_or_else(|| entry.facts.clone())))
}

fn item_of(record: &Record) -> Option<(LinkNo, ItemId)> {
    match record {
        Record::Received(message) => read_head(&message.signed).ok().map(|head| (message.no, head.item)),
        Record::ItemMade(made) => Some((made.no, made.item)),
        _ => None,
    }
}

/// What goes with the text of a record: titles and bytes.
fn belonging(record: &Record, (tickets, files): (&mut BTreeSet<TicketNumber>, &mut BTreeSet<FileNo>)) {
    match record {
        Record::TicketMade(made) => drop(tickets.insert(made.ticket)),
        Record::FileMade(made) => drop(files.insert(made.file)),
        Record::ItemMade(made) => files.extend(made.file.map(|(file, _)| file)),
        Record::Received(message) => {
            files.extend(message.local.file);
            let head = read_head(&message.signed).ok();
            let offers = head.and_then(|head| Kind::from_name(head.kind.as_str())) == Some(Kind::Offer);
            tickets.extend(message.local.ticket.filter(|_| offers));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    //! A line that is not read is a text that a restore brings back.
    use super::*;

    #[test]
    fn lines_are_read_as_they_were_written() {
        let at = EntryRef { segment: 3, offset: 8_192 };
        for line in [
            ErasedLine::Record(at, Hash::of(b"a")),
            ErasedLine::Order(at, Hash::of(b"b")),
            ErasedLine::Item(LinkId::from(Hash::of(b"c")), ItemId::new([7; 16])),
        ] {
            assert_eq!(line.to_string().parse(), Ok(line));
        }
        for bad in ["", "record 1 2", "record 1 2 xy", "item a b", "note 1 2 3"] {
            assert_eq!(bad.parse::<ErasedLine>(), Err(NoErasedLine), "{bad}");
        }
    }
}
