//! What the writer can be asked to do: one file for each group of commands.

pub mod act;
pub mod comment;
mod consume;
pub mod delegate;
pub mod deliver;
pub mod file;
mod find;
pub mod link;
pub mod linking;
pub mod pull;
pub mod queue;
pub mod receipt;
mod say;
pub mod send;
pub mod session;
pub mod tick;
pub mod ticket;
