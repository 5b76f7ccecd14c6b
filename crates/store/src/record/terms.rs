//! Records of what this desk decides about a link beside what it says on it.

use deskwire_machine::delegation::State;
use deskwire_machine::mapping::Mapping;
use deskwire_machine::rules::Rule;
use deskwire_proto::id::DelegationId;
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::local::{DelegationNo, LinkNo};

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TermsRecord {
    /// Delegations of an ended link got its end.
    Ended {
        /// The link.
        no: LinkNo,
        /// Which, and by which of the two messages.
        cases: Vec<EndedCase>,
        /// How far all of them are looked at; nothing for one that was reached before its turn.
        upto: Option<Reached>,
        /// When.
        at: Timestamp,
    },
    /// This desk's words for those of the link.
    Mapped {
        /// The link.
        no: LinkNo,
        /// Own words and the link's.
        mapping: Mapping,
        /// When.
        at: Timestamp,
    },
    /// What happens by itself on this link.
    Ruled {
        /// The link.
        no: LinkNo,
        /// All rules.
        rules: Vec<Rule>,
        /// When.
        at: Timestamp,
    },
    /// The rules for a delegation were looked at, for these settled states. What they did follows as records of its own.
    RulesRan {
        /// The link.
        no: LinkNo,
        /// The delegation.
        delegation: DelegationNo,
        /// The states.
        states: Vec<State>,
        /// Numbers of the rules that did something.
        ran: Vec<u32>,
        /// When.
        at: Timestamp,
    },
    /// Whether a proposal that only renews the calendar is accepted without a person.
    TakesCalendars {
        /// The link.
        no: LinkNo,
        /// Whether.
        on: bool,
        /// When.
        at: Timestamp,
    },
}

/// How far the delegations of an ended link are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reached {
    /// Up to this id.
    Upto(DelegationId),
    /// All.
    All,
}

/// How the end of a link reaches one delegation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedCase {
    /// Which.
    pub delegation: DelegationNo,
    /// By our message.
    pub ours: bool,
    /// By the partner's message.
    pub theirs: bool,
    /// By our item that was never numbered: the partner is gone.
    pub alone: bool,
    /// The partner has taken our message.
    pub answered: bool,
}
