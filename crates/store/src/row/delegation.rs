//! Rows of delegations and of the events of their fold.

use deskwire_machine::delegation::{Case, EventKind, Fate, Role};
use deskwire_proto::id::DelegationId;
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::stream::Refused;
use crate::EntryRef;
use crate::local::{LinkNo, TicketNumber};

/// One delegation as this desk holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegationRow {
    /// The link it belongs to.
    pub link: LinkNo,
    /// The id that both desks use.
    pub id: DelegationId,
    /// This desk's ticket.
    pub ticket: TicketNumber,
    /// The record with the offer: our item, or the partner's message.
    pub offer: EntryRef,
    /// When the offer was made or came.
    pub created: Timestamp,
    /// Version of the fields of the offer: 1, and what the newest numbered update says.
    pub version: u64,
    /// The fold.
    pub case: Case,
    /// When the resolution was stored here that stands settled and unanswered.
    #[serde(default)]
    pub resolved: Option<Timestamp>,
    /// Whether our end of the link, and the partner's, have reached it.
    #[serde(default)]
    pub ended: (bool, bool),
    /// Its clock is looked at by itself: it has a deadline, or it is part of a chain at this desk.
    #[serde(default)]
    pub watched: bool,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// As the fold sees it, final or not.
    Fate {
        /// What the fold says.
        fate: Fate,
        /// Whether that is final.
        settled: bool,
    },
    /// It never left: what the partner said meanwhile had made it impossible.
    Dropped(Refused),
    /// It was taken out of the queue until somebody sends it again.
    Parked(Refused),
    /// The partner consumed it without effect.
    Refused(Refused),
}

/// One event of a delegation's fold; its words stay in the journal, under the key's reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegationEventRow {
    /// What was said.
    pub kind: EventKind,
    /// Who said it.
    pub by: Role,
    /// When it was said: for a partner's event its claimed time.
    pub at: Timestamp,
    /// When it was stored here.
    pub stored: Timestamp,
    /// When its receiver committed it first, as its receipt tells: for an own event, once there is one.
    #[serde(default)]
    pub committed: Option<Timestamp>,
    /// What became of it.
    pub effect: Effect,
}
