//! What becomes due by the mere passing of time: marks of late items, dead letters, ends of links that nobody approved.
//! proto-spec, sections 3.7 and 5.12.

use deskwire_machine::retry::DEAD_AFTER;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::row::{LinkRow, LinkState};
use deskwire_store::table::{LINKS, Rows};

use crate::port::Effect;
use crate::{Command, Refusal, Step};

/// A link that nobody has approved for so long is closed, milliseconds.
const APPROVAL: u64 = DEAD_AFTER;

/// Does everything that is due by time, a bounded part of it at once. Replies when it has to be called next; whoever
/// drives the engine calls it then, and at least once an hour.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tick;

impl Command for Tick {
    type Reply = Option<Timestamp>;

    fn run(self, step: &mut Step<'_>) -> Result<Option<Timestamp>, Refusal> {
        let mut due = Due::default();
        for (no, link) in step.rows().list(LINKS, &(), usize::MAX)? {
            one_link(step, no, &link, &mut due)?;
        }
        Ok(due.next)
    }
}

/// The next moment at which something is due.
#[derive(Debug, Default)]
struct Due {
    next: Option<Timestamp>,
}

impl Due {
    fn at(&mut self, moment: Timestamp) {
        self.next = Some(self.next.map_or(moment, |next| next.min(moment)));
    }
}

fn one_link(step: &mut Step<'_>, no: LinkNo, link: &LinkRow, due: &mut Due) -> Result<(), Refusal> {
    match link.state {
        LinkState::WaitingApproval | LinkState::WaitingPartner => unapproved(step, no, link, due),
        LinkState::Active | LinkState::Paused(_) | LinkState::Quarantined(_) | LinkState::Closed => Ok(()),
    }
}

/// Ends a link that waits for approval in vain.
fn unapproved(step: &mut Step<'_>, no: LinkNo, link: &LinkRow, due: &mut Due) -> Result<(), Refusal> {
    let end = link.created.plus(APPROVAL);
    if step.now < end {
        due.at(end);
        return Ok(());
    }
    tracing::warn!(link = %no, "nobody has approved the link for 30 days: it is closed");
    step.record(&Record::LinkClosed { no, at: step.now }, None)?;
    step.wake(no);
    step.after(Effect::Links);
    Ok(())
}
