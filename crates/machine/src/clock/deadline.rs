//! Deadlines that nobody typed: from the terms, by priority, and inherited along a chain (proto-spec, sections 3.2 and 8.6).

use deskwire_proto::message::common::Priority;
use deskwire_proto::terms::Terms;
use deskwire_proto::time::Timestamp;

use super::calendar::Calendar;

/// When to answer an offer and when to resolve it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// To accept or decline.
    pub respond: Timestamp,
    /// To resolve.
    pub resolve: Timestamp,
}

/// What the terms say for an offer of this priority made `now`; `normal` where it has none. Time counts inside the
/// business hours. `None` when the terms are silent about this priority.
pub fn deadlines(terms: &Terms, priority: Option<Priority>, now: Timestamp) -> Option<Deadlines> {
    let priority = priority.unwrap_or(Priority::Normal);
    let list = terms.deadlines.as_deref().unwrap_or_default();
    let agreed = list.iter().find(|deadline| deadline.priority == priority)?;
    let calendar = Calendar::of(terms);
    let after = |milliseconds| calendar.advance(now, milliseconds);
    Some(Deadlines { respond: after(agreed.respond), resolve: after(agreed.resolve) })
}

/// The deadline of a sub-delegation: never later than `inherited`, the moved deadline of the delegation above. `reserve`
/// (ms) stays with the desk in the middle, unless it would leave nothing after `now`. `own` is what was typed or what the
/// terms of the link below say.
pub fn inherit(
    own: Option<Timestamp>,
    inherited: Option<Timestamp>,
    reserve: u64,
    now: Timestamp,
) -> Option<Timestamp> {
    let Some(above) = inherited else { return own };
    let less = Timestamp(above.0.saturating_sub(reserve));
    let bound = if less > now { less } else { above };
    Some(own.map_or(bound, |own| own.min(bound)))
}

#[cfg(test)]
mod tests {
    use deskwire_proto::list::List;
    use deskwire_proto::terms::{Deadline, Interval};

    use super::*;

    /// An urgent offer on Friday evening is due when the contractor is open, not in the night.
    #[test]
    fn terms_give_deadlines_inside_business_hours() {
        let urgent = Deadline { respond: 10, resolve: 150, priority: Priority::Urgent };
        let hours = vec![Interval(Timestamp(100), Timestamp(200)), Interval(Timestamp(300), Timestamp(400))];
        let terms = Terms {
            deadlines: Some(List::new(vec![urgent]).unwrap()),
            calendar: Some(List::new(hours).unwrap()),
            ..Terms::default()
        };
        let given = deadlines(&terms, Some(Priority::Urgent), Timestamp(195)).unwrap();
        assert_eq!(given, Deadlines { respond: Timestamp(305), resolve: Timestamp(445) });
        assert_eq!(deadlines(&terms, None, Timestamp(195)), None, "silent about `normal`");
    }

    /// Nobody promises below what it has not got from above.
    #[test]
    fn a_deadline_below_is_never_later_than_the_one_above() {
        let at = |time| Some(Timestamp(time));
        assert_eq!(inherit(None, at(100), 30, Timestamp(0)), at(70));
        assert_eq!(inherit(at(90), at(100), 30, Timestamp(0)), at(70));
        assert_eq!(inherit(at(50), at(100), 30, Timestamp(0)), at(50));
        assert_eq!(inherit(at(50), None, 30, Timestamp(0)), at(50));
        assert_eq!(inherit(None, at(100), 30, Timestamp(80)), at(100), "the reserve leaves nothing");
        assert_eq!(
            inherit(at(500), at(100), 30, Timestamp(200)),
            at(100),
            "already past, and still no later"
        );
    }
}
