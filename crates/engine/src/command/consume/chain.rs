//! A contractor's report about desks further down. proto-spec, section 6.36.

use deskwire_machine::delegation::Role;
use deskwire_proto::code::OutcomeCode;
use deskwire_proto::envelope::Verified;

use super::{Consumed, Context, Stop, delegation_of, local};
use crate::Step;

/// The newest report counts; there is nothing to check but who says it.
pub(super) fn reported(step: &Step<'_>, context: &Context<'_>, message: &Verified) -> Result<Consumed, Stop> {
    let (delegation, row) = delegation_of(step, context, message)?;
    match row.case.role() {
        Role::Principal => Ok(Consumed { local: local(delegation, row.ticket, None), ..Consumed::default() }),
        Role::Contractor => Err(OutcomeCode::ActionNotAllowed.into()),
    }
}
