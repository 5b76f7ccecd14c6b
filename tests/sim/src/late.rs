//! What crosses the end of its delegation, and is refused for that alone. proto-spec, section 9.3.

use deskwire_machine::delegation::{EventKind, Role};
use deskwire_proto::envelope::read_head;
use deskwire_proto::message::Kind;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::table::{DELEGATION_EVENTS, DELEGATION_IDS, DELEGATIONS, RECEIVED, Rows};

use crate::desk::Desk;

/// Whether a message is a comment or a file of a principal for a delegation that has been at its end.
pub(crate) fn is_late(reader: &Desk, no: LinkNo, seq: u64) -> bool {
    let late = || {
        let rows = reader.rows()?;
        let entry = rows.get(RECEIVED, &(no, seq)).ok()??.entry;
        let Record::Received(message) =
            Record::read(&reader.core.as_ref()?.journal().read(entry).ok()?).ok()?
        else {
            return None;
        };
        let head = read_head(&message.signed).ok()?;
        let delegation = rows.get(DELEGATION_IDS, &(no, head.delegation?)).ok()??;
        let row = rows.get(DELEGATIONS, &delegation).ok()??;
        let events = rows.list(DELEGATION_EVENTS, &delegation, usize::MAX).ok()?;
        let ended = events.iter().any(|(_, event)| ENDS.contains(&event.kind));
        let added = matches!(Kind::from_name(head.kind.as_str()), Some(Kind::CommentAdd | Kind::FileAdd));
        Some(row.case.role() == Role::Contractor && added && ended)
    };
    late().unwrap_or(false)
}

/// After these a delegation takes nothing more.
const ENDS: [EventKind; 4] = [EventKind::Decline, EventKind::Return, EventKind::Recall, EventKind::Confirm];
