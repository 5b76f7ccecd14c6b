//! The operator HTTP API, version 1: an [`axum::Router`] over the engine, for the operator's own programs on the same
//! machine.
//!
//! One file per resource; what comes in is turned into types of the protocol by `parse`, what goes out is laid out by
//! `show`, and every refusal is a problem document (RFC 9457). Every changing call needs an `Idempotency-Key`, which is
//! stored in the commit of the change itself.
#![deny(missing_docs)]

mod accord;
mod act;
mod agreement;
mod calendar;
mod comment;
mod delegation;
mod desk;
mod endpoints;
mod erasure;
mod error;
mod export;
mod file;
mod guard;
mod idempotency;
mod invitation;
mod key;
mod link;
mod log;
pub mod metrics;
mod parse;
mod queue;
mod relay;
mod report;
mod request;
mod revise;
mod show;
mod state;
mod statement;
mod terms;
mod ticket;
mod upload;
mod verify;
mod work;

#[cfg(test)]
mod tests;

pub use endpoints::{openapi, router};
pub use state::{ApiState, Token};
