//! Histories written down as lines.

use deskwire_machine::clock::{Calendar, Clock, Timed};
use deskwire_machine::delegation::{Event, Place, Role};
use deskwire_proto::time::Timestamp;

pub(crate) const MINUTE: u64 = 60_000;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;
/// The tolerance of every history here.
pub(crate) const TOLERANCE: u64 = 15 * MINUTE;

/// The warning share of every history here, percent.
pub(crate) const WARN: u8 = 25;

pub(crate) const OFFER: Event = Event::Offer { rules: 1 };
pub(crate) const ACCEPT: Event = Event::Accept { version: 1 };
pub(crate) const NOT_NEEDED: Event = Event::Answer { needed: false };
pub(crate) const ANSWER: Event = Event::Answer { needed: true };

/// An event of the principal at this time; numbers as if each had seen all before.
pub(crate) fn principal(time: u64, event: Event) -> Timed<'static> {
    timed(Role::Principal, time, None, event)
}

/// An event of the contractor, committed as it was said.
pub(crate) fn contractor(time: u64, event: Event) -> Timed<'static> {
    timed(Role::Contractor, time, Some(time), event)
}

/// An event of the contractor that claims one time and was committed at another.
pub(crate) fn claimed(time: u64, committed: u64, event: Event) -> Timed<'static> {
    timed(Role::Contractor, time, Some(committed), event)
}

fn timed(author: Role, time: u64, committed: Option<u64>, event: Event) -> Timed<'static> {
    Timed {
        author,
        place: Place::Numbered(0),
        seen: 0,
        event,
        refused: false,
        time: Timestamp(time),
        committed: committed.map(Timestamp),
        tolerance: TOLERANCE,
        calendar: Calendar::ALWAYS,
        respond: None,
        resolve: None,
    }
}

/// Numbers events that were each said with everything before in view.
pub(crate) fn talk<'a>(events: impl IntoIterator<Item = Timed<'a>>) -> Vec<Timed<'a>> {
    let mut lengths = [0, 0];
    let number = |mut event: Timed<'a>| {
        let side = event.author as usize;
        lengths[side] += 1;
        event.place = Place::Numbered(lengths[side]);
        event.seen = lengths[1 - side];
        event
    };
    events.into_iter().map(number).collect()
}

/// The clock of such a talk.
pub(crate) fn read<'a>(events: impl IntoIterator<Item = Timed<'a>>, now: u64) -> Clock<'a> {
    Clock::read(&talk(events), Timestamp(now), WARN)
}
