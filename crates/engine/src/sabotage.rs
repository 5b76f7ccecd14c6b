//! Mistakes that the simulation puts into the engine to see whether it finds them. Without the feature `sabotage`,
//! which no build of the product has, every question here is answered by a constant `false`.

macro_rules! mistakes {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// One mistake.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Sabotage {
            $($(#[$doc])* $name,)*
        }

        impl Sabotage {
            /// Every one, with a word for it.
            pub const ALL: &[(Self, &str)] = &[$((Self::$name, $word)),*];
        }
    };
}

mistakes! {
    /// Items are numbered although no session is open.
    NumberWithoutSession = "number-without-session",
    /// A call repeated with its idempotency key is run again.
    KeysForgotten = "keys-forgotten",
    /// Messages are known again by a window of the last few instead of the cursor.
    DedupeByWindow = "dedupe-by-window",
    /// A rebuild decides again when messages came.
    DecideAgain = "decide-again",
    /// The chain of hashes of a stream is not looked at.
    PrevNotChecked = "prev-not-checked",
    /// Messages may be missing before those that are consumed.
    GapAccepted = "gap-accepted",
    /// A message that comes again is told as applied, whatever became of it.
    OutcomeNotRepeated = "outcome-not-repeated",
    /// What is sent again is signed anew.
    RetryRenumbers = "retry-renumbers",
    /// What a refused command changed in the rows stays.
    UndoForgotten = "undo-forgotten",
    /// Failures to deliver are not counted.
    BackOffForgotten = "back-off-forgotten",
    /// What arrived is not remembered to have been seen.
    SeenForgotten = "seen-forgotten",
    /// The place where a partner's newest key begins is not taken.
    ChangeIgnored = "change-ignored",
    /// What was set aside keeps its effect.
    AsideIgnored = "aside-ignored",
    /// What a partner that asks says it holds is not sent again for the receipt.
    PullWithoutReceipt = "pull-without-receipt",
    /// Of receipts given the newest goes as well when a segment is rewritten.
    GiveBackTooMuch = "give-back-too-much",
    /// A snapshot says that it reflects a segment more than it does.
    SnapshotAhead = "snapshot-ahead",
    /// Texts that were to be erased stay in the journal.
    ErasureForgotten = "erasure-forgotten",
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
