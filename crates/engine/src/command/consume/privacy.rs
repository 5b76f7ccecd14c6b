//! What partners say about erasures. proto-spec, section 6.38.

use deskwire_proto::code::OutcomeCode;
use deskwire_proto::envelope::Verified;
use deskwire_proto::message::erase_done;
use deskwire_store::table::{ERASE_REQUESTS, Rows};

use super::super::revise::numbered;
use super::{Consumed, Context, Stop};
use crate::Step;

/// An erasure is done everywhere onward: this desk must have asked for it, within what the message has seen.
pub(super) fn done(
    step: &Step<'_>,
    context: &Context<'_>,
    message: &Verified,
    facts: &erase_done::Facts,
) -> Result<Consumed, Stop> {
    let row = step.rows().get(ERASE_REQUESTS, &(context.no, facts.request))?;
    let order = row.and_then(|row| row.order).ok_or(OutcomeCode::MalformedFacts)?;
    match numbered(step, context.no, order)? {
        Some((seq, _)) if seq <= message.head.seen => Ok(Consumed::default()),
        Some(_) | None => Err(OutcomeCode::MalformedFacts.into()),
    }
}
