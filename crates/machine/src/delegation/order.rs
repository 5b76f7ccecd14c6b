//! The order where the contractor has seen less than before: after the repair of a fork, what it says counts as having seen
//! what its earlier events had, so that both sides have one order (proto-spec, section 7.4).

use super::open::{Answer, OpenEvent, Place};
use super::state::Role;

/// What the contractor had seen up to this event, if it had seen so much before: what was refused does not count.
pub(super) fn seen_upto(before: u64, open: &OpenEvent) -> u64 {
    match (open.author, open.answer) {
        (Role::Contractor, Answer::Unknown | Answer::Applied) => before.max(open.seen),
        (Role::Contractor, Answer::Refused) | (Role::Principal, _) => before,
    }
}

/// Puts open events in their order, if that of one event after the other does not tell it; `seen` is what the settled ones
/// had seen.
pub(super) fn arrange(events: &mut Vec<OpenEvent>, seen: u64) {
    let mut last = (Place::Numbered(0), seen);
    let plain = contractors(events).all(|open| {
        let before = std::mem::replace(&mut last, (open.place, open.seen));
        before.0 < open.place && before.1 <= open.seen
    });
    if plain {
        return;
    }
    events.sort_by_key(|open| open.place);
    let first_waiting = events.iter().position(OpenEvent::is_waiting).unwrap_or(events.len());
    let waiting = events.split_off(first_waiting);
    let (contractor, principal): (Vec<_>, Vec<_>) =
        events.drain(..).partition(|open| open.author == Role::Contractor);
    let (mut principal, mut seen) = (principal.into_iter().peekable(), seen);
    for open in contractor {
        seen = seen_upto(seen, &open);
        while let Some(earlier) = principal.next_if(|earlier| earlier.place.seen_by(seen)) {
            events.push(earlier);
        }
        events.push(open);
    }
    events.extend(principal);
    events.extend(waiting);
}

/// Whether an event of the contractor that stands behind the first of these, one of the principal, has not seen it, and
/// stands there only for what another before it had seen, which can still be refused.
pub(super) fn may_fall_behind(events: &[OpenEvent], seen: u64) -> bool {
    let Some(OpenEvent { author: Role::Principal, place: Place::Numbered(seq), .. }) = events.first() else {
        return false;
    };
    let mut certain = seen >= *seq;
    contractors(events).any(|open| {
        certain |= open.answer == Answer::Applied && open.seen >= *seq;
        open.seen < *seq && open.answer != Answer::Refused && !certain
    })
}

fn contractors(events: &[OpenEvent]) -> impl Iterator<Item = &OpenEvent> {
    events.iter().filter(|open| open.author == Role::Contractor && !open.is_waiting())
}
