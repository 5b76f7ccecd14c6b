//! Signed things of a partner: opened with the one key that stands, or not at all. proto-spec, section 4.2.

use deskwire_engine::Partner;
use deskwire_proto::code::Code;
use deskwire_proto::cose::Sign1;
use deskwire_proto::delivery::Delivery;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::document::{Document, Signed};
use deskwire_proto::envelope::{self, Signers, Verified};
use deskwire_proto::id::{DeskId, LinkId};
use deskwire_proto::key::PublicKey;
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::pull::PullRequest;
use deskwire_proto::receipt::Receipt;
use deskwire_proto::recover::RecoverRequest;
use deskwire_proto::session::{Hello, Welcome};
use deskwire_proto::transfer::{BlobPut, BlobRequest};

use crate::shared::is_newer;

/// A signed body of a link that says from whom to whom it is.
pub(crate) trait OfLink: Document {
    fn link(&self) -> LinkId;
    fn from(&self) -> DeskId;
    fn to(&self) -> DeskId;
    /// The descriptor inside, for the bodies that may bring one.
    fn descriptor(&self) -> Option<&[u8]>;
}

macro_rules! of_link {
    ($($body:ty, $descriptor:expr;)*) => {
        $(impl OfLink for $body {
            fn link(&self) -> LinkId {
                self.link
            }

            fn from(&self) -> DeskId {
                self.from
            }

            fn to(&self) -> DeskId {
                self.to
            }

            fn descriptor(&self) -> Option<&[u8]> {
                let inside: fn(&Self) -> Option<&[u8]> = $descriptor;
                inside(self)
            }
        })*
    };
}

of_link! {
    Hello, |body| body.descriptor.as_ref().map(|bytes| bytes.as_slice());
    Welcome, |body| body.descriptor.as_ref().map(|bytes| bytes.as_slice());
    Receipt, |_| None;
    BlobRequest, |_| None;
    RecoverRequest, |_| None;
    BlobPut, |_| None;
    PullRequest, |_| None;
}

/// A body whose signature holds, and the newer descriptor that it brought, which is to be taken first.
#[derive(Debug)]
pub(crate) struct Opened<T> {
    pub(crate) signed: Signed<T>,
    pub(crate) descriptor: Option<Descriptor>,
}

/// The link that a body names, before anything is known of the body: good for finding the link, and for nothing else.
///
/// # Errors
/// The [`Code`] of what is wrong with the bytes.
pub(crate) fn link_of<T: OfLink>(bytes: &[u8]) -> Result<LinkId, Code> {
    let mut link = None;
    let unopened = Signed::open_with(bytes, |body: &T| {
        link = Some(body.link());
        Err(Code::KeyUnknown)
    });
    link.ok_or_else(|| unopened.err().unwrap_or(Code::Malformed))
}

/// Opens a body of a link that was sent by `partner` to `us`.
///
/// # Errors
/// The [`Code`] to answer with. Nothing was changed.
pub(crate) fn open<T: OfLink>(bytes: &[u8], partner: &Partner, us: DeskId) -> Result<Opened<T>, Code> {
    let kid = Sign1::parse(bytes)?.key_id();
    let mut newer = None;
    let signed = Signed::open_with(bytes, |body: &T| {
        if body.link() != partner.row.link {
            return Err(Code::WrongLink);
        }
        if body.from() != partner.desk() || body.to() != us {
            return Err(Code::WrongDesk);
        }
        newer = body.descriptor().map(Descriptor::open).transpose()?.filter(|found| is_newer(found, partner));
        standing(newer.as_ref().map_or(partner.keys(), Descriptor::keys), kid)
    })?;
    Ok(Opened { signed, descriptor: newer })
}

/// A message of the partner's stream, verified by itself; up to the number `older` the partner's older keys stand.
/// proto-spec, sections 4.5 and 5.8.
///
/// # Errors
/// The [`Code`] to answer with.
pub(crate) fn message(partner: &Partner, older: u64, delivery: Delivery) -> Result<Verified, Code> {
    let signers = Signers { keys: partner.keys().keys(), older };
    envelope::accept_by(delivery, &partner.stream_in(), signers)
}

/// The descriptor inside a body whose key log contradicts the one that is known of the partner: evidence, whoever
/// brought it. proto-spec, section 2.3.
pub(crate) fn forked<T: OfLink>(bytes: &[u8], partner: &Partner) -> Option<Descriptor> {
    let mut found = None;
    let _unopened = Signed::open_with(bytes, |body: &T| {
        found = body.descriptor().and_then(|raw| Descriptor::open(raw).ok());
        Err(Code::KeyUnknown)
    });
    found.filter(|other| {
        let (known, brought) = (partner.keys(), other.keys());
        other.desk() == partner.desk() && !brought.continues(known) && !known.continues(brought)
    })
}

/// The key of a log that stands under this id: the newest one. Older keys stand for history alone.
///
/// # Errors
/// [`Code::KeyUnknown`], or [`Code::BadSignature`] for a retired key.
pub(crate) fn standing(keys: &KeyLog, kid: deskwire_proto::id::KeyId) -> Result<PublicKey, Code> {
    let key = keys.key(kid).ok_or(Code::KeyUnknown)?;
    if key == keys.current() { Ok(*key) } else { Err(Code::BadSignature) }
}

#[cfg(test)]
mod tests {
    //! A thief of an old key must not speak for the desk that has moved on.
    use deskwire_proto::key::SecretKey;

    use super::*;

    #[test]
    fn only_the_newest_key_stands() {
        let key = |seed: u8| SecretKey::from_seed(&[seed; 32]);
        let first = KeyLog::incept(&key(1), &key(2).public());
        let log = first.rotate(&key(2), &key(3).public()).unwrap();
        assert_eq!(standing(&first, key(1).public().id()), Ok(key(1).public()));
        assert_eq!(standing(&log, key(2).public().id()), Ok(key(2).public()));
        assert_eq!(standing(&log, key(1).public().id()), Err(Code::BadSignature));
        assert_eq!(standing(&log, key(3).public().id()), Err(Code::KeyUnknown));
    }
}
