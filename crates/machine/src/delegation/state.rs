//! The states of a delegation, the two roles, and whose turn it is (proto-spec, section 7.2).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which of the two desks of a delegation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The desk that hands work over.
    Principal,
    /// The desk that does the work. Its stream is the order of the delegation's events.
    Contractor,
}

impl Role {
    /// Both roles.
    pub const ALL: [Self; 2] = [Self::Principal, Self::Contractor];

    /// The desk opposite.
    pub const fn other(self) -> Self {
        match self {
            Self::Principal => Self::Contractor,
            Self::Contractor => Self::Principal,
        }
    }

    /// The name used on the wire and in the specification.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Contractor => "contractor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who has to act next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// The principal has to act; where it is asked, the contractor's clock stands still.
    Principal,
    /// The contractor has to act.
    Contractor,
    /// The delegation is over.
    Nobody,
}

/// What a waiting contractor waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitingOn {
    /// The principal: it is asked something, and the clock stops.
    Principal,
    /// Somebody else (a supplier, a sub-contractor): the clock runs on unless the terms say otherwise.
    ThirdParty,
}

/// Where a delegation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// No offer stands: none was made yet, or the contractor's desk refused the message that made it.
    Unoffered,
    /// Offered, and not answered yet.
    Offered,
    /// The contractor has taken the work, and not begun.
    Accepted,
    /// The contractor works.
    InProgress,
    /// The contractor cannot go on.
    Waiting {
        /// What it waits for.
        on: WaitingOn,
    },
    /// The contractor says that the work is done.
    Resolved,
    /// The principal agrees that the work is done.
    Confirmed,
    /// The contractor did not take the work.
    Declined,
    /// The contractor gave the work back unfinished.
    Returned,
    /// The principal took the work away.
    Recalled,
}

impl State {
    /// Waiting on the principal.
    pub const WAITING_PRINCIPAL: Self = Self::Waiting { on: WaitingOn::Principal };
    /// Waiting on a third party.
    pub const WAITING_THIRD: Self = Self::Waiting { on: WaitingOn::ThirdParty };

    /// Every state, in the order in which the specification lists them.
    pub const ALL: [Self; 11] = [
        Self::Unoffered,
        Self::Offered,
        Self::Accepted,
        Self::InProgress,
        Self::WAITING_PRINCIPAL,
        Self::WAITING_THIRD,
        Self::Resolved,
        Self::Confirmed,
        Self::Declined,
        Self::Returned,
        Self::Recalled,
    ];

    /// The name used in the specification, in digests and by programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unoffered => "unoffered",
            Self::Offered => "offered",
            Self::Accepted => "accepted",
            Self::InProgress => "in-progress",
            Self::Waiting { on: WaitingOn::Principal } => "waiting-principal",
            Self::Waiting { on: WaitingOn::ThirdParty } => "waiting-third",
            Self::Resolved => "resolved",
            Self::Confirmed => "confirmed",
            Self::Declined => "declined",
            Self::Returned => "returned",
            Self::Recalled => "recalled",
        }
    }

    /// Words for a person, fitting behind "this delegation is".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Unoffered => "not offered",
            Self::Offered => "offered and not answered",
            Self::Accepted => "accepted",
            Self::InProgress => "in progress",
            Self::Waiting { on: WaitingOn::Principal } => "waiting for the principal",
            Self::Waiting { on: WaitingOn::ThirdParty } => "waiting for a third party",
            Self::Resolved => "resolved",
            Self::Confirmed => "confirmed",
            Self::Declined => "declined",
            Self::Returned => "returned",
            Self::Recalled => "recalled",
        }
    }

    /// Who has to act in this state.
    pub const fn turn(self) -> Turn {
        match self {
            Self::Offered | Self::Accepted | Self::InProgress => Turn::Contractor,
            Self::Waiting { on: WaitingOn::ThirdParty } => Turn::Contractor,
            Self::Unoffered | Self::Resolved => Turn::Principal,
            Self::Waiting { on: WaitingOn::Principal } => Turn::Principal,
            Self::Confirmed | Self::Declined | Self::Returned | Self::Recalled => Turn::Nobody,
        }
    }

    /// True when the delegation is over. Only `confirmed` can be left again, by the principal's reopen.
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Confirmed | Self::Declined | Self::Returned | Self::Recalled => true,
            Self::Unoffered | Self::Offered | Self::Accepted | Self::InProgress => false,
            Self::Waiting { on: WaitingOn::Principal | WaitingOn::ThirdParty } | Self::Resolved => false,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
