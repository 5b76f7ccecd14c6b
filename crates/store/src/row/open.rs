//! Rows that count what has not come to an end.

use serde::{Deserialize, Serialize};

use crate::local::LinkNo;

/// Where all links together are counted; no link has this number.
pub const ALL_LINKS: LinkNo = LinkNo(0);

/// How many delegations of a link are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OpenRow {
    /// Offered by this desk.
    pub ours: u64,
    /// Offered by the partner.
    pub theirs: u64,
}
