//! The transition table, fold rules 1: every state × event × role has its cell (proto-spec, section 7.6).

use super::event::EventKind;
use super::state::{Role, State, WaitingOn};

/// The number of the fold rules in this file; an offer names it, and its delegation keeps them to the end.
/// A changed cell is a new number and a second table beside this one.
pub const FOLD_RULES: u16 = 1;

/// One cell of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Allowed; the delegation moves on to this state.
    Next(State),
    /// Allowed; the state stays.
    Keep,
    /// Comes too late or too early: kept and shown, without effect.
    Superseded,
    /// This role never says it: its message is refused.
    Forbidden,
}

use Outcome::{Forbidden, Keep, Next, Superseded};
use State::{
    Accepted, Confirmed, Declined, InProgress, Offered, Recalled, Resolved, Returned, Unoffered, Waiting,
};
use WaitingOn::{Principal, ThirdParty};

/// What `event`, said by `role`, does to a delegation in `state`.
pub const fn transition(state: State, event: EventKind, role: Role) -> Outcome {
    if !may_say(role, event) {
        return Forbidden;
    }
    match event {
        EventKind::Offer => offer(state),
        EventKind::Accept => answer_offer(state, Accepted),
        EventKind::Decline => answer_offer(state, Declined),
        EventKind::Return => end_work(state, Returned),
        EventKind::Recall => recall(state),
        EventKind::Status => status(state),
        EventKind::StatusInProgress => begin(state),
        EventKind::StatusWaitingThird => wait_third(state),
        EventKind::Resolve => end_work(state, Resolved),
        EventKind::Confirm => confirm(state),
        EventKind::Reopen => reopen(state),
        EventKind::Update => update(state),
        EventKind::ChangeTake | EventKind::ChangeDecline => answer_change(state),
        EventKind::Ask => ask(state),
        EventKind::Answer => answer(state),
        EventKind::AnswerNotNeeded => dispute(state),
        EventKind::Rate => rate(state),
        EventKind::LinkClose => link_close(state, role),
    }
}

/// True when `role` may send `event` at all, whatever the state.
pub const fn may_say(role: Role, event: EventKind) -> bool {
    match (said_by(event), role) {
        (None, Role::Principal | Role::Contractor) => true,
        (Some(Role::Principal), Role::Principal) | (Some(Role::Contractor), Role::Contractor) => true,
        (Some(Role::Principal), Role::Contractor) | (Some(Role::Contractor), Role::Principal) => false,
    }
}

/// The one role that says it, or none when both do.
const fn said_by(event: EventKind) -> Option<Role> {
    match event {
        EventKind::Status | EventKind::LinkClose => None,
        EventKind::Offer | EventKind::Recall | EventKind::Confirm | EventKind::Reopen => {
            Some(Role::Principal)
        }
        EventKind::Update | EventKind::Answer | EventKind::AnswerNotNeeded => Some(Role::Principal),
        EventKind::Rate => Some(Role::Principal),
        EventKind::Accept | EventKind::Decline | EventKind::Return => Some(Role::Contractor),
        EventKind::StatusInProgress | EventKind::StatusWaitingThird => Some(Role::Contractor),
        EventKind::Resolve | EventKind::Ask => Some(Role::Contractor),
        EventKind::ChangeTake | EventKind::ChangeDecline => Some(Role::Contractor),
    }
}

const fn offer(state: State) -> Outcome {
    match state {
        Unoffered => Next(Offered),
        Offered | Accepted | InProgress | Waiting { on: Principal | ThirdParty } | Resolved => Superseded,
        Confirmed | Declined | Returned | Recalled => Superseded,
    }
}

const fn answer_offer(state: State, to: State) -> Outcome {
    match state {
        Offered => Next(to),
        Unoffered | Accepted | InProgress | Waiting { on: Principal | ThirdParty } | Resolved => Superseded,
        Confirmed | Declined | Returned | Recalled => Superseded,
    }
}

/// Return and resolve: the two ways in which the contractor ends its work.
const fn end_work(state: State, to: State) -> Outcome {
    match state {
        Accepted | InProgress | Waiting { on: Principal | ThirdParty } => Next(to),
        Unoffered | Offered | Resolved | Confirmed | Declined | Returned | Recalled => Superseded,
    }
}

const fn recall(state: State) -> Outcome {
    match state {
        Offered | Accepted | InProgress | Waiting { on: Principal | ThirdParty } => Next(Recalled),
        Unoffered | Resolved | Confirmed | Declined | Returned | Recalled => Superseded,
    }
}

/// Words about one's own ticket are told also when the delegation is over.
const fn status(state: State) -> Outcome {
    match state {
        Offered | Accepted | InProgress | Waiting { on: Principal | ThirdParty } | Resolved => Keep,
        Confirmed | Declined | Returned | Recalled => Keep,
        Unoffered => Superseded,
    }
}

const fn begin(state: State) -> Outcome {
    match state {
        Accepted | Waiting { on: Principal | ThirdParty } | Resolved => Next(InProgress),
        InProgress => Keep,
        Unoffered | Offered | Confirmed | Declined | Returned | Recalled => Superseded,
    }
}

const fn wait_third(state: State) -> Outcome {
    match state {
        Accepted | InProgress | Waiting { on: Principal } | Resolved => Next(State::WAITING_THIRD),
        Waiting { on: ThirdParty } => Keep,
        Unoffered | Offered | Confirmed | Declined | Returned | Recalled => Superseded,
    }
}

const fn confirm(state: State) -> Outcome {
    match state {
        Resolved => Next(Confirmed),
        Unoffered | Offered | Accepted | InProgress | Waiting { on: Principal | ThirdParty } => Superseded,
        Confirmed | Declined | Returned | Recalled => Superseded,
    }
}

/// Whether the terms let a confirmed delegation be reopened is asked before the fold.
const fn reopen(state: State) -> Outcome {
    match state {
        Resolved | Confirmed => Next(InProgress),
        Unoffered | Offered | Accepted | InProgress | Waiting { on: Principal | ThirdParty } => Superseded,
        Declined | Returned | Recalled => Superseded,
    }
}

const fn update(state: State) -> Outcome {
    match state {
        Offered | Accepted | InProgress | Waiting { on: Principal | ThirdParty } | Resolved => Keep,
        Unoffered | Confirmed | Declined | Returned | Recalled => Superseded,
    }
}

const fn answer_change(state: State) -> Outcome {
    match state {
        Accepted | InProgress | Waiting { on: Principal | ThirdParty } | Resolved => Keep,
        Unoffered | Offered | Confirmed | Declined | Returned | Recalled => Superseded,
    }
}

/// In a waiting that lasts already, one more question is one more thing to answer.
const fn ask(state: State) -> Outcome {
    match state {
        Accepted | InProgress | Waiting { on: ThirdParty } | Resolved => Next(State::WAITING_PRINCIPAL),
        Waiting { on: Principal } => Keep,
        Unoffered | Offered | Confirmed | Declined | Returned | Recalled => Superseded,
    }
}

const fn answer(state: State) -> Outcome {
    match state {
        Waiting { on: Principal } => Next(InProgress),
        Unoffered | Offered | Accepted | InProgress | Waiting { on: ThirdParty } | Resolved => Superseded,
        Confirmed | Declined | Returned | Recalled => Superseded,
    }
}

/// A waiting can be disputed also after the contractor went on by itself.
const fn dispute(state: State) -> Outcome {
    match state {
        Waiting { on: Principal } => Next(InProgress),
        InProgress | Waiting { on: ThirdParty } | Resolved => Keep,
        Unoffered | Offered | Accepted | Confirmed | Declined | Returned | Recalled => Superseded,
    }
}

const fn rate(state: State) -> Outcome {
    match state {
        Confirmed => Keep,
        Unoffered | Offered | Accepted | InProgress | Waiting { on: Principal | ThirdParty } => Superseded,
        Resolved | Declined | Returned | Recalled => Superseded,
    }
}

/// Work that is done stays done: neither side's farewell makes it recalled, returned or confirmed.
const fn link_close(state: State, role: Role) -> Outcome {
    match (state, role) {
        (Offered | Accepted | InProgress | Waiting { on: Principal | ThirdParty }, Role::Principal) => {
            Next(Recalled)
        }
        (Offered, Role::Contractor) => Next(Declined),
        (Accepted | InProgress | Waiting { on: Principal | ThirdParty }, Role::Contractor) => Next(Returned),
        (Resolved, Role::Principal | Role::Contractor) => Keep,
        (Unoffered | Confirmed, Role::Principal | Role::Contractor) => Superseded,
        (Declined | Returned | Recalled, Role::Principal | Role::Contractor) => Superseded,
    }
}
