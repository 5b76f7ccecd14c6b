//! What a program on the operator's machine, and the person behind it, would lose if these failed.

mod accord;
mod account;
mod delegation;
mod desks;
mod document;
mod file;
mod guard;
mod idempotency;
mod link;
mod metrics;
mod queue;
mod ticket;
