//! The pure state machines of a desk: stream, session, delegation, thread, files, retry. No IO, no clock, no randomness.

pub mod account;
pub mod aggregate;
pub mod chain_report;
pub mod chunks;
pub mod clock;
pub mod delegation;
pub mod digest;
pub mod disclosure;
pub mod mapping;
pub mod proof;
pub mod relay;
pub mod retry;
pub mod rules;
pub mod saying;
pub mod terms;
pub mod thread;
mod twofold;
