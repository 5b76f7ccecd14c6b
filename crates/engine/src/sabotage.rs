//! Mistakes that the simulation puts into the engine to see whether it finds them. Without the feature `sabotage`,
//! which no build of the product has, every question here is answered by a constant `false`.

/// One mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Items are numbered although no session is open.
    NumberWithoutSession,
    /// A call repeated with its idempotency key is run again.
    KeysForgotten,
    /// Messages are known again by a window of the last few instead of the cursor.
    DedupeByWindow,
    /// A rebuild decides again when messages came.
    DecideAgain,
    /// The chain of hashes of a stream is not looked at.
    PrevNotChecked,
    /// Messages may be missing before those that are consumed.
    GapAccepted,
    /// A message that comes again is told as applied, whatever became of it.
    OutcomeNotRepeated,
    /// What is sent again is signed anew.
    RetryRenumbers,
    /// What a refused command changed in the rows stays.
    UndoForgotten,
    /// Failures to deliver are not counted.
    BackOffForgotten,
    /// What arrived is not remembered to have been seen.
    SeenForgotten,
}

#[cfg(feature = "sabotage")]
mod switch {
    use std::cell::Cell;

    use super::Sabotage;

    thread_local! {
        static MADE: Cell<Option<Sabotage>> = const { Cell::new(None) };
    }

    /// Makes one mistake from now on in this thread, or none.
    pub fn make(mistake: Option<Sabotage>) {
        MADE.set(mistake);
    }

    pub(crate) fn makes(mistake: Sabotage) -> bool {
        MADE.get() == Some(mistake)
    }
}

#[cfg(feature = "sabotage")]
pub use switch::make;
#[cfg(feature = "sabotage")]
pub(crate) use switch::makes;

/// Whether this mistake is to be made: never in a product.
#[cfg(not(feature = "sabotage"))]
pub(crate) const fn makes(_: Sabotage) -> bool {
    false
}

/// Sent again as another message under the same number, if that is the mistake.
#[cfg(feature = "sabotage")]
pub(crate) fn renumber(
    delivery: deskwire_proto::delivery::Delivery,
    key: &deskwire_proto::key::SecretKey,
) -> deskwire_proto::delivery::Delivery {
    use deskwire_proto::envelope::{Composed, Place, Stream, read_head, seal};
    if !makes(Sabotage::RetryRenumbers) {
        return delivery;
    }
    let Ok(head) = read_head(delivery.signed()) else { return delivery };
    let stream = Stream { link: head.link, from: head.from, to: head.to };
    let place = Place { seq: head.seq, prev: head.prev, seen: head.seen, time: head.time.plus(1) };
    let text = delivery.text().map(|text| text.to_vec().into());
    let content = Composed { kind: head.kind, facts: head.facts, text, delegation: head.delegation };
    seal(&stream, place, head.item, &content, key).unwrap_or(delivery)
}

/// Decides anew when a message came, if that is the mistake.
#[cfg(feature = "sabotage")]
pub(crate) fn decide_again(record: &mut deskwire_store::record::Record) {
    if let deskwire_store::record::Record::Received(message) = record
        && makes(Sabotage::DecideAgain)
    {
        message.at = message.at.plus(1);
    }
}

/// As it is.
#[cfg(not(feature = "sabotage"))]
pub(crate) fn renumber(
    delivery: deskwire_proto::delivery::Delivery,
    _: &deskwire_proto::key::SecretKey,
) -> deskwire_proto::delivery::Delivery {
    delivery
}

/// As it is.
#[cfg(not(feature = "sabotage"))]
pub(crate) const fn decide_again(_: &mut deskwire_store::record::Record) {}
