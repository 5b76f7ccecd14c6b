//! What partners say about erasures. proto-spec, sections 6.37 and 6.38.

use deskwire_proto::code::OutcomeCode;
use deskwire_proto::envelope::Verified;
use deskwire_proto::message::erase_done;
use deskwire_store::table::{ASKED_ERASURES, ERASE_REQUESTS, Rows};

use super::super::revise::numbered;
use super::{Consumed, Context, No, Stop};
use crate::Step;

/// So many requests of one partner may be open.
const OPEN: usize = 1_024;

/// An erasure is asked for. What is not known is treated as erased, so every well-formed request is taken, and carried out
/// beside the desk's work; only their number is bounded.
pub(super) fn asked(step: &Step<'_>, context: &Context<'_>) -> Result<Consumed, Stop> {
    let open = step.rows().list(ASKED_ERASURES, &context.no, OPEN)?.len();
    if open < OPEN {
        return Ok(Consumed::default());
    }
    let words = format!(
        "The partner's desk works on {OPEN} erasures that were asked for on this link. Ask again when some are done."
    );
    Err(Stop::Message(No(OutcomeCode::Quota, words)))
}

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
