//! The single writer of a desk: commands and verified messages in, durable records and released effects out.
//!
//! A command reads rows, decides, and records its decisions. Records become rows by one function, `project`, which
//! is also what rebuilds the view: so a rebuilt view cannot differ from the live one. Replies, receipts and wake-ups
//! leave only after the group they belong to is on stable storage.

mod account;
pub mod calendar;
pub mod command;
mod core;
pub mod custody;
pub mod fill;
mod fold;
pub mod gauge;
pub mod identity;
mod memory;
mod overlay;
mod paged;
pub mod port;
mod project;
pub mod query;
pub mod quota;
mod reader;
mod refusal;
pub mod sabotage;
mod step;
mod writer;

pub use account::digest_work;
pub use core::{Core, Progress};
pub use fold::{catch_up, last_version, refold};
pub use memory::Memory;
pub use reader::{Partner, Reader};
pub use refusal::{Fault, Refusal, cut_words, refused};
pub use step::{Command, Keyed, Step};
pub use writer::{Engine, Running};
