//! A partner's word on what it sees of a delegation. proto-spec, section 6.24.

use deskwire_proto::code::OutcomeCode;
use deskwire_proto::envelope::Verified;
use deskwire_proto::message::digest;

use super::{Consumed, Context, Stop, delegation_of, local};
use crate::Step;

/// Takes it, if it speaks of nothing that neither desk can know; whether both see the same is looked at later.
pub(super) fn heard(
    step: &Step<'_>,
    context: &Context<'_>,
    message: &Verified,
    facts: &digest::Facts,
) -> Result<Consumed, Stop> {
    let (delegation, row) = delegation_of(step, context, message)?;
    if facts.at.0 >= message.head.seq || facts.at.1 > message.head.seen {
        return Err(OutcomeCode::MalformedFacts.into());
    }
    Ok(Consumed { local: local(delegation, row.ticket, None), ..Consumed::default() })
}
