//! Signed things of a partner, opened with the one key that stands, as the product's federation does.

use std::sync::Arc;

use deskwire_proto::code::Code;
use deskwire_proto::cose::Sign1;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::document::{Document, Signed};
use deskwire_proto::id::{DeskId, KeyId, LinkId};
use deskwire_proto::key::PublicKey;
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::pull::PullRequest;
use deskwire_proto::receipt::Receipt;
use deskwire_proto::recover::RecoverRequest;
use deskwire_proto::session::{Hello, Welcome};
use deskwire_store::row::LinkRow;

/// A partner as one desk knows it.
pub(crate) struct Partner {
    pub(crate) row: LinkRow,
    pub(crate) descriptor: Arc<Descriptor>,
    pub(crate) us: DeskId,
}

/// A body whose signature holds, and the newer descriptor that it brought.
pub(crate) struct Opened<T> {
    pub(crate) signed: Signed<T>,
    pub(crate) descriptor: Option<Descriptor>,
}

/// What the bodies of a link have in common: link, author, reader, and the descriptor inside.
pub(crate) trait OfLink: Document {
    fn place(&self) -> (LinkId, DeskId, DeskId);
    fn descriptor(&self) -> Option<&[u8]>;
}

impl OfLink for Hello {
    fn place(&self) -> (LinkId, DeskId, DeskId) {
        (self.link, self.from, self.to)
    }

    fn descriptor(&self) -> Option<&[u8]> {
        self.descriptor.as_ref().map(|bytes| bytes.as_slice())
    }
}

impl OfLink for Welcome {
    fn place(&self) -> (LinkId, DeskId, DeskId) {
        (self.link, self.from, self.to)
    }

    fn descriptor(&self) -> Option<&[u8]> {
        self.descriptor.as_ref().map(|bytes| bytes.as_slice())
    }
}

impl OfLink for RecoverRequest {
    fn place(&self) -> (LinkId, DeskId, DeskId) {
        (self.link, self.from, self.to)
    }

    fn descriptor(&self) -> Option<&[u8]> {
        None
    }
}

impl OfLink for Receipt {
    fn place(&self) -> (LinkId, DeskId, DeskId) {
        (self.link, self.from, self.to)
    }

    fn descriptor(&self) -> Option<&[u8]> {
        None
    }
}

impl OfLink for PullRequest {
    fn place(&self) -> (LinkId, DeskId, DeskId) {
        (self.link, self.from, self.to)
    }

    fn descriptor(&self) -> Option<&[u8]> {
        None
    }
}

impl Partner {
    /// Whether it tells of an address.
    pub(crate) fn is_reachable(&self) -> bool {
        !self.descriptor.body().endpoints.is_empty()
    }
}

/// Opens a body that the partner sent.
pub(crate) fn open<T: OfLink>(bytes: &[u8], partner: &Partner) -> Result<Opened<T>, Code> {
    let kid = Sign1::parse(bytes)?.key_id();
    let mut newer = None;
    let signed = Signed::open_with(bytes, |body: &T| {
        let (link, from, to) = body.place();
        if link != partner.row.link {
            return Err(Code::WrongLink);
        }
        if from != partner.row.partner || to != partner.us {
            return Err(Code::WrongDesk);
        }
        newer = body.descriptor().map(Descriptor::open).transpose()?.filter(|found| is_newer(found, partner));
        standing(newer.as_ref().map_or(partner.descriptor.keys(), Descriptor::keys), kid)
    })?;
    Ok(Opened { signed, descriptor: newer })
}

/// The key of a log that stands under this id: the newest one.
pub(crate) fn standing(keys: &KeyLog, kid: KeyId) -> Result<PublicKey, Code> {
    let key = keys.key(kid).ok_or(Code::KeyUnknown)?;
    if key == keys.current() { Ok(*key) } else { Err(Code::BadSignature) }
}

pub(crate) fn is_newer(found: &Descriptor, partner: &Partner) -> bool {
    found.desk() == partner.row.partner
        && found.keys().continues(partner.descriptor.keys())
        && found.body().version > partner.descriptor.body().version
}
