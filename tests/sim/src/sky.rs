//! Batches on their way, as `federation::courier::deliver` has them.

use deskwire_engine::command::session::Opened;

use crate::courier::Setback;

/// Batches in flight at once.
const FLIGHTS: usize = 4;

/// Batches on their way, and how far they go.
#[derive(Debug)]
pub(crate) struct Sky {
    pub(crate) opened: Opened,
    pub(crate) flights: usize,
    /// Highest number in flight or covered; `None`: begin behind what is acknowledged.
    pub(crate) after: Option<u64>,
    pub(crate) exhausted: bool,
    pub(crate) launching: bool,
    /// How far nothing had to be sent again when that was looked at last.
    pub(crate) covered: u64,
    /// How far the partner holds what was said, as its welcome and its receipts since then say.
    pub(crate) reached: u64,
    /// What was acknowledged when this began.
    begun: u64,
    pub(crate) setback: Option<Setback>,
}

impl Sky {
    /// Begins behind what the partner holds.
    pub(crate) fn beginning(opened: Opened, acknowledged: u64) -> Self {
        let after = Some(opened.held).filter(|held| *held < acknowledged);
        let reached = after.unwrap_or(acknowledged);
        Self {
            opened,
            flights: 0,
            after,
            exhausted: false,
            launching: false,
            covered: reached,
            reached,
            begun: acknowledged,
            setback: None,
        }
    }

    pub(crate) const fn takes_more(&self) -> bool {
        self.setback.is_none() && !self.exhausted && self.flights < FLIGHTS
    }

    /// How far nothing has to be sent again.
    pub(crate) const fn now_covered(&self, acknowledged: u64) -> u64 {
        if acknowledged > self.begun { acknowledged } else { self.reached }
    }
}
