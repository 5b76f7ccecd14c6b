//! The delegation machine from outside: its table, its races, and both sides of it over a wire.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod all_kinds;
mod case;
mod explore;
mod fallen;
mod matrix;
mod races;
mod random;
mod spec;
mod support;
mod table;
