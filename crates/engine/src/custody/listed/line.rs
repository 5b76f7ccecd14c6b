//! The lines of the list of what was erased: how they are written and read.

use std::fmt;
use std::str::FromStr;

use deskwire_proto::id::{DelegationId, Hash, ItemId, LinkId};
use deskwire_proto::text::Code;
use deskwire_store::EntryRef;

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErasedLine {
    /// A record without its text: where it stands, and the hash of its facts as they are then.
    Record(EntryRef, Hash),
    /// A message without its text.
    Item(LinkId, ItemId),
    /// The record that ordered what stands before: where it stands, and the hash of its facts.
    Order(EntryRef, Hash),
    /// A partner is asked to erase, and has not answered.
    Request(Box<ListedRequest>),
    /// The request of this item is waited for no more: the partner has answered, or another one names the same.
    Answered(LinkId, ItemId),
}

/// What a partner is asked to erase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRequest {
    /// The link.
    pub link: LinkId,
    /// The item with the request; an id of its own for what could not be said yet.
    pub request: ItemId,
    /// Code of the ground.
    pub basis: Code,
    /// The items.
    pub items: Vec<ItemId>,
    /// The delegations of which everything goes.
    pub cases: Vec<DelegationId>,
}

impl ErasedLine {
    /// Where the record stands that ordered what stands before, and its hash.
    pub(super) const fn order(&self) -> Option<(EntryRef, Hash)> {
        match self {
            Self::Order(at, hash) => Some((*at, *hash)),
            Self::Record(..) | Self::Item(..) | Self::Request(_) | Self::Answered(..) => None,
        }
    }
}

/// What stands where a list of ids is empty.
const NONE: &str = "-";

impl fmt::Display for ErasedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |at: &EntryRef| format!("{} {}", at.segment, at.offset);
        match self {
            Self::Record(at, hash) => write!(f, "record {} {}", place(at), hash.to_hex()),
            Self::Item(link, item) => write!(f, "item {} {}", link.to_hex(), item.to_hex()),
            Self::Order(at, hash) => write!(f, "order {} {}", place(at), hash.to_hex()),
            Self::Request(asked) => {
                let ListedRequest { link, request, basis, items, cases } = asked.as_ref();
                let items = joined(items.iter().map(|item| item.to_hex()));
                let cases = joined(cases.iter().map(|case| case.to_hex()));
                write!(f, "request {} {} {basis} {items} {cases}", link.to_hex(), request.to_hex())
            }
            Self::Answered(link, request) => write!(f, "answered {} {}", link.to_hex(), request.to_hex()),
        }
    }
}

fn joined(ids: impl Iterator<Item = String>) -> String {
    let ids: Vec<String> = ids.collect();
    if ids.is_empty() { NONE.to_owned() } else { ids.join(",") }
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
        let link = |word| LinkId::from_hex(word).ok_or(NoErasedLine);
        let item = |word| ItemId::from_hex(word).ok_or(NoErasedLine);
        match words.as_slice() {
            ["record", segment, offset, of] => Ok(Self::Record(place(segment, offset)?, hash(of)?)),
            ["order", segment, offset, of] => Ok(Self::Order(place(segment, offset)?, hash(of)?)),
            ["item", on, of] => Ok(Self::Item(link(on)?, item(of)?)),
            ["answered", on, of] => Ok(Self::Answered(link(on)?, item(of)?)),
            ["request", on, of, basis, items, cases] => Ok(Self::Request(Box::new(ListedRequest {
                link: link(on)?,
                request: item(of)?,
                basis: Code::new(*basis).map_err(|_| NoErasedLine)?,
                items: parted(items).map(item).collect::<Result<_, _>>()?,
                cases: parted(cases)
                    .map(|case| DelegationId::from_hex(case).ok_or(NoErasedLine))
                    .collect::<Result<_, _>>()?,
            }))),
            _ => Err(NoErasedLine),
        }
    }
}

fn parted(ids: &str) -> impl Iterator<Item = &str> {
    ids.split(',').filter(|id| *id != NONE)
}

#[cfg(test)]
mod tests {
    //! A line that is not read is a text that a restore brings back.
    use super::*;

    #[test]
    fn lines_are_read_as_they_were_written() {
        let at = EntryRef { segment: 3, offset: 8_192 };
        let link = LinkId::from(Hash::of(b"c"));
        let asked = |items: Vec<ItemId>, cases| {
            let basis = Code::new("gdpr-17").unwrap();
            let request = ItemId::new([9; 16]);
            ErasedLine::Request(Box::new(ListedRequest { link, request, basis, items, cases }))
        };
        for line in [
            ErasedLine::Record(at, Hash::of(b"a")),
            ErasedLine::Order(at, Hash::of(b"b")),
            ErasedLine::Item(link, ItemId::new([7; 16])),
            asked(vec![ItemId::new([1; 16])], Vec::new()),
            asked(vec![ItemId::new([1; 16]), ItemId::new([2; 16])], vec![DelegationId::new([3; 16]); 2]),
            ErasedLine::Answered(link, ItemId::new([7; 16])),
        ] {
            assert_eq!(line.to_string().parse(), Ok(line));
        }
        let cut = asked(vec![ItemId::new([1; 16])], Vec::new()).to_string();
        for bad in ["", "record 1 2", "record 1 2 xy", "item a b", "note 1 2 3", &cut[..cut.len() - 4]] {
            assert_eq!(bad.parse::<ErasedLine>(), Err(NoErasedLine), "{bad}");
        }
    }
}
