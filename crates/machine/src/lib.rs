//! The pure state machines of a desk: stream, session, delegation, thread, files, retry. No IO, no clock, no randomness.

pub mod chunks;
pub mod delegation;
pub mod disclosure;
pub mod retry;
pub mod saying;
pub mod thread;
