//! The bytes of a numbered message as they stand in the journal.

use deskwire_proto::id::Hash;
use deskwire_store::Text;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::table::{RECEIVED, Rows, SENT};

use super::log::Way;
use super::lookup::broken;
use crate::{Reader, Refusal};

/// A stored message with its text part.
pub(super) struct Stored {
    pub(super) signed: Vec<u8>,
    /// As the rows say.
    pub(super) hash: Hash,
    pub(super) text: Text,
}

/// Message `seq` of one of a link's streams.
pub(super) fn stored(reader: &Reader, link: LinkNo, way: Way, seq: u64) -> Result<Stored, Refusal> {
    let key = (link, seq);
    match way {
        Way::Out => {
            let row = reader.rows().get(SENT, &key)?.ok_or_else(missing)?;
            let Record::Numbered { signed, hash, .. } = reader.record(row.signed)? else {
                return Err(missing());
            };
            Ok(Stored { signed: signed.into_vec(), hash, text: reader.entry(row.item)?.text })
        }
        Way::In => {
            let row = reader.rows().get(RECEIVED, &key)?.ok_or_else(missing)?;
            let entry = reader.entry(row.entry)?;
            let Record::Received(message) = Record::read(&entry)? else { return Err(missing()) };
            Ok(Stored { signed: message.signed.into_vec(), hash: row.hash, text: entry.text })
        }
    }
}

fn missing() -> Refusal {
    broken("a message of the stream is missing")
}
