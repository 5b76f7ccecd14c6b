//! Clocks and deadlines.

use deskwire_api_types as api;
use deskwire_engine::query::{DelegationClock, DueState, ShownDue};
use deskwire_machine::clock::{Counted, Due, DueKind, Split, Verdict};
use deskwire_machine::delegation::Role;
use deskwire_proto::message::chain_report::Hop;

use super::time;

/// The clock of a delegation.
pub(super) fn clock(clock: &DelegationClock) -> api::DelegationClock {
    let one = |kind, due: Option<Due>| {
        due.map(|due| self::due(&ShownDue { kind, due, state: DueState::of(&due, clock.now) }))
    };
    api::DelegationClock {
        time: split(&clock.time),
        wall: split(&clock.wall),
        respond: one(DueKind::Respond, clock.respond),
        resolve: one(DueKind::Resolve, clock.resolve),
        breaches: clock
            .breaches
            .iter()
            .map(|breach| api::Breach { kind: kind(breach.kind), at: time(breach.at), by: role(breach.by) })
            .collect(),
        provisional: clock.provisional,
        hops: clock.hops.iter().map(hop).collect(),
        reported_at: clock.reported.map(time),
    }
}

/// A deadline.
pub(super) fn due(shown: &ShownDue) -> api::Due {
    let due = &shown.due;
    let (by, met) = match due.verdict {
        Verdict::Breached(by) => (Some(role(by)), None),
        Verdict::Met(at) => (None, Some(at)),
        Verdict::Open | Verdict::Void => (None, None),
    };
    api::Due {
        kind: kind(shown.kind),
        said: time(due.said),
        at: time(due.at),
        moved: due.moved,
        stands: due.stands,
        warn: time(due.warn),
        state: match shown.state {
            DueState::Overdue => api::DueState::Overdue,
            DueState::Near => api::DueState::Near,
            DueState::Open => api::DueState::Open,
            DueState::Met => api::DueState::Met,
            DueState::Breached => api::DueState::Breached,
            DueState::Void => api::DueState::Void,
        },
        by,
        done: met.or(due.done).map(time),
    }
}

/// The times of an event.
pub(super) fn counted(counted: &Counted) -> api::CountedTime {
    api::CountedTime {
        at: time(counted.at),
        basis: counted.basis.name().to_owned(),
        committed: counted.committed.map(time),
        provisional: counted.provisional,
    }
}

/// Which deadline.
pub(super) const fn kind(kind: DueKind) -> api::DueKind {
    match kind {
        DueKind::Respond => api::DueKind::Respond,
        DueKind::Resolve => api::DueKind::Resolve,
    }
}

fn split(split: &Split) -> api::ClockSplit {
    api::ClockSplit {
        contractor: split.contractor(),
        principal: split.principal(),
        offered: split.offered,
        working: split.working,
        third: split.third,
        disputed: split.disputed,
        waiting: split.waiting,
        resolved: split.resolved,
    }
}

fn hop(hop: &Hop) -> api::ChainHop {
    api::ChainHop {
        alias: hop.alias.to_string(),
        state: hop.state.to_string(),
        held: hop.held,
        waited: hop.waited,
        breaches: hop.breaches,
        stars: hop.stars.and_then(|stars| u8::try_from(stars.get()).ok()),
    }
}

const fn role(role: Role) -> api::Role {
    match role {
        Role::Principal => api::Role::Principal,
        Role::Contractor => api::Role::Contractor,
    }
}
