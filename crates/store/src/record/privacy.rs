//! Records of erasures that go along a chain: what was ordered here, what partners were asked, and what is done.

use deskwire_proto::id::{DelegationId, ItemId};
use deskwire_proto::text::Code;
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::EntryRef;
use crate::local::{LinkNo, TicketNumber};

/// One decision. `erasure` is the record with which an erasure began: [`PrivacyRecord::Ordered`], or the partner's message
/// that asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrivacyRecord {
    /// Somebody of this desk ordered an erasure. Nothing here names a person.
    Ordered {
        /// What it is about.
        subject: Subject,
        /// Code of the ground.
        basis: Code,
        /// When.
        at: Timestamp,
    },
    /// An erasure was carried a step further: texts went here, and partners were asked.
    Carried {
        /// Which.
        erasure: EntryRef,
        /// The orders for this disk, if texts have to go from it.
        orders: Vec<EntryRef>,
        /// How many texts those are.
        texts: u64,
        /// What partners were asked in this step, or before by another erasure: the items of the requests.
        requests: Vec<(LinkNo, ItemId)>,
        /// What could not be done yet.
        rest: Rest,
        /// When.
        at: Timestamp,
    },
    /// Everything is gone here and everywhere onward.
    Finished {
        /// Which.
        erasure: EntryRef,
        /// When.
        at: Timestamp,
    },
    /// This desk was restored: these items were erased since, and may come back from partners.
    Listed {
        /// By links and items.
        items: Vec<(LinkNo, ItemId)>,
        /// When.
        at: Timestamp,
    },
}

/// What an erasure of this desk is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// A case.
    Case(TicketNumber),
    /// A person, who is named nowhere.
    Person,
    /// What this desk had asked of the partner before it was restored: the item with the request.
    Returned(LinkNo, ItemId),
    /// What the partner asks for: the item and the number of its message.
    Partner(LinkNo, ItemId, u64),
}

/// What of an erasure could not be done yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// Own items whose text has still to reach the partner, as their events are part of a fold.
    pub unsent: Vec<EntryRef>,
    /// Items of links over which nothing can be said for now.
    pub unasked: Vec<(LinkNo, ItemId)>,
    /// The same of whole cases.
    pub cases: Vec<(LinkNo, DelegationId)>,
}

impl Rest {
    /// Whether everything is done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unsent.is_empty() && self.unasked.is_empty() && self.cases.is_empty()
    }
}
