//! Rows of clocks: deadlines as lists show them, what people were told of them, and reports of desks further down.

use deskwire_machine::clock::{Due, DueKind};
use deskwire_proto::id::Hash;
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::EntryRef;

/// The clock of a delegation as it was looked at last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockRow {
    /// When it is looked at next, if nothing happens before.
    pub next: Option<Timestamp>,
    /// When it has to be answered.
    pub respond: Option<Due>,
    /// When it has to be resolved.
    pub resolve: Option<Due>,
    /// Deadlines that passed.
    pub breaches: u64,
    /// What people were told, the newest four.
    pub told: Vec<Told>,
}

/// Something that people were told of a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Which deadline.
    pub kind: DueKind,
    /// When it was due.
    pub due: Timestamp,
    /// Whether it had passed; otherwise it was near.
    pub passed: bool,
}

/// Reports about desks further down a chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRow {
    /// The contractor's newest one: its record and its number.
    pub theirs: Option<(EntryRef, u64)>,
    /// What our newest one said apart from times, and when.
    pub ours: Option<(Hash, Timestamp)>,
}
