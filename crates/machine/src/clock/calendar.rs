//! Measuring inside the business hours of a link: UTC intervals, no time zones (proto-spec, section 3.2).

use deskwire_proto::terms::{Interval, Terms};
use deskwire_proto::time::Timestamp;

/// The business hours that a clock runs in. Behind the last interval it runs as if there were none: who lets its calendar
/// run out loses what it gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calendar<'a>(&'a [Interval]);

impl<'a> Calendar<'a> {
    /// Always open.
    pub const ALWAYS: Self = Self(&[]);

    /// Takes ascending intervals that do not touch, as [`Terms::check`] wants them.
    pub const fn new(intervals: &'a [Interval]) -> Self {
        Self(intervals)
    }

    /// That of these terms.
    pub fn of(terms: &'a Terms) -> Self {
        Self(terms.calendar.as_deref().unwrap_or_default())
    }

    /// The open time between two moments, ms; 0 when they are in the wrong order.
    pub fn open(self, from: Timestamp, to: Timestamp) -> u64 {
        let inside = self.touching(from).iter().take_while(|interval| interval.0 < to);
        let inside: u64 = inside.map(|interval| interval.1.min(to).since(interval.0.max(from))).sum();
        inside.saturating_add(to.since(self.end().max(from)))
    }

    /// The first moment by which so much open time has passed since `from`; `from` itself for none.
    pub fn advance(self, from: Timestamp, milliseconds: u64) -> Timestamp {
        let mut left = milliseconds;
        if left == 0 {
            return from;
        }
        for interval in self.touching(from) {
            let start = interval.0.max(from);
            let room = interval.1.since(start);
            if left <= room {
                return start.plus(left);
            }
            left -= room;
        }
        self.end().max(from).plus(left)
    }

    /// The last moment from which so much open time passes until `to`, or `from` if that is later.
    pub fn retreat(self, from: Timestamp, to: Timestamp, milliseconds: u64) -> Timestamp {
        let whole = self.open(from, to);
        self.advance(from, whole.saturating_sub(milliseconds))
    }

    /// The intervals that end behind `from`.
    fn touching(self, from: Timestamp) -> &'a [Interval] {
        let first = self.0.partition_point(|interval| interval.1 <= from);
        &self.0[first..]
    }

    /// Where the intervals end.
    fn end(self) -> Timestamp {
        self.0.last().map_or(Timestamp(0), |interval| interval.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOURS: [Interval; 2] =
        [Interval(Timestamp(100), Timestamp(200)), Interval(Timestamp(300), Timestamp(400))];

    /// Nights do not count, and neither does a moment twice at the edges.
    #[test]
    fn only_open_time_is_measured() {
        let calendar = Calendar::new(&HOURS);
        let open = |from, to| calendar.open(Timestamp(from), Timestamp(to));
        assert_eq!([open(0, 100), open(0, 150), open(200, 300), open(150, 350)], [0, 50, 0, 100]);
        assert_eq!([open(0, 400), open(0, 500), open(450, 500), open(350, 150)], [200, 300, 50, 0]);
        assert_eq!(Calendar::ALWAYS.open(Timestamp(7), Timestamp(9)), 2);
    }

    /// Four hours after Friday afternoon are on Monday.
    #[test]
    fn what_is_left_at_closing_goes_on_at_opening() {
        let calendar = Calendar::new(&HOURS);
        let at = |from, time| calendar.advance(Timestamp(from), time).0;
        assert_eq!([at(0, 0), at(0, 1), at(150, 50), at(150, 51)], [0, 101, 200, 301]);
        assert_eq!([at(250, 100), at(250, 150), at(500, 5)], [400, 450, 505]);
        assert_eq!(calendar.retreat(Timestamp(100), Timestamp(400), 150), Timestamp(150));
        assert_eq!(calendar.retreat(Timestamp(100), Timestamp(400), 900), Timestamp(100));
    }
}
