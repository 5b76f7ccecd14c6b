//! The proof file of a link or of one delegation, item by item. proto-spec, section 8.8.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use deskwire_proto::delivery::Delivery;
use deskwire_proto::document::Signed;
use deskwire_proto::envelope::read_head;
use deskwire_proto::id::{DelegationId, DeskId};
use deskwire_proto::message::Kind;
use deskwire_proto::proof::{About, Item, Tally};
use deskwire_proto::session::{Cut, Hello};
use deskwire_proto::terms::Side;
use deskwire_store::record::Record;
use deskwire_store::table::{RECEIPTS, Rows};
use deskwire_store::{Direction, Replayed};
use serde_bytes::ByteBuf;

use super::log::Way;
use super::lookup::broken;
use super::stored::stored;
use crate::command::attest::Attested;
use crate::project::stream::read_receipt;
use crate::{Partner, Reader, Refusal};

/// What stands for the messages of other delegations in a file about one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// Their signed bytes without texts: every change can be found, and their facts are disclosed.
    Signed,
    /// Their hashes alone, but for the end of the link.
    LeftOut,
}

/// What goes into a proof file.
#[derive(Debug, Clone)]
pub struct Export {
    /// One delegation, or the whole link.
    pub about: Option<(DelegationId, Others)>,
    /// Receipts for the partner's stream, signed for this file, ascending.
    pub attested: Vec<Attested>,
}

/// Hands out the bytes of the file, an item at a time; `emit` says whether to go on.
///
/// # Errors
/// When the store fails.
pub fn export(
    reader: &Reader,
    partner: &Partner,
    export: Export,
    emit: &mut dyn FnMut(Vec<u8>) -> ControlFlow<()>,
) -> Result<(), Refusal> {
    let mut file = File { reader, partner, export, emit, tally: Tally::default(), stopped: false };
    file.opening()?;
    let ours_first = partner.row.side == Side::Inviter;
    for way in if ours_first { [Way::Out, Way::In] } else { [Way::In, Way::Out] } {
        file.stream(way)?;
    }
    let end = file.tally.end();
    file.item(&end);
    Ok(())
}

struct File<'a> {
    reader: &'a Reader,
    partner: &'a Partner,
    export: Export,
    emit: &'a mut dyn FnMut(Vec<u8>) -> ControlFlow<()>,
    tally: Tally,
    stopped: bool,
}

impl File<'_> {
    fn item(&mut self, item: &Item) {
        let bytes = item.encode();
        self.tally.add(&bytes);
        self.stopped = self.stopped || (self.emit)(bytes).is_break();
    }

    fn opening(&mut self) -> Result<(), Refusal> {
        let (ours, theirs) = (self.reader.identity().desk(), self.partner.desk());
        let (inviter, accepter) =
            if self.partner.row.side == Side::Inviter { (ours, theirs) } else { (theirs, ours) };
        let delegation = self.export.about.map(|(id, _)| id);
        let made = self.reader.now();
        self.item(&Item::Head(About { link: self.partner.row.link, made, inviter, accepter, delegation }));
        for desk in [inviter, accepter] {
            let keys = if desk == ours { self.reader.identity().keys() } else { self.partner.keys() };
            let events = keys.events().to_vec();
            self.item(&Item::Keys(desk, events));
        }
        let Record::LinkOpened(opened) = self.reader.record(self.partner.row.opened)? else {
            return Err(broken("the beginning of a link is another record"));
        };
        if let Some(exchange) = opened.exchange {
            self.item(&Item::Linking(exchange.request, exchange.answer, exchange.nonce));
        }
        Ok(())
    }

    fn stream(&mut self, way: Way) -> Result<(), Refusal> {
        let row = self.reader.stream(self.partner.no)?;
        let (author, length, change) = match way {
            Way::Out => (self.reader.identity().desk(), row.out_length, row.out_change),
            Way::In => (self.partner.desk(), row.in_length, row.in_change),
        };
        self.item(&Item::Stream(author));
        if let Some(place) = change.and_then(|change| change.place)
            && let Some(hello) = self.change(author, place)?
        {
            self.item(&Item::Change(hello));
        }
        let mut receipts = self.receipts(way, length)?;
        for seq in 1..=length {
            if self.stopped {
                return Ok(());
            }
            let item = self.message(way, seq)?;
            self.item(&item);
            for receipt in receipts.remove(&seq).unwrap_or_default() {
                self.item(&Item::Receipt(receipt));
            }
        }
        Ok(())
    }

    fn message(&self, way: Way, seq: u64) -> Result<Item, Refusal> {
        let stored = stored(self.reader, self.partner.no, way, seq)?;
        let text = stored.text.bytes().map(<[u8]>::to_vec);
        let Some((about, others)) = self.export.about else {
            return Ok(Item::Message(Delivery::new(stored.signed, text)));
        };
        let head = read_head(&stored.signed).ok();
        let of_it = head.as_ref().is_some_and(|head| head.delegation == Some(about));
        // The end of the link is an event of every delegation.
        let close = head.is_some_and(|head| head.kind.as_str() == Kind::LinkClose.name());
        Ok(match (of_it, others) {
            (true, _) => Item::Message(Delivery::new(stored.signed, text)),
            (false, Others::LeftOut) if !close => Item::LeftOut(seq, stored.hash),
            (false, Others::Signed | Others::LeftOut) => Item::Message(Delivery::new(stored.signed, None)),
        })
    }

    /// The receipts for a stream, by the message behind which they stand.
    fn receipts(&mut self, way: Way, length: u64) -> Result<BTreeMap<u64, Vec<ByteBuf>>, Refusal> {
        let mut receipts: BTreeMap<u64, Vec<ByteBuf>> = BTreeMap::new();
        if way == Way::In {
            for attested in self.export.attested.drain(..).filter(|attested| attested.upto <= length) {
                receipts.entry(attested.upto).or_default().push(attested.receipt.into());
            }
            return Ok(receipts);
        }
        let mut found = Vec::new();
        self.reader.rows().scan(RECEIPTS, &self.partner.no, None, Direction::Forward, &mut |_, at| {
            found.push(at);
            Ok(ControlFlow::Continue(()))
        })?;
        for at in found {
            let raw = match self.reader.record(at)? {
                Record::ReceiptTaken { receipt, .. } | Record::ReceiptReturned { receipt, .. } => receipt,
                _ => return Err(broken("a receipt that is another record")),
            };
            let upto = read_receipt(&raw).ok_or_else(|| broken("a receipt that was taken"))?.upto;
            receipts.entry(upto).or_default().push(raw);
        }
        Ok(receipts)
    }

    /// The newest signed hello of a desk that tells this place of its change of key.
    fn change(&self, author: DeskId, place: Cut) -> Result<Option<ByteBuf>, Refusal> {
        let mut newest = None;
        let keys =
            if author == self.partner.desk() { self.partner.keys() } else { self.reader.identity().keys() };
        self.reader.journal().replay(None, &mut |replayed| {
            let Replayed::Entry(_, entry) = replayed else { return ControlFlow::Continue(()) };
            let hello = match Record::read(&entry) {
                Ok(Record::HelloSaid { no, hello, .. } | Record::HelloAnswered { no, hello, .. })
                    if no == self.partner.no =>
                {
                    hello
                }
                Ok(_) | Err(_) => return ControlFlow::Continue(()),
            };
            let told = Signed::<Hello>::open(&hello, keys.current());
            if told.is_ok_and(|told| told.body().from == author && told.body().change == Some(place)) {
                newest = Some(hello);
            }
            ControlFlow::Continue(())
        })?;
        Ok(newest)
    }
}
