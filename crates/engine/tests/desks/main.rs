//! Whole desks over the store in memory, joined by hand: what people would lose if the engine were wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot set the scene has failed")]

mod account;
mod agreement;
mod chain;
mod clock;
mod closing;
mod custody;
mod erased;
mod harness;
mod keys;
mod labels;
mod limits;
mod linking;
mod order;
mod proof;
mod queue;
mod quota;
mod rebuild;
mod receipts;
mod recovery;
mod recovery_faults;
mod refusals;
mod repair;
mod retain;
mod steady;
mod story;
mod terms;
mod unaccepted;
mod unknown;
mod writer;
