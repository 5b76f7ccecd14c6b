//! Two proof files of one link, message by message: where two desks that see a case differently part.

use std::collections::BTreeMap;

use deskwire_proto::cose::Sign1;
use deskwire_proto::envelope::read_head;
use deskwire_proto::id::{DeskId, Hash};
use deskwire_proto::proof::Item;
use deskwire_proto::receipt::Receipt;

/// What a file tells of each message, without a word on whether it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    author: Option<DeskId>,
    messages: BTreeMap<(DeskId, u64), Told>,
}

/// What a file tells of one message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Told {
    /// Its hash, and what kind it is if it is there.
    message: Option<(Hash, String)>,
    /// `applied`, or the code of the refusal.
    outcome: Option<String>,
}

/// A place where two files differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Whose stream.
    pub author: DeskId,
    /// The number of the message.
    pub seq: u64,
    /// `message` or `outcome`.
    pub what: &'static str,
    /// What the one file has.
    pub here: String,
    /// What the other file has.
    pub there: String,
}

impl Listing {
    /// Takes the next item of a file into account.
    pub fn take(&mut self, item: &Item) {
        match item {
            Item::Stream(author) => self.author = Some(*author),
            Item::Message(delivery) => {
                if let Ok(head) = read_head(delivery.signed()) {
                    let told = self.messages.entry((head.from, head.seq)).or_default();
                    told.message = Some((delivery.hash(), head.kind.to_string()));
                }
            }
            Item::LeftOut(seq, hash) => {
                if let Some(author) = self.author {
                    let told = self.messages.entry((author, *seq)).or_default();
                    told.message = Some((*hash, "of another case".to_owned()));
                }
            }
            Item::Receipt(raw) => self.receipt(raw),
            Item::Head(_) | Item::Keys(..) | Item::Linking(..) | Item::Change(_) | Item::End(..) => {}
        }
    }

    fn receipt(&mut self, raw: &[u8]) {
        use deskwire_proto::cbor::{Bounds, decode};
        let payload = Sign1::parse(raw).ok().map(|signed| signed.unverified_payload());
        let receipt = payload.and_then(|payload| decode::<Receipt>(payload, Bounds::LARGE).ok());
        let Some(receipt) = receipt.filter(|receipt| receipt.check().is_ok()) else { return };
        for seq in receipt.base + 1..=receipt.upto {
            let told = self.messages.entry((receipt.to, seq)).or_default();
            let now = receipt.outcome(seq).map_or("applied", |outcome| outcome.2.as_str());
            // Of receipts that contradict each other the first stands.
            told.outcome.get_or_insert_with(|| now.to_owned());
        }
    }

    /// Where the two differ, as far as both tell of a message; the longer one goes on alone.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        let mut differs = |(author, seq): (DeskId, u64), what, here: &str, there: &str| {
            found.push(Difference { author, seq, what, here: here.to_owned(), there: there.to_owned() });
        };
        for (key, ours) in &self.messages {
            let Some(theirs) = other.messages.get(key) else { continue };
            if let (Some((our_hash, here)), Some((their_hash, there))) = (&ours.message, &theirs.message)
                && our_hash != their_hash
            {
                let show = |kind: &str, hash: &Hash| format!("{kind} {}", &hash.to_string()[..12]);
                differs(*key, "message", &show(here, our_hash), &show(there, their_hash));
            }
            if let (Some(here), Some(there)) = (&ours.outcome, &theirs.outcome)
                && here != there
            {
                differs(*key, "outcome", here, there);
            }
        }
        found
    }
}
