//! What a partner below was not told: the offer from above has changed since the work was handed on.

use deskwire_machine::delegation::{EventKind, Role};
use deskwire_proto::id::DelegationId;
use deskwire_proto::text::Label;
use deskwire_store::EntryRef;
use deskwire_store::local::{DelegationNo, TicketNumber};
use deskwire_store::row::{Effect, TicketRow};
use deskwire_store::table::{DELEGATION_EVENTS, Rows, TICKET_DELEGATIONS};

use super::lookup::Lookup;
use super::offer::{Changed, Current};
use crate::Refusal;

/// A partner who was not told of what has changed above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// The delegation by which it has the work.
    pub delegation: DelegationId,
    /// How it calls itself.
    pub partner: Label,
    /// What has changed since the offer or the last update to it, as far as the terms let it travel.
    pub changed: Vec<Changed>,
}

/// The partners of a ticket's open delegations who were not told of changes of the offer by which it came.
pub(super) fn of(lookup: &Lookup<'_>, row: &TicketRow, number: TicketNumber) -> Result<Vec<Untold>, Refusal> {
    let Some(origin) = row.origin else { return Ok(Vec::new()) };
    let delegation = lookup.delegation(origin)?;
    let view = delegation.case.view(lookup.stream(delegation.link)?.in_length);
    let changes = Current::of(lookup.reader, origin, &delegation, &view)?.changed;
    let mut untold = Vec::new();
    if changes.is_empty() || view.state.is_terminal() {
        return Ok(untold);
    }
    for ((_, no), ()) in lookup.reader.rows().list(TICKET_DELEGATIONS, &number, usize::MAX)? {
        let row = lookup.delegation(no)?;
        let state = row.case.view(lookup.stream(row.link)?.in_length).state;
        if row.case.role() == Role::Contractor || state.is_terminal() {
            continue;
        }
        let Some(told) = told(lookup, no)? else { continue };
        let partner = lookup.partner(row.link)?;
        let news = changes.iter().filter(|(at, _)| *at > told).map(|(_, what)| *what);
        let mut changed: Vec<_> =
            news.filter(|what| what.field().is_none_or(|field| partner.terms.allows(field))).collect();
        changed.sort_unstable();
        changed.dedup();
        if !changed.is_empty() {
            let partner = partner.row.partner_name.clone();
            untold.push(Untold { delegation: row.id, partner, changed });
        }
    }
    Ok(untold)
}

/// The newest entry by which this desk said what it wants.
fn told(lookup: &Lookup<'_>, no: DelegationNo) -> Result<Option<EntryRef>, Refusal> {
    let events = lookup.reader.rows().list(DELEGATION_EVENTS, &no, usize::MAX)?;
    let wish = |kind| matches!(kind, EventKind::Offer | EventKind::Update);
    let said = events.iter().filter(|(_, event)| {
        event.by == Role::Principal && wish(event.kind) && !matches!(event.effect, Effect::Dropped(_))
    });
    Ok(said.map(|((_, at), _)| *at).max())
}
