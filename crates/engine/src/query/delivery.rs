//! How far something has come on its way to a partner.

use deskwire_proto::id::DelegationId;
use deskwire_proto::text::Label;
use deskwire_store::row::{Refused, Shared};
use deskwire_store::table::{Rows, WAITING};

use super::lookup::Lookup;
use crate::Refusal;

/// How far one item has come on its way to one partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The delegation it goes by.
    pub delegation: DelegationId,
    /// How the partner calls itself.
    pub partner: Label,
    /// How far it has come.
    pub state: DeliveryState,
}

/// How far an item has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryState {
    /// Not numbered yet.
    Waiting,
    /// Numbered and signed; no receipt covers it yet.
    Sent,
    /// A signed receipt covers it.
    Delivered,
    /// It has no effect: the partner refused it, or had made it impossible before it left.
    Refused(Refused),
    /// The partner has it and does not understand it.
    Unsupported(Refused),
}

impl DeliveryState {
    /// A refusal, by its code.
    pub(super) fn refused(why: Refused) -> Self {
        if is_unsupported(&why) { Self::Unsupported(why) } else { Self::Refused(why) }
    }
}

/// Whether a refusal says that the receiver does not understand the message (proto-spec, section 8.3).
pub(super) fn is_unsupported(why: &Refused) -> bool {
    why.code.as_str().starts_with("unsupported-")
}

pub(super) fn all(lookup: &Lookup<'_>, shared: &[Shared]) -> Result<Vec<Delivery>, Refusal> {
    let one = |shared: &Shared| {
        Ok(Delivery {
            delegation: lookup.delegation(shared.delegation)?.id,
            partner: lookup.partner(shared.link)?.row.partner_name.clone(),
            state: state(lookup, shared)?,
        })
    };
    shared.iter().map(one).collect()
}

pub(super) fn state(lookup: &Lookup<'_>, shared: &Shared) -> Result<DeliveryState, Refusal> {
    if let Some(why) = &shared.refused {
        return Ok(DeliveryState::refused(why.clone()));
    }
    let stream = lookup.stream(shared.link)?;
    let key = (shared.link, shared.order);
    if stream.waiting > 0 && lookup.reader.rows().get(WAITING, &key)?.is_some() {
        return Ok(DeliveryState::Waiting);
    }
    let covered = shared.order.0 <= stream.acked_order;
    Ok(if covered { DeliveryState::Delivered } else { DeliveryState::Sent })
}
