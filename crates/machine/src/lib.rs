//! The pure state machines of a desk: stream, session, delegation, thread, files, retry. No IO, no clock, no randomness.

pub mod delegation;
pub mod retry;
