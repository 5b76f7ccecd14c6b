//! A page with what was lost: verified as a whole before any of it is taken. proto-spec, section 5.7, step 4.

use deskwire_proto::code::Code;
use deskwire_proto::cose::Sign1;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::document::Signed;
use deskwire_proto::envelope::{Signers, Stream, Verified, accept_by};
use deskwire_proto::id::DeskId;
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::receipt::Receipt;
use deskwire_proto::recover::RecoverPage;
use deskwire_proto::time::Timestamp;

use crate::identity::Identity;

/// A page whose signatures hold: our own messages and receipts signed by us, the partner's receipts by the partner.
/// Whether it fits what this desk holds is looked at when it is taken.
#[derive(Debug, Clone)]
pub struct Page {
    pub(super) more: bool,
    pub(super) messages: Vec<Verified>,
    /// Our own receipts, with their bytes, by how far they go.
    pub(super) returned: Vec<(Vec<u8>, Receipt)>,
    /// The partner's receipts, by how far they go.
    pub(super) receipts: Vec<Signed<Receipt>>,
    /// Version of the newest descriptor of ours that the partner knows.
    pub(super) described: Option<Timestamp>,
}

impl Page {
    /// Verifies the body of an answer. `stream` is our own on the link, `theirs` the keys of the partner.
    ///
    /// # Errors
    /// The [`Code`] of the first thing that is wrong: then nothing of it may be taken.
    pub fn open(bytes: &[u8], identity: &Identity, stream: &Stream, theirs: &KeyLog) -> Result<Self, Code> {
        let RecoverPage { head, deliveries } = RecoverPage::decode(bytes)?;
        if head.link != stream.link {
            return Err(Code::WrongLink);
        }
        let (mut returned, mut receipts) = (Vec::new(), Vec::new());
        for raw in head.receipts.iter() {
            let receipt = receipt(raw, identity, stream, theirs)?;
            if receipt.body().from == identity.desk() {
                returned.push(receipt.into_parts());
            } else {
                receipts.push(receipt);
            }
        }
        returned.sort_by_key(|(_, receipt)| (receipt.upto, receipt.base));
        receipts.sort_by_key(|receipt| (receipt.body().upto, receipt.body().base));
        // Which of our keys stands where is a matter of the chain; a place in it never falls behind an older key.
        let signers = Signers { keys: identity.keys().keys(), older: u64::MAX };
        let mut messages: Vec<Verified> = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            let message = accept_by(delivery, stream, signers)?;
            if messages.last().is_some_and(|before| before.key > message.key) {
                return Err(Code::BadSignature);
            }
            messages.push(message);
        }
        // One that is not ours tells nothing.
        let described = head.descriptor.and_then(|raw| Descriptor::open(&raw).ok());
        let described = described.filter(|told| told.desk() == identity.desk());
        let described = described.map(|told| told.body().version);
        Ok(Self { more: head.more, messages, returned, receipts, described })
    }
}

fn receipt(
    raw: &[u8],
    identity: &Identity,
    stream: &Stream,
    theirs: &KeyLog,
) -> Result<Signed<Receipt>, Code> {
    let kid = Sign1::parse(raw)?.key_id();
    let between = |from: DeskId, to: DeskId, receipt: &Receipt| receipt.from == from && receipt.to == to;
    let opened = Signed::open_with(raw, |receipt: &Receipt| {
        if receipt.link != stream.link {
            return Err(Code::WrongLink);
        }
        let (us, them) = (stream.from, stream.to);
        let keys = if between(us, them, receipt) {
            identity.keys()
        } else if between(them, us, receipt) {
            theirs
        } else {
            return Err(Code::WrongDesk);
        };
        keys.key(kid).copied().ok_or(Code::KeyUnknown)
    })?;
    opened.body().check()?;
    Ok(opened)
}
