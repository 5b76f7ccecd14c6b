//! What a program on the operator's machine, and the person behind it, would lose if these failed.

mod accord;
mod account;
mod calendar;
mod delegation;
mod desks;
mod document;
mod file;
mod guard;
mod idempotency;
mod link;
mod matrix;
mod metrics;
mod proof;
mod queue;
mod ticket;
mod words;
