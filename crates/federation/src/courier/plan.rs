//! What a courier has to do next, decided from the stored link alone.

use std::time::Duration;

use deskwire_proto::time::Timestamp;
use deskwire_store::row::{LinkRow, LinkState};

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

    #[test]
    fn nothing_is_sent_where_nothing_may_be() {
        for state in [LinkState::Paused(Pause::Clone), LinkState::Closed, LinkState::WaitingApproval] {
            assert_eq!(plan(&row(state, NOW), true, NOW, true), Plan::Rest);
        }
        assert_eq!(plan(&row(LinkState::Active, NOW), false, NOW, true), Plan::Rest, "no endpoint");
    }
}
