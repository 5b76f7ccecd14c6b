//! Records of clocks: what became due, the business hours of this desk, and what it reported up a chain.

use deskwire_machine::clock::DueKind;
use deskwire_machine::delegation::Role;
use deskwire_proto::id::Hash;
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::local::{DelegationNo, LinkNo, TicketNumber};
use crate::row::{ClockRow, Hours};

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChainRecord {
    /// The clock of a delegation was looked at.
    Clocked {
        /// Which.
        delegation: DelegationNo,
        /// What it showed.
        row: Box<ClockRow>,
        /// When.
        at: Timestamp,
    },
    /// People are told of a deadline, on the ticket.
    Due {
        /// The ticket.
        ticket: TicketNumber,
        /// The delegation.
        delegation: DelegationNo,
        /// Which deadline.
        kind: DueKind,
        /// When it is due.
        due: Timestamp,
        /// Who let it pass; nobody when it is near.
        by: Option<Role>,
        /// When.
        at: Timestamp,
    },
    /// The business hours of this desk, as its people wrote them; none when it is always open.
    Hours {
        /// The hours.
        hours: Option<Box<Hours>>,
        /// When.
        at: Timestamp,
    },
    /// How long before its own promise this desk wants work done that it hands over on a link, ms; none for no longer.
    Reserved {
        /// The link.
        no: LinkNo,
        /// How long.
        reserve: Option<u64>,
        /// When.
        at: Timestamp,
    },
    /// We told our principal about the desks below.
    Reported {
        /// The delegation.
        delegation: DelegationNo,
        /// What it said apart from times.
        hash: Hash,
        /// When.
        at: Timestamp,
    },
}
