//! What the writer can be asked to do: one file for each group of commands.

pub mod act;
mod aside;
pub(crate) mod change;
pub mod clock;
pub mod comment;
mod consume;
pub mod delegate;
pub mod deliver;
mod evidence;
pub mod file;
mod find;
pub mod keep;
pub mod key;
pub mod link;
pub mod linking;
pub mod pull;
pub mod queue;
pub mod receipt;
pub mod recover;
pub mod repair;
mod say;
pub mod send;
pub mod session;
pub mod tick;
pub mod ticket;
