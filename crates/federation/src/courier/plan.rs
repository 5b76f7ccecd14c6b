//! What a courier has to do next, decided from the stored link alone.

use std::time::Duration;

use deskwire_proto::time::Timestamp;
use deskwire_store::row::{LinkRow, LinkState};
use tokio::time::Instant;

/// The longest pause of the retry schedule. A longer one can only come of a clock that jumped.
pub(super) const LONGEST: Duration = Duration::from_secs(3_600);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// Nothing, until the link changes.
    Rest,
    /// Nothing for so long.
    Later(Duration),
    /// Ask whether the partner has approved.
    Reveal,
    /// Say hello if need be, and send.
    Deliver,
    /// Nothing but one hello a day.
    Knock,
}

/// `overdue`: the last pause was slept out, so the schedule is due even if the clock was set back meanwhile.
pub(super) fn plan(row: &LinkRow, reachable: bool, now: Timestamp, overdue: bool) -> Plan {
    if !reachable {
        return Plan::Rest;
    }
    let pause = Duration::from_millis(row.retry.next_at.since(now)).min(LONGEST);
    let due = |work: Plan| if overdue || pause.is_zero() { work } else { Plan::Later(pause) };
    match row.state {
        LinkState::WaitingApproval | LinkState::Paused(_) | LinkState::Closed => Plan::Rest,
        LinkState::WaitingPartner => due(Plan::Reveal),
        LinkState::Active => due(Plan::Deliver),
        LinkState::Quarantined(_) => Plan::Knock,
    }
}

/// A pause that has begun: until when of the schedule, and when it is over by a clock that never jumps. The bell does
/// not make it longer, however often it rings.
#[derive(Debug, Default)]
pub(super) struct Begun(Option<(Timestamp, Instant)>);

impl Begun {
    /// What is left of the pause until `next_at`, which would be `pause` long if it began now.
    pub(super) fn left(&mut self, next_at: Timestamp, pause: Duration, now: Instant) -> Duration {
        let end = now + pause.min(LONGEST);
        let end = self.end(next_at).map_or(end, |begun| begun.min(end));
        self.0 = Some((next_at, end));
        end.saturating_duration_since(now)
    }

    /// Whether the pause until `next_at` has begun and is over.
    pub(super) fn is_over(&self, next_at: Timestamp, now: Instant) -> bool {
        self.end(next_at).is_some_and(|end| end <= now)
    }

    fn end(&self, next_at: Timestamp) -> Option<Instant> {
        self.0.filter(|(until, _)| *until == next_at).map(|(_, end)| end)
    }
}

#[cfg(test)]
mod tests {
    //! A partner that comes back is served on time, whatever happened to the clock; one that is paused is left alone.
    use deskwire_machine::retry::Retry;
    use deskwire_proto::id::{DeskId, LinkId};
    use deskwire_proto::terms::Side;
    use deskwire_proto::text::Label;
    use deskwire_store::EntryRef;
    use deskwire_store::row::Pause;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn row(state: LinkState, next_at: Timestamp) -> LinkRow {
        let entry = EntryRef { segment: 1, offset: 0 };
        LinkRow {
            link: LinkId::new([1; 32]),
            partner: DeskId::new([2; 32]),
            name: Label::new("kassa").unwrap(),
            partner_name: Label::new("Kassa").unwrap(),
            side: Side::Inviter,
            state,
            verified: None,
            descriptor: entry,
            key_log: None,
            terms: entry,
            reveal: None,
            retry: Retry { attempt: 3, next_at },
            trouble: None,
            created: NOW,
            accord: deskwire_store::row::Accord::default(),
            relay: deskwire_machine::relay::Setting::default(),
            opened: entry,
        }
    }

    #[test]
    fn the_stored_schedule_is_kept_over_restarts() {
        let later = row(LinkState::Active, NOW.plus(5_000));
        assert_eq!(plan(&later, true, NOW, false), Plan::Later(Duration::from_secs(5)));
        assert_eq!(plan(&later, true, NOW.plus(5_000), false), Plan::Deliver);
        assert_eq!(plan(&row(LinkState::WaitingPartner, NOW), true, NOW, false), Plan::Reveal);
    }

    #[test]
    fn a_clock_that_jumped_ten_years_back_costs_one_hour() {
        let stored = row(LinkState::Active, NOW.plus(10 * 365 * 24 * 3_600_000));
        assert_eq!(plan(&stored, true, NOW, false), Plan::Later(LONGEST));
        assert_eq!(plan(&stored, true, NOW, true), Plan::Deliver);
    }

    /// A desk with a clock behind its schedule never spoke again while its partner, or its own people, rang at least
    /// hourly: each time the hour began anew.
    #[test]
    fn a_bell_that_rings_all_the_time_does_not_make_a_pause_longer() {
        let stored = NOW.plus(10 * 365 * 24 * 3_600_000);
        let (mut begun, start) = (Begun::default(), Instant::now());
        assert!(!begun.is_over(stored, start));
        for rings in 0..720 {
            let now = start + Duration::from_secs(5 * rings);
            assert!(!begun.is_over(stored, now));
            assert_eq!(begun.left(stored, LONGEST, now), LONGEST - Duration::from_secs(5 * rings));
        }
        assert!(begun.is_over(stored, start + LONGEST));
        assert!(!begun.is_over(stored.plus(1), start + LONGEST), "another pause begins by itself");
    }

    #[test]
    fn nothing_is_sent_where_nothing_may_be() {
        for state in [LinkState::Paused(Pause::Clone), LinkState::Closed, LinkState::WaitingApproval] {
            assert_eq!(plan(&row(state, NOW), true, NOW, true), Plan::Rest);
        }
        assert_eq!(plan(&row(LinkState::Active, NOW), false, NOW, true), Plan::Rest, "no endpoint");
    }
}
