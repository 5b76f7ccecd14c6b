//! Numbers that this desk gives to its own things. They never mean anything to another desk.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! local_number {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        })*
    };
}

local_number! {
    /// A ticket of this desk, shown behind the desk's prefix: `ACME-12`.
    TicketNumber(u64);
    /// A link of this desk.
    LinkNo(u32);
    /// A delegation as this desk holds it.
    DelegationNo(u64);
    /// A file of this desk, received or its own.
    FileNo(u64);
    /// The place of an item in the order in which it was accepted for one link.
    Order(u64);
}
