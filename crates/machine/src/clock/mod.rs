//! The one clock of a delegation, the principal's: which time of an event counts, who had how long the work in hand, and
//! whether deadlines were met (proto-spec, section 8.6). Pure: the moment of now is given.
//!
//! [`count`] and [`Clock::read`] take the events in the order of chapter 7. Two desks that hold the same signed messages
//! and receipts compute the same.

mod calendar;
mod chain;
mod count;
mod deadline;
mod due;
mod split;

pub use calendar::Calendar;
pub use chain::{Share, share};
pub use count::{Basis, Counted, Timed, count, counts, order};
pub use deadline::{Deadlines, deadlines, inherit};
pub use due::{Breach, Due, DueKind, Verdict};
pub use split::{Clock, Hand, Split, Stretch};
