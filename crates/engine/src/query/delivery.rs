//! How far something has come on its way to a partner.

use deskwire_machine::retry::LATE_AFTER;
use deskwire_proto::id::{DelegationId, ItemId};
use deskwire_proto::text::Label;
use deskwire_proto::time::Timestamp;
use deskwire_store::row::{LinkState, Refused, Shared};
use deskwire_store::table::{PARKED, Rows, WAITING};

use super::handled::named;
use super::lookup::Lookup;
use crate::{Refusal, refused};

/// How far one item has come on its way to one partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The delegation it goes by.
    pub delegation: DelegationId,
    /// How the partner calls itself.
    pub partner: Label,
    /// How far it has come.
    pub state: DeliveryState,
    /// The item, while it is parked.
    pub item: Option<ItemId>,
    /// Since when it is not delivered, once that is more than an hour.
    pub late: Option<Timestamp>,
}

/// How far an item has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryState {
    /// Not numbered yet.
    Waiting,
    /// Numbered and signed; no receipt covers it yet.
    Sent,
    /// Taken out of the queue until somebody sends it again: why, and whether because it had waited too long.
    Parked(Refused, bool),
    /// The link ended before a receipt covered it: whether it arrived is not known.
    Lost(Refused),
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

pub(super) fn all(
    lookup: &Lookup<'_>,
    since: Timestamp,
    shared: &[Shared],
) -> Result<Vec<Delivery>, Refusal> {
    let one = |shared: &Shared| {
        let state = state(lookup, shared)?;
        Ok(Delivery {
            delegation: lookup.delegation(shared.delegation)?.id,
            partner: lookup.partner(shared.link)?.row.partner_name.clone(),
            item: parked_item(lookup, shared)?.filter(|_| matches!(state, DeliveryState::Parked(..))),
            late: late(lookup, since, &state),
            state,
        })
    };
    shared.iter().map(one).collect()
}

fn parked_item(lookup: &Lookup<'_>, shared: &Shared) -> Result<Option<ItemId>, Refusal> {
    if lookup.stream(shared.link)?.parked == 0 {
        return Ok(None);
    }
    let parked = lookup.reader.rows().get(PARKED, &(shared.link, shared.order))?;
    Ok(parked.map(|parked| parked.item.item))
}

/// Since when something in this state is not delivered, once that is more than an hour.
pub(super) fn late(lookup: &Lookup<'_>, since: Timestamp, state: &DeliveryState) -> Option<Timestamp> {
    match state {
        DeliveryState::Waiting | DeliveryState::Sent | DeliveryState::Parked(..) => {
            (lookup.reader.now().since(since) >= LATE_AFTER).then_some(since)
        }
        DeliveryState::Lost(_)
        | DeliveryState::Delivered
        | DeliveryState::Refused(_)
        | DeliveryState::Unsupported(_) => None,
    }
}

pub(super) fn state(lookup: &Lookup<'_>, shared: &Shared) -> Result<DeliveryState, Refusal> {
    if let Some(why) = &shared.refused {
        let why = named(lookup.reader, (shared.link, shared.order), why.clone())?;
        return Ok(DeliveryState::refused(why));
    }
    let stream = lookup.stream(shared.link)?;
    let key = (shared.link, shared.order);
    if stream.parked > 0
        && let Some(parked) = lookup.reader.rows().get(PARKED, &key)?
    {
        return Ok(DeliveryState::Parked(named(lookup.reader, key, parked.why)?, parked.dead));
    }
    if stream.waiting > 0 && lookup.reader.rows().get(WAITING, &key)?.is_some() {
        return Ok(DeliveryState::Waiting);
    }
    if shared.order.0 <= stream.acked_order {
        return Ok(DeliveryState::Delivered);
    }
    Ok(match lookup.partner(shared.link)?.row.state {
        LinkState::Closed => DeliveryState::Lost(refused(
            "link-closed",
            "The link ended before the partner confirmed this. Whether it arrived is not known: ask the partner.",
        )),
        LinkState::WaitingApproval
        | LinkState::WaitingPartner
        | LinkState::Active
        | LinkState::Paused(_)
        | LinkState::Quarantined(_) => DeliveryState::Sent,
    })
}
