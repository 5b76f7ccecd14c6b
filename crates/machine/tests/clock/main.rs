//! The clock of a delegation from outside: lying clocks, deadlines, and chains whose times add up.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod chain;
mod deadlines;
mod lies;
mod support;
