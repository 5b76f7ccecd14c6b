//! Counts that quotas look at.

use deskwire_machine::delegation::{Changes, Role, State, Turn};
use deskwire_store::Result;
use deskwire_store::row::{ALL_LINKS, DelegationRow};
use deskwire_store::table::{OPEN_DELEGATIONS, Rows, RowsMut};

use crate::overlay::Overlay;

/// Counts a delegation that is open from now on, or is not any more.
pub(super) fn turned(rows: &mut Overlay, row: &DelegationRow, changes: &Changes) -> Result<()> {
    let after = is_open(changes.to);
    if is_open(changes.from) == after {
        return Ok(());
    }
    for no in [row.link, ALL_LINKS] {
        let mut open = rows.get(OPEN_DELEGATIONS, &no)?.unwrap_or_default();
        let count = match row.case.role() {
            Role::Principal => &mut open.ours,
            Role::Contractor => &mut open.theirs,
        };
        *count = if after { *count + 1 } else { count.saturating_sub(1) };
        rows.put(OPEN_DELEGATIONS, &no, &open)?;
    }
    Ok(())
}

fn is_open(state: State) -> bool {
    state != State::Unoffered && state.turn() != Turn::Nobody
}
